"""The commands on stacks: `plan`."""

import functools
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bootstrap.cli.app import app
from bootstrap.cli.command import Session, command
from bootstrap.errors import BootstrapError, InputError

if TYPE_CHECKING:
    from bootstrap.manifests.platform import Platform
    from bootstrap.stack import Cache
    from bootstrap.stack.report import Report


def complete_stack(context: typer.Context, incomplete: str) -> list[str]:
    """The stacks whose names start with what was typed, for the shell. Imports no Pulumi."""
    from bootstrap.manifests.locate import stack_names

    try:
        names = stack_names(Path(context.params.get("directory") or ".").resolve())
    except BootstrapError:
        # A shell that completes has no place for messages; the command itself will tell.
        return []
    return [name for name in names if name.startswith(incomplete)]


@command(
    app,
    "plan",
    examples=[
        "mlops-bootstrap plan -C examples/contoso",
        "mlops-bootstrap plan fraud-dev hub -C examples/contoso",
        "mlops-bootstrap plan --all -C examples/contoso --output markdown",
        "mlops-bootstrap plan fraud-prod -C examples/contoso --as-of 2026-11-24",
        "mlops-bootstrap plan --all --check -C examples/contoso --output html",
        "mlops-bootstrap plan forecasting-test -C examples/contoso --observed exports/forecasting-test.json",
        "mlops-bootstrap plan fraud-dev -C examples/contoso --prices --currency EUR",
    ],
    outputs=("tree", "table", "markdown", "html", "json"),
)
def plan(
    session: Session,
    stacks: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[STACK]...", help="The stacks; all of them when none is named.", autocompletion=complete_stack
        ),
    ] = None,
    *,
    every: Annotated[
        bool, typer.Option("--all", help="All stacks of the platform, as without a name: to say so in scripts.")
    ] = False,
    as_of: Annotated[
        str | None,
        typer.Option(
            metavar="YYYY-MM-DD",
            help="Judge by this day what ends on a day: suppressions, sizes that retire. The clock is never asked.",
        ),
    ] = None,
    no_cache: Annotated[
        bool, typer.Option("--no-cache", help="Plan everything anew, also what did not change since an earlier plan.")
    ] = False,
    observed: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="What is in Azure already, as az resource show printed it: what an import changes is judged.",
        ),
    ] = None,
    against: Annotated[
        str | None,
        typer.Option(metavar="GIT_REF", help="Show what differs from the plan of an earlier commit of the platform."),
    ] = None,
    prices: Annotated[
        bool,
        typer.Option("--prices", help="Ask Azure's public price list what bills while nothing runs: needs no account."),
    ] = False,
    currency: Annotated[
        str,
        typer.Option(
            metavar="CODE", envvar="MLOPS_BOOTSTRAP_CURRENCY", help="With --prices: in this currency, such as EUR."
        ),
    ] = "USD",
    check: Annotated[
        bool,
        typer.Option(
            "--check",
            help="Exit 5 when a rule says not to deploy; with --against also when data would be lost, or Azure would "
            "refuse a change or never change it back.",
        ),
    ] = False,
) -> None:
    """Show what stacks would contain, and what is wrong with them: no account, no engine.

    No network is used, unless --prices asks Azure's public price list.
    """
    if every and stacks:
        raise InputError("--all goes with no stack's name.", why=f"You named {', '.join(stacks)}.")
    if observed is not None and against is not None:
        raise InputError("--observed goes with no --against.", why="An earlier commit met another Azure.")
    if prices and against is not None:
        raise InputError("--prices does not go with --against.", hint="Leave out one of them.")
    if prices and session.output == "table":
        raise InputError("--prices does not go with --output table.", hint="All other forms show what bills.")
    day = _day(as_of) if as_of is not None else None
    from bootstrap.manifests.platform import find_platform
    from bootstrap.stack import (
        NOTHING,
        Cache,
        collect_refusals,
        plan_stacks,
        read_observed,
        refuse,
        report,
        with_prices,
    )

    platform = find_platform(session.directory)
    cache = None if no_cache else Cache()
    if against is not None:
        _compare(session, platform, against, stacks or [], day, cache, check=check)
        return
    seen = read_observed(session.directory / observed) if observed is not None else NOTHING
    refused: list[str] = []
    planned = collect_refusals(plan_stacks(platform, stacks or [], session.console.progress, day, cache, seen), refused)
    reports: dict[str, Report] = {
        "tree": report.as_tree,
        "table": report.as_table,
        "markdown": report.as_markdown,
        "html": report.as_html,
        "json": functools.partial(report.as_json, as_of=day),
    }
    asked = None
    if prices:
        from bootstrap.pricing.price_list import PriceList, price_folder

        asked = PriceList(currency, session.console.progress, None if no_cache else price_folder())
        planned = with_prices(planned, asked)
    session.console.parts(reports[session.output](planned))
    if check:
        refuse(refused)
    if asked is not None and asked.failure is not None:
        raise asked.failure


def _compare(
    session: Session,
    platform: "Platform",
    ref: str,
    names: list[str],
    day: str | None,
    cache: "Cache | None",
    *,
    check: bool,
) -> None:
    """Print how the platform differs from an earlier commit. Raises RefusedError when `check` finds a reason."""
    from bootstrap.stack import collect_refusals, refuse
    from bootstrap.stack.diff.commits import compare, resolve
    from bootstrap.stack.report import differences

    commit = resolve(platform, ref)
    reports: dict[str, differences.Differences] = {
        "tree": differences.as_tree,
        "table": differences.as_table,
        "markdown": differences.as_markdown,
        "html": differences.as_html,
        "json": differences.as_json,
    }
    refused: list[str] = []
    compared = collect_refusals(compare(platform, commit, names, session.console.progress, day, cache), refused)
    session.console.parts(reports[session.output](commit, compared))
    if check:
        refuse(refused)


def _day(text: str) -> str:
    """A day as it sorts. Raises InputError."""
    import datetime as dt

    try:
        return dt.date.fromisoformat(text).isoformat()
    except ValueError as error:
        raise InputError("--as-of must be a day such as 2026-11-24.", why=f"You gave {text!r}.") from error
