"""`preview`: what a deployment would change."""

from pathlib import Path
from typing import Annotated

import typer

from bootstrap.cli.command import Session, app, command
from bootstrap.cli.stack import Backend, Imports, Parallel, Selection, deployer
from bootstrap.stack.report import FORMS


@command(
    app,
    "preview",
    examples=[
        "mlops-bootstrap preview fraud-dev -C examples/contoso",
        "mlops-bootstrap preview --environment dev --output markdown",
        "mlops-bootstrap preview --all --save approved.json",
    ],
    outputs=FORMS,
)
def preview(
    session: Session,
    selection: Selection,
    *,
    save: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write what was previewed, for up --approved FILE.")
    ] = None,
    imports: Imports = None,
    backend: Backend = None,
    parallel: Parallel = 4,
) -> None:
    """Show what a deployment would change in Azure. Needs the Pulumi engine and a login; changes nothing."""
    from bootstrap.stack.deploy import deploy
    from bootstrap.stack.report import report

    work = deployer(session, backend, parallel, imports=imports or [])
    previews = work.preview(selection.of(work.platform))
    if save is not None:
        deploy.save(previews, session.directory / save)
    differences = [one.diff for one in previews.values()]
    session.console.parts(
        report(session.output).render_diff(deploy.DeployedState(("preview",), work.backend), differences)
    )
