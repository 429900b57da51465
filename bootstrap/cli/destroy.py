"""`destroy`: remove stacks."""

import datetime as dt

from bootstrap.cli.command import Session, app, command
from bootstrap.cli.deployments import finish
from bootstrap.cli.stack import Backend, Confirm, Parallel, Selection, Yes, consent, deployer


@command(
    app,
    "destroy",
    interrupted="what was removed is in the states; run the same command again to continue",
    examples=[
        "mlops-bootstrap destroy fraud-dev -C examples/contoso",
        "mlops-bootstrap destroy --team fraud --yes --confirm prod",
    ],
)
def destroy(
    session: Session,
    selection: Selection,
    *,
    yes: Yes = False,
    confirmed: Confirm = None,
    backend: Backend = None,
    parallel: Parallel = 4,
) -> None:
    """Remove all resources of stacks, and their data. The hub comes last, and only when nothing uses it.

    Lists the environments that have expired (`expires` in the manifests); without a selection it removes none.

    Azure keeps the names of deleted workspaces and vaults for a while: docs/guardrails.md.
    """
    from bootstrap.stack.deploy import deploy
    from bootstrap.stack.report import report

    for stack, day in session.platform().expired(dt.datetime.now(dt.UTC).date().isoformat()).items():
        session.console.say(f"{stack} expired on {day.value} ({day.position}).")
    work = deployer(session, backend, parallel)
    previews = work.preview_destroy(selection.of(work.platform))
    state = deploy.DeployedState(("destroy",), work.backend)
    tree = report("tree").render_diff(state, [one.diff for one in previews.values()])
    session.console.say("".join(tree))
    finish(session, work, *work.destroy(previews, consent(session, yes=yes, confirmed=confirmed or [])))
