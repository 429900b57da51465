"""A pipeline that was read and checked: its jobs, and what is bound to their inputs."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from bootstrap.errors import Position, Problem
from bootstrap.pipeline.expressions import references

Value = str | int | float | bool

DATA_TYPES = frozenset({"uri_file", "uri_folder", "mltable", "mlflow_model", "custom_model", "triton_model"})
"""Types whose values are files or folders; all but `uri_file` are folders."""

ARTIFACTS = "artifacts"
"""The output with what a step wrote into `./outputs` and `./logs`, unless its command uses an output of this name:
https://learn.microsoft.com/azure/machine-learning/how-to-manage-models#create-a-model-in-the-model-registry"""


@dataclass(frozen=True)
class Port:
    """An input of a component, job or pipeline.

    Attributes:
        type: The type's name in Azure ML; None for a literal of the pipeline, which has the type of the input that it
            is bound to.
        default: The literal for an input without a value.
        path: The file or folder that the file names, absolute.
    """

    type: str | None
    optional: bool = False
    default: Value | None = None
    minimum: float | None = None
    maximum: float | None = None
    choices: tuple[Value, ...] | None = None
    path: Path | None = None


@dataclass(frozen=True)
class FromInput:
    """The value of a job's input: an input of the pipeline."""

    name: str


@dataclass(frozen=True)
class FromJob:
    """The value of a job's input, or a pipeline's output: an output of a job."""

    job: str
    output: str


@dataclass(frozen=True)
class Sweep:
    """The trials of a sweep job, of which the best one's outputs are the job's.

    Attributes:
        trials: The values of the inputs that differ between them.
        metric: The metric in MLflow by which they are compared.
        concurrent: How many run at the same time; None for one per core.
        timeout: Seconds after which no further trial starts.
    """

    trials: tuple[Mapping[str, Value], ...]
    metric: str
    maximize: bool
    concurrent: int | None
    timeout: float | None


@dataclass(frozen=True)
class Job:
    """A job that runs a command.

    Attributes:
        name: Its name in the file; those of the pipelines around it stand before it: `outer.inner`.
        component: The file that declares the command, absolute.
        code: The folder with its code, absolute; None for a job without code.
        command: The command with its expressions, as in the file.
        deterministic: The same inputs always give the same outputs, so outputs may be cached.
        environment: Additional environment variables of the command.
        includes: The files and folders that `additional_includes` adds to the code, absolute.
        timeout: The seconds after which the command is ended.
        origins: Where the file binds each input.
        sweep: What it tries, if it is a sweep job.
    """

    name: str
    component: Path
    code: Path | None
    command: str
    deterministic: bool
    ports: Mapping[str, Port]
    inputs: Mapping[str, FromInput | FromJob | Value]
    outputs: Mapping[str, str]
    environment: Mapping[str, str]
    includes: tuple[Path, ...] = ()
    timeout: float | None = None
    origins: Mapping[str, Position] = field(default_factory=dict)
    sweep: Sweep | None = None

    @property
    def after(self) -> list[str]:
        """The jobs whose outputs are inputs of this one, sorted."""
        return sorted({source.job for source in self.inputs.values() if isinstance(source, FromJob)})

    @property
    def keeps_artifacts(self) -> bool:
        """Whether the output `artifacts` is the default one: the command does not write into it."""
        return ("outputs", ARTIFACTS) not in references(self.command)


@dataclass(frozen=True)
class Pipeline:
    """A job file that was read and checked; each job in `jobs` follows the jobs that it depends on.

    Attributes:
        inputs: By name; an input of one job that has no name in the pipeline is `job.input`.
        continue_on_failure: After a failed job, those that do not depend on it still run.
        force_rerun: No cached outputs are used.
        warnings: What Azure ML would read or do in another way.
    """

    path: Path
    experiment: str | None
    inputs: Mapping[str, Port]
    outputs: Mapping[str, FromJob]
    jobs: Mapping[str, Job]
    continue_on_failure: bool = True
    force_rerun: bool = False
    warnings: tuple[Problem, ...] = ()
