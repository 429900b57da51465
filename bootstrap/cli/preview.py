"""`preview`: what a deployment would change."""

from pathlib import Path
from typing import Annotated

import typer

from bootstrap.cli.command import Session, app, command
from bootstrap.cli.stack import All, Backend, Environment, Imports, Parallel, Ring, SelectedStacks, Team, deployer
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
    stacks: SelectedStacks = None,
    *,
    every: All = False,
    ring: Ring = None,
    team: Team = None,
    environment: Environment = None,
    save: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write what was previewed, for up --approved FILE.")
    ] = None,
    imports: Imports = None,
    backend: Backend = "file",
    parallel: Parallel = 4,
) -> None:
    """Show what a deployment would change in Azure. Needs the Pulumi engine and a login; changes nothing."""
    from bootstrap.stack.deploy import deploy
    from bootstrap.stack.report import report

    work = deployer(session, backend, parallel, imports=imports or [])
    names = deploy.selected(work.platform, stacks or [], every=every, ring=ring, team=team, environment=environment)
    previews = work.preview(list(names))
    if save is not None:
        deploy.save(previews, session.directory / save)
    differences = [one.diff for one in previews.values()]
    session.console.parts(report(session.output).render_diff(deploy.DeployedState(("preview",), backend), differences))
