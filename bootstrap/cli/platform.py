"""`platform`: init, validate, show, link, access, matrix, schema."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bootstrap.cli import stack as stacks
from bootstrap.cli.command import Currency, Session, command, complete_stack, platform_group
from bootstrap.cli.stack import Backend, Parallel, Yes, deployer
from bootstrap.errors import InputError, MissingError, Position, Problem, did_you_mean
from bootstrap.files import relative_path
from bootstrap.processes import shell_line
from bootstrap.terminal.console import can_ask, write_error
from bootstrap.terminal.table import table

if TYPE_CHECKING:
    from decimal import Decimal

    from bootstrap.manifests.scaffold import Question


@command(
    platform_group,
    "platform init",
    examples=[
        "mlops-bootstrap platform init acme --defaults",
        (
            "mlops-bootstrap platform init contoso --organization contoso --location westeurope"
            " --email ml-platform@contoso.example"
            " --subscription 11111111-2222-3333-4444-555555555555 --tenant 66666666-7777-8888-9999-000000000000"
        ),
        "mlops-bootstrap platform init acme --defaults --example --forge azure-devops",
        "mlops-bootstrap platform init acme --defaults --dry-run",
    ],
)
def init(
    session: Session,
    destination: Annotated[Path, typer.Argument(metavar="DIR", help="The folder to create.")],
    *,
    organization: Annotated[str | None, typer.Option(help="A short word for your organization.")] = None,
    location: Annotated[str | None, typer.Option(help="The Azure location, such as westeurope.")] = None,
    subscription: Annotated[str | None, typer.Option(help="The id of the Azure subscription.")] = None,
    tenant: Annotated[str | None, typer.Option(help="The id of the Entra tenant.")] = None,
    email: Annotated[str | None, typer.Option(help="The mail address for alerts and budgets.")] = None,
    forge: Annotated[
        str | None, typer.Option(metavar="github|azure-devops", help="Where the repository is: decides the CI files.")
    ] = None,
    tool_source: Annotated[
        str | None, typer.Option(metavar="SOURCE", help="Where CI installs this tool from (docs/platform.md); or PyPI.")
    ] = None,
    from_az: Annotated[
        bool,
        typer.Option(
            "--from-az", help="Take a missing subscription and tenant from `az account show`, without asking."
        ),
    ] = False,
    example: Annotated[bool, typer.Option("--example", help="Write an example of a team, too.")] = False,
    defaults: Annotated[bool, typer.Option("--defaults", help="Write marked examples for missing values.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the files that would be written, and stop.")] = False,
) -> None:
    """Create a platform repository: short YAML files, with schemas for your editor and CI, and a first commit.

    On a terminal it asks for missing values. If the Azure CLI (az) is logged in, its subscription and tenant are the
    defaults.
    """
    import datetime as dt

    from bootstrap.manifests import scaffold
    from bootstrap.manifests.azure_login import azure_login

    options = {
        "organization": organization,
        "location": location,
        "subscription": subscription,
        "tenant": tenant,
        "email": email,
        "forge": forge,
        "tool_source": tool_source,
    }
    answers = scaffold.validated({name: value for name, value in options.items() if value is not None})
    if from_az and not answers.keys() >= {"subscription", "tenant"}:
        answers = {**azure_login(), **answers}
    if not defaults:
        answers = _complete(destination, answers)
    path = session.directory / destination
    today = dt.datetime.now(dt.UTC).date()
    files, repository = scaffold.init(path, answers, today, session.console, example=example, dry_run=dry_run)
    if not dry_run:
        command_line = shell_line("mlops-bootstrap", "platform", "team", "add", "NAME", "-C", relative_path(path))
        commit = ", in a git repository with a first commit" if repository == "created" else ""
        text = f"{path}: {len(files)} files{commit}.\nNext, for each of your teams:\n  {command_line}"
    else:
        text = "\n".join([f"{path} would get {len(files)} files:", *(f"  {file}" for file in files)])
    document = {"path": str(path), "files": files, "repository": repository, "written": not dry_run}
    session.console.result(text, {"schema_version": 1, **document})


def _complete(destination: Path, answers: dict[str, Any]) -> dict[str, Any]:
    """The answers, with those that are missing asked for on a terminal. Raises InputError without one."""
    from bootstrap.manifests.azure_login import azure_login
    from bootstrap.manifests.scaffold import QUESTIONS

    missing = [question for name, question in QUESTIONS.items() if name not in answers]
    if missing and not can_ask():
        raise InputError(
            "Some values are missing, and there is no terminal to ask for them.",
            details=[f"{question.option}: {question.text}, such as {question.example}" for question in missing],
            hint="Give these options, or --defaults for marked example values.",
        )
    questions = dict(QUESTIONS)
    defaults = {name: question.example for name, question in QUESTIONS.items() if question.default}
    if not answers.keys() >= {"subscription", "tenant"}:
        try:
            for name, answer in azure_login().items():
                defaults[name] = answer
                questions[name] = dataclasses.replace(QUESTIONS[name], text=f"{QUESTIONS[name].text} (from az)")
        except MissingError as error:
            import logging

            logging.getLogger(__name__).debug("no defaults from the Azure CLI: %s %s", error.what, error.why)
    try:
        ask(questions, answers, defaults)
    except (KeyboardInterrupt, typer.Abort):
        options = [word for name, value in answers.items() for word in (f"--{name.replace('_', '-')}", value)]
        command_line = shell_line("mlops-bootstrap", "platform", "init", str(destination), *options)
        write_error(f"\nNo file was written. To continue with the answers so far:\n  {command_line}")
        raise
    return answers


def ask(questions: "Mapping[str, Question]", answers: dict[str, Any], defaults: Mapping[str, str]) -> None:
    """Ask for the missing answers and add them to `answers`: None for one that is left out.

    Args:
        defaults: What a prompt accepts as it is; where it is empty, the answer may be left out.
    """
    from bootstrap.manifests.scaffold import validated

    for name, question in questions.items():
        default = defaults.get(name)
        optional = "; leave it empty for none" if default == "" else ""
        text = question.text if default else f"{question.text}\n  (such as {question.example}{optional})"
        while name not in answers:
            answer = typer.prompt(text, default=default, show_default=bool(default), err=True)
            try:
                answers |= validated({name: answer}, questions) if answer else {name: None}
            except InputError as error:
                write_error(error.details[0])


@command(
    platform_group,
    "platform validate",
    examples=[
        "mlops-bootstrap platform validate -C examples/contoso",
        "mlops-bootstrap platform validate -C examples/contoso --output sarif",
        "mlops-bootstrap platform validate -C examples/contoso --prices --currency EUR",
    ],
    outputs=("text", "json", "github", "sarif"),
)
def validate(
    session: Session,
    *,
    prices: Annotated[
        bool,
        typer.Option("--prices", help="Compare budgets with a month of all nodes, by Azure's public price list."),
    ] = False,
    currency: Currency = "USD",
) -> None:
    """Check all manifests, and report every mistake with its file, line and column; in CI, as annotations.

    Needs no account and no plan. Only --prices uses the network.
    """
    from bootstrap.manifests import locate, platform, report

    try:
        found = session.platform()
    except InputError as error:
        if session.output != "text":
            message = f"{error.what} {error.why}".strip()
            at = Position(session.directory / locate.FILE_NAME, 1, 1)
            problems = error.problems or [Problem(at, message, error.hint)]
            text = report.render(session.output, session.directory, (), problems, ())
            session.console.parts([text, "\n"], commands=session.output == "github")
        raise

    price_list = None
    by_stack: dict[str, dict[str, tuple[Decimal, str]]] = {}
    if prices:
        from bootstrap.pricing.idle import machine_prices
        from bootstrap.pricing.price_list import PriceList

        price_list = PriceList(currency, session.console)
        by_stack = {name: machine_prices(settings, price_list) for name, settings in found.stacks.items()}
    warnings = [*platform.warnings_of(found.manifests), *platform.findings_of(found, by_stack)]
    text = report.render(session.output, session.directory, list(found.stacks), (), warnings)
    session.console.parts([text, "\n"] if text else [], commands=session.output == "github")
    if price_list is not None and price_list.failure is not None:
        raise price_list.failure


@command(
    platform_group,
    "platform show",
    examples=[
        "mlops-bootstrap platform show fraud-dev -C examples/contoso",
        "mlops-bootstrap platform show fraud-dev --origin -C examples/contoso",
    ],
)
def show(
    session: Session,
    stack: Annotated[str, typer.Argument(metavar="STACK", help="The stack.", autocompletion=complete_stack)],
    *,
    origin: Annotated[
        bool, typer.Option("--origin", help="Print each configured value with its layer, file and line.")
    ] = False,
) -> None:
    """Print the settings of a stack, merged from all manifests; with `--output json`, as plain Pulumi takes them."""
    from bootstrap.manifests.origins import find_origins
    from bootstrap.yaml import as_yaml, as_yaml_line
    from infra.hub import state_store_of

    if origin:
        found = find_origins(session.directory, stack)
        rows = [[value.key, as_yaml_line(value.value), value.layer, value.source or ""] for value in found]
        session.console.result(
            table(["key", "value", "layer", "source"], rows),
            {"schema_version": 1, "stack": stack, "values": [dataclasses.asdict(value) for value in found]},
        )
        return

    settings = session.platform().selected([stack])[0]
    document, store = settings.model_dump(mode="json"), state_store_of(settings)
    state = f"# State: {store.backend_url}\n# Secrets provider: {store.secrets_provider}\n"
    session.console.result(state + as_yaml(document), document)


@command(
    platform_group,
    "platform link",
    examples=[
        (
            "mlops-bootstrap platform link forecasting/returns dev -C examples/contoso"
            " --issuer https://token.actions.githubusercontent.com"
            " --subject repo:contoso@1001/returns@2003:environment:dev --dry-run"
        ),
        (
            "mlops-bootstrap platform link forecasting/returns pull-request -C examples/contoso"
            " --issuer https://token.actions.githubusercontent.com"
            " --subject repo:contoso@1001/returns@2003:pull_request"
        ),
    ],
)
def link(
    session: Session,
    target: Annotated[
        str, typer.Argument(metavar="TEAM/PROJECT", help="The project, or platform for the platform's own CI.")
    ],
    environment: Annotated[
        str, typer.Argument(metavar="ENVIRONMENT", help="The environment that is deployed to, or pull-request.")
    ],
    *,
    issuer: Annotated[str, typer.Option(help="The token's iss, as read from the forge.")],
    subject: Annotated[str, typer.Option(help="The token's sub, as read from the forge.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the change of links.yaml, and stop.")] = False,
) -> None:
    """Record the issuer and subject of a forge's tokens in links.yaml, so that CI can log in without a secret."""
    from bootstrap.manifests import links, locate
    from bootstrap.manifests.edit import edit

    root, new = locate.find_root(session.directory), links.link_of(issuer, subject)
    difference = edit(
        root,
        locate.LINKS,
        lambda before: links.with_link(before or "", root / locate.LINKS, target, environment, new),
        f"{target} {environment}",
        "linked",
        dry_run=dry_run,
    )
    print_edit(session, root / locate.LINKS, difference, "already has this link", dry_run=dry_run)


def print_edit(session: Session, path: Path, difference: str, unchanged: str, *, dry_run: bool) -> None:
    """Print how a command changed a manifest, or would change it.

    Args:
        unchanged: What is said of the file when there is no difference.
    """
    session.console.result(
        difference or f"{path} {unchanged}.",
        {
            "schema_version": 1,
            "path": str(path),
            "changed": bool(difference),
            "written": bool(difference) and not dry_run,
            "difference": difference,
        },
    )


@command(
    platform_group,
    "platform access",
    examples=[
        "mlops-bootstrap platform access -C examples/contoso",
        "mlops-bootstrap platform access fraud-dev -C examples/contoso --output markdown",
    ],
    outputs=("table", "markdown", "json"),
)
def access(
    session: Session,
    stacks: Annotated[
        list[str] | None,
        typer.Argument(metavar="STACK...", help="Only these stacks.", autocompletion=complete_stack),
    ] = None,
) -> None:
    """Print all planned roles: who has them, on which resource and why. No account is needed."""
    from bootstrap.stack.access import access_as_markdown, access_as_table, access_document, find_grants
    from bootstrap.stack.plan import cache, planner

    grants = find_grants(planner.plan_stacks(session.platform(), stacks or [], session.console, cache=cache.Cache()))
    render = {"table": access_as_table, "markdown": access_as_markdown}
    text = render[session.output](grants) if session.output != "json" else ""
    session.console.result(text, access_document(grants))


@command(
    platform_group,
    "platform matrix",
    examples=[
        "mlops-bootstrap platform matrix --ring 0 --forge github -C examples/contoso",
        "mlops-bootstrap platform matrix --environment prod --forge azure-devops -C examples/contoso",
    ],
)
def matrix(
    session: Session,
    *,
    forge: Annotated[str, typer.Option(metavar="github|azure-devops", help="Whose form of a matrix.")],
    ring: Annotated[int | None, typer.Option(metavar="N", help="Only environments of this ring.")] = None,
    environment: Annotated[str | None, typer.Option(metavar="NAME", help="Only this environment.")] = None,
    jobs: Annotated[int, typer.Option(metavar="N", min=1, max=200, help="The most jobs.")] = 10,
) -> None:
    """Print the stacks of environments as the matrix of a forge's jobs, each with its share. Deploys nothing."""
    from bootstrap.forge import FORGES
    from bootstrap.manifests.shares import shares

    forms = {one.name: one.job_matrix for one in FORGES}
    if forge not in forms:
        raise InputError(f"There is no forge {forge!r}.", hint=did_you_mean(forge, forms))
    found = shares(session.platform(), ring=ring, environment=environment, jobs=jobs)
    session.console.result(forms[forge](found), {"schema_version": 1, "shares": found})


@command(
    platform_group,
    "platform schema",
    examples=["mlops-bootstrap platform schema team"],
    outputs=("json",),
)
def schema(
    session: Session,
    manifest: Annotated[str, typer.Argument(metavar="MANIFEST", help="platform, team or links.")],
) -> None:
    """Print the JSON Schema of a manifest."""
    from bootstrap.manifests.schema import MODELS, json_schema

    if manifest not in MODELS:
        raise InputError(f"There is no manifest {manifest!r}.", hint=did_you_mean(manifest, MODELS))
    session.console.result("", json_schema(manifest))


@command(
    platform_group,
    "platform policy-pack",
    examples=["mlops-bootstrap platform policy-pack"],
)
def policy_pack(session: Session) -> None:
    """Print the folder of the policy pack, for `pulumi --policy-pack`: it has the rules of `plan`."""
    from infra.rules import PACK_FOLDER

    session.console.result(str(PACK_FOLDER), {"schema_version": 1, "folder": str(PACK_FOLDER)})


@command(
    platform_group,
    "platform bootstrap-state",
    interrupted="each state is in one backend or in both; run the same command again",
    examples=[
        "mlops-bootstrap platform bootstrap-state --yes",
        "mlops-bootstrap platform bootstrap-state --to file --yes",
    ],
)
def bootstrap_state(
    session: Session,
    *,
    to: Annotated[str, typer.Option(metavar="hub|file|URL", help="The backend that the states are moved to.")] = "hub",
    yes: Yes = False,
    backend: Backend = None,
    parallel: Parallel = 4,
) -> None:
    """Move the states of all stacks to the hub's storage account, or to another backend.

    First deploy the hub with the backend `file`. A state is removed where it was when the moved one was read again and
    is the same. Their secrets are encrypted with the key of the new backend, and are on no disk in the clear.
    """
    from bootstrap.stack.deploy.backend import place_of, refuse_tracked, state_folder, used_place

    platform = session.platform()
    named = platform.manifests.platform.value.state
    used = used_place(state_folder(platform.root))
    if backend is None and used == place_of(platform, to) != place_of(platform, named):
        backend = named  # the move is repeated
    work = deployer(session, backend, parallel)
    if work.backend == to:
        raise InputError(f"The states are moved from {to} to {to}.", hint="Name the backend that has them: --backend")
    refuse_tracked(to)

    def consent(resources: Mapping[str, int]) -> None:
        rows = [[name, f"{count:,}", work.backend, to] for name, count in resources.items()]
        session.console.say(table(["stack", "resources", "from", "to"], rows))
        stacks.ask(session, [] if yes else [("Type yes to move these states", "yes")])

    moved = work.move(to, consent)
    step = f"Next, write `state: {to}` into platform.yaml, and commit it."
    session.console.result(
        table(["stack", "state"], [list(one) for one in moved.items()]) + ("" if named == to else f"\n\n{step}"),
        {"schema_version": 1, "from": work.backend, "to": to, "stacks": moved},
    )
