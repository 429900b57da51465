"""Shows a step before it runs: its command with the values in it, and where each value comes from."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bootstrap.errors import InputError, did_you_mean
from bootstrap.files import relative_path
from bootstrap.pipeline.check import cast
from bootstrap.pipeline.expressions import command_text
from bootstrap.pipeline.graph import DATA_TYPES, FromInput, FromJob, Job, Pipeline, Value


def explain(pipeline: Pipeline, given: Mapping[str, str], directory: Path, step: str) -> dict[str, Any]:
    """What a step would run, as a document.

    Args:
        pipeline: The pipeline; its inputs in `given` need no value in the file.
        given: Values for inputs of the pipeline, as text.
        directory: The folder that paths in `given` are relative to.
        step: The name of the job.
    """
    job = pipeline.jobs.get(step)
    if job is None:
        raise InputError(
            f"{pipeline.path.name} has no job {step!r}.", hint=did_you_mean(step, pipeline.jobs) or "Choose a job."
        )
    inputs = {name: _input(pipeline, job, name, given, directory) for name in job.ports}
    values = {name: one["value"] for name, one in inputs.items() if one["value"] is not None}
    if job.sweep is not None:
        values |= {name: str(value) for name, value in job.sweep.trials[0].items()}
    outputs = {name: Path(f"<{name}>") for name in job.outputs}
    return {
        "schema_version": 1,
        "step": step,
        "command": command_text(job.command, values, outputs),
        "declared": relative_path(job.component),
        "code": None if job.code is None else relative_path(job.code),
        "includes": [relative_path(path) for path in job.includes],
        "environment": dict(job.environment),
        "timeout": job.timeout,
        "trials": None if job.sweep is None else [dict(trial) for trial in job.sweep.trials],
        "inputs": inputs,
        "outputs": dict(job.outputs),
        "after": job.after,
    }


def _input(
    pipeline: Pipeline, job: Job, name: str, given: Mapping[str, str], directory: Path
) -> dict[str, str | None]:  # fmt: skip
    """The value of an input, None if it has none, and where that comes from."""
    port, source = job.ports[name], job.inputs.get(name)
    place = f"{relative_path(job.origins[name].path)}:{job.origins[name].line}" if name in job.origins else ""
    if job.sweep is not None and any(name in trial for trial in job.sweep.trials):
        return {"value": None, "from": "differs between the trials"}
    if isinstance(source, FromJob):
        return {"value": f"<{source.output} of {source.job}>", "from": place}
    value: Value | Path | None = None if isinstance(source, FromInput) else source
    if isinstance(source, FromInput):
        declared = pipeline.inputs[source.name]
        if source.name in given:
            text = given[source.name]
            is_path = port.type in DATA_TYPES or declared.type in DATA_TYPES
            value, place = (directory / text).resolve() if is_path else cast(text, port), f"--set {source.name}"
        else:
            value = declared.default if declared.path is None else declared.path
            value = cast(value, port) if value is not None and not isinstance(value, Path) else value
    if value is None and port.default is not None:
        value, place = cast(port.default, port), f"the default in {relative_path(job.component)}"
    if value is None:
        return {"value": None, "from": "no value: its $[[ ]] is left out"}
    return {"value": relative_path(value) if isinstance(value, Path) else str(value), "from": place}
