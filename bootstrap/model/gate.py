"""The gate: decides by the rules of `gate.yml` whether the challenger of a run may replace the champion.

`decide` first checks the evidence: unchanged files, an evaluation of this model, this champion and the same rows, and
numbers that follow from its losses (`bootstrap.model.evidence`). Then it applies the rules (`bootstrap.model.rules`).
The result depends on file content only, so `register` can repeat it.
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath

from bootstrap import __version__
from bootstrap.digest import digest_files, digest_tree, tree_files
from bootstrap.errors import InputError, MissingError, RefusedError, did_you_mean
from bootstrap.model import registry
from bootstrap.model.code import code_files
from bootstrap.model.evidence import check
from bootstrap.model.records import (
    Artifact,
    Champion,
    Decision,
    Evaluation,
    RuleResult,
    Run,
    ServeCheck,
    Step,
    read_record,
    read_run,
    write_record,
)
from bootstrap.model.rules import EVIDENCE, Evidence, Gate, apply
from bootstrap.project import STATE_FOLDER, Project
from bootstrap.yaml import read, validated


def find_run(project: Project, run_id: str | None = None, pipeline: str | None = None) -> Run:
    """The run with this id, or the last run of a pipeline, in both cases of this project, model and pipeline.

    Args:
        pipeline: The pipeline file, relative to the project's root; by default the one that mlops.yaml names.

    Raises:
        MissingError: There is no run yet.
        InputError: There is no run with this id, or its record is invalid or from a newer mlops-bootstrap.
        RefusedError: The run is of another project, model or pipeline.
    """
    wanted = PurePosixPath(pipeline or project.manifest.pipeline.file).as_posix()
    if run_id is not None:
        run = read_run_of(project, run_id)
        if run.pipeline.path != wanted:
            raise RefusedError(
                f"The run {run.id} is of the pipeline {run.pipeline.path}, not of {wanted}.",
                hint=f"If its model is to be judged, name the pipeline: --pipeline {run.pipeline.path}",
            )
        return run
    for path in _records(project):
        run = read_run(path)
        if run.pipeline.path == wanted:
            return _of_this_model(project, run)
    raise MissingError(
        f"The pipeline {wanted} has not run on this machine yet.",
        hint=f"Train a model first: {project.command(f'run {pipeline}' if pipeline else 'run')}",
    )


def read_run_of(project: Project, run_id: str) -> Run:
    """The run with this id, of any pipeline. Raises as `find_run` does."""
    records = {path.parent.name: path for path in _records(project)}
    if run_id not in records:
        raise InputError(f"There is no run {run_id}.", hint=did_you_mean(run_id, list(records)[:5]))
    return _of_this_model(project, read_run(records[run_id]))


def _records(project: Project) -> list[Path]:
    """The records of all runs, the last one first."""
    return sorted(project.path(f"{STATE_FOLDER}/runs").glob("*/run.json"), reverse=True)


def _of_this_model(project: Project, run: Run) -> Run:
    found, wanted = (run.project, run.model), (project.manifest.name, project.manifest.model.name)
    if found != wanted:
        raise RefusedError(
            f"The run {run.id} is not of this project and model.",
            why=f"It is of {found[0]} and its model {found[1]}; mlops.yaml has {wanted[0]} and {wanted[1]}.",
            hint=f"Run the pipeline of this project: {project.command('run')}",
        )
    return run


def model_of(project: Project, run: Run) -> Artifact:
    """The model that `run` created. Raises InputError when the run has no such output."""
    return _output(run, project.manifest.pipeline.model)


def decision_path(project: Project, run_id: str) -> Path:
    """The file of the decision about a run's model."""
    return project.path(f"{STATE_FOLDER}/runs/{run_id}/decision.json")


def serve_check_path(project: Project, run_id: str) -> Path:
    """The file of the check of a run's model as a server."""
    return project.path(f"{STATE_FOLDER}/runs/{run_id}/serve-check.json")


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
    checked = ""
    if not problems:
        folder = project.path(_output(run, project.manifest.pipeline.evaluation).path)
        evaluation = read_record(folder / "evaluation.json", Evaluation)
        found, recomputed, losses = check(evaluation, folder)
        problems = [*_contradictions(model, evaluation, champion), *found]
        checked = _checked(evaluation, recomputed)
        if losses is not None and not problems:
            serve_check = _serve_check(project, run, model, looked_at)
            size = _size(project.path(model.path))
            results = apply(gate, Evidence(evaluation, losses, champion, size, _started_at(run), serve_check))
    if champion is not None:
        version = registry.version_folder(project, champion.sha256) / registry.RECORD
        looked_at.append(_artifact(project, version))
    evidence = [RuleResult(rule=EVIDENCE, passed=False, message=problem) for problem in problems] or [
        RuleResult(rule=EVIDENCE, passed=True, message=f"{len(looked_at)} files and folders are unchanged{checked}")
    ]
    return Decision(
        schema_version=1,
        passed=bool(results) and all(result.passed for result in [*evidence, *results]),
        model=model,
        champion=champion,
        run=run.id,
        rules=[*evidence, *results],
        looked_at=looked_at,
        edited_code=_edited_code(project, run),
        decided_at=datetime.now(UTC).isoformat(timespec="seconds"),
        tool=__version__,
    )


_UNFINISHED = {"partial": "ran some steps only", "failed": "failed", "interrupted": "was interrupted"}


def require_completed(project: Project, run: Run) -> None:
    """Raise RefusedError if `run` failed, was interrupted or ran some steps only.

    The error names its logs and the next command.
    """
    if run.status == "completed":
        return
    logs = [f"{name} {step.status}" + (f": {step.log}" if step.log else "") for name, step in run.jobs.items()
            if step.status in ("failed", "interrupted")]  # fmt: skip
    older = (read_run(path) for path in _records(project) if path.parent.name < run.id)
    earlier = next(
        (one.id for one in older if one.status == "completed" and one.pipeline.path == run.pipeline.path), None
    )
    use = f" To use the last completed run instead: {project.command(f'model gate --run {earlier}')}" if earlier else ""
    raise RefusedError(
        f"The last run, {run.id}, {_UNFINISHED[run.status]}: it has no model.",
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
    code = [step.code for step in run.jobs.values() if step.code is not None]
    looked_at = [
        _artifact(project, project.path(project.manifest.model.gate)),
        _artifact(project, decision_path(project, run.id).with_name("run.json")),
    ]
    problems = [
        f"the run has no copy of the code of {name}: run again" for name, step in run.jobs.items() if not step.code
    ]
    made = [artifact for step in run.jobs.values() for artifact in step.outputs.values()]
    problems += [f"{one.path} is not the output of a step of this run: run again" for one in outputs if one not in made]
    expected = [(project.path(one.path), one) for one in [run.pipeline, lock, *outputs, *code]]
    expected += [(project.root / one.path, one) for one in inputs]  # data may lie elsewhere
    for path, artifact in expected:
        if not path.exists():
            problems.append(f"{artifact.path} is missing: run again")
            continue
        try:
            found = _artifact(project, path)
        except InputError as error:  # something without a digest, which the run would have refused
            problems.append(error.what)
            continue
        looked_at.append(found)
        if found.sha256 != artifact.sha256:
            problems.append(f"{artifact.path} has changed since the run: run again")
    return looked_at, problems


def _serve_check(project: Project, run: Run, model: Artifact, looked_at: list[Artifact]) -> ServeCheck | None:
    """The check of the run's model as a server; None if there is none of this model."""
    path = serve_check_path(project, run.id)
    if not path.exists():
        return None
    looked_at.append(_artifact(project, path))
    found = read_record(path, ServeCheck)
    return found if found.model_sha256 == model.sha256 else None


def _size(path: Path) -> int:
    """The bytes of a model's files."""
    return sum(file.stat().st_size for file in (tree_files(path).values() if path.is_dir() else [path]))


def _started_at(run: Run) -> datetime | None:
    try:
        return datetime.fromisoformat(run.started_at).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _artifact(project: Project, path: Path) -> Artifact:
    name = path.relative_to(project.root) if path.is_relative_to(project.root) else path
    return Artifact(path=name.as_posix(), sha256=digest_tree(path))


def _edited_code(project: Project, run: Run) -> list[str]:
    """The folders with code of the run's steps that was edited since; the steps ran in copies, which are checked."""
    return sorted(
        {
            step.source
            for step in run.jobs.values()
            if step.source is not None and step.code is not None and _code(project, step) != step.code.sha256
        }
    )


def _code(project: Project, step: Step) -> str | None:
    """The digest of a step's code as it is now; None if it is not there."""
    try:
        folder = None if step.source is None else project.path(step.source)
        return digest_files(code_files(folder, [project.root / include for include in step.includes]))
    except (InputError, FileNotFoundError):
        return None


def _checked(evaluation: Evaluation, names: Sequence[str]) -> str:
    """The metrics that were recomputed, and those that cannot be."""
    reported = dict.fromkeys([*evaluation.metrics, *evaluation.challenger.metrics])
    believed = [name for name in reported if name not in names]
    words = f"; {', '.join(names)} recomputed from {evaluation.rows.count} rows" if names else ""
    return words + (f"; not recomputed: {', '.join(believed)}" if believed else "")


def _contradictions(model: Artifact, evaluation: Evaluation, champion: Champion | None) -> Iterator[str]:
    """Where the evaluation is not about this model, this champion or the same rows."""
    if evaluation.challenger.sha256 != model.sha256:
        yield f"the evaluation is of model {evaluation.challenger.sha256}; the run's model is {model.sha256}"
    yield from _champion_contradictions(evaluation, champion)
    if not evaluation.data_checks:
        yield "the evaluation has no data checks"


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
