"""The client of a project's MLflow store, which the project's own MLflow opens in a separate process.

The command line never imports MLflow; `bootstrap/model/in_project/mlflow_worker.py` does, under the project's Python.
Opening the store takes seconds: `begin` starts it and returns at once, and the first call waits for it.
"""

import contextlib
import json
import os
import tempfile
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from pathlib import Path
from subprocess import PIPE, Popen
from typing import Any, Literal

from bootstrap.errors import InputError, MissingError
from bootstrap.processes import child
from bootstrap.project import STATE_FOLDER, Project

_WORKER = Path(__file__).with_name("in_project") / "mlflow_worker.py"

_LAST_SECONDS = 10.0
"""How long to wait for calls in progress when an exception closes the store."""

RunStatus = Literal["FINISHED", "FAILED", "KILLED"]


def store_path(project: Project) -> Path:
    """The SQLite file of the project's store. Raises as `Project.path` does."""
    return project.path(f"{STATE_FOLDER}/mlflow.db")


def store_uri(project: Project) -> str:
    """The tracking URI of the project's store."""
    return f"sqlite:///{store_path(project).as_posix()}"


def has_mlflow(python: Path) -> bool:
    """Whether mlflow or mlflow-skinny is installed in the environment of this Python."""
    environment = python.parent.parent
    return any(environment.glob("lib/python*/site-packages/mlflow")) or any(
        environment.glob("Lib/site-packages/mlflow")
    )


def bytecode_folder(python: Path) -> Path:
    """The folder for the compiled modules of everything that runs under this Python."""
    return python.parents[1] / "bytecode"


def mlflow_environment(python: Path) -> dict[str, str]:
    """The environment variables for a process of this Python that uses MLflow.

    MLflow sends no telemetry, unless the user enabled it. Compiled modules are below the environment's folder: none
    beside a model or a step is read or written.
    """
    bytecode = {"PYTHONPYCACHEPREFIX": str(bytecode_folder(python))}
    return {"MLFLOW_DISABLE_TELEMETRY": "true", **os.environ, **bytecode}


class MlflowStore(contextlib.AbstractContextManager["MlflowStore"]):
    """The store's client. A context manager; its end stops the worker process. Thread-safe.

    Args:
        python: The project's Python; None creates the environment when the store is opened.

    Every call raises:
        MissingError: The project's environment has no MLflow that can open SQLite stores.
        InputError: The store cannot be opened (damaged, or written by a newer MLflow), or MLflow refused the call.
    """

    def __init__(self, project: Project, python: Path | None = None) -> None:
        self._project = project
        self._python = python
        self._exit = contextlib.ExitStack()
        self._worker: Popen[bytes] | None = None
        self._log = self._exit.enter_context(tempfile.TemporaryFile())  # noqa: SIM115 - the stack closes it
        self._opened = False
        # One thread keeps the order of the requests; a caller need not wait for the answer.
        self._calls = ThreadPoolExecutor(max_workers=1, thread_name_prefix="mlflow")
        self._unread: list[Future[dict[str, Any]]] = []

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        try:
            # After an exception, calls in progress get a few seconds to complete.
            wait(self._unread, timeout=None if kind is None else _LAST_SECONDS)
            if kind is None:
                for ending in self._unread:
                    ending.result()
        finally:
            # Stop the worker. No data is lost: an answer arrives only after the commit.
            self._exit.close()
            self._calls.shutdown(cancel_futures=True)
            for pipe in (self._worker.stdin, self._worker.stdout) if self._worker else ():
                with contextlib.suppress(OSError):  # the worker no longer reads the rest of the buffer
                    if pipe is not None:
                        pipe.close()

    def begin(self) -> None:
        """Start to open the store; do not wait for it."""
        if self._worker is None:
            python = self._python or self._project.python()
            self._project.state.mkdir(exist_ok=True)
            artifacts = self._project.path(f"{STATE_FOLDER}/artifacts").as_uri()
            self._worker = self._exit.enter_context(
                child(
                    [str(python), str(_WORKER), str(store_path(self._project)), artifacts],
                    cwd=self._project.root,
                    env=mlflow_environment(python),
                    stdin=PIPE,
                    stdout=PIPE,
                    stderr=self._log,
                )
            )

    def start_run(
        self, experiment: str, name: str, *, parent: str | None = None, tags: Mapping[str, str] | None = None
    ) -> str:
        """Create a run and return its id.

        Args:
            experiment: The experiment's name; a new one is created.
            name: The run's display name.
            parent: The id of the parent run.
            tags: Tags of the run.
        """
        answer = self._call("start_run", experiment=experiment, name=name, parent=parent, tags=dict(tags or {}))
        return str(answer.result()["run_id"])

    def end_run(self, run_id: str, status: RunStatus) -> None:
        """Set a run's final status. Does not wait: errors are raised when the store is closed."""
        self._unread.append(self._call("end_run", run_id=run_id, status=status))

    def log_artifacts(self, run_id: str, folder: Path) -> None:
        """Add the content of a folder to the artifacts of a run. Does not wait, as `end_run`."""
        self._unread.append(self._call("log_artifacts", run_id=run_id, folder=str(folder)))

    def metric_values(self, run_id: str, name: str) -> list[float]:
        """All values that a run has logged for a metric."""
        return list(self._call("metric_values", run_id=run_id, name=name).result()["values"])

    def end_runs(self, tag: str, value: str, status: RunStatus) -> None:
        """Set the final status of the runs with this value of the tag that have none."""
        self._call("end_runs", tag=tag, value=value, status=status).result()

    def register_version(
        self, name: str, source: Path, *, run_id: str | None, digest_tag: str, tags: Mapping[str, str]
    ) -> str:
        """Register the model in the folder `source` as the next version of `name`, and return that version.

        MLflow stores only the path: the folder must stay where it is. A new registered model is created.

        Args:
            digest_tag: The tag that identifies the model: the lowest version with the same value gets the tags instead.
        """
        arguments = {"name": name, "source": source.as_uri(), "run_id": run_id, "digest_tag": digest_tag}
        return str(self._call("register_version", tags=dict(tags), **arguments).result()["version"])

    def set_version_tags(self, name: str, version: str, tags: Mapping[str, str]) -> None:
        """Set tags of a registered version; other tags do not change."""
        self._call("set_version_tags", name=name, version=version, tags=dict(tags)).result()

    def _call(self, call: str, **arguments: Any) -> Future[dict[str, Any]]:
        self.begin()
        return self._calls.submit(self._ask, {"call": call, **arguments})

    def _ask(self, request: Mapping[str, Any]) -> dict[str, Any]:
        if not self._opened:
            self._wait_until_open()
        assert self._worker is not None
        assert self._worker.stdin is not None
        with contextlib.suppress(OSError):  # if the worker has died, reading its answer reports that
            self._worker.stdin.write(json.dumps(request).encode() + b"\n")
            self._worker.stdin.flush()
        answer = self._read()
        if "error" in answer:
            raise InputError(f"MLflow refused {request['call']}.", why=answer["error"]["message"])
        return dict(answer["ok"])

    def _wait_until_open(self) -> None:
        error = self._read().get("error")
        if error is None:
            self._opened = True
            return
        if error["type"] in ("ImportError", "ModuleNotFoundError"):
            raise MissingError(
                f"The environment of {self._project.manifest.name} cannot open an MLflow store.",
                why=error["message"],
                hint="Add it to the project: uv add mlflow-skinny sqlalchemy alembic",
            )
        path = self._project.state / "mlflow.db"
        raise InputError(
            f"The MLflow of {self._project.manifest.name} cannot open {path}.",
            why=error["message"].strip().splitlines()[0] if error["message"].strip() else error["type"],
            hint=(
                "If a newer MLflow has written it, lock that version in the project. Or move"
                f" {path.name} away: a new store is created; .mlops/runs and .mlops/registry are kept."
            ),
        )

    def _read(self) -> dict[str, Any]:
        assert self._worker is not None
        assert self._worker.stdout is not None
        line = self._worker.stdout.readline()
        if not line:
            self._log.seek(0)
            last = self._log.read().decode("utf-8", "replace").splitlines()[-5:]
            raise InputError("The MLflow process exited without an answer.", why="\n".join(last))
        return dict(json.loads(line))
