"""Where blueprints come from: a checkout, edited or not, or the bundle of a wheel."""

from pathlib import Path

import pytest

from bootstrap.blueprint import repository
from bootstrap.blueprint.repository import Snapshot, installed_blueprints, snapshot_of
from bootstrap.errors import InputError, MissingError
from tests.helpers import git
from tests.unit.blueprint.worlds import blueprints, bundle, commit


def _read(snapshot: Snapshot, path: str) -> str:
    return git("show", f"{snapshot.commit}:{path}", cwd=snapshot.repository)


def test_checkout_uses_its_commit(tmp_path: Path) -> None:
    root = blueprints(tmp_path / "ours")

    with snapshot_of(root) as snapshot:
        assert snapshot.commit == git("rev-parse", "HEAD", cwd=root)
        assert not snapshot.edited
        assert "project_name" in _read(snapshot, "copier.yml")

    assert not snapshot.repository.exists()


def test_uncommitted_edits_are_used_and_checkout_does_not_change(tmp_path: Path) -> None:
    root = blueprints(tmp_path / "ours", {"notes.txt": "one\n"})
    (root / "blueprints/tabular/.gitignore").write_text("staged\n", encoding="utf-8")
    git("add", "--all", cwd=root)
    (root / "blueprints/tabular/.gitignore").write_text("on disk\n", encoding="utf-8")
    (root / "blueprints/tabular/new.txt").write_text("untracked\n", encoding="utf-8")
    (root / "notes.txt").write_text("no blueprint\n", encoding="utf-8")
    before = (root / ".git/index").read_bytes(), git("count-objects", "-v", cwd=root), git("status", "-z", cwd=root)

    with snapshot_of(root) as snapshot:
        assert snapshot.edited
        assert _read(snapshot, "blueprints/tabular/.gitignore") == "on disk"
        assert _read(snapshot, "blueprints/tabular/new.txt") == "untracked"
        assert _read(snapshot, "notes.txt") == "one"
        assert git("rev-parse", f"{snapshot.commit}^", cwd=snapshot.repository) == git("rev-parse", "HEAD", cwd=root)

    after = (root / ".git/index").read_bytes(), git("count-objects", "-v", cwd=root), git("status", "-z", cwd=root)
    assert after == before


def test_edits_of_other_files_do_not_count(tmp_path: Path) -> None:
    root = blueprints(tmp_path / "ours")
    (root / "notes.txt").write_text("mine\n", encoding="utf-8")

    with snapshot_of(root) as snapshot:
        assert not snapshot.edited


def test_checkout_may_be_detached_or_worktree(tmp_path: Path) -> None:
    root = blueprints(tmp_path / "ours")
    first = git("rev-parse", "HEAD", cwd=root)
    (root / "copier.yml").write_text("blueprint: {choices: [other]}\n", encoding="utf-8")
    commit(root, "Another")
    git("worktree", "add", "--quiet", "--detach", str(tmp_path / "worktree"), first, cwd=root)

    with snapshot_of(tmp_path / "worktree") as snapshot:
        assert snapshot.commit == first
        assert "project_name" in _read(snapshot, "copier.yml")


def test_git_variables_of_hooks_are_ignored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root, other = blueprints(tmp_path / "ours"), blueprints(tmp_path / "other", {"more.txt": "more\n"})
    expected = git("rev-parse", "HEAD", cwd=root)
    monkeypatch.setenv("GIT_DIR", str(other / ".git"))

    with snapshot_of(root) as snapshot:
        assert snapshot.commit == expected


def test_git_variables_of_user_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"COUNT": "1", "KEY_0": "core.abbrev", "VALUE_0": "12"}.items():
        monkeypatch.setenv(f"GIT_CONFIG_{name}", value)
    with snapshot_of(blueprints(tmp_path)) as snapshot:
        added = snapshot.environment()

    assert added["GIT_CONFIG_COUNT"] == "3"
    assert "GIT_CONFIG_KEY_0" not in added
    assert added["GIT_CONFIG_KEY_1"] == f"url.{snapshot.repository.as_posix()}.insteadOf"
    assert added["GIT_CONFIG_VALUE_1"] == repository.URL


def test_bundle_is_cloned_into_temporary_repository(tmp_path: Path) -> None:
    root = blueprints(tmp_path / "ours")
    git("tag", "v1.0.0", cwd=root)
    commit_of_tag = git("rev-parse", "HEAD", cwd=root)
    (root / "notes.txt").write_text("more\n", encoding="utf-8")
    commit(root, "More")

    with snapshot_of(bundle(root, tmp_path / "blueprints.bundle")) as snapshot:
        assert snapshot.commit == git("rev-parse", "HEAD", cwd=root)
        assert not snapshot.edited
        assert "project_name" in _read(snapshot, "copier.yml")
        assert git("rev-parse", "v1.0.0", cwd=snapshot.repository) == commit_of_tag
        git("fsck", "--strict", cwd=snapshot.repository)

    assert not snapshot.repository.exists()


def test_damaged_bundle_is_reported(tmp_path: Path) -> None:
    file = bundle(blueprints(tmp_path / "ours"), tmp_path / "blueprints.bundle")
    file.write_bytes(file.read_bytes()[:-100])

    with pytest.raises(InputError, match="git clone failed"), snapshot_of(file):
        pass


def test_installation_without_blueprints_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(repository, "_PACKAGE", tmp_path / "site-packages/bootstrap")

    with pytest.raises(MissingError, match="no blueprints"), installed_blueprints():
        pass
