"""The commit of a project and whether its files differ: what git would say, without a filter of the repository."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from bootstrap.digest import digest_file
from bootstrap.model.git_state import git_state
from bootstrap.model.records import GitState
from tests.helpers import build_tree, git


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A project in a folder of a repository, with files of every kind."""
    repository = build_tree(
        tmp_path / "repository",
        {
            "project/mlops.yaml": "name: a\n",
            "project/data/rows.csv": "1\n2\n",
            "project/.gitignore": ".mlops/\n",
            "elsewhere/b.txt": "b\n",
        },
    )
    (repository / "project/link").symlink_to("data/rows.csv")
    git("init", "--quiet", cwd=repository)
    commit(repository)
    build_tree(repository, {"project/.mlops/runs/run.json": "{}"})
    return repository / "project"


def commit(repository: Path) -> str:
    git("add", "--all", cwd=repository)
    git("commit", "--quiet", "--allow-empty", "--message", "all", cwd=repository)
    return git("rev-parse", "HEAD", cwd=repository)


def test_unchanged_files_are_those_of_the_commit(root: Path) -> None:
    build_tree(root.parent, {"elsewhere/b.txt": "changed", "elsewhere/new.txt": "new"})

    assert git_state(root) == GitState(commit=git("rev-parse", "HEAD", cwd=root), dirty=False)


def replace(path: Path, make: Callable[[Path], object]) -> None:
    path.unlink()
    make(path)


def add_submodule(root: Path) -> None:
    other = build_tree(root.parents[1] / "other", {"a.py": "1\n"})
    git("init", "--quiet", cwd=other)
    commit(other)
    git("-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(other), "code", cwd=root)
    commit(root.parent)


def lose(root: Path, id_: str) -> None:
    (root.parent / ".git/objects" / id_[:2] / id_[2:]).unlink()


CHANGES: dict[str, Callable[[Path], object]] = {
    "an edited file": lambda root: build_tree(root, {"data/rows.csv": "1\n3\n"}),
    "a new file": lambda root: build_tree(root, {"new.py": ""}),
    "a staged file": lambda root: (build_tree(root, {"new.py": ""}), git("add", "new.py", cwd=root)),
    "a deleted file": lambda root: (root / "data/rows.csv").unlink(),
    "a file that git assumes to be unchanged": lambda root: (
        git("update-index", "--assume-unchanged", "mlops.yaml", cwd=root),
        build_tree(root, {"mlops.yaml": "name: b\n"}),
    ),
    "a link to elsewhere": lambda root: replace(root / "link", lambda path: path.symlink_to("mlops.yaml")),
    "a file in place of a link": lambda root: replace(root / "link", lambda path: path.write_text("1\n2\n")),
    "a link in place of a file": lambda root: replace(root / "data/rows.csv", lambda path: path.symlink_to("1\n2\n")),
    "a pipe in place of a file": lambda root: replace(root / "mlops.yaml", os.mkfifo),
    "a folder in place of a file": lambda root: replace(root / "mlops.yaml", Path.mkdir),
    "a submodule": add_submodule,
    "a lost object": lambda root: lose(root, git("rev-parse", "HEAD:project", cwd=root)),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_every_change_makes_the_files_differ(root: Path, change: Callable[[Path], object]) -> None:
    change(root)

    state = git_state(root)

    assert state == GitState(commit=git("rev-parse", "HEAD", cwd=root), dirty=True)


def test_what_git_converts_by_itself_or_by_lfs_does_not_differ(root: Path) -> None:
    content = build_tree(root, {"model.bin": "a large file\n" * 1000}) / "model.bin"
    large = content.read_bytes()
    pointer = f"oid sha256:{digest_file(content)}\nsize {len(large)}\n"
    content.write_text(f"version https://git-lfs.github.com/spec/v1\n{pointer}", encoding="utf-8")
    commit(root.parent)
    content.write_bytes(large)
    (root / "data/rows.csv").write_bytes(b"1\r\n2\r\n")
    assert not git_state(root).dirty

    content.write_bytes(large[:-2] + b"!\n")

    assert git_state(root).dirty


def test_repository_with_sha256_is_read(tmp_path: Path) -> None:
    build_tree(tmp_path, {"a.txt": "a\n"})
    git("init", "--quiet", "--object-format=sha256", cwd=tmp_path)

    assert git_state(tmp_path) == GitState(commit=None, dirty=True)
    head = commit(tmp_path)
    assert git_state(tmp_path) == GitState(commit=head, dirty=False)
    assert git_state(build_tree(tmp_path, {"a.txt": "b\n"})).dirty


def test_outside_of_a_repository_there_is_no_commit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))

    assert git_state(tmp_path) == GitState(commit=None, dirty=True)


@pytest.mark.parametrize("kind", ["clean", "process"])
def test_no_filter_of_the_repository_runs(root: Path, tmp_path: Path, kind: str) -> None:
    build_tree(root, {".gitattributes": "* filter=theirs\n"})
    commit(root.parent)
    git("config", f"filter.theirs.{kind}", f"touch {tmp_path / 'executed'}; cat", cwd=root)
    git("config", "core.fsmonitor", f"touch {tmp_path / 'executed'}; true", cwd=root)
    os.utime(root / "mlops.yaml", (1, 1))

    state = git_state(root)

    assert not (tmp_path / "executed").exists()
    assert not state.dirty
    git("status", "--porcelain", cwd=root)
    assert (tmp_path / "executed").exists()  # git's own command does run it
