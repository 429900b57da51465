"""Reads a pipeline file of Azure ML (CLI v2) with its components, and checks whether it can run on this machine.

All mistakes and unsupported features are reported at once, with file, line and column, before anything runs.
azure-ai-ml reports about half of them, without line numbers. Expressions:
https://learn.microsoft.com/azure/machine-learning/reference-yaml-core-syntax
"""

import functools
import graphlib
import re
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal, Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field, model_validator

from bootstrap.errors import InputError, Position, Problem, did_you_mean
from bootstrap.pipeline.check import CASTS, cast, command_problems, data_problem, fits, text_of
from bootstrap.pipeline.expressions import EXPRESSION, OPTIONAL, references
from bootstrap.pipeline.graph import DATA_TYPES, FromInput, FromJob, Job, Pipeline, Port, Value
from bootstrap.yaml import Document, Location, check, invalid, read

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,99}")
"""Names of jobs, inputs and outputs. They become names of folders, so other characters are refused. Azure ML allows 255
characters; the limit here keeps paths short enough for Windows."""

_Model = TypeVar("_Model", bound=BaseModel)


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class _Input(_Section):
    type: Literal[
        "string", "number", "integer", "boolean",
        "uri_file", "uri_folder", "mltable", "mlflow_model", "custom_model", "triton_model",
    ]  # fmt: skip
    description: str | None = None
    optional: bool = False
    default: Any = None
    min: float | None = None
    max: float | None = None
    enum: list[Any] | None = None
    mode: str | None = None
    path: str | None = None

    @model_validator(mode="after")
    def _choices_are_of_the_type(self) -> Self:
        self.choices()
        return self

    def choices(self) -> tuple[Value, ...] | None:
        """The allowed values, cast to the input's type: azure-ai-ml requires strings for every type."""
        return None if self.enum is None else tuple(CASTS.get(self.type, text_of)(one) for one in self.enum)


class _Output(_Section):
    type: Literal["uri_file", "uri_folder", "mltable", "mlflow_model", "custom_model", "triton_model"] = "uri_folder"
    description: str | None = None
    mode: str | None = None
    path: str | None = None


class _Described(_Section):
    """The keys that components, jobs and pipelines share; they have no effect on this machine."""

    schema_: str | None = Field(None, alias="$schema")
    display_name: str | None = None
    description: str | None = None
    tags: dict[str, Any] = {}
    properties: dict[str, Any] = {}


class _Component(_Described):
    """A command component; fields that only Azure ML uses are accepted and ignored."""

    type: str = "command"
    name: str
    version: str | int | float | None = None
    inputs: dict[str, _Input] = {}
    outputs: dict[str, _Output] = {}
    code: str | None = None
    command: str
    environment: Any = None
    resources: Any = None
    distribution: Any = None
    additional_includes: list[str] = []
    is_deterministic: bool = True


class _Job(_Described):
    type: str = "command"
    component: str
    inputs: dict[str, Any] = {}
    outputs: dict[str, Any] = {}
    environment_variables: dict[str, Value] = {}
    name: str | None = None
    comment: str | None = None
    queue_settings: Any = None
    distribution: Any = None
    compute: Any = None
    environment: Any = None
    resources: Any = None
    limits: Any = None
    identity: Any = None
    services: Any = None


class _PipelineFile(_Described):
    type: str
    name: str | None = None
    experiment_name: str | None = None
    compute: Any = None
    settings: Any = None
    identity: Any = None
    services: Any = None
    inputs: dict[str, Any] = {}
    outputs: dict[str, Any] = {}
    jobs: dict[str, Any]


def load_pipeline(path: Path, given: Collection[str] = ()) -> Pipeline:
    """Read and check a pipeline file and its components.

    Args:
        path: The pipeline file.
        given: The names of pipeline inputs that have a value; the file need not have one for them.

    Raises:
        InputError: All mistakes and everything that cannot run on this machine, each with file, line and column.
    """
    document = read(path, yaml_1_1=True)
    file, problems = check(document, _PipelineFile)
    if file is None:
        raise invalid(path, problems)
    return _Reader(document, file, given).pipeline()


class _Reader:
    """Creates a `Pipeline` from a pipeline file and collects all problems."""

    def __init__(self, document: Document, file: _PipelineFile, given: Collection[str]) -> None:
        self._document = document
        self._file = file
        self._given = given
        self._folder = document.path.parent
        self._problems: list[Problem] = []

    def pipeline(self) -> Pipeline:
        if self._file.type != "pipeline":
            self._wrong(("type",), f"this is not a pipeline job: its type is {self._file.type!r}.")
        for kind, names in (("inputs", self._file.inputs), ("outputs", self._file.outputs), ("jobs", self._file.jobs)):
            self._problems += _name_problems(self._document, kind, names)
        inputs = {name: self._pipeline_input(name, value) for name, value in self._file.inputs.items()}
        jobs = {name: job for name, value in self._file.jobs.items() if (job := self._job(name, value)) is not None}
        if not self._file.jobs:
            self._wrong(("jobs",), "the pipeline has no job.")
        bound = {name: self._bound(job, jobs, inputs) for name, job in jobs.items()}
        outputs = self._outputs(jobs)
        order = self._order(bound)
        if self._problems:
            raise invalid(self._document.path, self._problems)
        return Pipeline(self._document.path, self._file.experiment_name, inputs, outputs, {n: bound[n] for n in order})

    def _wrong(self, at: Location, message: str, suggestion: str = "", *, of_key: bool = False) -> None:
        self._problems.append(Problem(self._document.position(at, of_key=of_key), message, suggestion))

    @functools.cached_property
    def _positions(self) -> Mapping[Location, tuple[dict[Location, Position], dict[Location, Position]]]:
        """The positions of the keys and values in each input, job and output of the file, relative to it."""
        parts: defaultdict[Location, tuple[dict[Location, Position], dict[Location, Position]]]
        parts = defaultdict(lambda: ({}, {}))
        for kind, positions in enumerate((self._document.keys, self._document.values)):
            for place, position in positions.items():
                parts[place[:2]][kind][place[2:]] = position
        return parts

    def _part(self, at: Location, model: type[_Model]) -> _Model | None:
        """The part of the file at `at` as an instance of `model`, or None and its problems."""
        part = Document(self._document.path, self._document.value(at), *self._positions[at])
        found, problems = check(part, model)
        self._problems += problems
        return found

    def _pipeline_input(self, name: str, value: Any) -> Port:
        at: Location = ("inputs", name)
        if not isinstance(value, dict):
            if not isinstance(value, Value):
                self._wrong(at, f"the input {name!r} must be a value, or a mapping with type and path.")
                return Port(None)
            if isinstance(value, str) and EXPRESSION.search(value):
                self._wrong(at, f"the input {name!r} of the pipeline cannot be an expression.")
            return Port(None, default=value)
        described = self._part(at, _Input)
        if described is None:
            return Port(None)
        path = None if name in self._given else self._data_path(at, described.path, described.type)
        port = _port(described, path)
        if described.path is not None and described.type not in DATA_TYPES:
            self._wrong((*at, "path"), f"an input of type {described.type} cannot have a path. Use default.")
        return port

    def _data_path(self, at: Location, path: str | None, data_type: str) -> Path | None:
        if path is None:
            return None
        if re.match(r"^\w[\w+.-]+:", path):
            self._wrong((*at, "path"), f"{path} is not on this machine.", "Use a local path: --set NAME=PATH.")
            return None
        local = (self._folder / path).resolve()
        if data_type in DATA_TYPES and (problem := data_problem(local, data_type)):
            self._wrong((*at, "path"), f"{problem}.")
        return local

    def _job(self, name: str, value: Any) -> Job | None:
        at: Location = ("jobs", name)
        kind = value.get("type", "command") if isinstance(value, dict) else "command"
        if kind != "command":
            self._wrong(at, f"the job {name!r} is of type {kind!r}, which cannot run on this machine.", of_key=True)
            return None
        if isinstance(value, dict) and "command" in value and "component" not in value:
            suggestion = "Move it to a component file, and name that file in `component`."
            self._wrong(at, f"the job {name!r} has its command in the pipeline file.", suggestion, of_key=True)
            return None
        job = self._part(at, _Job)
        if job is None:
            return None
        if job.distribution:
            self._wrong((*at, "distribution"), "a distributed job can run only in Azure ML.")
        if ":" in job.component.removeprefix("file:"):
            self._wrong((*at, "component"), f"{job.component} is not on this machine.")
            return None
        path = (self._folder / job.component.removeprefix("file:")).resolve()
        if not path.is_file():
            self._wrong((*at, "component"), f"there is no file {path}.")
            return None
        return self._component(name, path, job)

    def _component(self, name: str, path: Path, job: _Job) -> Job | None:
        document = read(path, yaml_1_1=True)
        component, problems = check(document, _Component)
        self._problems += problems
        if component is None:
            return None
        problems = list(_component_problems(document, component))
        self._problems += problems
        ports = {key: _port(described, None) for key, described in component.inputs.items()}
        code = None if component.code is None else (path.parent / component.code).resolve()
        includes = tuple((path.parent / include).resolve() for include in component.additional_includes)
        self._problems += [
            Problem(document.position(("additional_includes", index)), f"there is no {include}.")
            for index, include in enumerate(includes)
            if not include.exists()
        ]
        script = _script(component.command)
        if code is not None and not code.is_dir():
            self._problems.append(Problem(document.position(("code",)), f"there is no folder {code}."))
        elif script and code is None and not includes:
            message = f"the command starts {script}, but the component has no code: its working folder is empty."
            self._problems.append(Problem(document.position(("command",)), message, "Add the folder: code: ."))
        elif script and code is not None and not includes and not (code / script).is_file():
            known = did_you_mean(script, [file.name for file in code.glob("*.py")])
            self._problems.append(Problem(document.position(("command",)), f"there is no {script} in {code}.", known))
        outputs = {key: described.type for key, described in component.outputs.items()}
        environment = {key: str(value) for key, value in job.environment_variables.items()}
        inputs = {
            key: source for key, value in job.inputs.items() if (source := self._source(name, key, value)) is not None
        }
        return Job(
            name, path, code, component.command, component.is_deterministic, ports, inputs, outputs, environment,
            includes,
        )  # fmt: skip

    def _source(self, job: str, name: str, value: Any) -> FromInput | FromJob | Value | None:
        at: Location = ("jobs", job, "inputs", name)
        value = _unwrapped(value)
        if isinstance(value, str) and EXPRESSION.search(value):
            expression = EXPRESSION.fullmatch(value.strip())
            match expression[1].strip().split(".") if expression else []:
                case ["parent", "inputs", input_name]:
                    return FromInput(input_name)
                case ["parent", "jobs", before, "outputs", output]:
                    return FromJob(before, output)
            self._wrong(at, f"{value} is not a valid expression for a job's input.", _BINDINGS)
            return None
        if isinstance(value, Value):
            return value
        self._wrong(at, "a job's input must be a value or an expression.", _BINDINGS)
        return None

    def _bound(self, job: Job, jobs: Mapping[str, Job], inputs: Mapping[str, Port]) -> Job:
        """The job with checked inputs; literals are cast to their declared types."""
        values: dict[str, FromInput | FromJob | Value] = {}
        for name, source in job.inputs.items():
            at: Location = ("jobs", job.name, "inputs", name)
            port = job.ports.get(name)
            if port is None:
                known = did_you_mean(name, job.ports)
                self._wrong(at, f"the component of {job.name!r} has no input {name!r}.", known, of_key=True)
                continue
            if (checked := self._checked(at, port, source, jobs, inputs)) is not None:
                values[name] = checked
        missing = [
            name for name, port in job.ports.items()
            if name not in job.inputs and not port.optional and port.default is None
        ]  # fmt: skip
        if missing:
            self._wrong(("jobs", job.name), f"the job {job.name!r} lacks inputs: {', '.join(missing)}.", of_key=True)
        given = self._file.jobs[job.name].get("outputs", {}) or {}
        for name in given:
            if name not in job.outputs:
                known = did_you_mean(name, job.outputs)
                at = ("jobs", job.name, "outputs", name)
                self._wrong(at, f"the component of {job.name!r} has no output {name!r}.", known, of_key=True)
        return replace(job, inputs=values)

    def _checked(
        self, at: Location, port: Port, source: FromInput | FromJob | Value, jobs: Mapping[str, Job],
        inputs: Mapping[str, Port],
    ) -> FromInput | FromJob | Value | None:  # fmt: skip
        if isinstance(source, FromInput):
            return source if self._fits_input(at, port, source.name, inputs) else None
        if isinstance(source, FromJob):
            type_ = self._output_type(at, source, jobs)
            if type_ is not None and not fits(type_, port.type):
                self._wrong(at, f"an output of type {type_} cannot be an input of type {port.type}.")
            return source if type_ is not None else None
        if port.type in DATA_TYPES:
            self._wrong(at, f"an input of type {port.type} cannot be the literal {source!r}.", _BINDINGS)
            return None
        try:
            return cast(source, port)
        except ValueError as error:
            self._wrong(at, f"{error}.")
            return None

    def _fits_input(self, at: Location, port: Port, name: str, inputs: Mapping[str, Port]) -> bool:
        source = inputs.get(name)
        if source is None:
            self._wrong(at, f"the pipeline has no input {name!r}.", did_you_mean(name, inputs))
            return False
        if not fits(source.type, port.type) or (source.type is None and port.type in DATA_TYPES):
            self._wrong(
                at, f"the pipeline's input {name!r} of type {source.type or 'literal'} does not fit {port.type}."
            )
            return False
        absent = source.default is None and source.path is None and name not in self._given
        if absent and not port.optional and port.default is None:
            self._wrong(
                at,
                f"the pipeline's input {name!r} has no value, but the component requires one.",
                "Set one: --set NAME=VALUE.",
            )
            return False
        if source.default is not None:
            try:
                cast(source.default, port)
            except ValueError as error:
                self._wrong(("inputs", name), f"{error}.")
        return True

    def _output_type(self, at: Location, source: FromJob, jobs: Mapping[str, Job]) -> str | None:
        if source.job not in self._file.jobs:
            self._wrong(at, f"the pipeline has no job {source.job!r}.", did_you_mean(source.job, self._file.jobs))
            return None
        job = jobs.get(source.job)
        if job is None:
            return None  # the problems of that job are already reported
        if source.output not in job.outputs:
            known = did_you_mean(source.output, job.outputs)
            self._wrong(at, f"the job {source.job!r} has no output {source.output!r}.", known)
            return None
        return job.outputs[source.output]

    def _outputs(self, jobs: Mapping[str, Job]) -> dict[str, FromJob]:
        """The pipeline's outputs by name: jobs bind their outputs to `${{parent.outputs.x}}`."""
        found: dict[str, FromJob] = {}
        for job in jobs.values():
            for name, value in (self._file.jobs[job.name].get("outputs") or {}).items():
                text = _unwrapped(value)
                at: Location = ("jobs", job.name, "outputs", name)
                # A value that is not text has only keys such as mode, which have no effect on this machine.
                target = self._output_target(at, text) if isinstance(text, str) else None
                if target in found:
                    self._wrong(at, f"the job {found[target].job!r} already creates the pipeline's output {target!r}.")
                elif target is not None and name in job.outputs:
                    found[target] = FromJob(job.name, name)
                    self._check_output(target, job.outputs[name])
        for name in self._file.outputs:
            if name not in found and len(jobs) == len(self._file.jobs):
                self._wrong(("outputs", name), f"no job creates the pipeline's output {name!r}.", of_key=True)
        return found

    def _output_target(self, at: Location, text: str) -> str | None:
        """The name of the pipeline's output that a job's output is bound to; None if the binding is invalid."""
        expression = EXPRESSION.fullmatch(text.strip())
        kind, _, target = expression[1].strip().rpartition(".") if expression else ("", "", "")
        if kind != "parent.outputs":
            self._wrong(at, f"{text} is not a valid expression for a job's output.", "Write ${{parent.outputs.NAME}}.")
        elif target not in self._file.outputs:
            self._wrong(at, f"the pipeline has no output {target!r}.", did_you_mean(target, self._file.outputs))
        else:
            return target
        return None

    def _check_output(self, name: str, created: str) -> None:
        """Check that the type that a job creates fits the declared type of the pipeline's output."""
        at: Location = ("outputs", name)
        if self._file.outputs[name] is None:
            return
        declared = self._part(at, _Output)
        if declared is not None and not fits(created, declared.type):
            self._wrong(at, f"an output of type {created} cannot be the pipeline's output of type {declared.type}.")

    def _order(self, jobs: Mapping[str, Job]) -> list[str]:
        sorter = graphlib.TopologicalSorter(
            {name: [one for one in job.after if one in jobs] for name, job in jobs.items()}
        )
        try:
            return list(sorter.static_order())
        except graphlib.CycleError as error:
            cycle = " -> ".join(error.args[1])
            self._wrong(("jobs", error.args[1][0]), f"the jobs depend on each other in a cycle: {cycle}.", of_key=True)
            return []


_BINDINGS = "Write ${{parent.inputs.NAME}} or ${{parent.jobs.JOB.outputs.NAME}}."


def _unwrapped(value: Any) -> Any:
    """The path of a mapping such as `{mode: ro_mount, path: ...}` (the mode has no effect here); else the value."""
    return value["path"] if isinstance(value, dict) and "path" in value else value


def _script(command: str) -> str | None:
    """The Python file that the command starts, if it begins with `python FILE`."""
    match = re.match(r"\s*python3?\s+([\w./-]+\.py)(?=\s|$)", command)
    return match[1] if match else None


def _name_problems(document: Document, kind: str, names: Mapping[str, object]) -> Iterator[Problem]:
    for name in names:
        if not _NAME.fullmatch(name):
            position = document.position((kind, name), of_key=True)
            yield Problem(position, f"{name!r} is not a valid name: use at most 100 letters, digits and underscores.")


def _port(described: _Input, path: Path | None) -> Port:
    return Port(
        described.type, described.optional, described.default, described.min, described.max, described.choices(), path
    )  # fmt: skip


def _component_problems(document: Document, component: _Component) -> Iterator[Problem]:
    if component.type != "command":
        yield Problem(
            document.position(("type",)), f"a component of type {component.type!r} cannot run on this machine."
        )
    if component.distribution:
        yield Problem(document.position(("distribution",), of_key=True), "distribution is supported only in Azure ML.")
    yield from _name_problems(document, "inputs", component.inputs)
    yield from _name_problems(document, "outputs", component.outputs)
    for name, described in component.inputs.items():
        if described.default is not None:
            try:
                cast(described.default, _port(described, None))
            except ValueError as error:
                yield Problem(document.position(("inputs", name, "default")), f"{error}.")
    yield from _expression_problems(document.position(("command",)), component)
    yield from command_problems(document.position(("command",)), component.command)


def _expression_problems(place: Position, component: _Component) -> Iterator[Problem]:
    known: dict[str, list[str]] = {"inputs": list(component.inputs), "outputs": list(component.outputs)}
    for kind, name in references(component.command):
        if kind not in known:
            yield Problem(place, f"the command refers to {kind!r}; it can refer only to inputs and outputs.")
        elif name not in known[kind]:
            yield Problem(
                place, f"the command refers to {kind}.{name}, which is not declared.", did_you_mean(name, known[kind])
            )
    always = {name for kind, name in references(OPTIONAL.sub("", component.command)) if kind == "inputs"}
    for name, described in component.inputs.items():
        if described.optional and described.default is None and name in always:
            yield Problem(place, f"the optional input {name!r} must be inside $[[ ]], because it may have no value.")


def settings(given: list[str]) -> dict[str, str]:
    """`NAME=VALUE` words of the command line as a mapping. Raises InputError for any other word."""
    wrong = [word for word in given if "=" not in word.lstrip("=")]
    if wrong:
        raise InputError(
            "--set needs NAME=VALUE.",
            details=[f"found {word!r}" for word in wrong],
            hint="Write it as: --set trials=20",
        )
    return dict(word.split("=", 1) for word in given)
