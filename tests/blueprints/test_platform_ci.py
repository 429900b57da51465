"""The CI files that `platform init` writes: they pass the forge's checks, and their commands report a pull request."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from bootstrap.yaml import read
from tests.helpers import ROOT, git, run_here

SOURCES = (
    None,
    "https://pkgs.contoso.example/simple/",
    "git+https://github.com/contoso/mlops-bootstrap@" + "a" * 40,
    "tools/mlops_bootstrap-0.1.0-py3-none-any.whl",
    "https://pkgs.contoso.example/mlops_bootstrap-0.1.0-py3-none-any.whl#sha256=" + "b" * 64,
)
WORKFLOW, PIPELINE = ".github/workflows/platform.yml", "azure-pipelines.yml"

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="CI runs the commands in a POSIX shell")


def init(folder: Path, forge: str, source: str | None = None) -> Path:
    options = ["--tool-source", source] if source else []
    done = run_here("platform", "init", "platform", "--defaults", "--forge", forge, *options, cwd=folder)
    assert done.code == 0, done.err
    return folder / "platform"


def check(*command: str, cwd: Path) -> None:
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("source", SOURCES)
def test_workflow_passes_zizmor_and_actionlint(tmp_path: Path, actionlint: Path, source: str | None) -> None:
    root = init(tmp_path, "github", source)

    check(str(Path(sys.executable).with_name("zizmor")), "--offline", "--quiet", "--pedantic", ".github", cwd=root)
    check(str(actionlint), "-shellcheck=", "-pyflakes=", WORKFLOW, cwd=root)


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize(
    ("forge", "path", "schema"),
    [("github", WORKFLOW, "vendor.github-workflows"), ("azure-devops", PIPELINE, "vendor.azure-pipelines")],
)
def test_ci_files_follow_the_schema_of_the_forge(
    tmp_path: Path, forge: str, path: str, schema: str, source: str | None
) -> None:
    root = init(tmp_path, forge, source)

    program = str(Path(sys.executable).with_name("check-jsonschema"))
    check(program, "--builtin-schema", schema, "--regex-variant", "nonunicode", path, cwd=root)


def pull_request(root: Path) -> None:
    """Check out the merge of a change into main, as the forges do for a pull request; main has changed meanwhile."""
    git("checkout", "--quiet", "-b", "change", cwd=root)
    done = run_here("platform", "team", "add", "health", "--environment", "dev", "--budget", "500", "-C", root, cwd=root)
    assert done.code == 0, done.err
    git("add", "--all", cwd=root)
    git("commit", "--quiet", "--message", "A team", cwd=root)
    git("checkout", "--quiet", "main", cwd=root)
    (root / "README.md").write_text("changed\n", encoding="utf-8")
    git("commit", "--quiet", "--all", "--message", "Words", cwd=root)
    git("update-ref", "refs/remotes/origin/main", "main", cwd=root)
    git("checkout", "--quiet", "--detach", cwd=root)
    git("merge", "--quiet", "--no-ff", "--message", "Merge", "change", cwd=root)


@pytest.fixture
def runner(tmp_path: Path) -> dict[str, str]:
    """The environment of a runner. Its `uvx` is this checkout: the version that it would install is not published."""
    program = tmp_path / "bin" / "uvx"
    program.parent.mkdir()
    start = f'exec "{sys.executable}" -m bootstrap "$@"'
    program.write_text(f'#!/bin/sh\ntest "$1" = --from && test "$3" = mlops-bootstrap || exit 9\nshift 3\n{start}\n')
    program.chmod(0o755)
    author = {f"GIT_{who}_{what}": "a@b.example" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    path = os.pathsep.join([str(program.parent), os.environ["PATH"]])
    cache = {"PYTHONPATH": str(ROOT), "XDG_CACHE_HOME": str(tmp_path / "cache")}
    return {**os.environ, **author, **cache, "PATH": path}


def test_commands_of_the_workflow_report_what_a_pull_request_changes(
    tmp_path: Path, runner: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in runner.items():
        monkeypatch.setenv(name, value)
    root = init(tmp_path, "github")
    pull_request(root)
    steps = [step["run"] for step in read(root / WORKFLOW).data["jobs"]["check"]["steps"] if "run" in step]
    summary = tmp_path / "summary.md"

    for step in steps:
        env = {**runner, "GITHUB_STEP_SUMMARY": str(summary), "GITHUB_WORKSPACE": str(root)}
        done = subprocess.run(["bash", "-e", "-c", step], cwd=root, env=env, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr

    assert "| `health-dev` | added |" in summary.read_text(encoding="utf-8")


def test_commands_of_the_pipeline_report_what_a_pull_request_changes(
    tmp_path: Path, runner: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in runner.items():
        monkeypatch.setenv(name, value)
    root = init(tmp_path, "azure-devops")
    pull_request(root)
    steps = [step["script"] for step in read(root / PIPELINE).data["steps"] if step.get("displayName") in ("Validate", "Diff")]

    for step in steps:
        # The agent replaces its own variables before the shell sees the script.
        script = step.replace("$(Build.ArtifactStagingDirectory)", str(tmp_path))
        env = {**runner, "SYSTEM_PULLREQUEST_TARGETBRANCH": "refs/heads/main"}
        done = subprocess.run(["bash", "-c", script], cwd=root, env=env, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr

    assert len(steps) == 2
    assert f"##vso[task.uploadsummary]{tmp_path}/diff.md" in done.stdout
    assert "| `health-dev` | added |" in (tmp_path / "diff.md").read_text(encoding="utf-8")
