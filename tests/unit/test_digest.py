"""Digests of content: equal for equal content, different for every difference of content or name."""

import hashlib
import subprocess
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from bootstrap.digest import digest_text, digest_tree
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


def test_caches_of_tools_are_left_out(tmp_path: Path) -> None:
    folder = build_tree(tmp_path / "folder", {"step.py": "print(1)\n"})
    before = digest_tree(folder)
    build_tree(folder, {"__pycache__/step.cpython-311.pyc": "junk", "sub/.pytest_cache/x": "junk"})
    assert digest_tree(folder) == before


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
