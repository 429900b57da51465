"""The gate: decides by the rules of `gate.yml` whether the challenger of a run may replace the champion.

`decide` first checks the evidence (unchanged files; an evaluation of this model, this champion and the same rows), then
applies the rules (`bootstrap.model.rules`). The result depends on file content only, so `register` can repeat it.
"""

import csv
import math
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from bootstrap import __version__
from bootstrap.digest import digest_file, digest_tree
from bootstrap.errors import InputError, MissingError, RefusedError, did_you_mean
from bootstrap.model import registry
from bootstrap.model.records import (
    Artifact,
    Champion,
    Decision,
    Evaluation,
    RuleResult,
    Run,
    read_record,
    write_record,
)
from bootstrap.model.rules import EVIDENCE, Gate, apply
from bootstrap.project import STATE_FOLDER, Project
from bootstrap.yaml import read, validated


def find_run(project: Project, run_id: str | None = None) -> Run:
    """The run with this id, or the last run of the project's training pipeline.

    Raises:
        MissingError: There is no run yet.
        InputError: There is no run with this id, or its record is invalid or from a newer mlops-bootstrap.
    """
    records = {path.parent.name: path for path in (project.state / "runs").glob("*/run.json")}
    if run_id is not None:
        if run_id not in records:
            raise InputError(f"There is no run {run_id}.", hint=did_you_mean(run_id, sorted(records)[-5:]))
        return read_record(records[run_id], Run)
    for name in sorted(records, reverse=True):
        run = read_record(records[name], Run)
        if run.pipeline.path == project.manifest.pipeline.file:
            return run
    raise MissingError(
        f"The pipeline {project.manifest.pipeline.file} has not run on this machine yet.",
        hint=f"Train a model first: {project.command('run')}",
    )


def model_of(project: Project, run: Run) -> Artifact:
    """The model that `run` created. Raises InputError when the run has no such output."""
    return _output(run, project.manifest.pipeline.model)


def decision_path(project: Project, run_id: str) -> Path:
    """The file of the decision about a run's model."""
    return project.state / "runs" / run_id / "decision.json"


def decide(project: Project, run: Run) -> Decision:
    """Decide about the model of `run`. Reads files only: the same files give the same decision.

    Raises:
        InputError: `gate.yml` or `evaluation.json` is invalid, or the run lacks an output that mlops.yaml names.
        RefusedError: The run did not complete.
    """
    require_completed(project, run)
    gate = validated(read(project.path(project.manifest.model.gate)), Gate)
    model = model_of(project, run)
    champion = registry.champion_record(project)
    looked_at, problems = _files(project, run)
    results: list[RuleResult] = []
    if not problems:
        folder = project.path(_output(run, project.manifest.pipeline.evaluation).path)
        evaluation = read_record(folder / "evaluation.json", Evaluation)
        problems = list(_contradictions(model, evaluation, champion, folder))
        results = apply(gate.rules, evaluation, champion)
    if champion is not None:
        version = registry.version_folder(project, champion.sha256) / registry.RECORD
        looked_at.append(_artifact(project, version.relative_to(project.root).as_posix()))
    found = [RuleResult(rule=EVIDENCE, passed=False, message=problem) for problem in problems] or [
        RuleResult(rule=EVIDENCE, passed=True, message=f"{len(looked_at)} files and folders are unchanged")
    ]
    return Decision(
        schema_version=1,
        passed=bool(results) and all(result.passed for result in [*found, *results]),
        model=model,
        champion=champion,
        run=run.id,
        rules=[*found, *results],
        looked_at=looked_at,
        decided_at=datetime.now(UTC).isoformat(timespec="seconds"),
        tool=__version__,
    )


def require_completed(project: Project, run: Run) -> None:
    """Raise RefusedError if `run` failed or was interrupted; the error names its logs and the next command."""
    if run.status == "completed":
        return
    logs = [f"{name} {step.status}" + (f": {step.log}" if step.log else "") for name, step in run.jobs.items()
            if step.status in ("failed", "interrupted")]  # fmt: skip
    records = sorted((project.state / "runs").glob("*/run.json"), reverse=True)
    older = (path for path in records if path.parent.name < run.id)
    earlier = next((path.parent.name for path in older if read_record(path, Run).status == "completed"), None)
    use = f" To use the last completed run instead: {project.command(f'model gate --run {earlier}')}" if earlier else ""
    raise RefusedError(
        f"The last run, {run.id}, {'failed' if run.status == 'failed' else 'was interrupted'}: it has no model.",
        details=logs,
        hint=f"Correct the step if it failed, then: {project.command('run')}.{use}",
    )


def earlier_decision(project: Project, run: Run) -> Decision | None:
    """The decision that accepted the model of `run`, if that model is already the champion; else None.

    A run that started after the registration compares the champion with itself: its result is None, too.

    Raises:
        InputError: The run has no model, or `gate.yml` is invalid.
    """
    validated(
        read(project.path(project.manifest.model.gate)), Gate
    )  # a rule file with mistakes is reported in any case
    champion = registry.champion(project)
    if champion is None or run.status != "completed" or run.champion == registry.champion_record(project):
        return None
    return registry.decision(project, champion) if model_of(project, run).sha256 == champion.model.sha256 else None


def write_decision(project: Project, decision: Decision) -> Path:
    """Write the decision into the run's folder, and return its path."""
    path = decision_path(project, decision.run)
    write_record(path, decision)
    return path


def failed_rules(decision: Decision) -> list[str]:
    """A line for each rule that the model did not pass: its name and its result."""
    return [f"{result.rule}: {result.message}" for result in decision.rules if not result.passed]


def _output(run: Run, name: str) -> Artifact:
    if name not in run.outputs:
        raise InputError(
            f"The run {run.id} has no output {name}, which mlops.yaml names.",
            hint=did_you_mean(name, run.outputs),
        )
    return run.outputs[name]


def _files(project: Project, run: Run) -> tuple[list[Artifact], list[str]]:
    """The files and folders that the run's model depends on, with their current digests, and what has changed."""
    pipeline = project.manifest.pipeline
    lock = Artifact(path="uv.lock", sha256=run.lock_sha256)
    inputs = [value for value in run.inputs.values() if isinstance(value, Artifact)]
    outputs = [_output(run, name) for name in (pipeline.model, pipeline.evaluation)]
    looked_at = [
        _artifact(project, project.manifest.model.gate),
        _artifact(project, f"{STATE_FOLDER}/runs/{run.id}/run.json"),
    ]
    problems = []
    for expected in [run.pipeline, lock, *inputs, *outputs]:
        if not project.path(expected.path).exists():
            problems.append(f"{expected.path} is missing: run again")
            continue
        found = _artifact(project, expected.path)
        looked_at.append(found)
        if found.sha256 != expected.sha256:
            problems.append(f"{expected.path} has changed since the run: run again")
    return looked_at, problems


def _artifact(project: Project, path: str) -> Artifact:
    return Artifact(path=path, sha256=digest_tree(project.path(path)))


def _contradictions(model: Artifact, evaluation: Evaluation, champion: Champion | None, folder: Path) -> Iterator[str]:
    """Where the evaluation is not about this model, this champion or the same rows."""
    if evaluation.challenger.sha256 != model.sha256:
        yield f"the evaluation is of model {evaluation.challenger.sha256}; the run's model is {model.sha256}"
    yield from _champion_contradictions(evaluation, champion)
    if not 0 < evaluation.confidence < 1:
        yield f"the confidence of the intervals is {evaluation.confidence}, which is not between 0 and 1"
    if not evaluation.data_checks:
        yield "the evaluation has no data checks"
    yield from _losses_contradictions(folder, evaluation)


def _champion_contradictions(evaluation: Evaluation, champion: Champion | None) -> Iterator[str]:
    scored = evaluation.champion
    if champion is None:
        if scored is not None:
            yield "the evaluation has a champion, but none is registered: run again"
    elif scored is not None and scored.sha256 == champion.sha256:
        if evaluation.champion_rows != evaluation.rows:
            yield "champion and challenger were scored on different rows"
    elif evaluation.challenger.sha256 == champion.sha256:
        yield f"this model is already the champion, version {champion.version}; to compare it with itself, run again"
    elif scored is None:
        yield f"version {champion.version} is the champion, but the evaluation has no champion: run again"
    else:
        yield f"the evaluation's champion is not version {champion.version}, which is the champion now: run again"


def _losses_contradictions(folder: Path, evaluation: Evaluation) -> Iterator[str]:
    """Where the file of the losses contradicts the evaluation."""
    path = folder / evaluation.losses.path
    if not path.resolve().is_relative_to(folder.resolve()) or not path.is_file():
        yield f"the folder of evaluation.json has no file {evaluation.losses.path} with the losses"
        return
    if digest_file(path) != evaluation.losses.sha256:
        yield f"{evaluation.losses.path} does not have the digest in evaluation.json"
        return
    columns = ["challenger", "baseline", *(["champion"] if evaluation.champion else [])]
    count = 0
    try:
        with path.open(newline="", encoding="utf-8", errors="replace") as file:
            for count, row in enumerate(csv.DictReader(file), start=1):
                if missing := [column for column in columns if not _is_finite(row.get(column))]:
                    yield f"{evaluation.losses.path}: row {count} has no finite loss of the {missing[0]}"
                    return
    except csv.Error as error:
        yield f"{evaluation.losses.path} is not a CSV table: {error}"
        return
    if count != evaluation.rows.count or count == 0:
        yield f"{evaluation.losses.path} has {count} rows; evaluation.json has {evaluation.rows.count}"


def _is_finite(text: str | None) -> bool:
    try:
        return math.isfinite(float(text or ""))
    except ValueError:
        return False
