"""Files are written whole or not at all."""

import errno
import os
from pathlib import Path

import pytest

from bootstrap import files
from bootstrap.errors import ConflictError, ExitCode, InputError
from bootstrap.files import create_file, file_error, relative_path, remove_tree, write_atomically
from tests.helpers import build_tree, tree


def test_new_file_and_its_folder_are_made(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b.yaml"

    write_atomically(path, "größe: 1\r\n")

    assert path.read_bytes() == "größe: 1\r\n".encode()
    assert os.listdir(path.parent) == ["b.yaml"]  # noqa: PTH208


@pytest.mark.skipif(os.name == "nt", reason="Windows has no permissions of this kind")
def test_existing_file_keeps_its_permissions(tmp_path: Path) -> None:
    path = tmp_path / "key"
    path.write_bytes(b"old")
    path.chmod(0o640)

    write_atomically(path, b"new")

    assert path.read_bytes() == b"new"
    assert path.stat().st_mode & 0o777 == 0o640


def test_failed_write_leaves_nothing_beside_the_old_content(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "record.json"
    path.write_bytes(b"old")

    def refuse(_self: Path, _target: Path) -> Path:
        raise PermissionError(errno.EACCES, "Permission denied", "/somewhere/else")

    monkeypatch.setattr(Path, "replace", refuse)
    with pytest.raises(PermissionError) as refused:
        write_atomically(path, b"new")

    assert refused.value.filename == str(path)
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["record.json"]  # noqa: PTH208


@pytest.mark.parametrize(
    "code", [errno.EACCES, errno.EROFS, errno.ENOSPC, errno.ENAMETOOLONG, errno.ENOTDIR, errno.ENOEXEC]
)
def test_refusal_of_the_file_system_says_what_to_do(code: int) -> None:
    error = file_error(OSError(code, os.strerror(code), "/here/it is"))

    assert error is not None
    assert error.exit_code == ExitCode.INPUT
    assert "/here/it is" in error.what
    assert error.why == f"{os.strerror(code)}."
    assert error.hint


def test_missing_file_of_ours_is_no_mistake_of_the_user() -> None:
    assert file_error(OSError(errno.ENOENT, "No such file or directory", "ours.sql")) is None
    assert file_error(OSError("no number")) is None


def test_leftovers_of_ended_processes_are_removed_and_all_others_stay(tmp_path: Path) -> None:
    own = files._temporary(tmp_path)
    own.mkdir()
    ended = tmp_path / own.name.replace(f"-{os.getpid()}-", "-999999999-")
    ended.mkdir()
    elsewhere = tmp_path / f".mlops-bootstrap-00000000-999999999-{'0' * 16}"
    elsewhere.mkdir()
    huge = tmp_path / own.name.replace(f"-{os.getpid()}-", f"-{'9' * 20}-")
    huge.mkdir()

    files.remove_leftovers(tmp_path)

    assert {path.name for path in tmp_path.iterdir()} == {own.name, elsewhere.name, huge.name}


def test_folder_is_not_read_as_a_file_and_no_descriptor_stays_open(tmp_path: Path) -> None:
    before = len(list(Path("/proc/self/fd").iterdir())) if Path("/proc/self/fd").exists() else 0

    with pytest.raises(InputError, match="so it is not read"):
        files.read_bounded(tmp_path)

    after = len(list(Path("/proc/self/fd").iterdir())) if Path("/proc/self/fd").exists() else 0
    assert after == before


def test_a_path_on_another_drive_is_absolute(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def refuse(path: Path, start: Path | None) -> str:
        raise ValueError("path is on mount 'D:', start on mount 'C:'")

    monkeypatch.setattr(os.path, "relpath", refuse)

    assert relative_path(tmp_path / "churn") == str(tmp_path / "churn")


def test_finished_folder_comes_into_an_existing_empty_one(tmp_path: Path) -> None:
    destination = tmp_path / "churn"
    destination.mkdir()
    number = destination.stat().st_ino

    files.move_into_place(build_tree(tmp_path / "made", {"a": "1", "b/c": "2"}), destination)

    assert tree(destination) == ["a", "b/c"]
    assert destination.stat().st_ino == number
    assert not (tmp_path / "made").exists()
    assert [path.name for path in destination.iterdir() if path.name.startswith(files.PREFIX)] == []


def test_folder_is_not_moved_into_one_that_another_process_has_filled(tmp_path: Path) -> None:
    made = build_tree(tmp_path / "made", {"a": "ours"})
    taken = build_tree(tmp_path / "taken", {"b": "theirs"})

    with pytest.raises(FileExistsError) as raised:
        files.move_into_place(made, taken)

    assert raised.value.filename == str(taken)
    assert (tree(taken), tree(made)) == (["b"], ["a"])


def test_move_of_a_killed_process_overwrites_no_file_of_the_user(tmp_path: Path) -> None:
    destination = build_tree(tmp_path / "churn", {"README.md": "mine", f"{files._INCOMING}/README.md": "generated"})

    with pytest.raises(ConflictError, match=r"README\.md is in the way"):
        files.finish_moving(destination)

    assert (destination / "README.md").read_text() == "mine"


def test_move_of_a_killed_process_follows_no_link(tmp_path: Path) -> None:
    build_tree(tmp_path, {"docs/thesis.txt": "mine", "churn/a": ""})
    (tmp_path / "churn" / files._INCOMING).symlink_to(tmp_path / "docs")

    assert not files.finish_moving(tmp_path / "churn")

    assert (tmp_path / "docs/thesis.txt").read_text() == "mine"


def test_move_of_a_killed_process_is_finished(tmp_path: Path) -> None:
    """It had moved one of two files."""
    destination = build_tree(tmp_path / "churn", {"a": "1", f"{files._INCOMING}/b/c": "2"})

    assert files.finish_moving(destination)

    assert tree(destination) == ["a", "b/c"]
    assert not files.finish_moving(destination)


def test_leftover_of_another_user_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    left = tmp_path / files._temporary(tmp_path).name.replace(f"-{os.getpid()}-", "-999999999-")
    left.mkdir()
    with monkeypatch.context() as patched:
        patched.setattr(os, "getuid", lambda: left.stat().st_uid + 1)
        files.remove_leftovers(tmp_path)
        assert left.is_dir()

    files.remove_leftovers(tmp_path)

    assert not left.exists()


@pytest.mark.parametrize("write", ["create", "atomic"])
def test_file_is_written_in_place_of_a_link_and_not_through_it(tmp_path: Path, write: str) -> None:
    build_tree(tmp_path, {"victim": "kept"})
    link = tmp_path / "link"
    link.symlink_to("victim")

    if write == "atomic":
        write_atomically(link, "new")
    else:
        with create_file(link) as file:
            file.write(b"new")

    assert [(tmp_path / name).read_text(encoding="utf-8") for name in tree(tmp_path)] == ["new", "kept"]
    assert not link.is_symlink()


def test_removal_of_a_linked_folder_removes_the_link_only(tmp_path: Path) -> None:
    build_tree(tmp_path, {"victim/file": "kept", "folder/file": "gone"})
    (tmp_path / "link").symlink_to("victim")

    for name in ("link", "folder", "nothing"):
        remove_tree(tmp_path / name)

    assert tree(tmp_path) == ["victim/file"]
