"""`runs`: the recorded runs of a project."""

from typing import TYPE_CHECKING, Annotated

import typer

from bootstrap.cli.command import Session, command, runs_group
from bootstrap.terminal.table import table

if TYPE_CHECKING:
    from bootstrap.model.records import Run


@command(runs_group, "runs list", examples=["mlops-bootstrap runs list"])
def list_(session: Session) -> None:
    """List the runs of the project on this machine, the latest first."""
    from bootstrap.pipeline.runs import recorded_runs

    found = recorded_runs(session.project(), session.console)
    rows = [[run.id, run.pipeline.path, run.status, f"{run.seconds:.1f}", run.started_at] for run in found]
    text = table(["run", "pipeline", "status", "seconds", "started"], rows) if rows else "no runs yet"
    session.console.result(text, {"schema_version": 1, "runs": [run.model_dump(mode="json") for run in found]})


@command(runs_group, "runs show", examples=["mlops-bootstrap runs show"])
def show(
    session: Session,
    id_: Annotated[str | None, typer.Argument(metavar="RUN", help="The run; default: the latest.")] = None,
) -> None:
    """Show a run: its inputs, its steps and where their outputs and logs are."""
    from bootstrap.pipeline.runs import recorded_run

    found = recorded_run(session.project(), id_)
    session.console.result(_text(found), found.model_dump(mode="json"))


@command(runs_group, "runs diff", examples=["mlops-bootstrap runs diff RUN RUN"])
def diff(
    session: Session,
    before: Annotated[str, typer.Argument(metavar="RUN", help="The earlier run.")],
    after: Annotated[str | None, typer.Argument(metavar="RUN", help="The other one; default: the latest.")] = None,
) -> None:
    """Show what differs between two runs: inputs, code, environment and outputs, step by step."""
    from bootstrap.pipeline.runs import differences, recorded_run

    project = session.project()
    one, other = recorded_run(project, before), recorded_run(project, after)
    found = list(differences(one, other))
    text = table(["", one.id, other.id], [list(row) for row in found]) if found else "no differences"
    document = [{"what": what, "before": old, "after": new} for what, old, new in found]
    session.console.result(text, {"schema_version": 1, "differences": document})


@command(
    runs_group,
    "runs clean",
    interrupted="the rest is removed when you run the same command again",
    examples=["mlops-bootstrap runs clean --keep 5 --dry-run"],
)
def clean(
    session: Session,
    keep: Annotated[int, typer.Option("--keep", metavar="N", min=0, help="The latest runs that stay.")] = 10,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would be removed.")] = False,
) -> None:
    """Remove older runs, and the cached steps that only they used. Runs of registered versions stay."""
    from bootstrap.pipeline import runs

    found, steps, size = runs.clean(session.project(), session.console, keep, dry_run=dry_run)
    rows = [["run", name] for name in found] + [["step", name] for name in steps]
    verb = "would be removed" if dry_run else "removed"
    text = f"{len(found)} runs and {len(steps)} steps {verb}: {size / 1e6:.1f} MB"
    document = {"schema_version": 1, "runs": found, "steps": steps, "bytes": size}
    session.console.result(f"{table(['', 'name'], rows)}\n\n{text}" if rows else text, document)


def _text(run: "Run") -> str:
    head = f"run {run.id} of {run.pipeline.path}: {run.status} in {run.seconds:.1f} s, started {run.started_at}"
    rows = [[name, step.status, f"{step.seconds:.1f}", step.log or ""] for name, step in run.jobs.items()]
    values = [[name, getattr(value, "path", str(value))] for name, value in run.inputs.items()]
    outputs = [[name, artifact.path] for name, artifact in run.outputs.items()]
    tables = [(["step", "status", "seconds", "log"], rows), (["input", "value"], values), (["output", "path"], outputs)]
    return "\n\n".join([head, *(table(columns, found) for columns, found in tables if found)])
