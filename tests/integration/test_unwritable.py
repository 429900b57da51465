"""Folders that cannot be written: a plain error and exit code 2, never a fault of ours.

Root may write everywhere, so the tests mount a folder read-only, mount a full disk, or take root's right to ignore
permissions away.
"""

import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from bootstrap.errors import ExitCode
from tests.helpers import Done, build_tree, run_cli, tree
from tests.unit.model.worlds import World

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="mounts of their own are Linux's")

ROOT = Path(__file__).parents[2]
CONTOSO = ROOT / "examples" / "contoso"
MOUNT = ["unshare", "--mount", "--map-root-user", "sh", "-ec"]
"""A shell in which mounts are seen by it and its children only."""
WITHOUT_OVERRIDE = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"]
"""Root without the right to ignore a file's permissions."""


def read_only(*folders: Path) -> list[str]:
    """The prefix of a command for which these folders are mounted read-only."""
    mounts = [f"mount --bind {folder} {folder}; mount -o remount,ro,bind {folder}; " for folder in folders]
    return [*MOUNT, f'{"".join(mounts)}exec "$@"', "sh"]


def full_disk(folder: Path) -> list[str]:
    """The prefix of a command for which `folder` is a disk with room for no file."""
    fill = 'dd if=/dev/zero "of=$0/filler" bs=4k count=1 status=none'
    return [*MOUNT, f'mount -t tmpfs -o size=4k tmpfs "$0"; {fill}; exec "$@"', str(folder)]


@pytest.fixture(scope="module", autouse=True)
def _mounts_are_allowed(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("probe")
    tried = subprocess.run([*read_only(folder), "true"], capture_output=True, text=True, check=False)
    if tried.returncode != 0:
        pytest.skip(f"this machine allows no mounts: {tried.stderr.strip()}")


@pytest.fixture
def no_right(tmp_path: Path) -> Iterator[tuple[Path, Sequence[str]]]:
    """A folder without the right to write, and the prefix of a command that has to mind it."""
    folder = tmp_path / "kept"
    folder.mkdir()
    folder.chmod(0o555)
    yield folder, WITHOUT_OVERRIDE if os.geteuid() == 0 else []
    folder.chmod(0o755)


def check(done: Done, path: Path, why: str) -> None:
    assert done.code == ExitCode.INPUT, done.err
    assert ".mlops-bootstrap-" not in done.err, "the temporary folder is not the user's"
    assert str(path) in done.err
    assert f"  why: {why}" in done.err
    assert "  next: " in done.err
    assert "fault" not in done.err


@pytest.mark.parametrize("command", ["run", "model gate", "model register", "demo tour"])
def test_command_in_a_read_only_folder_is_a_plain_error(tmp_path: Path, command: str) -> None:
    World(tmp_path).write()
    before = tree(tmp_path)

    done = run_cli(*command.split(), cwd=tmp_path, prefix=read_only(tmp_path))

    check(done, tmp_path, "Read-only file system.")
    assert tree(tmp_path) == before


@pytest.mark.parametrize("command", ["demo tour", "platform init p --defaults", "new tabular churn --defaults"])
def test_command_without_the_right_to_write_is_a_plain_error(
    no_right: tuple[Path, Sequence[str]], command: str
) -> None:
    folder, prefix = no_right

    done = run_cli(*command.split(), cwd=folder, prefix=prefix)

    check(done, folder, "Permission denied")


def test_init_on_a_full_disk_is_a_plain_error(tmp_path: Path) -> None:
    done = run_cli("platform", "init", "p", "--defaults", "-C", tmp_path, cwd=ROOT, prefix=full_disk(tmp_path))

    check(done, tmp_path / "p", "No space left on device.")


def test_deleted_current_folder_is_a_plain_error(tmp_path: Path) -> None:
    prefix = ["sh", "-c", 'mkdir gone; cd gone; rmdir ../gone; exec "$@"', "sh"]

    done = run_cli("run", cwd=tmp_path, prefix=prefix)

    check(done, Path("a file or folder"), "No such file or directory.")


def test_unwritable_temporary_folder_is_a_plain_error(no_right: tuple[Path, Sequence[str]]) -> None:
    folder, prefix = no_right
    no_writing = [*read_only(Path("/tmp"), Path("/var/tmp")), *prefix]
    env = {"TMPDIR": str(folder), "XDG_CACHE_HOME": str(folder)}

    done = run_cli("plan", "fraud-dev", "-C", CONTOSO, cwd=folder, prefix=no_writing, env=env)

    check(done, Path("a file or folder"), "No usable temporary directory found")


@pytest.mark.parametrize("command", ["demo file/tour", "platform init file/p --defaults"])
def test_folder_below_a_file_is_a_plain_error(tmp_path: Path, command: str) -> None:
    build_tree(tmp_path, {"file": "not a folder\n"})

    done = run_cli(*command.split(), cwd=tmp_path)

    assert done.code == ExitCode.INPUT, done.err
    assert "Not a directory." in done.err or "File exists." in done.err


@pytest.mark.parametrize("command", ["demo", "platform init --defaults", "new tabular --defaults"])
def test_too_long_name_is_a_plain_error(tmp_path: Path, command: str) -> None:
    done = run_cli(*command.split(), "a" * 300, cwd=tmp_path)

    assert done.code == ExitCode.INPUT, done.err
    assert "File name too long" in done.err


def test_result_that_cannot_be_written_is_a_plain_error(tmp_path: Path) -> None:
    """/dev/full is a device that is always full."""
    prefix = ["sh", "-c", 'exec "$@" > /dev/full', "sh"]

    done = run_cli("plan", "hub", "-C", CONTOSO, cwd=tmp_path, prefix=prefix)

    assert done.code == ExitCode.INPUT, done.err
    assert "No space left on device." in done.err
