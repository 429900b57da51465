"""`model gate`, `register`, `list`, `show`, `serve`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bootstrap.cli.command import Session, command, model_group
from bootstrap.errors import BootstrapError, InputError, RefusedError
from bootstrap.files import relative_path
from bootstrap.terminal.markdown import code, escaped
from bootstrap.terminal.table import table

if TYPE_CHECKING:
    from bootstrap.model.records import Decision, Version
    from bootstrap.model.serve import Model
    from bootstrap.project import Project

_SHORT = 12
"""The length of digests and commits in tables."""


def _versions(context: typer.Context, incomplete: str) -> list[str]:
    """The registered versions, for shell completion."""
    from bootstrap.model import registry
    from bootstrap.project import find_project

    try:
        project = find_project(Path(context.params.get("directory") or ".").resolve())
        return [found.version for found in registry.versions(project) if found.version.startswith(incomplete)]
    except BootstrapError:  # shell completion cannot show errors
        return []


Run = Annotated[str | None, typer.Option("--run", metavar="ID", help="The id of a run; default: the last run.")]
Pipeline = Annotated[
    Path | None,
    typer.Option("--pipeline", metavar="FILE", help="The pipeline of the run; default: the one in mlops.yaml."),
]
VersionArgument = Annotated[
    str | None,
    typer.Argument(metavar="VERSION", help="A version number; default: the champion.", autocompletion=_versions),
]


@command(
    model_group,
    "model gate",
    examples=[
        "mlops-bootstrap model gate",
        "mlops-bootstrap model gate --explain",
        "mlops-bootstrap model gate --output markdown",
        "mlops-bootstrap model gate --output json",
    ],
    outputs=("text", "markdown", "html", "json"),
)
def gate(
    session: Session,
    run: Run = None,
    pipeline: Pipeline = None,
    explain: Annotated[
        bool, typer.Option("--explain", help="Draw the intervals against the limits; --output html always does.")
    ] = False,
) -> None:
    """Decide by gate.yml whether the last run's model may become the champion.

    Writes decision.json beside the run. Exit code 5 when the model is refused.
    """
    from bootstrap.model.gate import decide, earlier_decision, failed_rules, find_run, write_decision

    project = session.project()
    found = find_run(project, run, _in_project(session, project, pipeline))
    decision = earlier_decision(project, found)
    if decision is not None:
        session.console.say(
            f"The model of run {found.id} is already the champion. The decision that accepted it is below. "
            f"To apply the current rules: {project.command('run')}, then {project.command('model gate')}."
        )
    else:
        session.console.started("gate")
        decision = decide(project, found)
        session.console.finished("gate", "passed" if decision.passed else "refused")
    path = write_decision(project, decision).relative_to(project.root).as_posix()
    session.console.result(_gate(session.output, decision, path, explain=explain), decision.model_dump(mode="json"))
    if not decision.passed:
        raise RefusedError(
            f"The gate refuses the model of run {decision.run}.",
            details=failed_rules(decision),
            hint="`model register` refuses this model too. If you changed only gate.yml: "
            f"{project.command('model gate')}. After any other change, first with the same --set options: "
            f"{project.command('run')}.",
        )


@command(
    model_group,
    "model register",
    examples=["mlops-bootstrap model register --dry-run", "mlops-bootstrap model register"],
    interrupted="run the same command again to complete the registration",
)
def register(
    session: Session,
    run: Run = None,
    pipeline: Pipeline = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would be registered.")] = False,
) -> None:
    """Register the model that passed the gate as the champion, with its lineage.

    A model that did not pass the gate is refused; no option overrides that.
    """
    from bootstrap.model import gate, registry
    from bootstrap.model import register as service

    project = session.project()
    found = gate.find_run(project, run, _in_project(session, project, pipeline))
    if dry_run:
        challenger = service.find_challenger(project, found)
        number = f"version {challenger.existing.version}" if challenger.existing else "a new version"
        what = "is already the champion" if challenger.is_champion else f"would become the champion, as {number}"
        details: dict[str, Any] = {"tags": challenger.tags}
    else:
        challenger, version = service.register(project, found, session.console)
        what = f"{'is already' if challenger.is_champion else 'is now the champion,'} version {version.version}"
        folder = registry.version_folder(project, version.model.sha256).relative_to(project.root).as_posix()
        details = {"version": version.model_dump(mode="json"), "folder": folder}
    tags = challenger.tags if dry_run else version.tags
    session.console.result(
        f"{project.manifest.model.name}: the model of run {found.id} {what}.\n{_lineage_table(tags)}",
        {"schema_version": 1, "dry_run": dry_run, "changed": not challenger.is_champion, **details},
    )


@command(model_group, "model list", examples=["mlops-bootstrap model list", "mlops-bootstrap model list --output json"])
def list_versions(session: Session) -> None:
    """List the registered versions."""
    from bootstrap.model import registry

    project = session.project()
    found = registry.versions(project)
    name = project.manifest.model.name
    rows = [_list_row(version) for version in reversed(found)]
    headings = ["version", "stage", "registered (UTC)", "model", "commit", "run"]
    text = table(headings, rows) if rows else f"No version of {name} is registered yet."
    session.console.result(
        text,
        {
            "schema_version": 1,
            "model": name,
            "versions": [version.model_dump(mode="json") for version in found],
        },
    )


@command(model_group, "model show", examples=["mlops-bootstrap model show", "mlops-bootstrap model show 1"])
def show(session: Session, version: VersionArgument = None) -> None:
    """Show a version: its lineage, the decision that accepted it, and whether its folder is unchanged."""
    from bootstrap.model import registry

    project = session.project()
    found = registry.version(project, version)
    intact = registry.is_intact(project, found.model)
    decision = registry.decision(project, found)
    lines = [
        f"{found.name} version {found.version}, {found.stage}, registered {found.registered_at}",
        f"{found.model.path}: " + ("unchanged" if intact else "CHANGED since it was registered"),
        "",
        _lineage_table(found.tags),
    ]
    lines += ["", _rules_table(decision)] if decision else ["", "Its decision.json is missing or was changed."]
    session.console.result(
        "\n".join(lines),
        {
            "schema_version": 1,
            "version": found.model_dump(mode="json"),
            "intact": intact,
            "decision": decision.model_dump(mode="json") if decision else None,
        },
    )


@command(
    model_group,
    "model serve",
    examples=["mlops-bootstrap model serve --check"],
)
def serve(
    session: Session,
    version: VersionArgument = None,
    run: Annotated[str | None, typer.Option("--run", metavar="ID", help="Serve the model of this run.")] = None,
    port: Annotated[
        int | None,
        typer.Option(min=0, max=65535, help="Default: 5001, or a free port with --check. 0: a free port."),
    ] = None,
    check: Annotated[bool, typer.Option("--check", help="Test the answers, measure the latency, and stop.")] = False,
) -> None:
    """Serve a model on 127.0.0.1 with Azure ML's inference server and the endpoint's scoring script.

    Ctrl-C stops it. With --check: sends the sample request and invalid requests, measures the latency, and stops; exit
    code 5 when an answer is wrong.
    """
    import contextlib

    from bootstrap.model import gate, registry
    from bootstrap.model import serve as server

    if version is not None and run is not None:
        raise InputError("A version and --run were given; they name two models.", hint="Use only one of them.")
    project = session.project()
    progress = session.console
    with contextlib.ExitStack() as stack:
        if not check:  # Ctrl-C is how a user stops the server, also while it starts
            stack.enter_context(contextlib.suppress(KeyboardInterrupt))
        if run is not None:
            served = stack.enter_context(server.model_of_run(project, gate.read_run_of(project, run)))
        else:
            served = server.model_of_version(project, registry.version(project, version))
        if check:
            result = server.check(project, served, port=port, progress=progress)
            if run is not None:
                server.record_check(project, gate.read_run_of(project, run), result)
        else:
            _serve(session, project, served, port)
    if not check:
        progress.close()
        progress.say("stopped")
        return
    progress.result(_check_text(result), result)
    if not result["passed"]:
        raise RefusedError(f"The check of {served.name} failed.", details=result["problems"])


def _serve(session: Session, project: "Project", served: "Model", port: int | None) -> None:
    """Serve until Ctrl-C, which is raised as KeyboardInterrupt."""
    from bootstrap.model import serve as server

    with server.start_server(project, served, port=port, progress=session.console) as running:
        sample = project.manifest.serve.sample_request
        text = (
            f"{project.manifest.model.name} {served.name} answers on {running.url}. Ctrl-C stops it. Try it:\n"
            f'  curl -H "Content-Type: application/json" -d @{sample} {running.url}\n'
            f"Log: {running.log}"
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


def _in_project(session: Session, project: "Project", pipeline: Path | None) -> str | None:
    """The path of a pipeline file from the project's root, as runs record it."""
    return None if pipeline is None else relative_path((session.directory / pipeline).resolve(), project.root)


def _gate(output: str, decision: "Decision", path: str, *, explain: bool) -> str:
    """The decision in the form that the user chose; JSON is made elsewhere."""
    from bootstrap.model.explain import drawing, page

    if output == "html":
        return page(decision)
    text = _gate_markdown(decision) if output == "markdown" else _gate_text(decision, path)
    drawn = f"```text\n{drawing(decision)}\n```" if output == "markdown" else drawing(decision)
    return f"{text}\n\n{drawn}" if explain else text


def _gate_text(decision: "Decision", path: str) -> str:
    outcome = "passed" if decision.passed else "refused"
    edited = "".join(f"\n{line}" for line in _edited_lines(decision))
    return f"run {decision.run}: {outcome}\n\n{_rules_table(decision)}\n{edited}\ndecision: {path}"


def _edited_lines(decision: "Decision") -> list[str]:
    return [f"edited since the run, which used the code as it was: {folder}" for folder in decision.edited_code]


def _rules_table(decision: "Decision") -> str:
    from bootstrap.model.explain import outcome

    words = {"passed": "passed", "undecided": "UNDECIDED", "refused": "REFUSED"}
    rows = [[rule.rule, words[outcome(rule)], rule.message] for rule in decision.rules]
    return table(["rule", "result", "finding"], rows)


def _gate_markdown(decision: "Decision") -> str:
    """The decision as Markdown, for the summary of a CI job or a pull request."""
    from bootstrap.model.explain import outcome

    champion = f"version {escaped(decision.champion.version)}" if decision.champion else "none yet"
    lines = [
        f"### Gate: {'passed' if decision.passed else 'refused'}",
        "",
        f"Run {code(decision.run)}, model {code(decision.model.sha256[:_SHORT])}, champion: {champion}.",
        "",
        "| Rule | Result | Finding |",
        "|---|---|---|",
    ]
    results = {"passed": "passed", "undecided": "**undecided**", "refused": "**refused**"}
    lines += [f"| {escaped(one.rule)} | {results[outcome(one)]} | {escaped(one.message)} |" for one in decision.rules]
    edited = [f"- {escaped(line)}" for line in _edited_lines(decision)]
    return "\n".join([*lines, *(["", *edited] if edited else [])])


def _lineage_table(tags: dict[str, str]) -> str:
    return table(["lineage", ""], [[name.removeprefix("mlops."), value] for name, value in sorted(tags.items())])


def _list_row(version: "Version") -> list[str]:
    tags = version.tags
    commit = tags.get("mlops.git_commit", "")[:_SHORT] + ("+" if tags.get("mlops.git_dirty") == "true" else "")
    return [
        version.version,
        version.stage,
        version.registered_at[:16].replace("T", " "),
        version.model.sha256[:_SHORT],
        commit,
        tags.get("mlops.run", ""),
    ]


def _check_text(check: dict[str, Any]) -> str:
    largest = check["largest_difference"]
    difference = "not comparable" if largest is None else f"{largest:.3g}"
    rows = [
        ["ready in", f"{check['ready_seconds']:.1f} s"],
        ["sample request", f"{len(check['answers'])} answers, largest difference from the model's {difference}"],
        *[["invalid request", f"{bad['status']}: {bad['reason']}"] for bad in check["bad_requests"]],
        ["latency", f"p50 {check['p50_ms']:.1f} ms, p95 {check['p95_ms']:.1f} ms of {check['requests']} requests"],
    ]
    outcome = "passed the check" if check["passed"] else "FAILED the check"
    return f"{check['model']} {outcome}\n\n" + table(["check", "result"], rows)
