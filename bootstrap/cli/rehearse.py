"""`rehearse`: deploy stacks to a simulated Azure."""

from typing import TYPE_CHECKING, Annotated

import typer

from bootstrap.cli.command import Session, TrustPins, app, command, trust
from bootstrap.cli.stack import AllowReplace, Backend, Parallel, Selection, deployer
from bootstrap.errors import InputError, RefusedError
from bootstrap.terminal.table import table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bootstrap.manifests.platform import Platform
    from bootstrap.stack.deploy.rehearse import Start
    from bootstrap.stack.diff.difference import StackDiff


@command(
    app,
    "rehearse",
    examples=[
        "mlops-bootstrap rehearse fraud-dev -C examples/contoso",
        "mlops-bootstrap rehearse --all -C examples/contoso --output json",
        "mlops-bootstrap rehearse --all --strict",
        "mlops-bootstrap rehearse --all --upgrade origin/main --output markdown",
        "mlops-bootstrap rehearse --all --from-state --backend hub",
    ],
    outputs=("text", "markdown", "html", "json"),
)
def rehearse(
    session: Session,
    selection: Selection,
    *,
    upgrade: Annotated[
        str | None,
        typer.Option(metavar="REF", help="Deploy over what this commit deploys, with the version that it pins."),
    ] = None,
    from_state: Annotated[
        bool, typer.Option("--from-state", help="Deploy over a copy of the states in the backend.")
    ] = False,
    strict: Annotated[bool, typer.Option("--strict", help="What the simulation does not know is an error.")] = False,
    allow_replace: AllowReplace = None,
    trust_pins: TrustPins = False,
    backend: Backend = None,
    parallel: Parallel = 4,
) -> None:
    """Deploy stacks with the Pulumi engine to a simulated Azure, in a temporary folder. Needs no account.

    Deploys twice, where the second time must change nothing; changes a resource behind the engine's back, which must be
    found as drift; and destroys everything, after which nothing may be left.

    With --upgrade or --from-state it deploys over what exists, and reports what that changes.
    """
    from bootstrap.stack.deploy import rehearse as service
    from bootstrap.stack.deploy.deploy import DeployedState
    from bootstrap.stack.diff.commits import resolve
    from bootstrap.stack.report import report

    def change(words: list[str], against: str, start: "Start") -> None:
        def printed(differences: "Sequence[StackDiff]") -> None:
            form = report("tree" if session.output == "text" else session.output)
            session.console.parts(form.render_diff(DeployedState(["rehearse", *words], against), differences))

        allowed = allow_replace or []
        unknown = service.rehearse_change(platform, names, start, printed, allowed, session.console, parallel)
        _report_unknown(session, unknown, strict=strict)

    platform = session.platform()
    names = selection.of(platform)
    if upgrade is not None and from_state:
        raise InputError("--upgrade and --from-state start at two different places.", hint="Leave one out.")
    if upgrade is not None:
        commit = resolve(platform, upgrade)
        change(
            ["--upgrade", upgrade],
            str(commit),
            service.start_at_commit(platform, commit, names, trust(session, trust_pins)),
        )
    elif from_state:
        real = deployer(session, backend, parallel)
        change(["--from-state"], real.backend, service.start_at_state(real.states(names)))
    else:
        _whole_life(session, platform, names, parallel, strict=strict)


def _whole_life(session: Session, platform: "Platform", names: list[str], parallel: int, *, strict: bool) -> None:
    from bootstrap.stack.deploy import rehearse as service

    if session.output not in ("text", "json"):
        raise InputError(f"--output {session.output} is for --upgrade and --from-state.", hint="Write text or json.")
    found, unknown = service.rehearse(platform, names, session.console, parallel)
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
        "unknown": unknown,
    }  # fmt: skip
    headings = ["stack", "created", "changed again", "drift", "removed", "seconds"]
    session.console.result(table(headings, rows), document)
    if faults := [f"{name}: {fault}" for name, one in found.items() for fault in one.faults]:
        raise RefusedError("The rehearsal found faults.", details=faults, hint="Report them: they are ours.")
    _report_unknown(session, unknown, strict=strict)


def _report_unknown(session: Session, unknown: list[str], *, strict: bool) -> None:
    """Say what the simulation did not know. Raises RefusedError for a strict rehearsal."""
    from bootstrap.simulator.facts import counts

    facts = f"{sum(counts().values())} facts of Azure"
    if not unknown:
        session.console.say(f"Simulated by {facts}; nothing was unknown.")
        return
    if strict:
        raise RefusedError(
            f"The simulation does not know {len(unknown)} things.",
            details=unknown,
            hint="Rehearse the stacks that create them too (--all); or check them by hand, and leave out --strict.",
        )
    session.console.say(f"Simulated by {facts}. Unknown: {len(unknown)}, the first: {unknown[0]} (--strict lists all)")
