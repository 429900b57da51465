"""Files are written whole or not at all."""

import os
from pathlib import Path

import pytest

from bootstrap.files import write_atomically


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
        raise PermissionError("no")

    monkeypatch.setattr(Path, "replace", refuse)
    with pytest.raises(PermissionError):
        write_atomically(path, b"new")

    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["record.json"]  # noqa: PTH208
