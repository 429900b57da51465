"""Opens a project's MLflow store and executes requests, one line of JSON each.

Runs under the project's Python, because only the MLflow of the project's lock may open its store: a newer MLflow
migrates the store silently, and the older one then refuses it. Usage: `mlflow_worker.py STORE_PATH ARTIFACTS_URI`;
it exits when its standard input is closed. `bootstrap.model.mlflow_store` is the client.

The first line on standard output reports whether the store could be opened: `{"ok": {"mlflow": "3.15.0"}}` or
`{"error": {"type": ..., "message": ...}}`. Each request, `{"call": name, ...arguments}`, gets one such line.
All other output goes to standard error.
"""

import contextlib
import functools
import json
import os
import sqlite3
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any


class _Store:
    """The calls by name. Each receives the arguments of a request and returns the answer."""

    def __init__(self, path: Path, artifacts_uri: str) -> None:
        from mlflow import MlflowClient  # type: ignore[import-not-found]

        _create(path)
        store_uri = _uri(path)
        self._client = MlflowClient(store_uri, store_uri)
        self._artifacts_uri = artifacts_uri
        self._experiments: dict[str, str] = {}

    def start_run(self, experiment: str, name: str, parent: str | None, tags: dict[str, str]) -> dict[str, str]:
        """Create a run; it is a child of the run `parent`, if there is one."""
        tags = {**tags, "mlflow.parentRunId": parent} if parent else tags
        run = self._client.create_run(self._experiment(experiment), run_name=name, tags=tags)
        return {"run_id": run.info.run_id}

    def end_run(self, run_id: str, status: str) -> dict[str, str]:
        """Set a run's final status: FINISHED, FAILED or KILLED."""
        self._client.set_terminated(run_id, status)
        return {}

    def metric_values(self, run_id: str, name: str) -> dict[str, list[float]]:
        """All values that a run has logged for a metric."""
        return {"values": [metric.value for metric in self._client.get_metric_history(run_id, name)]}

    def log_artifacts(self, run_id: str, folder: str) -> dict[str, str]:
        """Copy the content of a folder to the artifacts of a run."""
        self._client.log_artifacts(run_id, folder)
        return {}

    def end_runs(self, tag: str, value: str, status: str) -> dict[str, str]:
        """Set the final status of the runs with this value of the tag that have none."""
        experiments = [experiment.experiment_id for experiment in self._client.search_experiments()]
        running = f"attributes.status = 'RUNNING' and tags.`{tag}` = '{value}'"
        for run in self._client.search_runs(experiments, running):
            self._client.set_terminated(run.info.run_id, status)
        return {}

    def register_version(
        self, name: str, source: str, run_id: str | None, digest_tag: str, tags: dict[str, str]
    ) -> dict[str, str]:
        """Register the model at the URI `source` as the next version of `name`; create a new registered model.

        The lowest version that already has the same value of `digest_tag` gets the tags instead.
        """
        from mlflow.exceptions import MlflowException  # type: ignore[import-not-found]

        same = self._client.search_model_versions(f"name = '{name}' AND tags.`{digest_tag}` = '{tags[digest_tag]}'")
        if same:
            number = min((str(version.version) for version in same), key=int)
            self.set_version_tags(name, number, tags)
            return {"version": number}
        try:
            self._client.create_registered_model(name)
        except MlflowException as error:
            if error.error_code != "RESOURCE_ALREADY_EXISTS":
                raise
        version = self._client.create_model_version(name, source, run_id=run_id, tags=tags)
        return {"version": str(version.version)}

    def set_version_tags(self, name: str, version: str, tags: dict[str, str]) -> dict[str, str]:
        """Set tags of a registered version; other tags do not change."""
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


_CREATION_SECONDS = 600
"""How long to wait for another process that creates the store."""


def _uri(path: Path) -> str:
    return f"sqlite:///{path.as_posix()}"


def _create(path: Path) -> None:
    """Create the store, unless it exists.

    MLflow does not open a store whose creation was killed: one statement after the other creates its tables. So the
    store gets its name when it is complete. SQLite's own lock holds off other processes; it ends with this one.
    """
    if path.exists():
        return
    from mlflow import MlflowClient

    lock = sqlite3.connect(path.with_name(f"{path.name}.lock"), timeout=_CREATION_SECONDS)
    with contextlib.closing(lock):
        lock.execute("BEGIN EXCLUSIVE")
        if path.exists():
            return
        new = path.with_name(f"{path.name}.new")
        for name in (new.name, f"{new.name}-journal", f"{new.name}-wal", f"{new.name}-shm"):
            path.with_name(name).unlink(missing_ok=True)
        client = MlflowClient(_uri(new), _uri(new))
        client.search_experiments()
        client._tracking_client.store.engine.dispose()  # Windows renames no open file
        new.replace(path)


def _end_with_parent(parent: int) -> None:
    """End this process when its parent was killed: opening a store takes seconds, in which no input is read.

    On Windows the parent's id does not change; there the process ends after what it does.
    """
    while os.getppid() == parent:
        time.sleep(0.5)
    os._exit(1)


def main(path: str, artifacts_uri: str) -> None:
    """Answer requests until standard input ends."""
    threading.Thread(target=_end_with_parent, args=(os.getppid(),), daemon=True).start()
    # From here on, everything that writes to standard output, in Python or native code, writes to standard error.
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)

    def answer(work: Callable[[], dict[str, Any]]) -> bool:
        line: dict[str, Any]
        try:
            line = {"ok": work()}
        except Exception as error:  # noqa: BLE001 - the client handles it
            line = {"error": {"type": type(error).__name__, "message": str(error)}}
        answers.write(json.dumps(line) + "\n")
        answers.flush()
        return "ok" in line

    opened: list[_Store] = []

    def open_store() -> dict[str, str]:
        import mlflow

        opened.append(_Store(Path(path), artifacts_uri))
        return {"mlflow": mlflow.__version__}

    if not answer(open_store):
        return
    for line in sys.stdin.buffer:
        request = json.loads(line)
        call = getattr(opened[0], request.pop("call"))
        answer(functools.partial(call, **request))


if __name__ == "__main__":
    main(*sys.argv[1:])
