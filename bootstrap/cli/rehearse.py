"""`rehearse`: deploy stacks to a simulated Azure."""

from bootstrap.cli.command import Session, app, command
from bootstrap.cli.stack import All, Environment, Parallel, Ring, SelectedStacks, Team
from bootstrap.errors import RefusedError
from bootstrap.terminal.table import table


@command(
    app,
    "rehearse",
    examples=[
        "mlops-bootstrap rehearse fraud-dev -C examples/contoso",
        "mlops-bootstrap rehearse --all -C examples/contoso --output json",
    ],
)
def rehearse(
    session: Session,
    stacks: SelectedStacks = None,
    *,
    every: All = False,
    ring: Ring = None,
    team: Team = None,
    environment: Environment = None,
    parallel: Parallel = 4,
) -> None:
    """Deploy stacks with the Pulumi engine to a simulated Azure, in a temporary folder. Needs no account.

    Deploys twice, where the second time must change nothing; changes a resource behind the engine's back, which must be
    found as drift; and destroys everything, after which nothing may be left.
    """
    from bootstrap.stack.deploy import deploy
    from bootstrap.stack.deploy import rehearse as service

    platform = session.platform()
    names = deploy.selected(platform, stacks or [], every=every, ring=ring, team=team, environment=environment)
    found = service.rehearse(platform, list(names), session.console, parallel)
    rows = [
        [name, f"{one.created:,}", f"{one.changed_again:,}", "found" if one.drifted else "MISSED", f"{one.removed:,}",
         f"{one.seconds:.1f}"]
        for name, one in found.items()
    ]  # fmt: skip
    document = {
        "schema_version": 1,
        "stacks": [
            {"name": name, "created": one.created, "changed_again": one.changed_again, "drift_found": one.drifted,
             "removed": one.removed, "seconds": one.seconds, "faults": one.faults}
            for name, one in found.items()
        ],
    }  # fmt: skip
    headings = ["stack", "created", "changed again", "drift", "removed", "seconds"]
    session.console.result(table(headings, rows), document)
    if faults := [f"{name}: {fault}" for name, one in found.items() for fault in one.faults]:
        raise RefusedError("The rehearsal found faults.", details=faults, hint="Report them: they are ours.")
