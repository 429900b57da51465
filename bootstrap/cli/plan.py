"""`plan`: what stacks would contain."""

from pathlib import Path
from typing import Annotated

import typer

from bootstrap.cli.command import AsOf, Currency, NoCache, Session, Stacks, app, command
from bootstrap.errors import InputError
from bootstrap.stack.report import FORMS


@command(
    app,
    "plan",
    examples=[
        "mlops-bootstrap plan -C examples/contoso",
        "mlops-bootstrap plan fraud-dev -C examples/contoso",
        "mlops-bootstrap plan hub fraud-dev --resources -C examples/contoso",
        "mlops-bootstrap plan --findings -C examples/contoso",
        "mlops-bootstrap plan --all -C examples/contoso --output markdown",
        "mlops-bootstrap plan fraud-prod -C examples/contoso --as-of 2026-11-24",
        "mlops-bootstrap plan --all --check -C examples/contoso --output html",
        "mlops-bootstrap plan forecasting-test -C examples/contoso --observed exports/forecasting-test.json",
        "mlops-bootstrap plan fraud-dev -C examples/contoso --prices --currency EUR",
    ],
    outputs=FORMS,
)
def plan(
    session: Session,
    stacks: Stacks = None,
    *,
    every: Annotated[
        bool, typer.Option("--all", help="All stacks of the platform: the default, spelled out for scripts.")
    ] = False,
    resources: Annotated[bool, typer.Option("--resources", help="Print the resources of every stack.")] = False,
    findings: Annotated[bool, typer.Option("--findings", help="Print the findings only.")] = False,
    as_of: AsOf = None,
    no_cache: NoCache = False,
    observed: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="The existing resources, as az resource show printed them: shows what an import would change.",
        ),
    ] = None,
    prices: Annotated[
        bool,
        typer.Option("--prices", help="Ask Azure's public price list what bills while idle. Needs no account."),
    ] = False,
    currency: Currency = "USD",
    check: Annotated[
        bool, typer.Option("--check", help="Exit with code 5 when a finding is an error that nothing suppresses.")
    ] = False,
) -> None:
    """Show what stacks would contain, and the rules that they violate. Needs no account and no engine.

    Of several stacks it prints a summary, of one stack its resources. Only --prices uses the network.
    """
    named = list(dict.fromkeys(stacks or []))
    conflicts = [
        (
            every and named,
            "--all cannot be combined with the name of a stack.",
            f"You named {', '.join(named)}.",
            "Leave out --all or the names.",
        ),
        (resources and findings, "--resources and --findings cannot be combined.", "", "Leave out one."),
        (
            (resources or findings) and session.output != "tree",
            f"--{'resources' if resources else 'findings'} cannot be combined with --output {session.output}.",
            "",
            "Only the tree has a summary; the other forms always print everything.",
        ),
        (
            prices and session.output == "table",
            "--prices cannot be combined with --output table.",
            "",
            "All other forms print prices.",
        ),
    ]
    for conflict, what, why, hint in conflicts:
        if conflict:
            raise InputError(what, why=why, hint=hint)
    from bootstrap.stack.plan import cache, checks, planner
    from bootstrap.stack.plan.observed import NOTHING, read_observed
    from bootstrap.stack.report import report
    from bootstrap.stack.report.interface import Show

    platform = session.platform()
    seen = read_observed(session.directory / observed) if observed is not None else NOTHING
    refusals: list[str] = []
    planned = planner.plan_stacks(platform, named, session.console, as_of, None if no_cache else cache.Cache(), seen)
    planned = checks.collect_refusals(planned, refusals)
    price_list = None
    if prices:
        from bootstrap.pricing.price_list import PriceList

        price_list = PriceList(currency, session.console)
        planned = planner.with_prices(planned, price_list, as_of)
    show: Show = "findings" if findings else "resources" if resources or len(named) == 1 else "summary"
    form = report(session.output)
    session.console.parts(form.render_plan(planned, as_of, show))
    if check:
        checks.refuse(refusals, printed=form.LISTS_ERRORS)
    if price_list is not None and price_list.failure is not None:
        raise price_list.failure
