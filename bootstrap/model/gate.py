"""The gate: the decision between challenger and champion, made by `gate.yml` from what a run left on disk.

`judge` reads and decides, `record` writes. The evidence comes first (files as the run made them, models and rows that
are what they are said to be), the rules (`bootstrap.model.rules`) after it. Nothing is trusted but digests, so that
`register` can judge again and must come to the same decision.
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
    RunRecord,
    read_record,
    write_record,
)
from bootstrap.model.rules import EVIDENCE, Gate, apply
from bootstrap.project import STATE_FOLDER, Project
from bootstrap.yaml import load


def find_run(project: Project, run_id: str | None = None) -> RunRecord:
    """The run with this id, or the last run of the project's training pipeline.

    Raises:
        MissingError: There is no run yet.
        InputError: There is no run of this id, or its record is broken or from a newer mlops-bootstrap.
    """
    records = {path.parent.name: path for path in (project.state / "runs").glob("*/run.json")}
    if run_id is not None:
        if run_id not in records:
            raise InputError(f"There is no run {run_id}.", hint=did_you_mean(run_id, sorted(records)[-5:]))
        return read_record(records[run_id], RunRecord)
    for name in sorted(records, reverse=True):
        run = read_record(records[name], RunRecord)
        if run.pipeline.path == project.manifest.pipeline.file:
            return run
    raise MissingError(
        f"{project.manifest.pipeline.file} has not been run here yet.",
        hint="Train a model first: mlops-bootstrap run",
    )


def model_of(project: Project, run: RunRecord) -> Artifact:
    """The model that `run` made. Raises InputError when the run has no such output."""
    return _output(run, project.manifest.pipeline.model)


def decision_path(project: Project, run_id: str) -> Path:
    """Where the decision about a run's model lies."""
    return project.state / "runs" / run_id / "decision.json"


def judge(project: Project, run: RunRecord) -> Decision:
    """Decide about the model of `run`, reading files only: the same files give the same decision.

    Raises:
        InputError: `gate.yml` or `evaluation.json` is not of its form, or the run lacks an output that mlops.yaml
            names.
        RefusedError: The run did not complete, so that there is nothing to decide about.
    """
    if run.status != "completed":
        raise RefusedError(
            f"The run {run.id} {'failed' if run.status == 'failed' else 'was interrupted'}: it has no model to judge.",
            hint="Read its logs below .mlops/runs, then: mlops-bootstrap run",
        )
    gate = load(project.path(project.manifest.model.gate), Gate)
    model = model_of(project, run)
    champion = registry.champion_record(project)
    looked_at, problems = _files(project, run)
    results: list[RuleResult] = []
    if not problems:
        evaluation = _read_evaluation(project, run)
        problems = list(_contradictions(project, run, evaluation, champion))
        results = apply(gate.rules, evaluation, champion)
    if champion is not None:
        version = registry.folder(project, champion.sha256) / registry.RECORD
        looked_at.append(_artifact(project, version.relative_to(project.root).as_posix()))
    found = [RuleResult(rule=EVIDENCE, passed=False, message=problem) for problem in problems] or [
        RuleResult(rule=EVIDENCE, passed=True, message=f"{len(looked_at)} files and folders are what they should be")
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


def standing(project: Project, run: RunRecord) -> Decision | None:
    """The decision that let the model of `run` in, when it is the champion already and `run` came before that.

    There is nothing left to decide about such a run. One that was made since compares the champion with itself.

    Raises:
        InputError: The run has no model.
    """
    champion = registry.champion(project)
    if champion is None or run.status != "completed" or run.champion == registry.champion_record(project):
        return None
    return registry.decision(project, champion) if model_of(project, run).sha256 == champion.model.sha256 else None


def record(project: Project, decision: Decision) -> Path:
    """Write the decision beside its run, and return its path."""
    path = decision_path(project, decision.run)
    write_record(path, decision)
    return path


def refusals(decision: Decision) -> list[str]:
    """A line for each rule that the model did not pass: which, and by how much."""
    return [f"{result.rule}: {result.message}" for result in decision.rules if not result.passed]


def _output(run: RunRecord, name: str) -> Artifact:
    if name not in run.outputs:
        raise InputError(
            f"The run {run.id} has no output {name}, which mlops.yaml names.",
            hint=did_you_mean(name, run.outputs),
        )
    return run.outputs[name]


def _files(project: Project, run: RunRecord) -> tuple[list[Artifact], list[str]]:
    """Everything that the run's model came from, as it lies there now, and what has changed since the run."""
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
            problems.append(f"{expected.path} is gone: run again")
            continue
        found = _artifact(project, expected.path)
        looked_at.append(found)
        if found.sha256 != expected.sha256:
            problems.append(f"{expected.path} has changed since the run: run again")
    return looked_at, problems


def _artifact(project: Project, path: str) -> Artifact:
    return Artifact(path=path, sha256=digest_tree(project.path(path)))


def _evaluation_folder(project: Project, run: RunRecord) -> Path:
    return project.path(_output(run, project.manifest.pipeline.evaluation).path)


def _read_evaluation(project: Project, run: RunRecord) -> Evaluation:
    return read_record(_evaluation_folder(project, run) / "evaluation.json", Evaluation)


def _contradictions(
    project: Project, run: RunRecord, evaluation: Evaluation, champion: Champion | None
) -> Iterator[str]:
    """What in the evaluation is not about this model, this champion or the same rows."""
    model = model_of(project, run)
    if evaluation.challenger.sha256 != model.sha256:
        yield f"the evaluation is of another model than the run's ({evaluation.challenger.sha256}, not {model.sha256})"
    yield from _champion_contradictions(evaluation, champion)
    if not 0 < evaluation.confidence < 1:
        yield f"the intervals' confidence is {evaluation.confidence}, which is not between 0 and 1"
    if not evaluation.data_checks:
        yield "the evaluation tells of no check of the data"
    yield from _losses_contradictions(_evaluation_folder(project, run), evaluation)


def _champion_contradictions(evaluation: Evaluation, champion: Champion | None) -> Iterator[str]:
    scored = evaluation.champion
    if champion is None:
        if scored is not None:
            yield "the evaluation has a champion, but none is registered: run again"
        return
    others = scored is None or scored.sha256 != champion.sha256
    if others and evaluation.challenger.sha256 == champion.sha256:
        yield f"this model is version {champion.version}, the champion already; to compare it with itself, run again"
    elif scored is None:
        yield f"version {champion.version} is the champion, but the evaluation has no champion: run again"
    elif scored.sha256 != champion.sha256:
        yield f"the evaluation's champion is not version {champion.version}, which is the champion now: run again"
    elif evaluation.champion_rows != evaluation.rows:
        yield "champion and challenger were scored on different rows"


def _losses_contradictions(folder: Path, evaluation: Evaluation) -> Iterator[str]:
    """What in the per-row losses does not fit what the evaluation says about them."""
    path = folder / evaluation.losses.path
    if not path.resolve().is_relative_to(folder.resolve()) or not path.is_file():
        yield f"there is no file {evaluation.losses.path} with the losses beside evaluation.json"
        return
    if digest_file(path) != evaluation.losses.sha256:
        yield f"{evaluation.losses.path} is not the file that evaluation.json names"
        return
    columns = ["challenger", "baseline", *(["champion"] if evaluation.champion else [])]
    count = 0
    try:
        with path.open(newline="", encoding="utf-8", errors="replace") as file:
            for count, row in enumerate(csv.DictReader(file), start=1):
                if missing := [column for column in columns if not _is_finite(row.get(column))]:
                    yield f"{evaluation.losses.path}: row {count} has no number as the loss of the {missing[0]}"
                    return
    except csv.Error as error:
        yield f"{evaluation.losses.path} is no table: {error}"
        return
    if count != evaluation.rows.count or count == 0:
        yield f"{evaluation.losses.path} has {count} rows, evaluation.json says {evaluation.rows.count}"


def _is_finite(text: str | None) -> bool:
    try:
        return math.isfinite(float(text or ""))
    except ValueError:
        return False
