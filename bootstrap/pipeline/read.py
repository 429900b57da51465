"""Reads a job file of Azure ML (CLI v2) with its components, and checks whether it can run on this machine.

A file of any form becomes one `Pipeline`: a command job is a pipeline of one job, and the jobs of pipeline components
stand beside those of the pipeline. All mistakes, and all that only Azure ML can run, are reported at once, with file,
line and column, before anything runs. azure-ai-ml reports about half of them, without line numbers. Expressions:
https://learn.microsoft.com/azure/machine-learning/reference-yaml-core-syntax
"""

import graphlib
import json
import re
import shlex
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel

from bootstrap.digest import digest_file
from bootstrap.errors import InputError, Position, Problem, did_you_mean, nearest
from bootstrap.files import relative_path
from bootstrap.pipeline.assets import AssetKind, find_asset
from bootstrap.pipeline.check import cast, command_problems, data_problem, expression_problems, fits
from bootstrap.pipeline.expressions import EXPRESSION
from bootstrap.pipeline.graph import ARTIFACTS, DATA_TYPES, FromInput, FromJob, Job, Pipeline, Port, Sweep, Value
from bootstrap.pipeline.schema import (
    CommandComponentKeys,
    CommandJobKeys,
    ComponentJobKeys,
    InputKeys,
    JobInputKeys,
    OutputKeys,
    ParallelComponentKeys,
    ParallelJobKeys,
    PipelineComponentKeys,
    PipelineJobKeys,
    SamplingKeys,
    SweepJobKeys,
    TrialKeys,
)
from bootstrap.pipeline.sweep import grid, randomly
from bootstrap.project import Project
from bootstrap.yaml import Document, Location, check, invalid, read

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,99}")
"""Names of jobs, inputs and outputs. They become names of folders, so other characters are refused. Azure ML allows 255
characters; the limit here keeps paths short enough for Windows."""

_ADDRESS = re.compile(r"\A[A-Za-z][\w+.-]+:")
"""The beginning of an address, and not of a path of Windows."""

_ONLY_AZURE = {
    "automl": "an AutoML job",
    "spark": "a Spark job",
    "import": "an import of data",
    "data_transfer": "a data transfer",
    "finetuning": "a fine-tuning job",
    "if_else": "a condition",
    "do_while": "a loop",
    "parallel_for": "a loop over jobs",
    "flow_parallel": "a prompt flow",
}
"""The types of jobs and components that only Azure ML can run."""

_KINDS = ("command", "pipeline", "sweep", "parallel")
_COMPONENTS = ("command", "pipeline", "parallel")
"""The types of jobs and components that are run here."""

_SEARCH_SPACE = re.compile(r"\$\{\{\s*search_space\.(\w+)\s*\}\}")

_SIZE = re.compile(r"\d+([kKmMgG][bB])?")

_DRIVER = Path(__file__).with_name("in_project") / "mlops_parallel.py"
_DRIVER_VARIABLE = "MLOPS_PARALLEL"
"""The environment variable with the path of the script that runs mini-batches: a command contains no path of ours."""

_BINDINGS = "Write ${{parent.inputs.NAME}} or ${{parent.jobs.JOB.outputs.NAME}}."

_Model = TypeVar("_Model", bound=BaseModel)
_Source = FromInput | FromJob | Value


def load_pipeline(path: Path, given: Collection[str] = (), project: Project | None = None) -> Pipeline:
    """Read and check a job file and its components.

    Args:
        path: The job file.
        given: The names of inputs that have a value; the file need not have one for them.
        project: Where assets that the file names (`azureml:NAME@latest`) are looked for.

    Raises:
        InputError: All mistakes and all that only Azure ML can run, each with file, line and column.
    """
    return _Reader(read(path, yaml_1_1=True), given, project).pipeline()


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


@dataclass(frozen=True)
class _Node:
    """A job of a file whose inputs are not bound yet.

    Attributes:
        name: With those of the pipelines around it: `outer.inner`.
        at: Where in `document` it stands.
        inputs, outputs: As the file has them.
        types: The types of its outputs.
        job: The job itself, unless it is a pipeline.
        body: The jobs in it, if it is a pipeline.
    """

    name: str
    document: Document
    at: Location
    ports: Mapping[str, Port]
    types: Mapping[str, str]
    inputs: Mapping[str, Any] = field(default_factory=dict)
    outputs: Mapping[str, Any] = field(default_factory=dict)
    job: Job | None = None
    body: "_Body | None" = None


@dataclass(frozen=True)
class _Body:
    """The jobs of a pipeline job or pipeline component.

    Attributes:
        inputs: None for those that are wrong.
        produced: The job's output that is each of its outputs.
    """

    document: Document
    inputs: Mapping[str, Port | None]
    outputs: Mapping[str, OutputKeys]
    names: Collection[str]
    nodes: Mapping[str, _Node]
    produced: Mapping[str, FromJob]


class _Reader:
    """Creates a `Pipeline` from a job file and collects all problems."""

    def __init__(self, document: Document, given: Collection[str], project: Project | None) -> None:
        self._document = document
        self._given = given
        self._project = project
        self._problems: list[Problem] = []
        self._warnings: list[Problem] = []
        self._components: dict[Path, tuple[Document, str]] = {}
        self._inputs: dict[str, Port] = {}
        self._jobs: dict[str, Job] = {}
        self._places: dict[str, Position] = {}
        self._default_outputs: set[str] = set()

    def pipeline(self) -> Pipeline:
        document = self._document
        self._warnings += document.ambiguous
        kind = document.data.get("type", "command") if isinstance(document.data, dict) else "command"
        pipeline = Pipeline(document.path, None, {}, {}, {})
        if kind == "pipeline":
            pipeline = self._pipeline_job(pipeline)
        elif kind in ("command", "sweep"):
            pipeline = self._single_job(pipeline, kind)
        else:
            self._unknown_type(document, (), kind, ("command", "sweep", "pipeline"))
        order = self._order()
        if self._problems:
            raise invalid(document.path, _sorted(self._problems, document.path))
        return replace(
            pipeline,
            inputs=self._inputs,
            jobs={name: self._jobs[name] for name in order},
            warnings=tuple(_sorted(self._warnings, document.path)),
        )

    def _wrong(
        self, document: Document, at: Location, message: str, suggestion: str = "", *, of_key: bool = False
    ) -> None:
        self._problems.append(Problem(document.position(at, of_key=of_key), message, suggestion))

    def _warn(
        self, document: Document, at: Location, message: str, suggestion: str = "", *, of_key: bool = False
    ) -> None:
        self._warnings.append(Problem(document.position(at, of_key=of_key), message, suggestion))

    def _part(self, document: Document, at: Location, model: type[_Model]) -> _Model | None:
        """The part of a document at `at` as an instance of `model`, or None and its problems."""
        found, problems = check(document.part(at), model)
        self._problems += problems
        return found

    def _unknown_type(self, document: Document, at: Location, kind: object, known: Collection[str]) -> None:
        """Report a job or component of a type that is not run here."""
        if isinstance(kind, str) and kind in _ONLY_AZURE:
            subject = f"the job {at[-1]!r} is" if at else "this is"
            submit = f"Submit the file with: az ml job create --file {self._document.path.name}"
            self._wrong(document, (*at, "type"), f"{subject} {_ONLY_AZURE[kind]}: Azure ML runs it.", submit)
        else:
            near = did_you_mean(str(kind), [*known, *_ONLY_AZURE])
            self._wrong(document, (*at, "type"), f"{kind!r} is not a type of jobs.", near)

    # Files of one job, and pipelines

    def _single_job(self, pipeline: Pipeline, kind: str) -> Pipeline:
        """The only job of a file; its inputs and outputs are those of the pipeline."""
        name = re.sub(r"\W", "_", self._document.path.stem)
        read_job = self._sweep_job if kind == "sweep" else self._inline
        node = read_job(self._document, (), name, {})
        if node is None or node.job is None:
            return pipeline
        sources: dict[str, _Source] = {}
        for key, value in node.inputs.items():
            at: Location = ("inputs", key)
            port = self._pipeline_input(self._document, at, value)
            if port is None:
                continue
            self._inputs[key] = port
            sources[key] = FromInput(key)
            is_data = isinstance(value, dict) and port.type in DATA_TYPES
            if is_data and "path" not in value and key not in self._given:
                self._wrong(self._document, at, f"the input {key!r} has no path.", f"Set one: --set {key}=PATH.")
        self._default_outputs.add(name)
        self._add(node, sources)
        keys = self._document.data
        return replace(
            pipeline,
            experiment=keys.get("experiment_name"),
            outputs={key: FromJob(name, key) for key in (*node.types, ARTIFACTS)},
        )

    def _pipeline_job(self, pipeline: Pipeline) -> Pipeline:
        document = self._document
        keys, problems = check(document, PipelineJobKeys)
        self._problems += problems
        if keys is None:
            return pipeline
        ports = {name: self._pipeline_input(document, ("inputs", name), one) for name, one in keys.inputs.items()}
        self._inputs |= {name: port for name, port in ports.items() if port is not None}
        sources = {name: FromInput(name) for name in ports}
        if keys.component is not None and not keys.jobs:
            return self._component_as_job(pipeline, keys, sources)
        body = self._body(document, ports, keys.outputs, keys.jobs, "", ())
        self._bind(body, sources)
        if keys.compute is None and keys.settings.default_compute is None:
            self._compute_problems(document, keys.jobs)
        return replace(
            pipeline,
            experiment=keys.experiment_name,
            outputs=body.produced,
            continue_on_failure=keys.settings.continue_on_step_failure,
            force_rerun=keys.settings.force_rerun,
        )

    def _component_as_job(
        self, pipeline: Pipeline, keys: PipelineJobKeys, sources: Mapping[str, FromInput]
    ) -> Pipeline:  # fmt: skip
        """A pipeline job that is a pipeline component with values for its inputs."""
        found = self._component(self._document, ("component",), keys.component or "")
        node = None if found is None else self._pipeline_component(found[0], "", ())
        if node is None or node.body is None:
            return pipeline
        produced = node.body.produced
        inputs = {name: f"${{{{parent.inputs.{name}}}}}" for name in sources}
        node = replace(node, document=self._document, at=("component",), inputs=inputs)
        body = _Body(self._document, dict(self._inputs), {}, (), {"component": node}, {})
        self._bind(body, sources)
        return replace(pipeline, experiment=keys.experiment_name, outputs=produced)

    def _compute_problems(self, document: Document, jobs: Mapping[str, Any]) -> None:
        without = [name for name, job in jobs.items() if isinstance(job, dict) and job.get("compute") is None]
        if without:
            self._warn(
                document, ("jobs", without[0]), f"the job {without[0]!r} has no compute: Azure ML refuses the file.",
                "Write `settings: {default_compute: serverless}`.", of_key=True,
            )  # fmt: skip

    def _pipeline_input(self, document: Document, at: Location, value: Any) -> Port | None:
        """An input of a pipeline; None if it is wrong (reported)."""
        name, before = str(at[-1]), len(self._problems)
        port = Port(None, default=value if isinstance(value, Value) else None)
        if isinstance(value, dict):
            keys = self._part(document, at, JobInputKeys)
            if keys is None:
                return None
            port = _port(keys, None)
            if keys.value is not None:
                port = replace(port, type=port.type if "type" in value else None, default=keys.value)
            elif keys.path is not None and keys.type not in DATA_TYPES:
                self._wrong(document, (*at, "path"), f"an input of type {keys.type} cannot have a path. Use default.")
            else:
                port = replace(port, path=self._data_path(document, at, keys.path, keys.type, name))
        elif not isinstance(value, Value):
            self._wrong(document, at, f"the input {name!r} must be a value, or a mapping with type and path.")
        elif isinstance(value, str) and EXPRESSION.search(value):
            self._wrong(document, at, f"the input {name!r} of the pipeline cannot be an expression.")
        return port if len(self._problems) == before else None

    def _data_path(self, document: Document, at: Location, path: str | None, data_type: str, name: str) -> Path | None:
        """The file or folder that an input names; None, and the problem, if it is not here.

        Args:
            name: The name of the input in `--set`.
        """
        if path is None or name in self._given:
            return None
        place = (*at, "path")
        if (asset := self._asset(document, place, "data", path)) is not None:
            path = str(asset)
        if _ADDRESS.match(path.removeprefix("file:")):
            where = "is on the web" if re.match(r"https?:|wasbs?:|abfss?:|adl:", path) else "is in Azure ML"
            self._wrong(document, place, f"{path} {where}.", f"Name a local copy: --set {name}=PATH.")
            return None
        local = (document.path.parent / path.removeprefix("file:")).resolve()
        if problem := data_problem(local, data_type):
            self._wrong(document, place, f"{problem}.")
        return local

    def _body(
        self, document: Document, inputs: Mapping[str, Port | None], outputs: Mapping[str, Any],
        jobs: Mapping[str, Any], prefix: str, around: tuple[Path, ...],
    ) -> _Body:  # fmt: skip
        """The jobs of a pipeline.

        Args:
            prefix: Stands before the names of its jobs.
            around: The pipeline components that it is in.
        """
        for kind, names in (("inputs", inputs), ("outputs", outputs), ("jobs", jobs)):
            self._check_names(document, (kind,), names)
        if not jobs:
            self._wrong(document, ("jobs",), "the pipeline has no job.")
        declared = {}
        for name, value in outputs.items():
            keys = self._output(document, ("outputs", name), value)
            declared[name] = OutputKeys() if keys is None else keys
        nodes = {}
        for name, value in jobs.items():
            if (node := self._node(document, ("jobs", name), prefix + name, value, declared, around)) is not None:
                nodes[name] = node
        produced = self._produced(document, declared, nodes, complete=len(nodes) == len(jobs))
        return _Body(document, inputs, declared, list(jobs), nodes, produced)

    def _check_names(self, document: Document, at: Location, names: Iterable[str]) -> None:
        for name in names:
            place = (*at, name)
            if not _NAME.fullmatch(name):
                message = f"{name!r} is not a valid name: use at most 100 letters, digits and underscores."
                self._wrong(document, place, message, of_key=True)
            elif at[-1] == "jobs" and name != name.lower():
                message = f"Azure ML refuses the job's name {name!r}: it must be in lower case."
                self._warn(document, place, message, f"Write {name.lower()}.", of_key=True)

    def _output(self, document: Document, at: Location, value: Any) -> OutputKeys | None:
        """An output of a job or pipeline, if it is not only a name or an expression."""
        if value is None or isinstance(value, str):
            return None
        keys = self._part(document, at, OutputKeys)
        if keys is not None and keys.path is not None and not EXPRESSION.fullmatch(keys.path.strip()):
            self._warn(document, (*at, "path"), "the path of an output is ignored here: `run` shows where it is.")
        return keys

    def _asset(self, document: Document, at: Location, kind: AssetKind, reference: str) -> Path | None:
        """The data or component of the project that a reference names; None if there is none."""
        if self._project is None or not reference.startswith("azureml:"):
            return None
        found = find_asset(self._project, kind, reference)
        if found is not None:
            self._warn(document, at, f"{reference} is here {relative_path(found, self._project.root)}.")
        return found

    # Jobs

    def _node(
        self, document: Document, at: Location, name: str, value: Any, outputs: Mapping[str, OutputKeys],
        around: tuple[Path, ...],
    ) -> _Node | None:  # fmt: skip
        self._places[name] = document.position(at, of_key=True)
        if not isinstance(value, dict):
            self._wrong(document, at, f"the job {at[-1]!r} must be a mapping of keys to values.")
            return None
        kind = value.get("type", "command")
        if kind not in _KINDS:
            self._unknown_type(document, at, kind, _KINDS)
            return None
        if kind == "pipeline" or (kind != "sweep" and "component" in value):
            return self._component_job(document, at, name, around)
        if kind == "command" and "command" not in value:
            message = f"the job {at[-1]!r} has neither a command nor a component."
            self._wrong(document, at, message, "Write `command: ...` or `component: FILE`.", of_key=True)
            return None
        read_job = {"command": self._inline, "sweep": self._sweep_job, "parallel": self._parallel_job}[kind]
        return read_job(document, at, name, outputs)

    def _inline(
        self, document: Document, at: Location, name: str, outputs: Mapping[str, OutputKeys]
    ) -> _Node | None:  # fmt: skip
        """A command job with its command in the file."""
        keys = self._part(document, at, CommandJobKeys)
        if keys is None:
            return None
        ports, types = self._inline_ports(document, at, keys.inputs, keys.outputs, outputs)
        job = self._job(document, at, name, keys, ports, types)
        self._check_script(document, at, keys, job.code)
        self._check_processes(document, at, keys.resources, keys.distribution)
        job = replace(job, timeout=self._timeout(document, (*at, "limits", "timeout"), keys.limits.timeout))
        return _Node(name, document, at, ports, types, keys.inputs, keys.outputs, job)

    def _inline_ports(
        self, document: Document, at: Location, inputs: Mapping[str, Any], outputs: Mapping[str, Any],
        around: Mapping[str, OutputKeys],
    ) -> tuple[dict[str, Port], dict[str, str]]:  # fmt: skip
        """The inputs of a job without a component, and the types of its outputs.

        Args:
            around: The outputs of the pipeline that it is in.
        """
        for kind, names in (("inputs", inputs), ("outputs", outputs)):
            self._check_names(document, (*at, kind), names)
        ports = {
            key: Port(value.get("type", "uri_folder") if _is_data(value) else None) for key, value in inputs.items()
        }
        types: dict[str, str] = {}
        for key, value in outputs.items():
            described = self._output(document, (*at, "outputs", key), value)
            target = _parent_output(value if described is None else described.path)
            bound = around.get(target) if target is not None else None
            if bound is None or (described is not None and "type" in described.model_fields_set):
                bound = described
            types[key] = "uri_folder" if bound is None else bound.type
        return ports, types

    def _sweep_job(
        self, document: Document, at: Location, name: str, outputs: Mapping[str, OutputKeys]
    ) -> _Node | None:  # fmt: skip
        keys = self._part(document, at, SweepJobKeys)
        if keys is None:
            return None
        trial = (*at, "trial")
        for key in keys.search_space.keys() & keys.inputs.keys():
            message = f"{key!r} is an input and a parameter of the search space."
            self._wrong(document, (*at, "search_space", key), message, of_key=True)
        if isinstance(keys.trial, str) or "type" in keys.trial:
            node = self._trial_component(document, trial, name, keys)
            if node is None:
                return None
        else:
            command = self._part(document, trial, TrialKeys)
            if command is None:
                return None
            ports, types = self._inline_ports(document, at, keys.inputs, keys.outputs, outputs)
            ports |= {key: Port(None) for key in keys.search_space}
            text = _SEARCH_SPACE.sub(r"${{inputs.\1}}", command.command)
            job = self._job(document, trial, name, command.model_copy(update={"command": text}), ports, types)
            self._check_script(document, trial, command, job.code)
            self._check_processes(document, trial, command.resources, command.distribution)
            node = _Node(name, document, trial, ports, types, job=job)
        if node.job is None:
            return None
        sweep = self._sweep(document, at, keys, node.ports)
        timeout = self._timeout(document, (*at, "limits", "trial_timeout"), keys.limits.trial_timeout)
        ports = {key: port for key, port in node.ports.items() if key not in keys.search_space}
        return _Node(
            name, document, at, ports, node.types, keys.inputs, keys.outputs,
            replace(node.job, sweep=sweep, timeout=timeout),
        )  # fmt: skip

    def _trial_component(self, document: Document, at: Location, name: str, keys: SweepJobKeys) -> _Node | None:
        found = self._component(document, at, keys.trial)
        if found is None:
            return None
        component, kind = found
        if kind != "command":
            self._wrong(document, at, f"the trial of a sweep must be a command component, not of type {kind!r}.")
            return None
        node = self._command_component(component, name)
        for key in keys.search_space:
            if node is not None and key not in node.ports:
                known = did_you_mean(key, node.ports)
                message = f"the trial has no input {key!r}."
                self._wrong(document, (*at[:-1], "search_space", key), message, known, of_key=True)
        return node

    def _sweep(
        self, document: Document, at: Location, keys: SweepJobKeys, ports: Mapping[str, Port]
    ) -> Sweep | None:  # fmt: skip
        """The trials of a sweep; None if its search space is wrong (reported)."""
        before = len(self._problems)
        sampling = keys.sampling_algorithm
        if not isinstance(sampling, SamplingKeys):
            sampling = SamplingKeys(type=sampling)
        for key, space in keys.search_space.items():
            place = (*at, "search_space", key)
            if sampling.type == "grid" and space.type != "choice":
                self._wrong(document, place, f"grid sampling needs parameters of type choice, not {space.type}.")
            for value in space.values if key in ports else ():
                self._literal(document, place, ports[key], value)
        if sampling.type == "bayesian" or sampling.rule == "sobol":
            kind = "bayesian" if sampling.type == "bayesian" else "sobol"
            self._warn(document, (*at, "sampling_algorithm"), f"{kind}: here the trials are drawn at random.")
        if keys.early_termination is not None:
            message = "no trial is ended early here: all run to their end, and the best of all is chosen."
            self._warn(document, (*at, "early_termination"), message, of_key=True)
        timeout = self._timeout(document, (*at, "limits", "timeout"), keys.limits.timeout)
        if len(self._problems) > before:
            return None
        count = keys.limits.max_total_trials
        trials = grid(keys.search_space, count) if sampling.type == "grid" else (
            randomly(keys.search_space, count, sampling.seed)
        )  # fmt: skip
        cast_trials = tuple(
            {key: cast(value, ports[key]) if key in ports else value for key, value in one.items()} for one in trials
        )
        objective = keys.objective
        return Sweep(
            cast_trials, objective.primary_metric, objective.goal == "maximize",
            keys.limits.max_concurrent_trials, timeout,
        )  # fmt: skip

    def _parallel_job(
        self, document: Document, at: Location, name: str, outputs: Mapping[str, OutputKeys]
    ) -> _Node | None:  # fmt: skip
        keys = self._part(document, at, ParallelJobKeys)
        if keys is None:
            return None
        ports, types = self._inline_ports(document, at, keys.inputs, keys.outputs, outputs)
        job = self._parallel(document, at, name, keys, ports, types)
        return _Node(name, document, at, ports, types, keys.inputs, keys.outputs, job)

    def _parallel(
        self, document: Document, at: Location, name: str, keys: ParallelJobKeys | ParallelComponentKeys,
        ports: Mapping[str, Port], types: Mapping[str, str],
    ) -> Job:  # fmt: skip
        """A parallel job as a command: a script of ours runs the entry script for each mini-batch."""
        task = keys.task
        if task.type == "model":
            message = "a task that only names a model is run by Azure ML."
            self._wrong(document, (*at, "task", "type"), message, "Write an entry_script that loads the model.")
        data = EXPRESSION.fullmatch(keys.input_data.strip())
        if data is None or not data[1].strip().startswith("inputs."):
            self._wrong(document, (*at, "input_data"), f"{keys.input_data} is not an input.", "Write ${{inputs.NAME}}.")
        if keys.mini_batch_size is not None and not _SIZE.fullmatch(str(keys.mini_batch_size)):
            message = f"{keys.mini_batch_size!r} is neither a number of files nor a size such as 10kb, 1mb or 1gb."
            self._wrong(document, (*at, "mini_batch_size"), message)
        settings = {
            "mini_batch_size": str(keys.mini_batch_size or ""),
            "partition_keys": keys.partition_keys,
            "concurrency": keys.max_concurrency_per_instance,
            "error_threshold": keys.error_threshold,
            "mini_batch_error_threshold": keys.mini_batch_error_threshold,
            "max_retries": keys.retry_settings.max_retries,
            "timeout": keys.retry_settings.timeout,
            "driver": digest_file(_DRIVER)[:12],  # outputs of another version of it are not served from the cache
        }
        words = [
            "python", f'"${_DRIVER_VARIABLE}"', shlex.quote(json.dumps(settings)), f'"{keys.input_data.strip()}"',
            f'"{(task.append_row_to or "").strip()}"', shlex.quote(task.entry_script),
            " ".join(task.program_arguments.split()),
        ]  # fmt: skip
        command = CommandJobKeys(
            command=" ".join(words), code=task.code, environment_variables=keys.environment_variables
        )
        job = self._job(document, (*at, "task"), name, command, ports, types)
        script = task.entry_script
        if job.code is not None and not (job.code / script).is_file():
            known = did_you_mean(script, [file.name for file in job.code.glob("*.py")])
            self._wrong(document, (*at, "task", "entry_script"), f"there is no {script} in {job.code}.", known)
        return replace(job, environment={**job.environment, _DRIVER_VARIABLE: str(_DRIVER)})

    def _job(
        self, document: Document, at: Location, name: str, keys: CommandJobKeys | CommandComponentKeys | TrialKeys,
        ports: Mapping[str, Port], outputs: Mapping[str, str],
    ) -> Job:  # fmt: skip
        """The job that runs a command, which is declared in `document`."""
        place = document.position((*at, "command"))
        for message, suggestion in expression_problems(keys.command, ports, outputs):
            self._problems.append(Problem(place, message, suggestion))
        self._problems += command_problems(place, keys.command)
        code = self._code(document, (*at, "code"), keys.code)
        environment = {
            key: self._variable(document, (*at, "environment_variables", key), value)
            for key, value in keys.environment_variables.items()
        }
        return Job(name, document.path, code, keys.command, True, ports, {}, outputs, environment)

    def _check_script(
        self, document: Document, at: Location, keys: CommandJobKeys | CommandComponentKeys | TrialKeys,
        code: Path | None,
    ) -> None:  # fmt: skip
        """Report that a command starts a Python file that is not there."""
        script = re.match(r"\s*python3?\s+([\w.][\w./-]*\.py)(?=\s|$)", keys.command)
        place = (*at, "command")
        if script is None or (isinstance(keys, CommandComponentKeys) and keys.additional_includes):
            return
        if keys.code is None:
            message = f"the command starts {script[1]}, but without `code` its working folder is empty."
            self._wrong(document, place, message, "Write `code: .` for the folder of this file.")
        elif code is not None and not (code / script[1]).is_file():
            known = did_you_mean(script[1], [file.name for file in code.glob("*.py")])
            self._wrong(document, place, f"there is no {script[1]} in {code}.", known)

    def _code(self, document: Document, at: Location, code: str | None) -> Path | None:
        """The folder with a job's code; None, and the problem, if there is none."""
        if code is None:
            return None
        if _ADDRESS.match(code.removeprefix("file:")) or code.startswith("git+"):
            self._wrong(document, at, f"the code is not in this repository: {code}.", "Write a path of a folder.")
            return None
        folder = (document.path.parent / code.removeprefix("file:")).resolve()
        if folder.is_dir():
            return folder
        self._wrong(document, at, f"there is no folder {folder}.")
        return None

    def _variable(self, document: Document, at: Location, value: Value) -> str:
        if isinstance(value, str) and EXPRESSION.search(value):
            self._wrong(document, at, "an environment variable cannot be an expression.", "Use it in the command.")
        return str(value)

    def _timeout(self, document: Document, at: Location, value: int | str | None) -> float | None:
        if value is None or (isinstance(value, int) and value > 0):
            return value
        self._wrong(document, at, f"the timeout must be a number of seconds (found {value!r}).")
        return None

    def _check_processes(self, document: Document, at: Location, resources: Any, distribution: Any) -> None:
        """Report what needs several processes or machines."""
        for key, value in (("resources", resources), ("distribution", distribution)):
            if value is None or not isinstance(value, dict):
                continue
            for count, unit in _COUNTS.items():
                number = value.get(count)
                if isinstance(number, int) and number > 1:
                    message = f"the job needs {number} {unit}: here it runs as one process."
                    submit = f"Write 1 to run it here, or submit it: az ml job create --file {self._document.path.name}"
                    self._wrong(document, (*at, key, count), message, submit)

    def _component_job(
        self, document: Document, at: Location, name: str, around: tuple[Path, ...]
    ) -> _Node | None:  # fmt: skip
        keys = self._part(document, at, ComponentJobKeys)
        if keys is None:
            return None
        self._check_processes(document, at, keys.resources, keys.distribution)
        found = self._component(document, (*at, "component"), keys.component)
        if found is None:
            return None
        component, kind = found
        if kind != keys.type:
            message = f"the component of {at[-1]!r} is of type {kind!r}."
            self._wrong(document, (*at, "type"), message, f"Write `type: {kind}`.")
            return None
        if kind == "pipeline":
            node = self._pipeline_component(component, name, around)
        elif kind == "parallel":
            node = self._parallel_component(component, name)
        else:
            node = self._command_component(component, name)
            if node is not None and node.job is not None:
                variables = {
                    key: self._variable(document, (*at, "environment_variables", key), value)
                    for key, value in keys.environment_variables.items()
                }
                timeout = self._timeout(document, (*at, "limits", "timeout"), keys.limits.timeout)
                job = replace(node.job, environment={**node.job.environment, **variables}, timeout=timeout)
                node = replace(node, job=job)
        if node is None:
            return None
        for key, value in keys.outputs.items():
            self._output(document, (*at, "outputs", key), value)
            if key not in node.types and not (key == ARTIFACTS and node.job is not None):
                known = did_you_mean(key, node.types)
                message = f"the component of {at[-1]!r} has no output {key!r}."
                self._wrong(document, (*at, "outputs", key), message, known, of_key=True)
        return replace(node, document=document, at=at, inputs=keys.inputs, outputs=keys.outputs)

    def _component(
        self, document: Document, at: Location, reference: str | dict[str, Any]
    ) -> tuple[Document, str] | None:
        """The document of a component, and its type."""
        if isinstance(reference, dict):
            component = document.part(at)
        else:
            asset = self._asset(document, at, "component", reference)
            local = reference.removeprefix("file:") if asset is None else str(asset)
            if _ADDRESS.match(local):
                where = "in a registry" if local.startswith("azureml://registries/") else "in a workspace"
                self._wrong(document, at, f"{reference} is {where}.", "Write the path of the component's file.")
                return None
            path = (document.path.parent / local).resolve()
            if not path.is_file():
                self._wrong(document, at, f"there is no file {path}.")
                return None
            if path in self._components:
                return self._components[path]
            component = read(path, yaml_1_1=True)
            self._warnings += component.ambiguous
        kind = "command"
        if isinstance(component.data, dict):
            is_flow = "nodes" in component.data or "flow" in component.data
            kind = component.data.get("type", "flow_parallel" if is_flow else "command")
        if kind not in _COMPONENTS:
            self._unknown_type(component, (), kind, _COMPONENTS)
            return None
        if not isinstance(reference, dict):
            self._components[component.path] = component, kind
        return component, kind

    def _command_component(self, document: Document, name: str) -> _Node | None:
        keys, problems = check(document, CommandComponentKeys)
        self._problems += problems
        if keys is None:
            return None
        self._check_names(document, ("inputs",), keys.inputs)
        self._check_names(document, ("outputs",), keys.outputs)
        ports = self._ports(document, keys.inputs)
        types = {key: described.type for key, described in keys.outputs.items()}
        self._check_processes(document, (), keys.resources, keys.distribution)
        job = self._job(document, (), name, keys, ports, types)
        self._check_script(document, (), keys, job.code)
        job = replace(job, deterministic=keys.is_deterministic, includes=self._includes(document, keys))
        return _Node(name, document, (), ports, types, job=job)

    def _parallel_component(self, document: Document, name: str) -> _Node | None:
        keys, problems = check(document, ParallelComponentKeys)
        self._problems += problems
        if keys is None:
            return None
        ports = self._ports(document, keys.inputs)
        types = {key: described.type for key, described in keys.outputs.items()}
        job = self._parallel(document, (), name, keys, ports, types)
        return _Node(name, document, (), ports, types, job=replace(job, deterministic=keys.is_deterministic))

    def _pipeline_component(self, document: Document, name: str, around: tuple[Path, ...]) -> _Node | None:
        if document.path in around:
            self._wrong(document, ("jobs",), "the pipeline component contains itself.")
            return None
        keys, problems = check(document, PipelineComponentKeys)
        self._problems += problems
        if keys is None:
            return None
        ports = self._ports(document, keys.inputs)
        outputs = {key: one.model_dump(exclude_unset=True) for key, one in keys.outputs.items()}
        prefix = f"{name}." if name else ""
        body = self._body(document, ports, outputs, keys.jobs, prefix, (*around, document.path))
        types = {key: described.type for key, described in keys.outputs.items()}
        return _Node(name, document, (), ports, types, body=body)

    def _ports(self, document: Document, inputs: Mapping[str, InputKeys]) -> dict[str, Port]:
        ports = {}
        for name, described in inputs.items():
            ports[name] = _port(described, None)
            if described.default is not None:
                try:
                    cast(described.default, ports[name])
                except ValueError as error:
                    self._wrong(document, ("inputs", name, "default"), f"{error}.")
        return ports

    def _includes(self, document: Document, keys: CommandComponentKeys) -> tuple[Path, ...]:
        found = []
        for index, include in enumerate(keys.additional_includes):
            path = (document.path.parent / include).resolve()
            if not path.exists():
                self._wrong(document, ("additional_includes", index), f"there is no {path}.")
            found.append(path)
        return tuple(found)

    # Bindings

    def _produced(
        self, document: Document, outputs: Mapping[str, OutputKeys], nodes: Mapping[str, _Node], *, complete: bool
    ) -> dict[str, FromJob]:
        """The pipeline's outputs by name: jobs bind their outputs to `${{parent.outputs.x}}`."""
        found: dict[str, FromJob] = {}
        makers: dict[str, str] = {}
        before = len(self._problems)
        bound = [(job, name, value) for job, node in nodes.items() for name, value in node.outputs.items()]
        for job, name, value in bound:
            node = nodes[job]
            complete = complete and (name in node.types or name == ARTIFACTS)
            target = self._target(node, name, value, outputs)
            if target in found:
                message = f"the job {makers[target]!r} already creates the pipeline's output {target!r}."
                self._wrong(node.document, (*node.at, "outputs", name), message)
            elif target is not None and (name in node.types or name == ARTIFACTS):
                source = self._leaf(node, name)
                complete = complete and source is not None
                if source is not None:
                    found[target], makers[target] = source, job
                created, declared = node.types.get(name, "uri_folder"), outputs[target]
                if "type" in declared.model_fields_set and not fits(created, declared.type):
                    message = f"an output of type {created} cannot be the pipeline's output of type {declared.type}."
                    self._wrong(document, ("outputs", target), message)
        for name in outputs if complete and len(self._problems) == before else ():
            if name not in found:
                message = f"no job creates the pipeline's output {name!r}."
                self._wrong(document, ("outputs", name), message, of_key=True)
        return found

    def _target(self, node: _Node, name: str, value: Any, outputs: Collection[str]) -> str | None:
        """The pipeline's output that a job's output is bound to; None if it is not bound, or wrongly (reported)."""
        text = value.get("path") if isinstance(value, dict) else value
        if not isinstance(text, str) or (isinstance(value, dict) and not EXPRESSION.fullmatch(text.strip())):
            return None
        at = (*node.at, "outputs", name)
        target = _parent_output(text)
        if target is None:
            message = f"{text} is not a valid expression for a job's output."
            self._wrong(node.document, at, message, "Write ${{parent.outputs.NAME}}.")
        elif target not in outputs:
            known = did_you_mean(target, outputs)
            self._wrong(node.document, at, f"the pipeline has no output {target!r}.", known)
        else:
            return target
        return None

    def _leaf(self, node: _Node, output: str) -> FromJob | None:
        """The job that creates an output of a node, which may be a pipeline; None if no job does (reported)."""
        if node.body is not None:
            return node.body.produced.get(output)
        if output not in node.types:
            self._default_outputs.add(node.name)
        return FromJob(node.name, output)

    def _bind(self, body: _Body, values: Mapping[str, _Source | None]) -> None:
        """Bind the inputs of the jobs in a pipeline.

        Args:
            values: What the pipeline's own inputs are bound to; None for an optional one without a value.
        """
        for node in body.nodes.values():
            sources: dict[str, _Source] = {}
            for name, value in node.inputs.items():
                at = (*node.at, "inputs", name)
                port = node.ports.get(name)
                if port is None:
                    known = did_you_mean(name, node.ports)
                    message = f"the component of {node.at[-1]!r} has no input {name!r}."
                    self._wrong(node.document, at, message, known, of_key=True)
                elif (source := self._source(node, at, port, value, body, values)) is not None:
                    sources[name] = source
            missing = [
                name for name, port in node.ports.items()
                if name not in node.inputs and not port.optional and port.default is None
            ]  # fmt: skip
            misspelt = {nearest(name, node.ports) for name in node.inputs if name not in node.ports}
            if missing := [name for name in missing if name not in misspelt]:
                message = f"the job {node.at[-1]!r} lacks inputs: {', '.join(missing)}."
                self._wrong(node.document, node.at, message, of_key=True)
            self._add(node, sources)

    def _add(self, node: _Node, sources: dict[str, _Source]) -> None:
        """Add a job whose inputs are bound, or the jobs in it."""
        if node.body is not None:
            self._bind(node.body, {name: sources.get(name, port.default) for name, port in node.ports.items()})
        elif node.job is not None:
            origins = {name: node.document.position((*node.at, "inputs", name)) for name in node.inputs}
            self._jobs[node.name] = replace(node.job, inputs=sources, origins=origins)

    def _source(
        self, node: _Node, at: Location, port: Port, value: Any, body: _Body, values: Mapping[str, _Source | None]
    ) -> _Source | None:  # fmt: skip
        """What an input of a job is bound to; None if that is wrong (reported), or has no value."""
        if isinstance(value, dict):
            keys = self._part(node.document, at, JobInputKeys)
            if keys is None:
                return None
            if keys.path is not None and not EXPRESSION.search(keys.path):
                return self._data(node, at, port, keys)
            value = next((one for one in (keys.path, keys.value, keys.default) if one is not None), None)
        if not isinstance(value, str) or not EXPRESSION.search(value):
            return self._literal(node.document, at, port, value)
        expression = EXPRESSION.fullmatch(value.strip())
        match expression[1].strip().split(".") if expression else []:
            case ["parent", "inputs", name]:
                return values.get(name) if self._fits_input(node, at, port, name, body) else None
            case ["parent", "jobs", before, "outputs", output]:
                return self._from_job(node, at, port, before, output, body)
        self._wrong(node.document, at, f"{value} is not a valid expression for a job's input.", _BINDINGS)
        return None

    def _literal(self, document: Document, at: Location, port: Port, value: Any) -> Value | None:
        if not isinstance(value, Value):
            self._wrong(document, at, "a job's input must be a value or an expression.", _BINDINGS)
        elif port.type in DATA_TYPES:
            message = f"an input of type {port.type} cannot be the literal {value!r}."
            self._wrong(document, at, message, "Write `{type: TYPE, path: PATH}` or an expression.")
        else:
            try:
                return cast(value, port)
            except ValueError as error:
                self._wrong(document, at, f"{error}.")
        return None

    def _data(self, node: _Node, at: Location, port: Port, keys: JobInputKeys) -> FromInput | None:
        """A file or folder that a job names itself becomes an input of the pipeline, which `--set` can replace."""
        if keys.type not in DATA_TYPES:
            self._wrong(node.document, (*at, "path"), f"an input of type {keys.type} cannot have a path.")
            return None
        if port.type not in DATA_TYPES and port.type is not None:
            self._wrong(node.document, at, f"data of type {keys.type} cannot be an input of type {port.type}.")
            return None
        if not fits(keys.type, port.type):
            message = f"the component declares the type {port.type}: it receives {keys.type}, as in Azure ML."
            self._warn(node.document, at, message)
        name = f"{node.name}.{at[-1]}"
        self._inputs[name] = Port(keys.type, path=self._data_path(node.document, at, keys.path, keys.type, name))
        return FromInput(name)

    def _fits_input(self, node: _Node, at: Location, port: Port, name: str, body: _Body) -> bool:
        source = body.inputs.get(name)
        document = node.document
        if source is None:
            if name not in body.inputs:
                self._wrong(document, at, f"the pipeline has no input {name!r}.", did_you_mean(name, body.inputs))
            return False
        if not fits(source.type, port.type) or (source.type is None and port.type in DATA_TYPES):
            kind = source.type or "literal"
            self._wrong(document, at, f"the pipeline's input {name!r} of type {kind} does not fit {port.type}.")
            return False
        top = document is self._document
        absent = source.default is None and (
            (source.path is None and name not in self._given) if top else source.optional
        )
        if absent and not port.optional and port.default is None:
            message = f"the pipeline's input {name!r} has no value, but the component requires one."
            if not top:
                message = f"the pipeline's input {name!r} is optional, but the component requires a value."
            self._wrong(document, at, message, f"Set one: --set {name}=VALUE." if top else "")
            return False
        if source.default is not None:
            try:
                cast(source.default, port)
            except ValueError as error:
                self._wrong(body.document, ("inputs", name), f"{error}.")
        return True

    def _from_job(
        self, node: _Node, at: Location, port: Port, before: str, output: str, body: _Body
    ) -> FromJob | None:  # fmt: skip
        document = node.document
        if before not in body.names:
            self._wrong(document, at, f"the pipeline has no job {before!r}.", did_you_mean(before, body.names))
            return None
        source = body.nodes.get(before)
        if source is None:
            return None  # the problems of that job are already reported
        if output not in source.types and not (output == ARTIFACTS and source.job is not None):
            known = did_you_mean(output, source.types)
            self._wrong(document, at, f"the job {before!r} has no output {output!r}.", known)
            return None
        type_ = source.types.get(output, "uri_folder")
        if not fits(type_, port.type):
            self._wrong(document, at, f"an output of type {type_} cannot be an input of type {port.type}.")
        return self._leaf(source, output)

    def _order(self) -> list[str]:
        for name in self._default_outputs & self._jobs.keys():
            job = self._jobs[name]
            self._jobs[name] = replace(job, outputs={**job.outputs, ARTIFACTS: "uri_folder"})
        sorter = graphlib.TopologicalSorter(
            {name: [one for one in job.after if one in self._jobs] for name, job in self._jobs.items()}
        )
        try:
            return list(sorter.static_order())
        except graphlib.CycleError as error:
            cycle = error.args[1]
            message = f"the jobs depend on each other in a cycle: {' -> '.join(cycle)}."
            self._problems.append(Problem(self._places[cycle[0]], message))
            return []


_COUNTS = {
    "instance_count": "machines",
    "process_count_per_instance": "processes",
    "worker_count": "workers",
    "parameter_server_count": "parameter servers",
}
"""Keys of `resources` and `distribution`, and what they count."""


def _parent_output(text: object) -> str | None:
    """The name of the pipeline's output that a job's output is bound to; None if it is not bound to one."""
    expression = EXPRESSION.fullmatch(text.strip()) if isinstance(text, str) else None
    kind, _, name = expression[1].strip().rpartition(".") if expression else ("", "", "")
    return name if kind == "parent.outputs" else None


def _is_data(value: object) -> bool:
    """Whether an input of a job is a file or folder, and not a literal or an expression."""
    return (
        isinstance(value, dict) and "value" not in value and value.get("type", "uri_folder") in DATA_TYPES
        and not EXPRESSION.search(str(value.get("path", "")))
    )  # fmt: skip


def _port(described: InputKeys, path: Path | None) -> Port:
    return Port(
        described.type, described.optional, described.default, described.min, described.max, described.choices(), path
    )  # fmt: skip


def _sorted(problems: Iterable[Problem], first: Path) -> list[Problem]:
    """Each problem once, by file and line: those of the job file first, then the files in the order of their use."""
    files = dict.fromkeys([first, *(problem.position.path for problem in problems)])
    order = {path: number for number, path in enumerate(files)}
    return sorted(
        dict.fromkeys(problems),
        key=lambda problem: (order[problem.position.path], problem.position.line, problem.position.column),
    )
