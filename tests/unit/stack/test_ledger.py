"""The ledger of a deployment: what it keeps, and how it is read after anything that can happen to it."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bootstrap.errors import InputError
from bootstrap.stack.deploy.ledger import Ledger, deployment, deployments, to_resume

STACKS = ["hub", "fraud-dev", "fraud-prod"]


def begin(folder: Path) -> Ledger:
    return Ledger(folder, operation="up", versions=[], commit=None, stacks=STACKS, resumes=None)


def test_ledger_tells_what_happened_to_each_stack(tmp_path: Path) -> None:
    with begin(tmp_path) as ledger:
        ledger.write("stack-started", stack="hub", digest="d")
        ledger.write("stack-ended", stack="hub", result="done", counts={"add": 3}, seconds=1.5)
        ledger.write("stack-started", stack="fraud-dev", digest="e")
        ledger.write("stack-ended", stack="fraud-dev", result="failed", error="quota")
        ledger.failed = True

    found = deployment(tmp_path)

    assert found.result == "failed"
    assert found.stacks == {
        "hub": {"result": "done", "counts": {"add": 3}, "seconds": 1.5},
        "fraud-dev": {"result": "failed", "error": "quota"},
        "fraud-prod": {"result": "waiting"},
    }
    assert found.unfinished == ["fraud-dev", "fraud-prod"]


def killed(folder: Path, *lines: dict[str, Any]) -> Path:
    """The ledger of a process that was killed after these lines."""
    with begin(folder) as ledger:
        for line in lines:
            ledger.write(**line)
    path = folder / f"{ledger.id}.jsonl"
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:-1]))
    return path


STARTED = {"event": "stack-started", "stack": "hub", "digest": "d"}
ENDED = {"event": "stack-ended", "stack": "hub", "result": "done", "counts": {}, "seconds": 1}


def test_deployment_that_was_killed_has_an_unknown_result(tmp_path: Path) -> None:
    path = killed(tmp_path, STARTED)

    found = deployment(tmp_path, path.stem)

    assert found.result == "unknown"
    assert found.unfinished == STACKS
    assert found.stacks["hub"] == {"result": "unknown"}


@pytest.mark.parametrize("left", [1, 20, 60])
def test_line_that_was_cut_off_is_left_out(tmp_path: Path, left: int) -> None:
    path = killed(tmp_path, STARTED, ENDED)
    path.write_text(path.read_text()[:-left])

    assert deployment(tmp_path).stacks["hub"] == {"result": "unknown"}


def test_last_line_that_a_power_failure_filled_with_zeros_is_left_out(tmp_path: Path) -> None:
    path = killed(tmp_path, STARTED)
    path.write_bytes(path.read_bytes() + b"\x00" * 80)

    assert deployment(tmp_path).stacks["hub"] == {"result": "unknown"}


@pytest.mark.parametrize(
    "damage", [b"\x00\x00\n", b"{}\n", b"null\n", b"\n", b'{"event": "stack-started"}\n', b"\xff\n"]
)
@pytest.mark.parametrize("read", [deployment, deployments, lambda folder: to_resume(folder, "latest")])
def test_damaged_line_is_an_error_with_its_number(tmp_path: Path, damage: bytes, read: Callable[[Path], Any]) -> None:
    path = killed(tmp_path, STARTED, ENDED)
    first, _, third = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(first + damage + third)

    with pytest.raises(InputError, match="is no ledger, or it is damaged") as caught:
        read(tmp_path)

    assert caught.value.details[0].startswith(f"{path}:2:1: ")
    assert "backup" in caught.value.hint


def test_ledger_without_a_line_is_not_resumed(tmp_path: Path) -> None:
    """The power failed before the first line was on the disk."""
    (tmp_path / "20260101-000000-aaaa.jsonl").touch()

    assert [one.result for one in deployments(tmp_path)] == ["unknown"]
    with pytest.raises(InputError, match="recorded nothing"):
        to_resume(tmp_path, "latest")


@pytest.mark.skipif(os.name == "nt", reason="Windows has no numbers of users")
def test_deployment_of_a_user_without_a_name_is_recorded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Containers run as numbers that no password file has."""
    for name in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("os.getuid", lambda: 2**31 - 7)

    with begin(tmp_path):
        pass

    assert deployment(tmp_path).started["by"] == "unknown"


def test_interruption_is_recorded(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), begin(tmp_path):
        raise KeyboardInterrupt

    assert deployment(tmp_path).result == "interrupted"


def test_latest_deployment_comes_first(tmp_path: Path) -> None:
    for name in ("20260101-000000-aaaa", "20261124-120000-0000", "20261124-110000-ffff"):
        started = {"at": "", "event": "started", "operation": "up", "stacks": []}
        (tmp_path / f"{name}.jsonl").write_text(json.dumps(started) + "\n")

    assert [one.id for one in deployments(tmp_path)] == [
        "20261124-120000-0000", "20261124-110000-ffff", "20260101-000000-aaaa",
    ]  # fmt: skip
    assert deployment(tmp_path).id == "20261124-120000-0000"


def test_only_an_up_is_resumed(tmp_path: Path) -> None:
    """The stacks of a destroy that failed must not be deployed."""
    with Ledger(tmp_path, operation="destroy", versions=[], commit=None, stacks=["hub"], resumes=None) as ledger:
        ledger.failed = True

    with pytest.raises(InputError, match="is a destroy") as caught:
        to_resume(tmp_path, "latest")

    assert "mlops-bootstrap destroy hub" in caught.value.hint
    with pytest.raises(InputError, match="is a destroy"):
        to_resume(tmp_path, ledger.id)


def test_unknown_deployment_is_an_error_with_the_nearest(tmp_path: Path) -> None:
    path = killed(tmp_path)

    with pytest.raises(InputError) as caught:
        deployment(tmp_path, f"{path.stem[:-1]}x")

    assert path.stem in caught.value.hint
    with pytest.raises(InputError, match="no deployment in"):
        deployment(tmp_path / "elsewhere")
