"""`destroy`: remove stacks."""

from bootstrap.cli.command import Session, app, command
from bootstrap.cli.deployments import finish
from bootstrap.cli.stack import (
    All,
    Backend,
    Confirm,
    Environment,
    Parallel,
    Ring,
    SelectedStacks,
    Team,
    Yes,
    confirm,
    deployer,
)


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
    stacks: SelectedStacks = None,
    *,
    every: All = False,
    ring: Ring = None,
    team: Team = None,
    environment: Environment = None,
    yes: Yes = False,
    confirmed: Confirm = None,
    backend: Backend = "file",
    parallel: Parallel = 4,
) -> None:
    """Remove all resources of stacks, and their data. The hub comes last, and only when nothing uses it.

    Azure keeps the names of deleted workspaces and vaults for a while: docs/guardrails.md.
    """
    from bootstrap.stack.deploy import deploy
    from bootstrap.stack.report import report

    work = deployer(session, backend, parallel)
    names = deploy.selected(work.platform, stacks or [], every=every, ring=ring, team=team, environment=environment)
    previews = work.preview_destroy(list(names))
    state = deploy.DeployedState(("destroy",), backend)
    tree = report("tree").render_diff(state, [one.diff for one in previews.values()])
    session.console.say("".join(tree))
    confirm(session, work.platform.selected(list(previews)), yes=yes, confirmed=confirmed or [])
    finish(session, work, *work.destroy(previews))
