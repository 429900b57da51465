"""Serves a model on this machine: Azure ML's inference server with the scoring script of the online deployment.

The server runs in its own environment, created from the same dependency group as the endpoint's image. It listens on
127.0.0.1 only.
"""

import contextlib
import http.client
import json
import re
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any, cast

from pydantic import BaseModel

from bootstrap import __version__
from bootstrap.digest import copy_tree
from bootstrap.errors import ConflictError, InputError, RefusedError
from bootstrap.files import create_file, temporary_folder
from bootstrap.model import estimates, gate, registry
from bootstrap.model.mlflow_store import mlflow_environment
from bootstrap.model.records import Run, ServeCheck, Version, write_record
from bootstrap.processes import child
from bootstrap.progress import Progress
from bootstrap.project import STATE_FOLDER, Project
from bootstrap.yaml import read, validated

HOST = "127.0.0.1"
DEFAULT_PORT = 5001
"""The inference server's own default."""

TOLERANCE = 1e-6
"""The allowed relative difference between an answer over HTTP and the model's prediction (JSON rounds floats)."""

REQUESTS = 200
WARM_UP = 20
BAD_REQUESTS = (b'{"input_data": ', b'{"input_data": "no table"}')
"""Requests that a scoring script must answer with status 400 and a reason: broken JSON, and JSON without a table."""

_ERROR = 0.025
_START_SECONDS = 120.0
_REQUEST_SECONDS = 60.0
_SCRIPTS = Path(__file__).parent / "in_project"
_LOG_LINES = 20
_RECORD_START = re.compile(r"^(?=\d{4}-\d{2}-\d{2} )", re.MULTILINE)
_EXCEPTION = re.compile(r"^[A-Za-z_][\w.]*(?:Error|Exception|Exit)(?:: .*)?$", re.MULTILINE)
_SHOWN = 200
# Variables that configure another inference server or another Python environment; this server must not inherit them.
_FOREIGN = ("AZUREML_", "AML_", "GUNICORN_CMD_ARGS", "SEPERATE_HEALTH_ENDPOINT", "WORKER_", "PYTHONPATH", "PYTHONHOME")


class _Code(BaseModel):
    code: str
    scoring_script: str


class _Deployment(BaseModel):
    """The keys of an online deployment's YAML that this module needs; other keys are ignored."""

    code_configuration: _Code
    environment_variables: dict[str, str | int | float | bool] = {}


@dataclass(frozen=True)
class Model:
    """A model to serve.

    Attributes:
        name: The name in messages: "version 3" or "run 20261124-…".
        sha256: The digest of the model's folder.
        path: The folder of the MLflow model; the folder that contains it is the value of `AZUREML_MODEL_DIR`.
    """

    name: str
    sha256: str
    path: Path


@dataclass(frozen=True)
class Server:
    """A running inference server.

    Attributes:
        port: The port on 127.0.0.1.
        log: The file that receives its output.
        ready_seconds: The time from its start to its first answer.
    """

    port: int
    process: "subprocess.Popen[bytes]"
    log: Path
    ready_seconds: float

    @property
    def url(self) -> str:
        """The address for requests."""
        return f"http://{HOST}:{self.port}/score"


def model_of_version(project: Project, version: Version) -> Model:
    """The model of a registered version. Raises RefusedError if its folder has changed since the registration."""
    if not registry.is_intact(project, version.model):
        raise RefusedError(
            f"The folder of version {version.version} has changed since it was registered.",
            why=f"{version.model.path} no longer has the digest {version.model.sha256}.",
            hint=f"Restore it from a copy, or register the model again: {project.command('model register')}",
        )
    return Model(f"version {version.version}", version.model.sha256, project.path(version.model.path))


@contextlib.contextmanager
def model_of_run(project: Project, run: Run) -> Iterator[Model]:
    """The model of a run, copied to a temporary folder with the layout that Azure ML uses.

    Raises:
        InputError: The run has no model.
        RefusedError: The model has changed since the run.
    """
    model = gate.model_of(project, run)
    if not registry.is_intact(project, model):
        raise RefusedError(
            f"{model.path} has changed since run {run.id}.",
            why=f"It is missing, or no longer has the digest {model.sha256}.",
            hint=f"Run the pipeline again: {project.command('run')}",
        )
    with temporary_folder() as folder:
        copied = folder / registry.MODEL
        copy_tree(project.path(model.path), copied)
        yield Model(f"run {run.id}", model.sha256, copied)


@contextlib.contextmanager
def start_server(
    project: Project, model: Model, *, port: int | None, progress: Progress, python: Path | None = None
) -> Iterator[Server]:
    """Start the inference server with the model; the end of the `with` block stops it.

    Args:
        port: The port on 127.0.0.1; 0 selects a free port; None is the inference server's default, 5001.
        python: The Python of the serve environment; None creates the environment.

    Raises:
        ConflictError: The port is in use.
        MissingError: The serve environment cannot be created.
        InputError: The deployment names no scoring script that exists, or the server exited during its start (the end
            of its log is in `details`).
    """
    folder, script, variables = _scoring_script(project)
    port = _free_port(DEFAULT_PORT if port is None else port)
    if python is None:
        progress.started("serve environment")
        python = project.python(project.manifest.serve.group)
        progress.finished("serve environment")
    command = [str(python), str(_SCRIPTS / "serve.py"), "--entry_script", str(folder / script), "--port", str(port)]
    fixed = {"AML_APP_ROOT": str(folder), "AZUREML_MODEL_DIR": str(model.path.parent), "PYTHONUNBUFFERED": "1"}
    environment = _inherited(python) | variables | fixed
    log = project.path(f"{STATE_FOLDER}/serve-{port}.log")
    log.parent.mkdir(parents=True, exist_ok=True)
    progress.started("inference server")
    began = time.monotonic()
    with (
        create_file(log) as output,
        child(
            command, cwd=folder, env=environment, stdin=subprocess.PIPE, stdout=output, stderr=subprocess.STDOUT
        ) as process,
        contextlib.closing(cast(IO[bytes], process.stdin)),  # the server exits when this pipe is closed
    ):
        _wait_until_ready(process, port, log)
        seconds = time.monotonic() - began
        progress.finished("inference server", "ready")
        yield Server(port, process, log, seconds)


def wait(server: Server) -> None:
    """Wait for the server's end. Raises InputError when it exits; Ctrl-C raises KeyboardInterrupt."""
    while server.process.poll() is None:
        # With a timeout, because Windows does not interrupt a wait without one.
        with contextlib.suppress(subprocess.TimeoutExpired):
            server.process.wait(timeout=1)
    raise _ended(server.process, server.log)


def check(project: Project, model: Model, *, port: int | None, progress: Progress) -> dict[str, Any]:
    """Serve the model, compare answers with predictions, send invalid requests, measure the latency, stop the server.

    Returns the JSON document of `model serve --check`: `problems` is empty if the check passed; `answers` are those to
    the sample request; `largest_difference` is the largest relative difference from the predictions,
    or None if they cannot be compared; `ready_seconds` is the time from start to first answer; `p50_ms`
    and `p95_ms` are the median and the 95th percentile of the latency of the sample request, after warm-up.

    Args:
        port: As for `start_server`, but None selects a free port.

    Raises:
        InputError: The sample request is missing or invalid, or the model cannot predict it without a server; and all
            errors of `start_server`.
    """
    sample = _sample(project)
    _scoring_script(project)
    progress.started("serve environment")
    python = project.python(project.manifest.serve.group)
    progress.finished("serve environment")
    with (
        _predicting(project, model, python) as predictions,
        start_server(project, model, port=port or 0, progress=progress, python=python) as server,
        contextlib.closing(http.client.HTTPConnection(HOST, server.port, timeout=_REQUEST_SECONDS)) as connection,
    ):
        status, body = _post(connection, sample)
        bad = [(text.decode(), *_post(connection, text)) for text in BAD_REQUESTS]
        progress.started("predictions without a server")
        predicted = predictions()
        progress.finished("predictions without a server")
        progress.started("latency")
        milliseconds = _latencies(connection, sample)
        progress.finished("latency", f"{REQUESTS} requests")
    answers = _answers(body) if status == http.HTTPStatus.OK else None
    largest = _largest_difference(answers, predicted) if answers is not None else None
    problems = list(_problems(status, body, largest)) + [text for answer in bad for text in _bad_request(*answer)]
    return {
        "schema_version": 1,
        "model": model.name,
        "model_sha256": model.sha256,
        "passed": not problems,
        "problems": problems,
        "answers": answers or [],
        "tolerance": TOLERANCE,
        "largest_difference": largest,
        "bad_requests": [{"sent": sent, "status": code, "reason": reason} for sent, code, reason in bad],
        "ready_seconds": round(server.ready_seconds, 3),
        "requests": REQUESTS,
        "p50_ms": round(statistics.median(milliseconds), 3),
        "p95_ms": round(statistics.quantiles(milliseconds, n=20)[-1], 3),
        "p95_high_ms": round(_high(milliseconds), 3),
    }


def record_check(project: Project, run: Run, result: dict[str, Any]) -> None:
    """Write the result of `check` beside the run, as evidence for the gate."""
    kept = {name: result[name] for name in ("model_sha256", "passed", "requests", "p95_ms", "p95_high_ms")}
    measured = datetime.now(UTC).isoformat(timespec="seconds")
    record = ServeCheck(schema_version=1, measured_at=measured, tool=__version__, **kept)
    write_record(gate.serve_check_path(project, run.id), record)


def _high(milliseconds: list[float]) -> float:
    """The upper confidence limit, at 97.5 %, of the 95th percentile: an order statistic, whatever the distribution."""
    ordered = sorted(milliseconds)
    count = len(ordered)
    # With probability 1 - _ERROR, fewer than k values are below the percentile: the k-th smallest one reaches it.
    enough = (k for k in range(1, count + 1) if estimates.at_least(k, count, 0.95) <= _ERROR)
    return ordered[next(enough, count) - 1]


def _scoring_script(project: Project) -> tuple[Path, str, dict[str, str]]:
    """The code folder of the online deployment, its scoring script in it, and its environment variables."""
    path = project.path(project.manifest.serve.deployment)
    deployment = validated(read(path), _Deployment)
    code = deployment.code_configuration
    folder = (path.parent / code.code).resolve()
    if not (folder / code.scoring_script).is_file():
        raise InputError(
            f"There is no scoring script {folder / code.scoring_script}.",
            why=f"{path} names it in code_configuration.",
            hint="Correct code_configuration. Only a code folder on this machine can be served here.",
        )
    variables = {
        name: str(value).lower() if isinstance(value, bool) else str(value)
        for name, value in deployment.environment_variables.items()
    }
    return folder, code.scoring_script, variables


def _inherited(python: Path) -> dict[str, str]:
    return {name: value for name, value in mlflow_environment(python).items() if not name.startswith(_FOREIGN)}


def _free_port(port: int) -> int:
    """`port` if it is free; for 0, any free port."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        if sys.platform == "win32":
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)
        else:  # as the server does: a connection that was closed recently does not block the port
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            raise ConflictError(
                f"The port {port} cannot be used.",
                why=f"{error.strerror}. Another `model serve` or another program may use it.",
                hint="Stop that program, or use a free port: --port 0",
            ) from error
        return int(probe.getsockname()[1])


def _wait_until_ready(process: "subprocess.Popen[bytes]", port: int, log: Path) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise _ended(process, log)
        connection = http.client.HTTPConnection(HOST, port, timeout=1)
        with contextlib.closing(connection), contextlib.suppress(OSError, http.client.HTTPException):
            connection.request("GET", "/")
            if connection.getresponse().status == http.HTTPStatus.OK:
                return
        time.sleep(0.05)
    raise InputError(
        f"The inference server did not answer within {_START_SECONDS:.0f} seconds.",
        details=_log_end(log),
        hint=f"The whole log: {log}",
    )


def _ended(process: "subprocess.Popen[bytes]", log: Path) -> InputError:
    return InputError(
        f"The inference server exited with code {process.returncode}.",
        details=_log_end(log),
        hint=f"The usual cause is an error in init() of the scoring script. The whole log: {log}",
    )


def _log_end(log: Path) -> list[str]:
    """The exception messages of the last traceback in a log, without the traceback; else the log's last lines."""
    text = log.read_text(encoding="utf-8", errors="replace")
    records = [record for record in _RECORD_START.split(text) if "Traceback (most recent call last)" in record]
    exceptions = _EXCEPTION.findall(records[-1]) if records else []
    return exceptions or text.splitlines()[-_LOG_LINES:]


def _sample(project: Project) -> bytes:
    path = project.path(project.manifest.serve.sample_request)
    try:
        sample = path.read_bytes()
        document = json.loads(sample)
    except FileNotFoundError as error:
        raise InputError(
            f"There is no sample request {path}.",
            why="mlops.yaml names it as serve.sample_request.",
            hint='Create it: {"input_data": {"columns": [...], "data": [[...]]}}',
        ) from error
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"{path} is not JSON.", why=str(error)) from error
    if not isinstance(document, dict) or "input_data" not in document:
        raise InputError(
            f"{path} is not a request for an MLflow model.",
            why="It has no key input_data.",
            hint='Write it as {"input_data": {"columns": [...], "data": [[...]]}}',
        )
    return sample


def _post(connection: http.client.HTTPConnection, body: bytes) -> tuple[int, str]:
    connection.request("POST", "/score", body, {"Content-Type": "application/json"})
    response = connection.getresponse()
    return response.status, response.read().decode("utf-8", errors="replace")


def _latencies(connection: http.client.HTTPConnection, body: bytes) -> list[float]:
    """The times of `REQUESTS` sequential requests in milliseconds, without the first `WARM_UP` requests."""
    milliseconds = []
    for _ in range(WARM_UP + REQUESTS):
        began = time.perf_counter()
        _post(connection, body)
        milliseconds.append((time.perf_counter() - began) * 1000)
    return milliseconds[WARM_UP:]


@contextlib.contextmanager
def _predicting(project: Project, model: Model, python: Path) -> Iterator[Callable[[], list[Any]]]:
    """Start to predict the sample request without a server, in the serve environment; the call waits for the result."""
    request = project.path(project.manifest.serve.sample_request)
    log = project.path(f"{STATE_FOLDER}/predict.log")
    log.parent.mkdir(parents=True, exist_ok=True)
    with temporary_folder() as folder:
        answers = folder / "answers.json"
        command = [str(python), str(_SCRIPTS / "predict.py"), str(model.path), str(request), str(answers)]
        with (
            create_file(log) as output,
            child(
                command, cwd=project.root, env=_inherited(python), stdout=output, stderr=subprocess.STDOUT
            ) as process,
        ):

            def predictions() -> list[Any]:
                if process.wait() != 0:
                    raise InputError(
                        f"The model of {model.name} cannot predict {request}.",
                        details=_log_end(log),
                        hint="Correct the sample request, or the dependency group that serve.group of mlops.yaml "
                        f"names. The whole log: {log}",
                    )
                return list(json.loads(answers.read_text(encoding="utf-8")))

            yield predictions


def _answers(body: str) -> list[Any] | None:
    """The list of answers in a response, either the whole body or its key "predictions"; None if there is none."""
    try:
        document = json.loads(body)
    except ValueError:
        return None
    if isinstance(document, dict):
        document = document.get("predictions")
    return document if isinstance(document, list) else None


def _problems(status: int, body: str, largest: float | None) -> Iterator[str]:
    if status != http.HTTPStatus.OK:
        yield f"the sample request got status {status}: {_shortened(body)}"
    elif largest is None:
        yield f"the answers do not have the form of the model's predictions: {_shortened(body)}"
    elif not largest <= TOLERANCE:
        yield f"the answers differ from the model's predictions by {largest:.3g} (relative); allowed: {TOLERANCE:g}"


def _bad_request(sent: str, status: int, reason: str) -> Iterator[str]:
    if status != http.HTTPStatus.BAD_REQUEST:
        yield f"the invalid request {sent} got status {status} instead of 400"
    elif not reason.strip():
        yield f"the invalid request {sent} got status 400 without a reason"


def _largest_difference(answers: Any, predicted: Any) -> float | None:
    """The largest relative difference between two nested lists; None when their nesting differs."""
    if isinstance(answers, list) and isinstance(predicted, list):
        if len(answers) != len(predicted):
            return None
        differences = [_largest_difference(one, other) for one, other in zip(answers, predicted, strict=True)]
        return None if None in differences else max((single for single in differences if single is not None), default=0)
    if isinstance(answers, int | float) and isinstance(predicted, int | float):
        scale = max(abs(predicted), abs(answers))
        return abs(answers - predicted) / scale if scale else 0.0
    return 0.0 if answers == predicted else None


def _shortened(text: str) -> str:
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
