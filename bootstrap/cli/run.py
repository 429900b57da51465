"""`run`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bootstrap.cli.command import Session, app, command
from bootstrap.files import relative_path
from bootstrap.terminal.table import table

if TYPE_CHECKING:
    from typing import Any

    from bootstrap.model.records import DataCheck, Run
    from bootstrap.project import Project

_OVERHEAD = {"environment": "environment (uv)", "mlflow": "waiting for MLflow", "digests": "hashing files"}
"""The label of each activity in `Run.overhead`."""


@command(
    app,
    "run",
    interrupted="finished steps are kept; run the same command again to continue",
    examples=[
        "mlops-bootstrap run",
        "mlops-bootstrap run --set trials=4 --set seed=7",
        "mlops-bootstrap run --from evaluate",
        "mlops-bootstrap run pipelines/train.yml --dry-run",
        "mlops-bootstrap run --check",
        "mlops-bootstrap run --explain evaluate",
    ],
)
def run(
    session: Session,
    pipeline: Annotated[
        Path | None, typer.Argument(metavar="PIPELINE", help="The pipeline file; default: the one in mlops.yaml.")
    ] = None,
    values: Annotated[
        list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help="A pipeline input. Repeatable.")
    ] = None,
    cache: Annotated[
        bool, typer.Option("--cache/--no-cache", help="Use cached outputs of unchanged steps, or run all steps.")
    ] = True,
    only: Annotated[
        list[str] | None, typer.Option("--step", metavar="NAME", help="Run this step, and what it needs. Repeatable.")
    ] = None,
    start: Annotated[
        list[str] | None,
        typer.Option("--from", metavar="NAME", help="Run this step and those after it. Repeatable."),
    ] = None,
    parallel: Annotated[
        int | None, typer.Option("--parallel", metavar="N", min=1, help="Steps at the same time; default: the cores.")
    ] = None,
    strict: Annotated[bool, typer.Option("--strict", help="Refuse what is only a warning otherwise.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show which steps would run.")] = False,
    check: Annotated[bool, typer.Option("--check", help="Only check the files and values.")] = False,
    explained: Annotated[
        str | None,
        typer.Option("--explain", metavar="NAME", help="Only show this step's command, and where its values are from."),
    ] = None,
) -> None:
    """Run the project's Azure ML pipeline on this machine. Steps that have not changed do not run again."""
    from bootstrap.pipeline.read import settings

    project = session.project()
    file = (session.directory / pipeline if pipeline else project.path(project.manifest.pipeline.file)).resolve()
    given = settings(values or [])
    if check or explained is not None:
        _check(session, project, file, given, explained, strict=strict)
        return
    from bootstrap.pipeline import local

    if dry_run:
        cached = local.preview(
            project, file, given, session.directory, use_cache=cache, only=only or (), start=start or ()
        )
        session.console.result(
            table(["step", ""], [[name, "cached" if done else "would run"] for name, done in cached.items()]),
            {
                "schema_version": 1,
                "run": [name for name, is_cached in cached.items() if not is_cached],
                "cached": [name for name, is_cached in cached.items() if is_cached],
            },
        )
        return
    record, changed = local.run(
        project, file, given, session.directory, session.console,
        use_cache=cache, only=only or (), start=start or (), parallel=parallel, strict=strict,
    )  # fmt: skip
    session.console.result(_text(project, record, changed=changed), record.model_dump(mode="json"))


def _check(
    session: Session, project: "Project", file: Path, given: dict[str, str], step: str | None, *, strict: bool
) -> None:
    """Check the files and values; show the step, if there is one."""
    from bootstrap.pipeline.check import input_values, report_warnings
    from bootstrap.pipeline.explain import explain
    from bootstrap.pipeline.read import load_pipeline

    pipeline = load_pipeline(project.path(str(file)), given, project)
    input_values(pipeline, given, session.directory)
    warnings = [str(warning) for warning in pipeline.warnings]
    report_warnings(pipeline, warnings, session.console, strict=strict)
    if step is not None:
        document = explain(pipeline, given, session.directory, step)
        session.console.result(_explanation(document), document)
        return
    session.console.result(
        f"{relative_path(file)}: no mistakes; jobs: {len(pipeline.jobs)}, warnings: {len(warnings)}",
        {"schema_version": 1, "jobs": list(pipeline.jobs), "warnings": warnings},
    )


def _explanation(document: dict[str, "Any"]) -> str:
    rows = [
        ["declared in", document["declared"]],
        ["code", document["code"] or "none: an empty folder"],
        *(["with", path] for path in document["includes"]),
        *(["variable", f"{name}={value}"] for name, value in document["environment"].items()),
        *([["ended after", f"{document['timeout']:g} s"]] if document["timeout"] else []),
        *([["trials", str(document["trials"])]] if document["trials"] else []),
        *(["output", f"{name} ({kind})"] for name, kind in document["outputs"].items()),
        *(["after", name] for name in document["after"]),
    ]
    inputs = [[name, one["value"] or "", one["from"]] for name, one in document["inputs"].items()]
    parts = [document["command"].strip(), table([document["step"], ""], rows)]
    return "\n\n".join([*parts, table(["input", "value", "from"], inputs)] if inputs else parts)


def _text(project: "Project", record: "Run", *, changed: bool) -> str:
    rows = [[name, step.status, f"{step.seconds:.1f}"] for name, step in record.jobs.items()]
    if changed:
        rows += [[_OVERHEAD[activity], "", f"{seconds:.1f}"] for activity, seconds in record.overhead.items()]
    paths = {name: relative_path(project.path(artifact.path)) for name, artifact in record.outputs.items()}
    lines = [table(["step", "status", "seconds"], rows), "", *(f"{name}: {path}" for name, path in paths.items()), ""]
    if record.data_checks is not None:
        lines += _data_checks_lines(record.data_checks)
    if changed:
        lines.append(f"run {record.id} took {record.seconds:.1f} s")
    elif record.seconds:
        lines.append(f"nothing has changed since run {record.id}")
    else:
        lines.append(f"no step had to run; run {record.id} consists of cached outputs of earlier runs")
    if project.manifest.pipeline.evaluation in record.outputs:
        lines.append(f"next: {project.command('model gate')}")
    return "\n".join(lines)


def _data_checks_lines(checks: "list[DataCheck]") -> list[str]:
    failed = [check for check in checks if not check.passed]
    if not failed:
        return [f"data checks: {len(checks)} passed"]
    return [
        f"data checks: {len(failed)} of {len(checks)} FAILED",
        *(f"  {check.name}: {check.message}" for check in failed),
    ]
