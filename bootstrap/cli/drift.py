"""`drift`: how Azure differs from what was deployed."""

from typing import Annotated

import typer

from bootstrap.cli.command import Session, app, command
from bootstrap.cli.stack import All, Backend, Environment, Parallel, Ring, SelectedStacks, Team, deployer
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
    stacks: SelectedStacks = None,
    *,
    every: All = False,
    ring: Ring = None,
    team: Team = None,
    environment: Environment = None,
    check: Annotated[bool, typer.Option("--check", help="Exit with code 5 when there is drift.")] = False,
    backend: Backend = "file",
    parallel: Parallel = 4,
) -> None:
    """Show how Azure differs from what was deployed, with the manifest lines. Changes nothing, also not the state."""
    from bootstrap.stack.deploy import deploy
    from bootstrap.stack.report import report

    work = deployer(session, backend, parallel)
    names = deploy.selected(work.platform, stacks or [], every=every, ring=ring, team=team, environment=environment)
    found = work.drift(list(names))
    session.console.parts(report(session.output).render_diff(deploy.DeployedState(("drift",), backend), found.values()))
    if check and (drifted := [name for name, one in found.items() if one.status != "unchanged"]):
        raise RefusedError(
            f"Azure differs from what was deployed: {', '.join(drifted)}.",
            hint="Correct it in Azure or in the manifests. When `up` restores it: docs/deploy.md.",
        )
