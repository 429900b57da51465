"""What a run, an evaluation, a decision and a registered version say about themselves, as files.

These formats are public: docs/formats.md. Each reads what the step before it wrote, and trusts only digests.
"""

import json
from pathlib import Path
from typing import Annotated, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from bootstrap.errors import InputError
from bootstrap.files import write_atomically
from bootstrap.yaml.messages import in_words

Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class _Record(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Artifact(_Record):
    """A file or folder, by path relative to the project's root (forward slashes) and by content."""

    path: str
    sha256: Sha256


class Interval(_Record):
    """A number with its bootstrap interval.

    Attributes:
        value: The number itself. May be NaN, which no rule passes.
        low: The interval's lower end.
        high: The interval's upper end.
    """

    value: float
    low: float
    high: float


class Scores(_Record):
    """How one model did on the evaluation's rows.

    Attributes:
        sha256: The digest of the model's folder; None for the baseline, which is no model.
        metrics: Each metric with its interval, by name.
        groups: By grouping column, by group, by metric: the value on that group's rows.
    """

    sha256: Sha256 | None = None
    metrics: dict[str, Interval]
    groups: dict[str, dict[str, dict[str, float]]] = {}


class Metric(_Record):
    """What a metric's numbers mean: which direction is better."""

    better: Literal["lower", "higher"]


class Rows(_Record):
    """The rows that were scored: how many, and the digest of their ids and true values in order."""

    count: int
    sha256: Sha256


class DataCheck(_Record):
    """One check of the data, and what it found."""

    name: str
    passed: bool
    message: str = ""


class Evaluation(_Record):
    """`evaluation.json`: challenger, champion and baseline, scored on the same rows by the evaluate step.

    Attributes:
        rows: The rows that challenger and baseline were scored on.
        champion_rows: The rows that the champion was scored on; must be the same.
        losses: The file with the per-row losses, beside this one.
        differences: By other model ("baseline", "champion"), by metric: challenger minus other, on paired rows.
        data_checks: Empty means that nothing was checked.
    """

    schema_version: Literal[1]
    problem: Literal["regression", "classification"]
    rows: Rows
    champion_rows: Rows | None = None
    losses: Artifact
    confidence: float
    metrics: dict[str, Metric]
    challenger: Scores
    champion: Scores | None = None
    baseline: Scores
    differences: dict[Literal["baseline", "champion"], dict[str, Interval]]
    data_checks: list[DataCheck]


class JobRecord(_Record):
    """What happened to one job of a pipeline run."""

    component: str
    status: Literal["completed", "cached", "failed", "interrupted", "skipped"]
    seconds: float
    key: str
    after: list[str]
    inputs: dict[str, Artifact | str | int | float | bool]
    outputs: dict[str, Artifact]
    log: str | None = None
    mlflow_run_id: str | None = None


class GitState(_Record):
    """The commit that a run's files came from; dirty when tracked or new files differed from it."""

    commit: str | None
    dirty: bool


class Champion(_Record):
    """The version that served when the run began."""

    version: str
    sha256: Sha256


class RunRecord(_Record):
    """`run.json`: one run of a pipeline file."""

    schema_version: Literal[1]
    id: str
    project: str
    pipeline: Artifact
    status: Literal["completed", "failed", "interrupted"]
    started_at: str
    seconds: float
    inputs: dict[str, Artifact | str | int | float | bool]
    champion: Champion | None
    jobs: dict[str, JobRecord]
    outputs: dict[str, Artifact]
    git: GitState
    lock_sha256: Sha256
    python: str
    tool: str
    mlflow_run_id: str | None = None


class RuleResult(_Record):
    """What one rule of `gate.yml` came to, in numbers and in words."""

    rule: str
    passed: bool
    message: str
    value: float | None = None
    low: float | None = None
    high: float | None = None
    limit: float | None = None


class Decision(_Record):
    """`decision.json`: the gate's answer about one model, and everything that it looked at."""

    schema_version: Literal[1]
    passed: bool
    model: Artifact
    champion: Champion | None
    run: str
    rules: list[RuleResult]
    looked_at: list[Artifact]
    decided_at: str
    tool: str


class Version(_Record):
    """`version.json`: a registered version and its lineage.

    Attributes:
        stage: "champion" is the one that serves; the ones before it are "retired".
        tags: The lineage, the same strings that the version carries in MLflow's registry.
    """

    schema_version: Literal[1]
    name: str
    version: str
    stage: Literal["champion", "retired"]
    model: Artifact
    registered_at: str
    tags: dict[str, str]


Record = TypeVar("Record", bound=_Record)


def read_record(path: Path, record: type[Record]) -> Record:
    """Read one of these files. Raises InputError when it is not there, newer than we are, or not of this form."""
    try:
        content = path.read_bytes()
        return record.model_validate_json(content)
    except FileNotFoundError as error:
        raise InputError(f"There is no file {path}.") from error
    except OSError as error:
        raise InputError(f"{path} cannot be read.", why=error.strerror or str(error)) from error
    except ValidationError as error:
        if _written_by_a_newer_tool(content):
            raise InputError(
                f"{path} was written by a newer mlops-bootstrap.", hint="Update it: uv tool upgrade mlops-bootstrap"
            ) from error
        details = [f"{'.'.join(map(str, item['loc'])) or 'document'}: {in_words([item])[0]}" for item in error.errors()]
        raise InputError(f"{path} is not a {record.__name__.lower()} record of version 1.", details=details) from error


def write_record(path: Path, record: _Record) -> None:
    """Write a record so that a reader sees the whole of it or nothing."""
    write_atomically(path, json.dumps(record.model_dump(mode="json"), indent=2) + "\n")


def _written_by_a_newer_tool(content: bytes) -> bool:
    try:
        document = json.loads(content)
    except (ValueError, RecursionError):
        return False
    version = document.get("schema_version") if isinstance(document, dict) else None
    return isinstance(version, int) and version > 1
