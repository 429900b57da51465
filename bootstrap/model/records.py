"""The JSON documents of a run, an evaluation, a decision and a registered version. Formats: docs/formats.md."""

import json
from pathlib import Path
from typing import Annotated, Literal, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from bootstrap.errors import InputError
from bootstrap.files import read_bounded, write_atomically
from bootstrap.yaml.messages import in_words

Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]

RunId = Annotated[str, Field(pattern=r"^[0-9A-Za-z][0-9A-Za-z-]{0,63}$")]
"""The id of a run, which is the name of its folder."""


def _path(path: str) -> str:
    if not path or "\0" in path:
        raise ValueError(f"{path!r} must be a path")
    return path


def _in_project(path: str) -> str:
    if Path(path).is_absolute() or Path(path).drive or ".." in Path(path).parts:
        raise ValueError(f"{path!r} must be a path inside the project")
    return path


AnyPath = Annotated[str, AfterValidator(_path)]
ProjectPath = Annotated[AnyPath, AfterValidator(_in_project)]
"""A path relative to the project's root and below it, with forward slashes."""


class _Record(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)


class Artifact(_Record):
    """A file or folder: its path with forward slashes, and its digest.

    The path is relative to the project's root. Data that a user reads from elsewhere have an absolute one.
    """

    path: AnyPath
    sha256: Sha256


def _artifact_in_project(artifact: Artifact) -> Artifact:
    _in_project(artifact.path)
    return artifact


ProjectArtifact = Annotated[Artifact, AfterValidator(_artifact_in_project)]
"""A file or folder inside the project."""


class Interval(_Record):
    """A number with its bootstrap interval.

    Attributes:
        value: The number. NaN passes no rule.
        low: The lower end of the interval.
        high: The upper end of the interval.
    """

    value: float
    low: float
    high: float


class Scores(_Record):
    """The metrics of one model on the evaluation's rows.

    Attributes:
        sha256: The digest of the model's folder; None for the baseline.
        metrics: Each metric with its interval, by name.
        groups: The value on the rows of a group, by grouping column, group and metric.
    """

    sha256: Sha256 | None = None
    metrics: dict[str, Interval]
    groups: dict[str, dict[str, dict[str, float]]] = {}


class Metric(_Record):
    """The better direction of a metric."""

    better: Literal["lower", "higher"]


class Rows(_Record):
    """The scored rows: their number, and the digest of their ids and true values in order."""

    count: int
    sha256: Sha256


class DataCheck(_Record):
    """One check of the data and its result."""

    name: str
    passed: bool
    message: str = ""


class Evaluation(_Record):
    """`evaluation.json`: challenger, champion and baseline, scored on the same rows by the evaluate step.

    Attributes:
        rows: The rows of challenger and baseline.
        champion_rows: The rows of the champion; must be the same.
        losses: The file with the loss of each row, in the same folder.
        differences: Challenger minus the other model ("baseline" or "champion") on paired rows, by model and metric.
        data_checks: The checks of the data; empty if there were none.
    """

    schema_version: Literal[1]
    problem: Literal["regression", "classification"]
    rows: Rows
    champion_rows: Rows | None = None
    losses: ProjectArtifact
    confidence: float
    metrics: dict[str, Metric]
    challenger: Scores
    champion: Scores | None = None
    baseline: Scores
    differences: dict[Literal["baseline", "champion"], dict[str, Interval]]
    data_checks: list[DataCheck]


class Step(_Record):
    """The execution of one job of the pipeline.

    Attributes:
        seconds: How long the command ran; 0 for a step that did not run.
        key: The digest of everything that the outputs depend on.
        after: The jobs whose outputs are inputs of this one.
        source: The folder of the code in the project; None if it lies elsewhere, or if there is none.
        includes: The files and folders that `additional_includes` adds to it.
        code: The copy of both that the command ran with; None if it did not complete.
        log: The file with the command's output.
    """

    component: str
    status: Literal["completed", "cached", "failed", "interrupted", "skipped"]
    seconds: float
    key: str
    after: list[str]
    inputs: dict[str, Artifact | str | int | float | bool]
    outputs: dict[str, ProjectArtifact]
    source: ProjectPath | None
    includes: list[AnyPath] = []
    code: ProjectArtifact | None
    log: str | None = None
    mlflow_run_id: str | None = None


class GitState(_Record):
    """The commit of the project at the time of a run; dirty if tracked or new files differed from it."""

    commit: str | None
    dirty: bool


class Champion(_Record):
    """The version that was the champion at the time of a run or a decision."""

    version: str
    sha256: Sha256


class Run(_Record):
    """`run.json`: one run of a pipeline file.

    Attributes:
        model: The name under which mlops.yaml registers the model.
        status: `partial` if all went well, but only some steps were asked for.
        seconds: The whole run.
        overhead: The seconds outside of the steps, by activity: `environment` (uv creates or checks it), `mlflow`
            (waiting for the MLflow store) and `digests` (hashing inputs and outputs).
        data_checks: The checks of the data as the evaluation reports them; None without a readable evaluation.
    """

    schema_version: Literal[1]
    id: RunId
    project: str
    model: str
    pipeline: ProjectArtifact
    status: Literal["completed", "partial", "failed", "interrupted"]
    started_at: str
    seconds: float
    inputs: dict[str, Artifact | str | int | float | bool]
    champion: Champion | None
    jobs: dict[str, Step]
    outputs: dict[str, ProjectArtifact]
    git: GitState
    lock_sha256: Sha256
    python: str
    tool: str
    mlflow_run_id: str | None = None
    overhead: dict[str, float] = {}
    data_checks: list[DataCheck] | None = None


class RuleResult(_Record):
    """The result of one rule of `gate.yml`.

    Attributes:
        undecided: The rule did not pass, but the rows do not show the opposite either.
        low: The lower end of the interval; None also if the rows cannot tell.
        high: The upper end of the interval; None also if the rows cannot tell.
        confidence: The confidence of the interval, by Holm's method; one end of it is what is compared.
        p: The p-value of the rule, adjusted by Holm's method.
        limit: What the interval is compared with.
        side: Whether the interval must lie below or above `limit`.
    """

    rule: str
    passed: bool
    message: str
    undecided: bool = False
    value: float | None = None
    low: float | None = None
    high: float | None = None
    confidence: float | None = None
    p: float | None = None
    limit: float | None = None
    side: Literal["at_most", "at_least"] | None = None


class ServeCheck(_Record):
    """`serve-check.json`: the result of `model serve --check --run`, beside the run whose model it is about.

    Attributes:
        p95_ms: The 95th percentile of the latency.
        p95_high_ms: Its upper confidence limit, with a confidence of 97.5 %.
    """

    schema_version: Literal[1]
    model_sha256: Sha256
    passed: bool
    requests: int
    p95_ms: float
    p95_high_ms: float
    measured_at: str
    tool: str


class Decision(_Record):
    """`decision.json`: the gate's decision about one model, and the digests of all files that it depends on.

    Attributes:
        edited_code: Folders with code that was edited since the run; the run's own copies did not change.
    """

    schema_version: Literal[1]
    passed: bool
    model: ProjectArtifact
    champion: Champion | None
    run: RunId
    rules: list[RuleResult]
    looked_at: list[Artifact]
    edited_code: list[str]
    decided_at: str
    tool: str


class Version(_Record):
    """`version.json`: a registered version and its lineage.

    Attributes:
        stage: The version that serves is the "champion"; its predecessors are "retired".
        tags: The lineage, equal to the tags of the version in MLflow's registry.
    """

    schema_version: Literal[1]
    name: str
    version: str
    stage: Literal["champion", "retired"]
    model: ProjectArtifact
    registered_at: str
    tags: dict[str, str]


Record = TypeVar("Record", bound=_Record)


def read_record(path: Path, record: type[Record]) -> Record:
    """Read one of these documents. Raises InputError if it is missing, from a newer version of the tool, or invalid."""
    return parse_record(read_bytes(path), path, record)


def read_bytes(path: Path) -> bytes:
    """The content of one of these documents. Raises InputError if it is missing or cannot be read."""
    try:
        return read_bounded(path)
    except FileNotFoundError as error:
        raise InputError(f"There is no file {path}.") from error
    except OSError as error:
        raise InputError(f"{path} cannot be read.", why=error.strerror or str(error)) from error


def parse_record(content: bytes, path: Path, record: type[Record]) -> Record:
    """The document with this content, which was read from `path`. Raises InputError as `read_record` does."""
    try:
        return record.model_validate_json(content)
    except ValidationError as error:
        versions = [item["input"] for item in error.errors() if item["loc"] == ("schema_version",)]
        if any(isinstance(version, int) and version > 1 for version in versions):
            raise InputError(
                f"{path} was written by a newer version of mlops-bootstrap.",
                hint="Update mlops-bootstrap: uv tool upgrade mlops-bootstrap",
            ) from error
        details = [f"{'.'.join(map(str, item['loc'])) or 'document'}: {in_words([item])[0]}" for item in error.errors()]
        raise InputError(f"{path} is not a valid {path.name} of version 1.", details=details) from error


def read_run(path: Path) -> Run:
    """Read a `run.json`. Raises InputError as `read_record` does, and if it is not the record of its folder."""
    run = read_record(path, Run)
    if run.id != path.parent.name:
        raise InputError(
            f"{path} does not belong to its folder.",
            why=f"It is the record of the run {run.id}.",
            hint="Delete the folder of this run, and run the pipeline again.",
        )
    return run


def write_record(path: Path, record: _Record) -> None:
    """Write a document atomically."""
    write_atomically(path, json.dumps(record.model_dump(mode="json"), indent=2) + "\n")
