"""`up`: deploy stacks."""

from pathlib import Path
from typing import Annotated

import typer

from bootstrap.cli.command import Session, app, command
from bootstrap.cli.deployments import finish
from bootstrap.cli.stack import AllowReplace, Backend, Confirm, Imports, Parallel, Selection, Yes, consent, deployer
from bootstrap.errors import InputError
from bootstrap.processes import shell_line


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
    selection: Selection,
    *,
    approved: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Refuse if the changes are others than preview --save wrote to this file."),
    ] = None,
    allow_replace: AllowReplace = None,
    resume: Annotated[
        str | None,
        typer.Option(metavar="ID", help="Deploy the stacks that this deployment did not finish; latest: the last one."),
    ] = None,
    yes: Yes = False,
    confirmed: Confirm = None,
    imports: Imports = None,
    backend: Backend = None,
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
    resumed = None
    if resume is not None:
        if selection != Selection():
            raise InputError("--resume cannot be combined with a selection of stacks.", hint="Leave one out.")
        earlier = to_resume(work.ledgers, resume)
        if (used := earlier.started.get("backend", work.backend)) != work.backend:
            raise InputError(
                f"Deployment {earlier.id} used the backend {used}, and this is {work.backend}.",
                hint=f"Add --backend {used}. If the states were moved since: "
                f"{shell_line('mlops-bootstrap', 'up', *earlier.unfinished)}",
            )
        selection, resumed = Selection(earlier.unfinished), earlier.id
    previews = work.preview(selection.of(work.platform))
    state = deploy.DeployedState(("preview",), work.backend)
    tree = report("tree").render_diff(state, [one.diff for one in previews.values()])
    session.console.say("".join(tree))
    id_, errors = work.up(
        previews,
        consent(session, yes=yes, confirmed=confirmed or []),
        allowed=allow_replace or [],
        approved=session.directory / approved if approved is not None else None,
        resumes=resumed,
    )
    finish(session, work, id_, errors)
