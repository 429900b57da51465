"""`drift`: how Azure differs from what was deployed."""

from typing import Annotated

import typer

from bootstrap.cli.command import Session, app, command
from bootstrap.cli.stack import Backend, Parallel, Selection, deployer
from bootstrap.errors import RefusedError
from bootstrap.stack.report import FORMS


@command(
    app,
    "drift",
    examples=[
        "mlops-bootstrap drift fraud-dev -C examples/contoso",
        "mlops-bootstrap drift --all --check --output markdown",
    ],
    outputs=FORMS,
)
def drift(
    session: Session,
    selection: Selection,
    *,
    check: Annotated[bool, typer.Option("--check", help="Exit with code 5 when there is drift.")] = False,
    backend: Backend = None,
    parallel: Parallel = 4,
) -> None:
    """Show how Azure differs from what was deployed, with the manifest lines. Changes nothing, also not the state."""
    from bootstrap.stack.deploy import deploy
    from bootstrap.stack.report import report

    work = deployer(session, backend, parallel)
    found = work.drift(selection.of(work.platform))
    session.console.parts(
        report(session.output).render_diff(deploy.DeployedState(("drift",), work.backend), found.values())
    )
    if check and (drifted := [name for name, one in found.items() if one.status != "unchanged"]):
        raise RefusedError(
            f"Azure differs from what was deployed: {', '.join(drifted)}.",
            hint="Correct it in Azure or in the manifests. When `up` restores it: docs/deploy.md.",
        )
