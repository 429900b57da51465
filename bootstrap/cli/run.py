"""`run`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bootstrap.cli.app import app
from bootstrap.cli.command import Session, command

if TYPE_CHECKING:
    from bootstrap.model.records import RunRecord
    from bootstrap.model.run import Plan
    from bootstrap.project import Project


@command(
    app,
    "run",
    examples=[
        "mlops-bootstrap run",
        "mlops-bootstrap run --set trials=4 --set seed=7",
        "mlops-bootstrap run pipelines/train.yml --dry-run",
    ],
)
def run(
    session: Session,
    pipeline: Annotated[
        Path | None, typer.Argument(metavar="[PIPELINE]", help="The pipeline file; mlops.yaml names the default.")
    ] = None,
    values: Annotated[
        list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help="An input of the pipeline. Repeatable.")
    ] = None,
    cache: Annotated[
        bool, typer.Option("--cache/--no-cache", help="Keep what an unchanged step made before, or run every step.")
    ] = True,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would run, and run nothing.")] = False,
) -> None:
    """Run the project's Azure ML pipeline file on this machine; steps that have not changed do not run again."""
    from bootstrap.model import run as service
    from bootstrap.model.pipeline_file import settings
    from bootstrap.project import find_project

    project = find_project(session.directory)
    file = session.directory / pipeline if pipeline else project.path(project.manifest.pipeline.file)
    given = settings(values or [])
    if dry_run:
        plan = service.plan(project, file.resolve(), given, session.directory)
        session.console.result(_plan_text(plan), {"schema_version": 1, "run": plan.run, "cached": plan.cached})
        return
    record, changed = service.run(
        project, file.resolve(), given, session.directory, session.console.progress, use_cache=cache
    )
    session.console.result(_text(session, project, record, changed=changed), record.model_dump(mode="json"))


def _plan_text(plan: "Plan") -> str:
    from bootstrap.terminal.console import table

    rows = [[name, "unchanged" if name in plan.cached else "would run"] for name in plan.pipeline.jobs]
    return table(["job", ""], rows)


def _text(session: Session, project: "Project", record: "RunRecord", *, changed: bool) -> str:
    import os

    from bootstrap.terminal.console import table

    lines = [
        table(["job", "", "seconds"], [[name, job.status, f"{job.seconds:.1f}"] for name, job in record.jobs.items()])
    ]
    paths = {name: os.path.relpath(project.path(artifact.path)) for name, artifact in record.outputs.items()}
    lines += ["", *(f"{name}: {path}" for name, path in paths.items()), ""]
    if changed:
        lines.append(f"run {record.id} took {record.seconds:.1f} s")
    elif record.seconds:
        lines.append(f"nothing has changed since run {record.id}")
    else:
        lines.append(f"nothing had to run: run {record.id} is made of what earlier runs made")
    if project.manifest.pipeline.evaluation in record.outputs:
        lines.append(f"next: {session.here('mlops-bootstrap model gate')}")
    return "\n".join(lines)
