"""`diff`: how stacks differ from those of an earlier commit."""

from typing import Annotated

import typer

from bootstrap.cli.command import AsOf, NoCache, Session, Stacks, TrustPins, app, command, trust
from bootstrap.stack.report import FORMS


@command(
    app,
    "diff",
    examples=[
        "mlops-bootstrap diff origin/main",
        "mlops-bootstrap diff HEAD~1 fraud-dev",
        "mlops-bootstrap diff origin/main --check --output markdown",
        "mlops-bootstrap diff origin/main --deployed never",
    ],
    outputs=FORMS,
)
def diff(
    session: Session,
    ref: Annotated[
        str,
        typer.Argument(metavar="REF", help="The earlier commit: a branch, tag or id of the platform's repository."),
    ],
    stacks: Stacks = None,
    *,
    as_of: AsOf = None,
    no_cache: NoCache = False,
    check: Annotated[
        bool,
        typer.Option(
            "--check",
            help="Exit with code 5 when a finding is an error that nothing suppresses, when data would be lost, or "
            "when Azure would refuse a change or never undo it.",
        ),
    ] = False,
    deployed: Annotated[
        list[str] | None,
        typer.Option(
            "--deployed",
            metavar="STATE|never",
            help="What of the earlier commit is deployed: the folder of states (.mlops/state), files that `pulumi "
            "stack export` wrote, or never. The rest counts as new. By default all of it is. Repeatable.",
        ),
    ] = None,
    trust_pins: TrustPins = False,
) -> None:
    """Show how stacks differ from those of an earlier commit of the platform. Needs no account and no engine.

    The earlier commit is planned by the version of mlops-bootstrap that it pins.
    """
    from dataclasses import replace

    from bootstrap.stack.diff.commits import compare, resolve
    from bootstrap.stack.diff.deployed import read_deployed
    from bootstrap.stack.plan import cache, checks
    from bootstrap.stack.report import report

    platform = session.platform()
    commit = resolve(platform, ref)
    refusals: list[str] = []
    kept = None if no_cache else cache.Cache()
    existing = read_deployed(deployed, session.directory) if deployed else lambda _: None
    compared = compare(
        platform, commit, stacks or [], session.console, as_of, kept, trust(session, trust_pins), existing
    )
    if deployed:
        commit = replace(commit, deployed=", ".join(deployed))
    form = report(session.output)
    session.console.parts(form.render_diff(commit, checks.collect_refusals(compared, refusals)))
    if check:
        checks.refuse(refusals, printed=form.LISTS_ERRORS)
