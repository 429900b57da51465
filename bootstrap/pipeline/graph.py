"""A pipeline that was read and checked: its jobs, and what is bound to their inputs."""

import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from bootstrap.pipeline.expressions import EXPRESSION, OPTIONAL, joined, references

Value = str | int | float | bool

DATA_TYPES = frozenset({"uri_file", "uri_folder", "mltable", "mlflow_model", "custom_model", "triton_model"})
"""Types whose values are files or folders; all but `uri_file` are folders."""


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
        code: The folder that it runs in, absolute.
        command: The command with its expressions, as in the component's file.
        deterministic: The same inputs always give the same outputs, so outputs may be cached.
        environment: Additional environment variables of the command.
    """

    name: str
    component: Path
    code: Path
    command: str
    deterministic: bool
    ports: Mapping[str, Port]
    inputs: Mapping[str, FromInput | FromJob | Value]
    outputs: Mapping[str, str]
    environment: Mapping[str, str]

    @property
    def after(self) -> list[str]:
        """The jobs whose outputs are inputs of this one, sorted."""
        return sorted({source.job for source in self.inputs.values() if isinstance(source, FromJob)})

    def arguments(self, inputs: Mapping[str, Value | Path], outputs: Mapping[str, Path]) -> list[str]:
        """The command as a list of words, with the values in place of the expressions.

        An optional section `$[[ ]]` is left out if one of its inputs has no value.
        """

        def given(section: re.Match[str]) -> str:
            names = [name for kind, name in references(section[1]) if kind == "inputs"]
            return section[1] if all(name in inputs for name in names) else ""

        def fill(expression: re.Match[str]) -> str:
            kind, _, name = expression[1].strip().partition(".")
            value = inputs[name] if kind == "inputs" else outputs[name]
            return str(value)  # True, as azure-ai-ml writes it, not true

        command = EXPRESSION.sub(
            lambda found: f"${{{{{found[1].strip()}}}}}", OPTIONAL.sub(given, joined(self.command))
        )
        return [EXPRESSION.sub(fill, word) for word in shlex.split(command)]


@dataclass(frozen=True)
class Pipeline:
    """A valid pipeline; each job in `jobs` follows the jobs that it depends on."""

    path: Path
    experiment: str | None
    inputs: Mapping[str, Port]
    outputs: Mapping[str, FromJob]
    jobs: Mapping[str, Job]
