"""`model gate`, `register`, `list`, `show`, `serve`: the model's life in a project."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from bootstrap.cli.app import model
from bootstrap.cli.command import Session, command

if TYPE_CHECKING:
    from bootstrap.model.records import Decision, Version
    from bootstrap.model.serve import Check

_SHORT = 12
"""How many digits of a digest or a commit people are shown in tables."""


def _versions(context: typer.Context, incomplete: str) -> list[str]:
    """The registered versions, for the shell's completion."""
    from pathlib import Path

    from bootstrap.errors import BootstrapError
    from bootstrap.model import registry
    from bootstrap.project import find_project

    try:
        project = find_project(Path(context.params.get("directory") or ".").resolve())
        return [found.version for found in registry.versions(project) if found.version.startswith(incomplete)]
    except BootstrapError:  # completion has nobody to tell
        return []


Run = Annotated[str | None, typer.Option("--run", metavar="ID", help="A run's id instead of the last run.")]
VersionArgument = Annotated[
    str | None,
    typer.Argument(metavar="VERSION", help="The champion when left out.", autocompletion=_versions),
]


@command(
    model,
    "model gate",
    examples=[
        "mlops-bootstrap model gate",
        "mlops-bootstrap model gate --output markdown",
        "mlops-bootstrap model gate --output json",
    ],
    outputs=("text", "markdown", "json"),
)
def gate(session: Session, run: Run = None) -> None:
    """Decide by gate.yml whether the last run's model may become the champion.

    Writes decision.json beside the run. Exit code 5 when the model is refused.
    """
    from bootstrap.errors import RefusedError
    from bootstrap.model.gate import find_run, judge, record, refusals, standing
    from bootstrap.project import find_project

    project = find_project(session.directory)
    found = find_run(project, run)
    decision = standing(project, found)
    if decision is not None:
        session.console.say(
            f"The model of run {found.id} is the champion already, by the decision below. "
            "To judge it by the rules of now: mlops-bootstrap run, then model gate."
        )
    else:
        session.console.progress.started("gate")
        decision = judge(project, found)
        session.console.progress.finished("gate", "passed" if decision.passed else "refused")
    path = record(project, decision).relative_to(project.root).as_posix()
    text = _gate_markdown(decision) if session.output == "markdown" else _gate_text(decision, path)
    session.console.result(text, decision.model_dump(mode="json"))
    if not decision.passed:
        raise RefusedError(
            f"The model of run {decision.run} is refused.",
            details=refusals(decision),
            hint="`model register` does not take this one. After a change of gate.yml: mlops-bootstrap model gate. "
            "After any other: mlops-bootstrap run first, with the same --set as before.",
        )


@command(
    model,
    "model register",
    examples=["mlops-bootstrap model register --dry-run", "mlops-bootstrap model register"],
)
def register(
    session: Session,
    run: Run = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would be registered.")] = False,
) -> None:
    """Register the model that the gate passed, with its lineage, as the champion.

    Takes no model that the gate did not pass, and no option around it.
    """
    from bootstrap.model import gate, registry
    from bootstrap.model.register import examine
    from bootstrap.model.register import register as make_version
    from bootstrap.project import find_project

    project = find_project(session.directory)
    found = gate.find_run(project, run)
    name = project.manifest.model.name
    if dry_run:
        candidate = examine(project, found)
        known = candidate.existing
        number = f"version {known.version}" if known else "a new version"
        what = "is the champion already" if candidate.is_champion else f"would become {number}, the champion"
        text = f"{name}: the model of run {found.id} {what}.\n{_lineage_table(candidate.tags)}"
        document = {"schema_version": 1, "dry_run": True, "changed": not candidate.is_champion, "tags": candidate.tags}
        session.console.result(text, document)
        return
    candidate, version = make_version(project, found, session.console.progress)
    what = "is already version" if candidate.is_champion else "is now the champion, version"
    text = f"{name}: the model of run {found.id} {what} {version.version}.\n{_lineage_table(version.tags)}"
    document = {
        "schema_version": 1,
        "dry_run": False,
        "changed": not candidate.is_champion,
        "version": version.model_dump(mode="json"),
        "folder": registry.folder(project, version.model.sha256).relative_to(project.root).as_posix(),
    }
    session.console.result(text, document)


@command(model, "model list", examples=["mlops-bootstrap model list", "mlops-bootstrap model list --output json"])
def list_versions(session: Session) -> None:
    """List the registered versions."""
    from bootstrap.model import registry
    from bootstrap.project import find_project
    from bootstrap.terminal.console import table

    project = find_project(session.directory)
    found = registry.versions(project)
    name = project.manifest.model.name
    rows = [[version.version, version.stage, version.registered_at, *_origin(version)] for version in reversed(found)]
    headings = ["version", "stage", "registered", "model", "commit", "run"]
    text = table(headings, rows) if rows else f"No version of {name} is registered yet."
    document = {
        "schema_version": 1,
        "model": name,
        "versions": [version.model_dump(mode="json") for version in found],
    }
    session.console.result(text, document)


@command(model, "model show", examples=["mlops-bootstrap model show", "mlops-bootstrap model show 1"])
def show(session: Session, version: VersionArgument = None) -> None:
    """Show a version: where it comes from, why it was let in, and whether its folder is still what was registered."""
    from bootstrap.model import registry
    from bootstrap.project import find_project

    project = find_project(session.directory)
    found = registry.version(project, version)
    intact = registry.holds(project, found.model)
    decision = registry.decision(project, found)
    lines = [
        f"{found.name} version {found.version}, {found.stage}, registered {found.registered_at}",
        f"{found.model.path}: " + ("as registered" if intact else "ALTERED since it was registered"),
        "",
        _lineage_table(found.tags),
    ]
    lines += ["", _rules_table(decision)] if decision else ["", "The decision that let it in is gone or altered."]
    document = {
        "schema_version": 1,
        "version": found.model_dump(mode="json"),
        "intact": intact,
        "decision": decision.model_dump(mode="json") if decision else None,
    }
    session.console.result("\n".join(lines), document)


@command(
    model,
    "model serve",
    examples=["mlops-bootstrap model serve --check"],
)
def serve(
    session: Session,
    version: VersionArgument = None,
    run: Annotated[str | None, typer.Option("--run", metavar="ID", help="A run's model instead of a version.")] = None,
    port: Annotated[
        int | None,
        typer.Option(min=0, max=65535, help="Default 5001, with --check a free one; 0 takes a free one."),
    ] = None,
    check: Annotated[
        bool, typer.Option("--check", help="Compare its answers with the model's own, measure, and stop.")
    ] = False,
) -> None:
    """Serve a model on 127.0.0.1 as Azure ML would: its inference server, the endpoint's scoring script.

    Answers until Ctrl-C. With --check: sends the sample request and bad ones, measures the latency, and stops; exit
    code 5 when an answer is wrong.
    """
    import contextlib

    from bootstrap.errors import InputError, RefusedError
    from bootstrap.model import gate, registry
    from bootstrap.model import serve as server
    from bootstrap.project import find_project

    if version is not None and run is not None:
        raise InputError("A version and --run name two models.", hint="Leave one of them out.")
    project = find_project(session.directory)
    progress = session.console.progress
    with contextlib.ExitStack() as stack:
        if run is not None:
            served = stack.enter_context(server.served_run(project, gate.find_run(project, run)))
        else:
            served = server.served_version(project, registry.version(project, version))
        if not check:
            running = stack.enter_context(server.serving(project, served, port=port, progress=progress))
            sample = project.manifest.serve.sample_request
            text = (
                f"{project.manifest.model.name} {served.name} answers on {running.url} until Ctrl-C. Try it:\n"
                f'  curl -H "Content-Type: application/json" -d @{sample} {running.url}\n'
                f"Its log: {running.log}"
            )
            document = {
                "schema_version": 1,
                "model": served.name,
                "model_sha256": served.sha256,
                "url": running.url,
                "log": str(running.log),
                "ready_seconds": round(running.ready_seconds, 3),
            }
            session.console.result(text, document)
            server.wait(running)
        result = server.check(project, served, port=port, progress=progress)
    session.console.result(_check_text(result), result.document())
    if not result.passed:
        raise RefusedError(f"{served.name.capitalize()} does not serve as it should.", details=result.problems)


def _gate_text(decision: "Decision", path: str) -> str:
    outcome = "passed" if decision.passed else "refused"
    return f"run {decision.run}: {outcome}\n\n{_rules_table(decision)}\n\ndecision: {path}"


def _rules_table(decision: "Decision") -> str:
    from bootstrap.terminal.console import table

    rows = [[rule.rule, "passed" if rule.passed else "REFUSED", rule.message] for rule in decision.rules]
    return table(["rule", "result", "what was found"], rows)


def _gate_markdown(decision: "Decision") -> str:
    """The decision for a forge's summary of a job or for a pull request."""
    champion = f"version {decision.champion.version}" if decision.champion else "none yet"
    lines = [
        f"### Gate: {'passed' if decision.passed else 'refused'}",
        "",
        f"Run `{decision.run}`, model `{decision.model.sha256[:_SHORT]}`, champion: {champion}.",
        "",
        "| Rule | Result | What was found |",
        "|---|---|---|",
    ]
    for rule in decision.rules:
        result = "passed" if rule.passed else "**refused**"
        lines.append(f"| {_markdown_cell(rule.rule)} | {result} | {_markdown_cell(rule.message)} |")
    return "\n".join(lines)


def _markdown_cell(text: str) -> str:
    escaped = text.replace("&", "&amp;").replace("<", "&lt;").replace("|", "\\|")
    return " ".join(escaped.split())


def _lineage_table(tags: dict[str, str]) -> str:
    from bootstrap.terminal.console import table

    return table(["lineage", ""], [[name.removeprefix("mlops."), value] for name, value in sorted(tags.items())])


def _origin(version: "Version") -> list[str]:
    tags = version.tags
    commit = tags.get("mlops.git_commit", "")[:_SHORT] + ("+" if tags.get("mlops.git_dirty") == "true" else "")
    return [version.model.sha256[:_SHORT], commit, tags.get("mlops.run", "")]


def _check_text(check: "Check") -> str:
    from bootstrap.terminal.console import table

    difference = "not comparable" if check.largest_difference is None else f"{check.largest_difference:.3g}"
    rows: list[list[Any]] = [
        ["ready in", f"{check.ready_seconds:.1f} s"],
        ["answers to the sample", f"{len(check.answers)}, difference to the model's own {difference}"],
        *[["bad request", f"{bad.status}: {bad.reason}"] for bad in check.bad_requests],
        ["latency", f"p50 {check.p50_ms:.1f} ms, p95 {check.p95_ms:.1f} ms of {check.requests} requests"],
    ]
    outcome = "serves as it should" if check.passed else "does NOT serve as it should"
    return f"{check.model} {outcome}\n\n" + table(["check", "found"], rows)
