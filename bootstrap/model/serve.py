"""Serving on this machine: the scoring script of the managed endpoint, in Azure ML's own inference server.

The server runs in an environment of its own, made from the group of the project's lock that the endpoint's image is
made from too, listens on 127.0.0.1 only, and has ended when the block that started it is left.
"""

import contextlib
import http.client
import json
import re
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from bootstrap.errors import ConflictError, InputError, RefusedError
from bootstrap.model import gate, registry
from bootstrap.model.environment import project_python
from bootstrap.model.mlflow_store import mlflow_environment
from bootstrap.model.records import RunRecord, Version
from bootstrap.processes import child
from bootstrap.progress import Progress
from bootstrap.project import Project
from bootstrap.yaml import load

HOST = "127.0.0.1"
DEFAULT_PORT = 5001
"""The inference server's own default."""

TOLERANCE = 1e-6
"""How far, relatively, an answer over HTTP may be from the model's own: JSON carries doubles exactly, floats nearly."""

REQUESTS = 200
WARM_UP = 20
BAD_REQUESTS = (b'{"input_data": ', b'{"input_data": "no table"}')
"""What a scoring script must answer with 400 and a reason: broken JSON, and JSON of another form."""

_START_SECONDS = 120.0
_REQUEST_SECONDS = 60.0
_SCRIPTS = Path(__file__).parent / "in_project"
_LOG_LINES = 20
_RECORD_START = re.compile(r"^(?=\d{4}-\d{2}-\d{2} )", re.MULTILINE)
_EXCEPTION = re.compile(r"^[A-Za-z_][\w.]*(?:Error|Exception|Exit)(?:: .*)?$", re.MULTILINE)
_SHOWN = 200
# Settings of a server that this one is not, and Python settings of an environment that this one is not.
_FOREIGN = ("AZUREML_", "AML_", "GUNICORN_CMD_ARGS", "SEPERATE_HEALTH_ENDPOINT", "WORKER_", "PYTHONPATH", "PYTHONHOME")


class _Code(BaseModel):
    code: str
    scoring_script: str


class _Deployment(BaseModel):
    """What we need of an online deployment's YAML; the rest is Azure's."""

    code_configuration: _Code
    environment_variables: dict[str, str | int | float | bool] = {}


@dataclass(frozen=True)
class Served:
    """A model to serve.

    Attributes:
        name: What people call it: "version 3" or "run 20261124-…".
        sha256: The digest of the model's folder.
        folder: What the scoring script finds under `AZUREML_MODEL_DIR`: a folder that holds the model's folder.
    """

    name: str
    sha256: str
    folder: Path

    @property
    def model(self) -> Path:
        """The MLflow model itself."""
        return self.folder / registry.MODEL


@dataclass(frozen=True)
class Server:
    """A server that answers.

    Attributes:
        port: The port on 127.0.0.1.
        process: The server's process; its group is ended when the block is left.
        log: The file that receives all that it prints.
        ready_seconds: From its start to its first answer.
    """

    port: int
    process: "subprocess.Popen[bytes]"
    log: Path
    ready_seconds: float

    @property
    def url(self) -> str:
        """Where to send requests."""
        return f"http://{HOST}:{self.port}/score"


@dataclass(frozen=True)
class BadRequest:
    """What the server said to a request that it cannot answer."""

    sent: str
    status: int
    reason: str


@dataclass(frozen=True)
class Check:
    """What `check` found.

    Attributes:
        problems: What is wrong; empty when all is well.
        answers: The server's answers to the sample request.
        largest_difference: The largest relative difference to the model's own answers; None when there are none to
            compare, or they are of another form.
        ready_seconds: From the server's start to its first answer.
        p50_ms: The median time of a request with the sample, in milliseconds, after warm-up.
        p95_ms: Its 95th percentile.
    """

    schema_version: int
    model: str
    model_sha256: str
    passed: bool
    problems: list[str]
    answers: list[Any]
    tolerance: float
    largest_difference: float | None
    bad_requests: list[BadRequest]
    ready_seconds: float
    requests: int
    p50_ms: float
    p95_ms: float

    def document(self) -> dict[str, Any]:
        """The check as plain values, for JSON."""
        return asdict(self)


def served_version(project: Project, version: Version) -> Served:
    """A registered version, ready to serve. Raises RefusedError when its folder is not what was registered."""
    if not registry.holds(project, version.model):
        raise RefusedError(
            f"The folder of version {version.version} is not what was registered.",
            why=f"{version.model.path} no longer has the digest {version.model.sha256}.",
            hint="Restore it from a copy, or register the model again: mlops-bootstrap model register",
        )
    return Served(f"version {version.version}", version.model.sha256, project.path(version.model.path).parent)


@contextlib.contextmanager
def served_run(project: Project, run: RunRecord) -> Iterator[Served]:
    """The model of a run, in a folder of its own as Azure ML would lay it out, for as long as the block lasts.

    Raises:
        InputError: The run has no model.
        RefusedError: The model is no longer what the run made.
    """
    model = gate.model_of(project, run)
    if not registry.holds(project, model):
        raise RefusedError(
            f"{model.path} is not what the run {run.id} made.",
            why=f"It no longer has the digest {model.sha256}, or is gone.",
            hint="Run again: mlops-bootstrap run",
        )
    with tempfile.TemporaryDirectory(prefix="serve-", ignore_cleanup_errors=True) as folder:
        shutil.copytree(project.path(model.path), Path(folder) / registry.MODEL)
        yield Served(f"run {run.id}", model.sha256, Path(folder))


@contextlib.contextmanager
def serving(
    project: Project, served: Served, *, port: int | None, progress: Progress, python: Path | None = None
) -> Iterator[Server]:
    """A server that answers for the model, until the block is left.

    Args:
        port: The port on 127.0.0.1; 0 takes a free one; None is the inference server's default, 5001.
        python: The serve environment's Python, when the caller has it already; else the environment is made.

    Raises:
        ConflictError: The port is taken.
        MissingError: The serve environment cannot be made.
        InputError: The deployment's YAML does not lead to a scoring script, or the server ended while it started:
            the end of its log is in `details`.
    """
    script = _scoring_script(project)
    port = _free_port(DEFAULT_PORT if port is None else port)
    if python is None:
        progress.started("serve environment")
        python = project_python(project, project.manifest.serve.group)
        progress.finished("serve environment")
    command = [str(python), str(_SCRIPTS / "serve.py")]
    command += ["--entry_script", str(script.folder / script.name), "--port", str(port)]
    environment = _environment(script, served)
    log = project.state / f"serve-{port}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    progress.started("inference server")
    began = time.monotonic()
    with (
        log.open("wb") as output,
        child(
            command, cwd=script.folder, env=environment, stdin=subprocess.PIPE, stdout=output, stderr=subprocess.STDOUT
        ) as process,
        _closing_input(process),
    ):
        _wait_until_ready(process, port, log)
        seconds = time.monotonic() - began
        progress.finished("inference server", "ready")
        yield Server(port, process, log, seconds)


def wait(server: Server) -> None:
    """Return never: the server answers until we are interrupted. Raises InputError when it ends by itself."""
    while server.process.poll() is None:
        # In slices, because Windows does not interrupt a wait without end.
        with contextlib.suppress(subprocess.TimeoutExpired):
            server.process.wait(timeout=1)
    raise _ended(server.process, server.log)


def check(project: Project, served: Served, *, port: int | None, progress: Progress) -> Check:
    """Serve the model, compare its answers with the model's own, send bad requests, measure the latency, and stop.

    Args:
        port: As for `serving`, but None takes a free one.

    Raises:
        InputError: The sample request is missing or is not JSON, the model cannot answer it by itself, and as `serving`
            raises.
    """
    sample = _sample(project)
    _scoring_script(project)
    progress.started("serve environment")
    python = project_python(project, project.manifest.serve.group)
    progress.finished("serve environment")
    with (
        _own_answers(project, served, python) as own_answers,
        serving(project, served, port=port or 0, progress=progress, python=python) as server,
        contextlib.closing(http.client.HTTPConnection(HOST, server.port, timeout=_REQUEST_SECONDS)) as connection,
    ):
        status, body = _post(connection, sample)
        bad = [BadRequest(text.decode(), *_post(connection, text)) for text in BAD_REQUESTS]
        progress.started("the model's own answers")
        own = own_answers()
        progress.finished("the model's own answers")
        progress.started("latency")
        milliseconds = _latencies(connection, sample)
        progress.finished("latency", f"{REQUESTS} requests")
    answers = _answers(body) if status == http.HTTPStatus.OK else None
    largest = _largest_difference(answers, own) if answers is not None else None
    problems = list(_problems(status, body, largest)) + [text for request in bad for text in _bad_request(request)]
    return Check(
        schema_version=1,
        model=served.name,
        model_sha256=served.sha256,
        passed=not problems,
        problems=problems,
        answers=answers or [],
        tolerance=TOLERANCE,
        largest_difference=largest,
        bad_requests=bad,
        ready_seconds=round(server.ready_seconds, 3),
        requests=REQUESTS,
        p50_ms=round(statistics.median(milliseconds), 3),
        p95_ms=round(statistics.quantiles(milliseconds, n=20)[-1], 3),
    )


@dataclass(frozen=True)
class _Script:
    folder: Path
    name: str
    variables: dict[str, str]


def _scoring_script(project: Project) -> _Script:
    """The scoring script of the online deployment, and the variables that the deployment sets."""
    path = project.path(project.manifest.serve.deployment)
    deployment = load(path, _Deployment)
    code = deployment.code_configuration
    folder = (path.parent / code.code).resolve()
    if not (folder / code.scoring_script).is_file():
        raise InputError(
            f"There is no scoring script {folder / code.scoring_script}.",
            why=f"{path} names it in code_configuration.",
            hint="Correct code_configuration; a code folder that is registered in Azure ML cannot be served here.",
        )
    variables = {name: _as_variable(value) for name, value in deployment.environment_variables.items()}
    return _Script(folder, code.scoring_script, variables)


def _as_variable(value: str | float | bool) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _environment(script: _Script, served: Served) -> dict[str, str]:
    ours = {
        "AML_APP_ROOT": str(script.folder),
        "AZUREML_MODEL_DIR": str(served.folder),
        "PYTHONUNBUFFERED": "1",
    }
    return {**_inherited(), **script.variables, **ours}


def _inherited() -> dict[str, str]:
    return {name: value for name, value in mlflow_environment().items() if not name.startswith(_FOREIGN)}


def _free_port(port: int) -> int:
    """`port` if nobody listens on it, or any free one for 0."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        if sys.platform == "win32":
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)
        else:  # as the server does, so that connections which have just closed are no obstacle
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            raise ConflictError(
                f"The port {port} cannot be used.",
                why=f"{error.strerror}. Another `model serve` may be running, or another program.",
                hint="End that one, or take a free port: --port 0",
            ) from error
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def _closing_input(process: "subprocess.Popen[bytes]") -> Iterator[None]:
    """Close the pipe by which the server knows that we are there, so that it ends by itself before it is ended."""
    try:
        yield
    finally:
        assert process.stdin is not None
        process.stdin.close()


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
        hint=f"All of its log: {log}",
    )


def _ended(process: "subprocess.Popen[bytes]", log: Path) -> InputError:
    return InputError(
        f"The inference server ended with exit code {process.returncode}.",
        details=_log_end(log),
        hint=f"Mostly init() of the scoring script failed. All of its log: {log}",
    )


def _log_end(log: Path) -> list[str]:
    """What went wrong, by a log: the exceptions of its last traceback, in words alone, or else its last lines."""
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
            hint='Write one: {"input_data": {"columns": [...], "data": [[...]]}}',
        ) from error
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"{path} is no JSON that can be sent.", why=str(error)) from error
    if not isinstance(document, dict) or "input_data" not in document:
        raise InputError(
            f"{path} is no request to an MLflow model.",
            why="It has no input_data.",
            hint='Write it as {"input_data": {"columns": [...], "data": [[...]]}}',
        )
    return sample


def _post(connection: http.client.HTTPConnection, body: bytes) -> tuple[int, str]:
    connection.request("POST", "/score", body, {"Content-Type": "application/json"})
    response = connection.getresponse()
    return response.status, response.read().decode("utf-8", errors="replace")


def _latencies(connection: http.client.HTTPConnection, body: bytes) -> list[float]:
    """Milliseconds of `REQUESTS` requests, one after the other, after `WARM_UP` that do not count."""
    milliseconds = []
    for _ in range(WARM_UP + REQUESTS):
        began = time.perf_counter()
        _post(connection, body)
        milliseconds.append((time.perf_counter() - began) * 1000)
    return milliseconds[WARM_UP:]


@contextlib.contextmanager
def _own_answers(project: Project, served: Served, python: Path) -> Iterator[Callable[[], list[Any]]]:
    """Begin to ask the model itself, loaded in the serve environment with no server; calling waits for its answers."""
    request = project.path(project.manifest.serve.sample_request)
    log = project.state / "predict.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="predict-", ignore_cleanup_errors=True) as folder:
        answers = Path(folder) / "answers.json"
        command = [str(python), str(_SCRIPTS / "predict.py"), str(served.model), str(request), str(answers)]
        with (
            log.open("wb") as output,
            child(command, cwd=project.root, env=_inherited(), stdout=output, stderr=subprocess.STDOUT) as process,
        ):

            def wait_for_answers() -> list[Any]:
                if process.wait() != 0:
                    raise InputError(
                        f"The model of {served.name} cannot answer {request}.",
                        details=_log_end(log),
                        hint="Correct the sample request, or the group of uv.lock that has to load the model. "
                        f"All that was printed: {log}",
                    )
                return list(json.loads(answers.read_text(encoding="utf-8")))

            yield wait_for_answers


def _answers(body: str) -> list[Any] | None:
    """The answers in a response: a list, alone or as "predictions"; None when there is none."""
    try:
        document = json.loads(body)
    except ValueError:
        return None
    if isinstance(document, dict):
        document = document.get("predictions")
    return document if isinstance(document, list) else None


def _problems(status: int, body: str, largest: float | None) -> Iterator[str]:
    if status != http.HTTPStatus.OK:
        yield f"the sample request was answered {status}: {_shortened(body)}"
    elif largest is None:
        yield f"the answers are of another form than the model's own: {_shortened(body)}"
    elif not largest <= TOLERANCE:
        yield f"the answers differ from the model's own by up to {largest:.3g}, relatively; {TOLERANCE:g} is allowed"


def _bad_request(request: BadRequest) -> Iterator[str]:
    if request.status != http.HTTPStatus.BAD_REQUEST:
        yield f"the bad request {request.sent} was answered {request.status}, not 400"
    elif not request.reason.strip():
        yield f"the bad request {request.sent} was answered 400 without a reason"


def _largest_difference(answers: Any, own: Any) -> float | None:
    """The largest relative difference between two equally nested lists; None when they are of different form."""
    if isinstance(answers, list) and isinstance(own, list):
        if len(answers) != len(own):
            return None
        differences = [_largest_difference(one, other) for one, other in zip(answers, own, strict=True)]
        return None if None in differences else max((single for single in differences if single is not None), default=0)
    if isinstance(answers, int | float) and isinstance(own, int | float):
        scale = max(abs(own), abs(answers))
        return abs(answers - own) / scale if scale else 0.0
    return 0.0 if answers == own else None


def _shortened(text: str) -> str:
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
