"""A pipeline that was read and checked: its jobs, and what is bound to their inputs."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from bootstrap.pipeline.expressions import references

Value = str | int | float | bool

DATA_TYPES = frozenset({"uri_file", "uri_folder", "mltable", "mlflow_model", "custom_model", "triton_model"})
"""Types whose values are files or folders; all but `uri_file` are folders."""

ARTIFACTS = "artifacts"
"""The output with what a step wrote into `./outputs` and `./logs`, unless its command uses an output of this name:
https://learn.microsoft.com/azure/machine-learning/how-to-manage-models#create-a-model-in-the-model-registry"""


@dataclass(frozen=True)
class Port:
    """An input of a component or pipeline.

    Attributes:
        type: The type's name in Azure ML; None for a literal of the pipeline, which has the type of the input that it
            is bound to.
        default: The literal for an input without a value.
        path: The file or folder that the pipeline file names, absolute.
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
class Job:
    """A job of the pipeline.

    Attributes:
        component: The component's file, absolute.
        code: The folder with its code, absolute; None for a job without code.
        command: The command with its expressions, as in the component's file.
        deterministic: The same inputs always give the same outputs, so outputs may be cached.
        environment: Additional environment variables of the command.
        includes: The files and folders that `additional_includes` adds to the code, absolute.
        timeout: The seconds after which the command is ended.
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
    """A valid pipeline; each job in `jobs` follows the jobs that it depends on."""

    path: Path
    experiment: str | None
    inputs: Mapping[str, Port]
    outputs: Mapping[str, FromJob]
    jobs: Mapping[str, Job]
