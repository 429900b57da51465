"""Checks values, data and commands of a pipeline against what is declared."""

import math
import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from bootstrap.errors import InputError, Position, Problem, did_you_mean
from bootstrap.pipeline.expressions import OPTIONAL, open_quote, references
from bootstrap.pipeline.graph import DATA_TYPES, FromInput, Pipeline, Port, Value
from bootstrap.progress import Progress

_MARKS = {"mlflow_model": "MLmodel", "mltable": "MLTable"}
"""The file that a folder of this type must contain."""

_INSTALL = re.compile(r"(?:^|[;&|(\s])((?:(?:uv\s+)?pip3?|conda|mamba|apt|apt-get)\s+(?:-\S+\s+)*install\b[^\n;&|]*)")


def data_problem(path: Path, data_type: str) -> str:
    """Why `path` is not data of this type; empty if it is."""
    if not path.exists():
        return f"{path} does not exist"
    if data_type == "uri_file" and not path.is_file():
        return f"{path} is a folder; the type {data_type} needs a file"
    if data_type in ("uri_folder", *_MARKS) and not path.is_dir():
        return f"{path} is a file; the type {data_type} needs a folder"
    mark = _MARKS.get(data_type)
    return f"{path} is not an {data_type}: it has no file {mark}" if mark and not (path / mark).is_file() else ""


def cast(value: object, port: Port) -> Value:
    """Convert a literal to the declared type of an input. Raises ValueError with the reason if that is impossible."""
    result = CASTS[port.type](value) if port.type in CASTS else text_of(value)
    if isinstance(result, int | float) and not isinstance(result, bool):
        if port.minimum is not None and result < port.minimum:
            raise ValueError(f"{result} is below the minimum, {port.minimum:g}")
        if port.maximum is not None and result > port.maximum:
            raise ValueError(f"{result} is above the maximum, {port.maximum:g}")
    if port.choices is not None and result not in port.choices:
        raise ValueError(f"{result!r} is not one of {', '.join(map(str, port.choices))}")
    return result


def _integer(value: object) -> int:
    if isinstance(value, str) and re.fullmatch(r"[+-]?\d{1,18}", value.strip()):
        return int(value)
    if isinstance(value, int | float) and not isinstance(value, bool) and value == value // 1:
        return int(value)
    raise ValueError(f"{_named(value)} is not an integer")


def _number(value: object) -> int | float:
    wrong = f"{_named(value)} is not a number"
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise ValueError(wrong)  # noqa: TRY004 - one exception type for all casts
    if isinstance(value, str) and re.fullmatch(r"[+-]?\d{1,18}", value.strip()):
        return int(value)  # as YAML reads it: --set and the file give the same value
    try:
        number = float(value)
    except (ValueError, OverflowError) as error:
        raise ValueError(wrong) from error
    if not math.isfinite(number):
        raise ValueError(f"{value!r} is not finite")
    return value if isinstance(value, int | float) else number


def _boolean(value: object) -> bool:
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.lower() in ("true", "false"):
        return value.lower() == "true"
    raise ValueError(f"{_named(value)} is neither true nor false")


def text_of(value: object) -> Value:
    """A literal of any type. Raises ValueError for lists and mappings."""
    if isinstance(value, str | int | float | bool):
        return value
    raise ValueError("must be text, a number, true or false")


def _named(value: object) -> str:
    return "an empty value" if value is None else repr(value)


def _string(value: object) -> str:
    return str(text_of(value))


CASTS: Mapping[str | None, Callable[[object], Value]] = {
    "integer": _integer,
    "number": _number,
    "boolean": _boolean,
    "string": _string,
}


def fits(source: str | None, target: str | None) -> bool:
    """Whether a value of the type `source` may be bound to an input of the type `target`."""
    return (
        source is None
        or target in (None, source)
        or (target == "uri_folder" and source in DATA_TYPES - {"uri_file"})
        or (target == "custom_model" and source in DATA_TYPES)
        or (source, target) == ("integer", "number")
    )


def expression_problems(
    command: str, inputs: Mapping[str, Port], outputs: Collection[str]
) -> Iterator[tuple[str, str]]:  # fmt: skip
    """What is wrong with the expressions of a command, and what to write instead."""
    known: dict[str, Collection[str]] = {"inputs": inputs, "outputs": outputs}
    for kind, name in references(command):
        if kind not in known:
            yield f"the command refers to {kind!r}; it can refer only to inputs and outputs.", ""
        elif name not in known[kind]:
            yield f"the command refers to {kind}.{name}, which is not declared.", did_you_mean(name, known[kind])
    always = {name for kind, name in references(OPTIONAL.sub("", command)) if kind == "inputs"}
    for name, port in inputs.items():
        if port.optional and port.default is None and name in always:
            yield f"the optional input {name!r} must be inside $[[ ]], because it may have no value.", ""


def command_problems(place: Position, command: str) -> Iterator[Problem]:
    """What in a command cannot run here, whatever its values are."""
    if not command.strip():
        yield Problem(place, "the command is empty.")
    if quote := open_quote(command):
        yield Problem(place, f"a quote ({quote}) of the command has no end.")
    if found := _INSTALL.search(command):
        yield Problem(
            place,
            f"the command installs packages ({' '.join(found[1].split())}): steps run in the environment of uv.lock.",
            "Take it out of the command, and add the packages to the project: uv add PACKAGE.",
        )


def input_values(pipeline: Pipeline, given: Mapping[str, str], directory: Path) -> dict[str, Path | Value]:
    """The values of a pipeline's inputs; files and folders as paths. Those without a value are left out.

    Args:
        pipeline: It was read with the names in `given`.
        given: Values as text; the others have those of the file.
        directory: The folder that paths in `given` are relative to.

    Raises:
        InputError: An input does not exist, or its value is wrong.
    """
    problems = [
        f"the pipeline has no input {name!r}. {did_you_mean(name, pipeline.inputs)}"
        for name in given
        if name not in pipeline.inputs
    ]
    values: dict[str, Path | Value] = {}
    for name, port in pipeline.inputs.items():
        try:
            value = _input_value(_declared(pipeline, name, port), given.get(name), directory)
        except ValueError as error:
            problems.append(f"{name}: {error}")
            continue
        if value is not None:
            values[name] = value
    if problems:
        raise InputError(
            f"Inputs of {pipeline.path.name} are wrong.",
            details=problems,
            hint=f"{pipeline.path} declares the inputs and their defaults; --set NAME=VALUE sets a value.",
        )
    return values


def _declared(pipeline: Pipeline, name: str, port: Port) -> Port:
    """The port itself; for a literal of the pipeline file, the port of the job's input that it is bound to."""
    bound = (
        job.ports[input_name]
        for job in pipeline.jobs.values()
        for input_name, source in job.inputs.items()
        if source == FromInput(name)
    )
    target = next(bound, None) if port.type is None else None
    return port if target is None else replace(target, optional=False, default=port.default)


def _input_value(port: Port, text: str | None, directory: Path) -> Path | Value | None:
    if port.type is None or port.type not in DATA_TYPES:
        value = text if text is not None else port.default
        return None if value is None else cast(value, port)
    path = (directory / text).resolve() if text is not None else port.path
    if path is None:
        return None
    if problem := data_problem(path, port.type):
        raise ValueError(problem)
    return path


def report_warnings(pipeline: Pipeline, warnings: Sequence[str], progress: Progress, *, strict: bool) -> None:
    """Report warnings. Raises InputError for them if `strict`."""
    if warnings and strict:
        raise InputError(f"{pipeline.path.name} has warnings, and --strict refuses them.", details=warnings)
    for warning in warnings:
        progress.say(f"warning: {warning}")
