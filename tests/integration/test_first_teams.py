"""From an empty folder: a platform, a team, a second one, one removed before anything is deployed. No example."""

import subprocess
from pathlib import Path

import pytest

from bootstrap.errors import ExitCode
from tests.helpers import Done, git, run_here, tree

IDENTITY = {
    "GIT_AUTHOR_NAME": "Anna", "GIT_AUTHOR_EMAIL": "anna@contoso.example",
    "GIT_COMMITTER_NAME": "Anna", "GIT_COMMITTER_EMAIL": "anna@contoso.example",
}  # fmt: skip
OWN = [
    "--organization", "contoso", "--location", "westeurope", "--email", "ml@contoso.example",
    "--subscription", "11111111-2222-3333-4444-555555555555", "--tenant", "66666666-7777-8888-9999-000000000000",
]  # fmt: skip
TEAM = ["--budget", "500", "--cluster", "cpu=Standard_D4ds_v5", "--engineers", "22222222-2222-2222-2222-222222222222"]


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A platform that was created and committed by `platform init`."""
    for name, value in IDENTITY.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    done = run_here("platform", "init", "platform", *OWN, cwd=tmp_path)
    assert done.code == ExitCode.DONE, done.err
    return tmp_path / "platform"


def run(root: Path, *words: str) -> Done:
    done = run_here(*words, "-C", root, cwd=root)
    assert done.code == ExitCode.DONE, done.err
    return done


def test_teams_come_and_go_before_anything_is_deployed(root: Path) -> None:
    run(root, "platform", "team", "add", "health", *TEAM)
    run(root, "platform", "team", "add", "pricing", "--environment", "dev", "--budget", "300")
    run(root, "platform", "environment", "add", "pricing", "prod", "--budget", "900")
    git("add", "--all", cwd=root)
    git("commit", "--quiet", "--message", "Two teams", cwd=root)
    run(root, "platform", "team", "remove", "pricing")
    team = root / "teams" / "health.yaml"
    team.write_text(team.read_text(encoding="utf-8").replace("Standard_D4ds_v5", "Standard_D8ds_v5"), "utf-8")

    planned = run(root, "plan", "--all")
    committed = run_here("diff", "HEAD", "--check", "-C", root, cwd=root)
    never = run(root, "diff", "HEAD", "--deployed", "never", "--check")

    assert "in all: 3 stacks" in planned.out
    assert "example" not in planned.out
    assert committed.code == ExitCode.REFUSED
    assert "change-removes-data" in committed.out
    assert "change-refused" in committed.out
    assert "of which nothing is deployed" in never.out
    assert "pricing-dev: removed, 0 to add, 0 to change, 0 to replace, 0 to remove" in never.out
    assert "change-" not in never.out


def test_new_platform_is_committed_whole_and_has_no_example(root: Path) -> None:
    assert git("status", "--porcelain", cwd=root) == ""
    assert git("log", "--format=%an: %s", cwd=root) == "Anna: The platform, by mlops-bootstrap platform init"
    assert git("branch", "--show-current", cwd=root) == "main"
    assert sorted(git("ls-files", cwd=root).splitlines()) == tree(root)
    found = subprocess.run(["grep", "-ri", "example.yaml", "."], cwd=root, capture_output=True, text=True, check=False)
    assert found.stdout == ""
    assert not (root / "teams").exists()
