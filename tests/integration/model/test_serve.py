"""Serving with the real inference server: answers, checks, what it listens on, and how it ends."""

import http.client
import json
import shlex
import signal
import socket
import sys
import threading
import time
from contextlib import closing
from typing import IO

import pytest

from bootstrap.errors import ConflictError, InputError
from bootstrap.model import gate, serve
from bootstrap.model.records import ServeCheck, read_record
from bootstrap.progress import Progress
from bootstrap.project import find_project
from tests.helpers import build_tree, examples, run_cli, started
from tests.unit.model.worlds import RUN, World

REQUEST = b'{"input_data": {"columns": ["a", "b"], "data": [[3, 4]]}}'


def post(port: int, body: bytes) -> tuple[int, str]:
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=30)) as connection:
        connection.request("POST", "/score", body)
        response = connection.getresponse()
        return response.status, response.read().decode()


def is_listened_on(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_check_compares_measures_and_stops_server(world: World) -> None:
    done = run_cli("model", "serve", "--run", RUN, "--check", "-o", "json", cwd=world.root)

    assert done.code == 0, done.err
    check = done.document
    assert check["passed"] is True
    assert check["answers"] == [3.0, 0.75]
    assert check["largest_difference"] == 0
    assert [bad["status"] for bad in check["bad_requests"]] == [400, 400]
    assert all("no table of numbers" in bad["reason"] for bad in check["bad_requests"])
    assert 0 < check["p50_ms"] <= check["p95_ms"] <= check["p95_high_ms"]
    kept = read_record(gate.serve_check_path(find_project(world.root), RUN), ServeCheck)
    assert (kept.model_sha256, kept.p95_high_ms) == (check["model_sha256"], check["p95_high_ms"])
    [log] = (world.root / ".mlops").glob("serve-*.log")
    assert not is_listened_on(int(log.stem.removeprefix("serve-")))


def test_check_fails_on_wrong_answers_and_unreported_bad_request(world: World) -> None:
    score = (world.root / "endpoints/online/score.py").read_text(encoding="utf-8").replace('{error}"}, 400', '"}, 422')
    variables = "environment_variables: {OFFSET: 0.5}\n"
    deployment = (world.root / "endpoints/online/deployment.yml").read_text(encoding="utf-8") + variables
    build_tree(world.root, {"endpoints/online/score.py": score, "endpoints/online/deployment.yml": deployment})

    done = run_cli("model", "serve", "--run", RUN, "--check", "-o", "json", cwd=world.root)

    assert done.code == 5
    assert done.document["passed"] is False
    assert "differ from the model's predictions by 0.4" in done.err
    assert "got status 422 instead of 400" in done.err


def test_server_listens_on_loopback_and_stops_with_block(world: World) -> None:
    project = world.write()
    with (
        serve.model_of_run(project, gate.find_run(project)) as served,
        serve.start_server(project, served, port=0, progress=Progress()) as server,
    ):
        assert post(server.port, REQUEST) == (200, "[7.0]")
        hosts = [line for line in server.log.read_text(encoding="utf-8").splitlines() if "Listening at" in line]
        assert all("http://127.0.0.1:" in line for line in hosts)
        assert_nothing_else_is_bound(server.port)
    assert not is_listened_on(server.port)


def assert_nothing_else_is_bound(port: int) -> None:
    """Another loopback address is free, so the server is not bound to all of them."""
    if sys.platform == "linux":
        with socket.socket() as probe:
            assert probe.connect_ex(("127.0.0.2", port)) != 0


@pytest.mark.skipif(sys.platform == "win32", reason="there the parent cannot send a Ctrl-C to one child alone")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_server_stops_with_its_command(world: World, number: int) -> None:
    command = ["-m", "bootstrap", "model", "serve", "--run", RUN, "--port", "0", "--quiet", "-o", "json"]
    with started(*command, cwd=world.root) as process:
        assert process.stdout is not None
        document = json.loads(read_document(process.stdout))
        port = int(document["url"].split(":")[2].split("/")[0])
        assert post(port, REQUEST)[0] == 200

        process.send_signal(number)

        process.wait(timeout=20)
    deadline = time.monotonic() + 15
    while is_listened_on(port) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not is_listened_on(port)
    assert process.returncode == (0 if number == signal.SIGINT else -signal.SIGKILL)


@pytest.mark.skipif(sys.platform == "win32", reason="there the parent cannot send a Ctrl-C to one child alone")
def test_ctrl_c_stops_serve_without_an_error(world: World) -> None:
    with started("-m", "bootstrap", "model", "serve", "--run", RUN, "--port", "0", cwd=world.root) as process:
        assert process.stdout is not None
        while "Log: " not in process.stdout.readline():
            assert process.poll() is None

        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=20)

    assert process.returncode == 0
    assert err.rstrip().endswith("stopped")
    assert "run the same command again" not in err


@pytest.mark.skipif(sys.platform == "win32", reason="there the parent cannot send a Ctrl-C to one child alone")
def test_ctrl_c_while_serve_starts_is_no_error(world: World) -> None:
    """The end of a start is the server's first answer: a script that sleeps does not give one."""
    build_tree(world.root, {"endpoints/online/score.py": "import time\n\n\ndef init():\n    time.sleep(60)\n"})
    with started("-m", "bootstrap", "model", "serve", "--run", RUN, "--port", "0", cwd=world.root) as process:
        until = time.monotonic() + 60
        while not list((world.root / ".mlops").glob("serve-*.log")):
            assert process.poll() is None
            assert time.monotonic() < until
            time.sleep(0.05)

        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=20)

    assert process.returncode == 0, err
    assert err.rstrip().endswith("stopped")


def read_document(stream: IO[str]) -> str:
    text = ""
    for line in stream:
        text += line
        if line.rstrip() == "}":
            break
    return text


def test_used_port_is_conflict_and_starts_no_server(world: World) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

        done = run_cli("model", "serve", "--run", RUN, "--port", str(port), cwd=world.root)

    assert done.code == ConflictError.exit_code
    assert f"The port {port} cannot be used" in done.err
    assert "--port 0" in done.err
    assert not list((world.root / ".mlops").glob(f"serve-{port}.log"))


@pytest.mark.parametrize(
    ("script", "words"),
    [
        (
            "def init():\n    raise ValueError('no such colour')\ndef run(r):\n    return 1\n",
            "ValueError: no such colour",
        ),
        ("def init():\n    pass\n", "does not have a run() function"),
        ("import colours\n", "No module named 'colours'"),
    ],
)
def test_failing_init_of_scoring_script_is_reported(world: World, script: str, words: str) -> None:
    build_tree(world.root, {"endpoints/online/score.py": script})

    done = run_cli("model", "serve", "--run", RUN, "--port", "0", cwd=world.root)

    assert (done.code, done.out) == (InputError.exit_code, "")
    assert "exited with code 3" in done.err
    assert words in done.err
    assert "serve-" in done.err


def test_server_exit_while_serving_is_reported(world: World) -> None:
    project = world.write()
    with (
        serve.model_of_run(project, gate.find_run(project)) as served,
        serve.start_server(project, served, port=0, progress=Progress()) as server,
    ):
        threading.Timer(0.2, server.process.terminate).start()
        with pytest.raises(InputError, match="exited with code"):
            serve.wait(server)


@pytest.mark.parametrize(
    ("path", "text", "words"),
    [
        ("endpoints/online/sample-request.json", None, "There is no sample request"),
        ("endpoints/online/sample-request.json", "{", "is not JSON"),
        ("endpoints/online/sample-request.json", "[1]", "not a request for an MLflow model"),
        ("endpoints/online/score.py", None, "There is no scoring script"),
        ("endpoints/online/deployment.yml", "name: blue\n", "code_configuration"),
        ("endpoints/online/deployment.yml", "name: [\n", "has a mistake"),
    ],
)
def test_missing_or_wrong_file_is_reported(world: World, path: str, text: str | None, words: str) -> None:
    (world.root / path).unlink()
    if text is not None:
        build_tree(world.root, {path: text})

    done = run_cli("model", "serve", "--run", RUN, "--check", cwd=world.root)

    assert done.code == InputError.exit_code
    assert words in done.err


def test_sample_that_model_cannot_predict_is_reported(world: World) -> None:
    sample = '{"input_data": {"columns": ["x"], "data": [["text"]]}}'
    build_tree(world.root, {"endpoints/online/sample-request.json": sample})

    done = run_cli("model", "serve", "--run", RUN, "--check", cwd=world.root)

    assert done.code == InputError.exit_code
    assert "cannot predict" in done.err


def test_examples_in_help_work(world: World) -> None:
    for words in ("model gate", "model register", "model list", "model show", "model serve"):
        for example in examples()[words]:
            done = run_cli(*shlex.split(example)[1:], cwd=world.root)
            assert done.code == 0, (example, done.err)
            if words == "model serve":
                assert done.out.startswith("version 1 passed the check\n")

    # Serving from the registry's folder changes nothing in it.
    assert run_cli("model", "show", "-o", "json", cwd=world.root).document["intact"] is True


def test_changed_model_of_run_is_not_served(world: World) -> None:
    (world.root / f".mlops/steps/train-{RUN}/model/MLmodel").write_text("altered", encoding="utf-8")

    done = run_cli("model", "serve", "--run", RUN, cwd=world.root)

    assert done.code == 5
    assert "has changed since run" in done.err


def test_version_and_run_together_are_refused(world: World) -> None:
    assert run_cli("model", "serve", "1", "--run", RUN, cwd=world.root).code == InputError.exit_code
