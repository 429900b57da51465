"""`up`: deploy stacks."""

from pathlib import Path
from typing import Annotated

import typer

from bootstrap.cli.command import Session, app, command
from bootstrap.cli.deployments import finish
from bootstrap.cli.stack import (
    All,
    Backend,
    Confirm,
    Environment,
    Imports,
    Parallel,
    Ring,
    SelectedStacks,
    Team,
    Yes,
    confirm,
    deployer,
)
from bootstrap.errors import InputError


@command(
    app,
    "up",
    interrupted="what was done is in the states; continue with: mlops-bootstrap up --resume latest",
    examples=[
        "mlops-bootstrap up fraud-dev -C examples/contoso",
        "mlops-bootstrap up --ring 0 --yes",
        "mlops-bootstrap up --all --approved approved.json --yes --confirm prod",
        "mlops-bootstrap up --resume latest",
    ],
)
def up(
    session: Session,
    stacks: SelectedStacks = None,
    *,
    every: All = False,
    ring: Ring = None,
    team: Team = None,
    environment: Environment = None,
    approved: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Refuse if the changes are others than preview --save wrote to this file."),
    ] = None,
    allow_replace: Annotated[
        list[str] | None,
        typer.Option(metavar="URN", help="Allow that this resource loses its data or is changed for good. Repeatable."),
    ] = None,
    resume: Annotated[
        str | None,
        typer.Option(metavar="ID", help="Deploy the stacks that this deployment did not finish; latest: the last one."),
    ] = None,
    yes: Yes = False,
    confirmed: Confirm = None,
    imports: Imports = None,
    backend: Backend = "file",
    parallel: Parallel = 4,
    max_failures: Annotated[
        int, typer.Option(metavar="N", min=1, help="Start no further stack after so many failures.")
    ] = 1,
) -> None:
    """Deploy stacks with the Pulumi engine, ring by ring: the hub first. Shows the changes and asks first.

    A ring starts when all stacks of the one before are deployed. Run it again to continue after a failure.
    """
    from bootstrap.stack.deploy import deploy
    from bootstrap.stack.deploy.ledger import to_resume
    from bootstrap.stack.report import report

    work = deployer(session, backend, parallel, max_failures, imports or [])
    names, resumed = stacks or [], None
    if resume is not None:
        if names or every or ring is not None or team or environment:
            raise InputError("--resume cannot be combined with a selection of stacks.", hint="Leave one out.")
        earlier = to_resume(work.ledgers, resume)
        names, resumed = earlier.unfinished, earlier.id
    names = list(deploy.selected(work.platform, names, every=every, ring=ring, team=team, environment=environment))
    previews = work.preview(names)
    changing = {name: one for name, one in previews.items() if one.diff.status != "unchanged"}
    state = deploy.DeployedState(("preview",), backend)
    tree = report("tree").render_diff(state, [one.diff for one in previews.values()])
    session.console.say("".join(tree))
    deploy.refuse_losses(previews, allow_replace or [])
    if approved is not None:
        deploy.check_approved(previews, session.directory / approved)
    if changing:
        confirm(session, work.platform.selected(list(changing)), yes=yes, confirmed=confirmed or [])
    finish(session, work, *work.up(previews, resumes=resumed))
