"""No secret is in a file or a message in the clear: neither those that commands are given nor those of resources.

tests/engine/test_states.py has the same for the move of the states.
"""

import gzip
import os
import signal
import tempfile
import time
from pathlib import Path

import pytest

from tests.engine import faults
from tests.engine.estate import PASSPHRASE, Estate, new_estate
from tests.engine.moves import in_the_clear
from tests.engine.soak import engines_of
from tests.helpers import Done, started
from tests.worlds import PLATFORM, changed, world

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("engine_on_path")]

_LOGIN = "canary-of-the-login-3d7e"
_SECRETS = (PASSPHRASE, faults.Secretive.SECRET, _LOGIN)
_STATE = ".mlops/state/.pulumi/stacks/mlops-bootstrap/fraud-dev.json"


@pytest.fixture
def secretive(deployed: Estate, monkeypatch: pytest.MonkeyPatch) -> Estate:
    """A platform whose storage accounts get a secret output. Logs and temporary files are below its folder."""
    folder = deployed.root.parent
    faults.install(folder / "bin", deployed.store, "Secretive")
    (folder / "tmp").mkdir()
    monkeypatch.setenv("TMPDIR", str(folder / "tmp"))
    monkeypatch.setattr(tempfile, "tempdir", None)
    monkeypatch.setenv("ARM_CLIENT_SECRET", _LOGIN)
    monkeypatch.setenv("AZURE_CLIENT_SECRET", _LOGIN)
    world(deployed.root, changed(PLATFORM, ("organization:", "tags: {cost-center: a1}\norganization:")))
    return deployed


def test_no_command_leaves_or_prints_a_secret_in_the_clear(secretive: Estate) -> None:
    approved = str(secretive.root.parent / "approved.json")

    _check(secretive, secretive.run("preview", "fraud-dev", "--save", approved, "-v"))
    killed = _killed(secretive, "up", "fraud-dev", "--approved", approved, "--yes", "-v")

    assert killed.code == -signal.SIGKILL, killed.err
    assert _wrong(secretive, killed) == []
    _check(secretive, secretive.run("recover", "fraud-dev", "--yes", "-v"))
    _check(secretive, secretive.run("up", "fraud-dev", "--yes", "-v"))
    _check(secretive, secretive.run("drift", "fraud-dev", "-o", "json", "-v"))
    _check(secretive, secretive.run("outputs", "fraud-dev", "-o", "json", "-v"))


def test_secret_in_the_clear_is_found_also_in_a_file_that_is_compressed_and_cut_off(tmp_path: Path) -> None:
    estate = new_estate(tmp_path)
    plain, compressed = tmp_path / "plain", tmp_path / "compressed"
    plain.write_text(f"it is {PASSPHRASE}", "utf-8")
    compressed.write_bytes(gzip.compress(_LOGIN.encode())[:-4])

    assert _wrong(estate, Done(0, "", f"it is {_LOGIN}")) == [str(compressed), str(plain), f"printed: {_LOGIN}"]


def _killed(estate: Estate, *words: str) -> Done:
    """Run a command, and kill it and its engine when the secret of the first resource is in the state."""
    state = estate.root / _STATE
    path = os.pathsep.join([str(estate.root.parent / "bin"), os.environ["PATH"]])
    with started("-m", "bootstrap", *words, cwd=estate.root, env={**estate.env, "PATH": path}) as process:
        while process.poll() is None and b"primaryKey" not in state.read_bytes():
            time.sleep(0.02)
        engines = engines_of(process.pid)
        process.kill()
        for engine in engines:
            os.kill(engine, signal.SIGKILL)
        out, err = process.communicate()
    return Done(process.returncode, out, err)


def _check(estate: Estate, done: Done) -> None:
    assert done.code == 0, done.err
    assert _wrong(estate, done) == []


def _wrong(estate: Estate, done: Done) -> list[str]:
    """Where a secret is in the clear: files, and what a command printed."""
    return sorted(in_the_clear(estate, _SECRETS)) + [
        f"printed: {one}" for one in _SECRETS if one in done.out + done.err
    ]
