"""The keys of job and component files, as azure-ai-ml 1.35 accepts them, with the types of their values.

https://learn.microsoft.com/azure/machine-learning/reference-yaml-overview
"""

from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from bootstrap.pipeline.check import CASTS, text_of
from bootstrap.pipeline.graph import Value

DataType = Literal["uri_file", "uri_folder", "mltable", "mlflow_model", "custom_model", "triton_model"]
InputType = Literal[DataType, "string", "number", "integer", "boolean"]
Mode = Literal["ro_mount", "rw_mount", "mount", "download", "upload", "direct", "eval_mount", "eval_download", "link"]


class _Keys(BaseModel):
    # Most files use few of the forms; the validators of the others are never built.
    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True, defer_build=True)


class InputKeys(_Keys):
    """An input that a component declares."""

    type: InputType
    description: str | None = None
    optional: bool = False
    default: Any = None
    min: float | None = None
    max: float | None = None
    enum: list[Any] | None = None
    mode: Mode | None = None

    @model_validator(mode="after")
    def _choices_are_of_the_type(self) -> Self:
        self.choices()
        return self

    def choices(self) -> tuple[Value, ...] | None:
        """The allowed values, cast to the input's type: azure-ai-ml requires strings for every type."""
        return None if self.enum is None else tuple(CASTS.get(self.type, text_of)(one) for one in self.enum)


class JobInputKeys(InputKeys):
    """An input of a job or pipeline job, written as a mapping."""

    type: InputType = "uri_folder"
    path: str | None = None
    value: Value | None = None
    datastore: str | None = None
    path_on_compute: str | None = None


class OutputKeys(_Keys):
    """An output of a component, job or pipeline job."""

    type: DataType = "uri_folder"
    description: str | None = None
    mode: Mode | None = None
    path: str | None = None
    name: str | None = None
    version: Value | None = None


class _Described(_Keys):
    """The keys that components and jobs share; they have no effect on this machine."""

    schema_: str | None = Field(None, alias="$schema")
    name: str | None = None
    display_name: str | None = None
    description: str | None = None
    tags: dict[str, Any] = {}
    properties: dict[str, Any] = {}


class _Command(_Keys):
    """What is run."""

    command: str
    code: str | None = None
    environment: Any = None
    environment_variables: dict[str, Value] = {}
    resources: Any = None
    distribution: Any = None
    queue_settings: Any = None


class _Component(_Described):
    version: str | int | float | None = None
    inputs: dict[str, InputKeys] = {}
    outputs: dict[str, OutputKeys] = {}
    is_deterministic: bool = True
    additional_includes: list[str] = []


class CommandComponentKeys(_Component, _Command):
    """A command component."""

    type: Literal["command"] = "command"


class PipelineComponentKeys(_Component):
    """A pipeline component."""

    type: Literal["pipeline"]
    jobs: dict[str, Any]


class _Job(_Described):
    """The keys of all jobs. `compute` and what is beside it have no effect on this machine."""

    inputs: dict[str, Any] = {}
    outputs: dict[str, Any] = {}
    experiment_name: str | None = None
    comment: str | None = None
    compute: Any = None
    identity: Any = None
    services: Any = None
    resources: Any = None
    queue_settings: Any = None


class _LimitKeys(_Keys):
    """The limits of a job, in seconds."""

    timeout: int | str | None = None


class CommandJobKeys(_Job, _Command):
    """A command job with its command: a file of its own, or a job in a pipeline."""

    type: Literal["command"] = "command"
    limits: _LimitKeys = _LimitKeys()
    parent_job_name: str | None = None


class ComponentJobKeys(_Job):
    """A job of a pipeline that names a component."""

    type: Literal["command", "pipeline", "parallel"] = "command"
    component: str | dict[str, Any]
    environment: Any = None
    environment_variables: dict[str, Value] = {}
    distribution: Any = None
    limits: _LimitKeys = _LimitKeys()
    code: str | None = None


class _SettingKeys(BaseModel):
    """`settings` of a pipeline job; Azure ML accepts keys that it does not know."""

    model_config = ConfigDict(extra="allow", frozen=True, defer_build=True)

    default_compute: Any = None
    continue_on_step_failure: bool = True
    force_rerun: bool = False


class PipelineJobKeys(_Job):
    """A pipeline job."""

    type: Literal["pipeline"]
    settings: _SettingKeys = _SettingKeys()
    component: str | None = None
    jobs: dict[str, Any] = {}


class SpaceKeys(_Keys):
    """The values that a sweep tries for one parameter."""

    type: Literal[
        "choice", "randint", "uniform", "quniform", "loguniform", "qloguniform", "normal", "qnormal", "lognormal",
        "qlognormal",
    ]  # fmt: skip
    values: list[Value] = []
    min_value: float = 0
    max_value: float = 0
    mu: float = 0
    sigma: float = 0
    q: float = 1
    upper: int = 1

    @model_validator(mode="after")
    def _is_complete(self) -> Self:
        needed = _PARAMETERS[self.type]
        missing = [name for name in needed if name not in self.model_fields_set]
        if missing:
            raise ValueError(f"must have {', '.join(missing)}")
        if self.type == "choice" and not self.values:
            raise ValueError("must have at least one value")
        if self.min_value > self.max_value or self.q <= 0 or self.upper < 1:
            raise ValueError("must not be empty: min_value is at most max_value, q and upper are positive")
        return self


_PARAMETERS = {
    "choice": ["values"],
    "randint": ["upper"],
    "uniform": ["min_value", "max_value"],
    "loguniform": ["min_value", "max_value"],
    "quniform": ["min_value", "max_value", "q"],
    "qloguniform": ["min_value", "max_value", "q"],
    "normal": ["mu", "sigma"],
    "lognormal": ["mu", "sigma"],
    "qnormal": ["mu", "sigma", "q"],
    "qlognormal": ["mu", "sigma", "q"],
}
"""The keys that each type of search space needs."""


class _ObjectiveKeys(_Keys):
    """The metric by which a sweep compares its trials."""

    goal: Literal["minimize", "maximize"]
    primary_metric: str


class SamplingKeys(_Keys):
    """How a sweep chooses its trials."""

    type: Literal["random", "grid", "bayesian"]
    seed: int = 0
    rule: Literal["random", "sobol"] = "random"
    logbase: Value | None = None


class _SweepLimitKeys(_LimitKeys):
    """The limits of a sweep: the number of its trials, and seconds."""

    max_total_trials: int = Field(ge=1, le=1000)
    max_concurrent_trials: int | None = Field(None, ge=1, le=1000)
    trial_timeout: int | str | None = None


class SweepJobKeys(_Job):
    """A sweep job: a file of its own, or a job in a pipeline."""

    type: Literal["sweep"]
    trial: str | dict[str, Any]
    search_space: dict[str, SpaceKeys]
    sampling_algorithm: Literal["random", "grid", "bayesian"] | SamplingKeys = "random"
    objective: _ObjectiveKeys
    early_termination: Any = None
    limits: _SweepLimitKeys


class TrialKeys(_Command):
    """The command that a sweep job tries."""


class _RetryKeys(_Keys):
    """How often a mini-batch is tried again, and the seconds after which it is ended."""

    max_retries: int = Field(2, ge=0)
    timeout: float = Field(60, gt=0)


class _TaskKeys(_Keys):
    """What a parallel job runs for each mini-batch."""

    type: Literal["run_function", "function", "model"]
    code: str | None = None
    entry_script: str
    program_arguments: str = ""
    append_row_to: str | None = None
    model: str | None = None
    environment: Any = None


class _Parallel(_Keys):
    task: _TaskKeys
    input_data: str
    mini_batch_size: str | int | None = None
    partition_keys: list[str] = []
    max_concurrency_per_instance: int = Field(1, ge=1)
    error_threshold: int = Field(-1, ge=-1)
    mini_batch_error_threshold: int = Field(-1, ge=-1)
    retry_settings: _RetryKeys = _RetryKeys()
    logging_level: Literal["DEBUG", "INFO", "WARNING"] = "INFO"
    resources: Any = None
    environment_variables: dict[str, Value] = {}


class ParallelJobKeys(_Job, _Parallel):
    """A parallel job of a pipeline with its task in the file."""

    type: Literal["parallel"]
    identity: Any = None


class ParallelComponentKeys(_Component, _Parallel):
    """A parallel component."""

    type: Literal["parallel"]
