"""Digests of content: equal for equal content, different for every difference of content or name."""

import hashlib
import os
import subprocess
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bootstrap.digest import digest_files, digest_text, digest_tree, stamps
from bootstrap.errors import InputError
from bootstrap.model.code import code_files
from tests.helpers import build_tree


def test_digest_of_a_file_is_its_sha256(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"abc")
    assert digest_tree(tmp_path / "a") == hashlib.sha256(b"abc").hexdigest()


def test_digest_of_a_folder_is_that_of_the_output_of_sha256sum(tmp_path: Path) -> None:
    folder = build_tree(tmp_path / "folder", {"b.txt": "two\n", "a/z.txt": "one\n", "a.txt": "three\n"})
    listing = subprocess.run(
        ["sha256sum", "a.txt", "a/z.txt", "b.txt"], cwd=folder, capture_output=True, text=True, check=True
    )
    assert digest_tree(folder) == digest_text(listing.stdout)


def test_what_tools_create_beside_code_is_left_out_of_code_only(tmp_path: Path) -> None:
    folder = build_tree(tmp_path / "folder", {"step.py": "print(1)\n"})
    before = digest_tree(folder)
    build_tree(folder, {"__pycache__/step.cpython-311.pyc": "junk", "sub/.pytest_cache/x": "junk", ".mlops/y": "junk"})
    (folder / ".#step.py").symlink_to("ann@host.1234:1")
    assert code_files(folder) == {"step.py": folder / "step.py"}
    assert digest_files(code_files(folder)) == before
    (folder / ".#step.py").unlink()
    assert digest_tree(folder) != before


def test_line_breaks_in_names_are_escaped_as_sha256sum_does(tmp_path: Path) -> None:
    folder = build_tree(tmp_path / "folder", {"a": "1", "b": "2"})
    line = f"a\n{hashlib.sha256(b'2').hexdigest()}  b"
    other = build_tree(tmp_path / "other", {line: "1", "c\\d": "2"})
    listing = subprocess.run(["sha256sum", line, "c\\d"], cwd=other, capture_output=True, text=True, check=True)
    assert digest_tree(other) == digest_text(listing.stdout)
    (other / "c\\d").unlink()
    assert digest_tree(other) != digest_tree(folder)


def test_names_that_are_not_utf8_have_digests(tmp_path: Path) -> None:
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff")).write_bytes(b"1")
    listing = hashlib.sha256(b"1").hexdigest().encode() + b"  \xff\n"
    assert digest_tree(tmp_path) == hashlib.sha256(listing).hexdigest()


@pytest.mark.parametrize(
    ("target", "words"),
    [("folder", "is a link to a folder"), ("nowhere", "is a link that leads nowhere"), (None, "is no file")],
)
def test_content_without_a_digest_is_refused(tmp_path: Path, target: str | None, words: str) -> None:
    folder = build_tree(tmp_path, {"data/a.csv": "1", "folder/b.csv": "2"})
    if target is None:
        os.mkfifo(folder / "data/x")
    else:
        (folder / "data/x").symlink_to(folder / target)
    with pytest.raises(InputError, match=rf"data/x {words}"):
        digest_tree(folder / "data")


def test_device_has_no_digest() -> None:
    with pytest.raises(InputError, match="/dev/zero is a device"):
        digest_tree(Path("/dev/zero"))


def test_stamps_differ_after_a_write_that_restored_the_content(tmp_path: Path) -> None:
    folder = build_tree(tmp_path / "folder", {"a.csv": "1"})
    before, digest = stamps(folder, tmp_path), digest_tree(folder)
    assert stamps(folder, tmp_path) == before
    (folder / "a.csv").write_text("2", encoding="utf-8")
    (folder / "a.csv").write_text("1", encoding="utf-8")
    assert digest_tree(folder) == digest
    assert stamps(folder, tmp_path) != before


@pytest.mark.skipif(os.name == "nt", reason="Windows keeps no time of the last change of a file's attributes")
def test_stamps_differ_after_a_write_that_restored_content_and_times(tmp_path: Path) -> None:
    folder = build_tree(tmp_path / "folder", {"a.csv": "1"})
    file = folder / "a.csv"
    before, times = stamps(folder, tmp_path), file.stat()
    file.write_text("2", encoding="utf-8")
    file.write_text("1", encoding="utf-8")
    os.utime(file, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert file.stat().st_mtime_ns == times.st_mtime_ns
    assert stamps(folder, tmp_path) != before


def move_and_return(path: Path, meanwhile: dict[str, str]) -> None:
    """Move a folder away, put another one in its place, and move it back."""
    away = path.rename(path.with_name("away"))
    build_tree(path, meanwhile)
    path.rename(path.with_name("other"))
    away.rename(path)


@pytest.mark.skipif(os.name == "nt", reason="Windows keeps no time of the last change of a folder's name")
@pytest.mark.parametrize("moved", ["data", "data/inner", "data/inner/rows"])
@pytest.mark.parametrize("watched", ["data/inner/rows", "data/inner/rows/a.csv"])
def test_stamps_differ_after_a_folder_was_moved_away_and_back(tmp_path: Path, moved: str, watched: str) -> None:
    build_tree(tmp_path, {"data/inner/rows/a.csv": "1", ".mlops/x": ""})
    before, digest = stamps(tmp_path / watched, tmp_path), digest_tree(tmp_path / watched)
    assert stamps(tmp_path / watched, tmp_path) == before
    time.sleep(0.02)

    move_and_return(tmp_path / moved, {"inner/rows/a.csv": "2", "rows/a.csv": "2", "a.csv": "2"})

    assert digest_tree(tmp_path / watched) == digest
    assert stamps(tmp_path / watched, tmp_path) != before


@pytest.mark.skipif(os.name == "nt", reason="Windows keeps no time of the last change of a folder's name")
def test_stamps_differ_after_the_target_of_a_link_was_moved_away_and_back(tmp_path: Path) -> None:
    build_tree(tmp_path, {"data/b.csv": "1", "elsewhere/a.csv": "1"})
    (tmp_path / "data/a.csv").symlink_to(tmp_path / "elsewhere/a.csv")
    before = stamps(tmp_path / "data", tmp_path)
    time.sleep(0.02)

    move_and_return(tmp_path / "elsewhere", {"a.csv": "2"})

    assert stamps(tmp_path / "data", tmp_path) != before


def test_stamps_differ_after_a_file_was_created_and_removed(tmp_path: Path) -> None:
    folder = build_tree(tmp_path / "folder", {"inner/a.csv": "1"})
    before = stamps(folder, tmp_path)
    time.sleep(0.02)
    (folder / "inner/b.csv").touch()
    (folder / "inner/b.csv").unlink()
    assert stamps(folder, tmp_path) != before


def test_stamps_do_not_depend_on_what_is_created_beside_a_tree(tmp_path: Path) -> None:
    folder = build_tree(tmp_path, {"project/data/rows/a.csv": "1"}) / "project"
    before = {path: stamps(path, folder) for path in (folder / "data/rows", folder / "data/rows/a.csv")}
    time.sleep(0.02)
    build_tree(folder, {"data/new.csv": "2", "data/rows2/a.csv": "2", ".mlops/x": "", "../y": ""})
    folder.chmod(0o700)
    assert {path: stamps(path, folder) for path in before} == before


@given(st.dictionaries(st.sampled_from(["a", "b", "c/d", "c/e"]), st.binary(max_size=8), min_size=1))
def test_digest_changes_with_content_and_name(files: dict[str, bytes]) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        for name, content in files.items():
            path = Path(folder, name)
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(content)
        before = digest_tree(Path(folder))
        first = Path(folder, min(files))
        first.write_bytes(first.read_bytes() + b"x")
        changed = digest_tree(Path(folder))
        first.rename(first.with_name("other"))
        assert len({before, changed, digest_tree(Path(folder))}) == 3
