"""Shows a step before it runs: its command with the values in it, and where each value comes from."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bootstrap.errors import InputError, did_you_mean
from bootstrap.files import relative_path
from bootstrap.pipeline.check import cast, input_values
from bootstrap.pipeline.expressions import command_text, value_text
from bootstrap.pipeline.graph import FromInput, FromJob, Job, Pipeline, Value


def explain(pipeline: Pipeline, given: Mapping[str, str], directory: Path, step: str) -> dict[str, Any]:
    """What a step would run, as a document. Files that do not exist yet are `<OUTPUT of JOB>`.

    Args:
        pipeline: It was read with the names in `given`.
        given: Values for inputs of the pipeline, as text.
        directory: The folder that paths in `given` are relative to.
        step: The name of the job.

    Raises:
        InputError: There is no such job, or a value is wrong.
    """
    job = pipeline.jobs.get(step)
    if job is None:
        raise InputError(
            f"{pipeline.path.name} has no job {step!r}.", hint=did_you_mean(step, pipeline.jobs) or "Choose a job."
        )
    known = input_values(pipeline, given, directory)
    inputs = {name: _input(job, name, known, given) for name in job.ports}
    values = {name: one["value"] for name, one in inputs.items() if one["value"] is not None}
    return {
        "schema_version": 1,
        "step": step,
        "command": command_text(job.command, values, {name: Path(f"<{name}>") for name in job.outputs}),
        "declared": relative_path(job.component),
        "code": None if job.code is None else relative_path(job.code),
        "includes": [relative_path(path) for path in job.includes],
        "environment": dict(job.environment),
        "timeout": job.timeout,
        "trials": 0 if job.sweep is None else len(job.sweep.trials),
        "inputs": inputs,
        "outputs": dict(job.outputs),
        "after": job.after,
    }


def _input(
    job: Job, name: str, known: Mapping[str, Path | Value], given: Mapping[str, str]
) -> dict[str, str | None]:  # fmt: skip
    """The value of an input, None if it has none, and where that comes from."""
    port, source = job.ports[name], job.inputs.get(name)
    if job.sweep is not None and name in job.sweep.trials[0]:
        return {"value": value_text(job.sweep.trials[0][name]), "from": "the first trial"}
    place = f"{relative_path(job.origins[name].path)}:{job.origins[name].line}" if name in job.origins else ""
    if isinstance(source, FromJob):
        return {"value": f"<{source.output} of {source.job}>", "from": place}
    value = known.get(source.name) if isinstance(source, FromInput) else source
    if isinstance(source, FromInput) and source.name in given:
        place = f"--set {source.name}"
    if value is None and port.default is not None:
        value, place = port.default, f"default in {relative_path(job.component)}"
    if value is None:
        return {"value": None, "from": "no value"}
    return {"value": relative_path(value) if isinstance(value, Path) else value_text(cast(value, port)), "from": place}
