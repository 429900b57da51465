"""`platform`: init, validate, show, link, access, schema."""

import dataclasses
import sys
from pathlib import Path
from typing import Annotated

import typer

from bootstrap.cli.command import Session, command, complete_stack, platform_group
from bootstrap.errors import InputError, Position, Problem, did_you_mean
from bootstrap.files import relative_path
from bootstrap.processes import shell_line
from bootstrap.terminal.console import write_error
from bootstrap.terminal.table import table

_WAIT_SECONDS = 15.0
"""How long `platform link` waits for another one: each takes about a second."""


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
    defaults: Annotated[bool, typer.Option("--defaults", help="Write marked examples for missing values.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the files that would be written, and stop.")] = False,
) -> None:
    """Create a platform repository: short YAML files, with schemas for your editor."""
    import datetime as dt

    from bootstrap.manifests import platform, scaffold
    from infra.tables.regions import is_known

    options = {
        "organization": organization,
        "location": location,
        "subscription": subscription,
        "tenant": tenant,
        "email": email,
    }
    given = scaffold.validated({name: value for name, value in options.items() if value is not None})
    if not defaults:
        given = _complete(destination, given)
    if "location" in given and not is_known(given["location"]):
        session.console.say(f"warning: {' '.join(platform.unknown_location(given['location']))}")
    path = session.directory / destination
    files = scaffold.init(path, given, dt.datetime.now(dt.UTC).date(), dry_run=dry_run)
    if not dry_run:
        command_line = shell_line("mlops-bootstrap", "plan", "-C", relative_path(path))
        text = f"{path}: {len(files)} files.\nNext:\n  {command_line}"
    else:
        text = "\n".join([f"{path} would get {len(files)} files:", *(f"  {file}" for file in files)])
    session.console.result(text, {"schema_version": 1, "path": str(path), "files": files, "written": not dry_run})


def _complete(destination: Path, given: dict[str, str]) -> dict[str, str]:
    """The answers, with those that are missing asked for on a terminal. Raises InputError without one."""
    from bootstrap.manifests.scaffold import QUESTIONS, validated

    missing = [question for name, question in QUESTIONS.items() if name not in given]
    if missing and not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise InputError(
            "Some values are missing, and there is no terminal to ask for them.",
            details=[f"{question.option}: {question.text}, such as {question.example}" for question in missing],
            hint="Give these options, or --defaults for marked example values.",
        )
    try:
        for name, question in QUESTIONS.items():
            while name not in given:
                default = question.example if question.default else None
                text = question.text if default else f"{question.text}\n  (such as {question.example})"
                try:
                    given |= validated({name: typer.prompt(text, default=default, err=True)})
                except InputError as error:
                    write_error(error.details[0])
    except (KeyboardInterrupt, typer.Abort):
        options = [word for name, value in given.items() for word in (QUESTIONS[name].option, value)]
        command_line = shell_line("mlops-bootstrap", "platform", "init", str(destination), *options)
        write_error(f"\nNo file was written. To continue with the answers so far:\n  {command_line}")
        raise
    return given


@command(
    platform_group,
    "platform validate",
    examples=[
        "mlops-bootstrap platform validate -C examples/contoso",
        "mlops-bootstrap platform validate -C examples/contoso --output sarif",
    ],
    outputs=("text", "json", "github", "sarif"),
)
def validate(session: Session) -> None:
    """Check all manifests, and report every mistake with its file, line and column; in CI, as annotations."""
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

    warnings = list(platform.warnings_of(found.manifests))
    text = report.render(session.output, session.directory, list(found.stacks), (), warnings)
    session.console.parts([text, "\n"] if text else [], commands=session.output == "github")


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
    import contextlib
    import difflib

    from bootstrap import files, yaml
    from bootstrap.lock import hold_lock
    from bootstrap.manifests import links, locate, platform
    from bootstrap.project import STATE_FOLDER

    root, name = locate.find_root(session.directory), locate.LINKS
    path, before = root / name, ""
    lock = files.path_inside(root, f"{STATE_FOLDER}/links.lock", "platform repository")
    # From reading to writing: a link that another process records meanwhile is kept.
    locked = hold_lock(lock, f"{path} is being changed.", seconds=_WAIT_SECONDS)
    with contextlib.nullcontext() if dry_run else locked:
        if path.exists():
            yaml.read(path, within=root)  # reports invalid YAML
            before = files.read_bounded(path, within=root).decode()
        after = links.with_link(before, path, target, environment, links.link_of(issuer, subject))
        platform.check_with_links(root, after, f"{target} {environment}")
        changed = before != after
        if changed and not dry_run:
            files.write_atomically(path.resolve(), after)
    difference = "\n".join(difflib.unified_diff(before.splitlines(), after.splitlines(), name, name, lineterm=""))
    session.console.result(
        difference if changed else f"{path} already has this link.",
        {
            "schema_version": 1,
            "path": str(path),
            "changed": changed,
            "written": changed and not dry_run,
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
