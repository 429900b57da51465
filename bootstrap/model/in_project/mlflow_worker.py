"""Opens a project's MLflow store and does what it is told, one line of JSON at a time.

Run by the project's own Python, because only the MLflow of the project's lock may open its store: a newer one migrates
it silently, and the older one then refuses it. Started as `python mlflow_worker.py STORE_URI ARTIFACTS_URI`; ended by
closing its standard input. `bootstrap.model.mlflow_store` is the other side.

The first line on standard output says whether the store could be opened: `{"ok": {"mlflow": "3.15.0"}}` or
`{"error": {"type": ..., "message": ...}}`. Then each request, `{"call": name, ...arguments}`, gets one line of the same
form. Everything else that MLflow and its friends print goes to standard error.
"""

import functools
import json
import os
import sys
from collections.abc import Callable
from typing import Any


class Store:
    """The calls, by name. Each takes a request's arguments and returns what goes into its answer."""

    def __init__(self, store_uri: str, artifacts_uri: str) -> None:
        from mlflow import MlflowClient  # type: ignore[import-not-found]

        self._client = MlflowClient(store_uri, store_uri)
        self._artifacts_uri = artifacts_uri
        self._experiments: dict[str, str] = {}

    def start_run(self, experiment: str, name: str, parent: str | None, tags: dict[str, str]) -> dict[str, str]:
        """Create a run, as a child of the run `parent` unless that is null."""
        tags = {**tags, "mlflow.parentRunId": parent} if parent else tags
        run = self._client.create_run(self._experiment(experiment), run_name=name, tags=tags)
        return {"run_id": run.info.run_id}

    def end_run(self, run_id: str, status: str) -> dict[str, str]:
        """Set a run's final status: FINISHED, FAILED or KILLED."""
        self._client.set_terminated(run_id, status)
        return {}

    def register_version(self, name: str, source: str, run_id: str | None, tags: dict[str, str]) -> dict[str, str]:
        """Register the model at the URI `source` as the next version of `name`, which is made when it is new."""
        from mlflow.exceptions import MlflowException  # type: ignore[import-not-found]

        try:
            self._client.create_registered_model(name)
        except MlflowException as error:
            if error.error_code != "RESOURCE_ALREADY_EXISTS":
                raise
        version = self._client.create_model_version(name, source, run_id=run_id, tags=tags)
        return {"version": str(version.version)}

    def find_version(self, name: str, tag: str, value: str) -> dict[str, str | None]:
        """Look for the first version of `name` whose tag has this value."""
        versions = self._client.search_model_versions(f"name = '{name}' AND tags.`{tag}` = '{value}'")
        return {"version": min((str(version.version) for version in versions), key=int, default=None)}

    def set_version_tags(self, name: str, version: str, tags: dict[str, str]) -> dict[str, str]:
        """Set tags of a registered version; tags that it has already under other names stay."""
        for key, value in tags.items():
            self._client.set_model_version_tag(name, version, key, value)
        return {}

    def _experiment(self, name: str) -> str:
        if name not in self._experiments:
            found = self._client.get_experiment_by_name(name)
            self._experiments[name] = (
                found.experiment_id if found else self._client.create_experiment(name, self._artifacts_uri)
            )
        return self._experiments[name]


def main(store_uri: str, artifacts_uri: str) -> None:
    """Answer requests until standard input ends."""
    # Whatever prints to standard output from here on, in Python or below it, prints to standard error instead.
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)

    def answer(work: Callable[[], dict[str, Any]]) -> bool:
        line: dict[str, Any]
        try:
            line = {"ok": work()}
        except Exception as error:  # noqa: BLE001 - the other side decides what it means
            line = {"error": {"type": type(error).__name__, "message": str(error)}}
        answers.write(json.dumps(line) + "\n")
        answers.flush()
        return "ok" in line

    opened: list[Store] = []

    def open_store() -> dict[str, str]:
        import mlflow

        opened.append(Store(store_uri, artifacts_uri))
        return {"mlflow": mlflow.__version__}

    if not answer(open_store):
        return
    for line in sys.stdin.buffer:
        request = json.loads(line)
        call = getattr(opened[0], request.pop("call"))
        answer(functools.partial(call, **request))


if __name__ == "__main__":
    main(*sys.argv[1:])
