"""`platform init`: written whole, rerunnable, nothing of the user's overwritten; a repository of its own, with CI."""

import datetime as dt
import os
import shlex
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from bootstrap.errors import ConflictError, ExitCode, InputError
from bootstrap.manifests.platform import load_platform
from bootstrap.manifests.scaffold import EXAMPLE, QUESTIONS, init
from bootstrap.progress import Progress
from bootstrap.tool import uvx_arguments
from tests.helpers import Done, git, run_cli, tree

TODAY = dt.date(2026, 11, 24)
ANSWERS = {
    "organization": "null",
    "location": "northeurope",
    "subscription": "11111111-2222-3333-4444-555555555555",
    "tenant": "66666666-7777-8888-9999-000000000000",
    "email": "a@b.example",
}


def test_init_writes_a_valid_platform(tmp_path: Path) -> None:
    root = tmp_path / "parent" / "new"
    files, _ = init(root, ANSWERS, TODAY, Progress())

    hub = load_platform(root).stacks["hub"]
    assert tree(root) == files
    assert (hub.organization, hub.location, hub.tenant_id) == ("null", "northeurope", ANSWERS["tenant"])
    assert EXAMPLE not in (root / "platform.yaml").read_text()


def test_a_new_platform_pins_the_minor_version_of_the_tool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bootstrap.manifests.scaffold.__version__", "3.14.2")

    init(tmp_path / "new", {}, TODAY, Progress())

    assert '\ntool: "3.14.*" ' in (tmp_path / "new" / "platform.yaml").read_text()


def test_example_values_are_marked(tmp_path: Path) -> None:
    init(tmp_path / "new", {}, TODAY, Progress())

    text = (tmp_path / "new" / "platform.yaml").read_text()
    # The mail address stands twice: it hears of alerts, and owns what there is.
    assert text.count(EXAMPLE) == len(QUESTIONS) + 1
    assert list(load_platform(tmp_path / "new").stacks) == ["hub"]


def test_a_dry_run_writes_nothing(tmp_path: Path) -> None:
    files, _ = init(tmp_path / "new", {}, TODAY, Progress(), dry_run=True)

    assert "platform.yaml" in files
    assert list(tmp_path.iterdir()) == []


def test_init_again_writes_missing_files(tmp_path: Path) -> None:
    files, _ = init(tmp_path / "new", {}, TODAY, Progress())
    (tmp_path / "new" / "links.yaml").unlink()
    shutil.rmtree(tmp_path / "new" / ".git")
    (tmp_path / "new" / ".git").mkdir()
    (tmp_path / "new" / ".git" / "HEAD").write_text("ref")

    init(tmp_path / "new", {}, TODAY, Progress())

    assert tree(tmp_path / "new") == files


def test_another_file_in_the_folder_is_a_conflict(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")

    with pytest.raises(ConflictError) as caught:
        init(tmp_path, {}, TODAY, Progress())

    assert caught.value.details == ()
    assert caught.value.why == "It has files that are not of a new platform, for example notes.txt."
    assert tree(tmp_path) == ["notes.txt"]


def test_another_folder_is_a_conflict_and_is_not_searched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".venv" / "lib").mkdir(parents=True)
    listed: list[Path] = []
    listing = Path.iterdir

    def iterdir(folder: Path) -> Iterator[Path]:
        listed.append(folder)
        return iter(listing(folder))

    monkeypatch.setattr(Path, "iterdir", iterdir)

    with pytest.raises(ConflictError, match=r"for example \.venv\."):
        init(tmp_path, {}, TODAY, Progress())

    assert listed == [tmp_path]


def test_another_file_among_the_teams_is_a_conflict(tmp_path: Path) -> None:
    init(tmp_path, {}, TODAY, Progress(), example=True)
    (tmp_path / "teams" / "fraud.yaml").write_text("mine")

    with pytest.raises(ConflictError, match=r"for example teams/fraud\.yaml"):
        init(tmp_path, {}, TODAY, Progress(), example=True)


def test_an_edited_file_is_a_conflict(tmp_path: Path) -> None:
    init(tmp_path / "new", {}, TODAY, Progress())
    (tmp_path / "new" / "platform.yaml").write_text("mine")

    with pytest.raises(ConflictError, match="files differ") as caught:
        init(tmp_path / "new", {}, TODAY, Progress())

    assert caught.value.details == ("platform.yaml",)
    assert (tmp_path / "new" / "platform.yaml").read_text() == "mine"


def test_a_file_in_the_folders_place_is_a_conflict(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")

    with pytest.raises(ConflictError, match="is a file"):
        init(tmp_path / "file", {}, TODAY, Progress())


@pytest.mark.parametrize(
    ("name", "answer"),
    [("organization", 'a"b'), ("organization", "a b"), ("organization", "ü" * 3), ("organization", "a" * 300),
     ("location", "West Europe"), ("subscription", "1234"), ("tenant", ""), ("email", "nobody")],
)  # fmt: skip
def test_wrong_answer_is_refused_and_nothing_is_written(tmp_path: Path, name: str, answer: str) -> None:
    with pytest.raises(InputError, match=f"{QUESTIONS[name].option} must be"):
        init(tmp_path / "new", {name: answer}, TODAY, Progress())

    assert list(tmp_path.iterdir()) == []


IDENTITY = {
    "GIT_AUTHOR_NAME": "Anna", "GIT_AUTHOR_EMAIL": "anna@contoso.example",
    "GIT_COMMITTER_NAME": "Anna", "GIT_COMMITTER_EMAIL": "anna@contoso.example",
}  # fmt: skip
WORKFLOW = ".github/workflows/platform.yml"
NOBODY = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull, "EMAIL": "", "GIT_CONFIG_COUNT": "1",
          "GIT_CONFIG_KEY_0": "user.useConfigOnly", "GIT_CONFIG_VALUE_0": "true"}  # fmt: skip


def run_init(root: Path, *words: str, env: Mapping[str, str] = IDENTITY) -> Done:
    return run_cli("platform", "init", root, "--defaults", *words, cwd=root.parent, env=env)


def test_init_creates_a_repository_with_a_first_commit(tmp_path: Path) -> None:
    done = run_init(tmp_path / "new", "-o", "json")

    assert (done.code, done.document["repository"]) == (ExitCode.DONE, "created"), done.err
    assert git("ls-files", cwd=tmp_path / "new").splitlines() == done.document["files"]
    assert git("status", "--porcelain", cwd=tmp_path / "new") == ""


def test_init_in_an_empty_existing_folder_creates_a_repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "new").mkdir()
    for key, value in IDENTITY.items():
        monkeypatch.setenv(key, value)

    _, repository = init(tmp_path / "new", ANSWERS, TODAY, Progress())

    assert repository == "created"
    assert git("status", "--porcelain", cwd=tmp_path / "new") == ""
    assert git("rev-list", "--count", "HEAD", cwd=tmp_path / "new") == "1"


def test_init_in_a_clone_writes_ci_and_commits_nothing(tmp_path: Path) -> None:
    git("init", "--quiet", "new", cwd=tmp_path)

    done = run_init(tmp_path / "new", "-o", "json")

    assert (done.code, done.document["repository"]) == (ExitCode.DONE, "existing")
    assert f"{tmp_path}/new is a git repository already: commit the files." in done.err
    assert WORKFLOW in done.document["files"]
    assert git("rev-list", "--all", "--count", cwd=tmp_path / "new") == "0"


def test_init_in_a_folder_of_a_repository_creates_no_other_one(tmp_path: Path) -> None:
    git("init", "--quiet", cwd=tmp_path)

    done = run_init(tmp_path / "new", "-o", "json")

    assert (done.code, done.document["repository"]) == (ExitCode.DONE, "existing")
    assert f"is in a repository, {tmp_path}, so none was created" in done.err
    assert not (tmp_path / "new/.git").exists()
    assert WORKFLOW not in done.document["files"], "forges look for it in the root only"


@pytest.mark.parametrize(
    ("env", "why", "next_"),
    [
        ({"PATH": ""}, "git is not installed", "Next: install git; git -C"),
        (NOBODY, "git has no user.name and user.email.", "Next: git config --global user.name NAME;"),
    ],
)
def test_files_stay_where_git_cannot_commit(tmp_path: Path, env: Mapping[str, str], why: str, next_: str) -> None:
    done = run_init(tmp_path / "new", "-o", "json", env=env)

    assert (done.code, done.document["repository"]) == (ExitCode.DONE, "none"), done.err
    assert tree(tmp_path / "new") == done.document["files"]
    assert not (tmp_path / "new/.git").exists()
    assert why in done.err
    assert next_ in done.err
    assert run_init(tmp_path / "new", "-o", "json").document["repository"] == "created", "when git can"


def test_commands_that_are_printed_for_a_missing_repository_create_it(tmp_path: Path) -> None:
    done = run_init(tmp_path / "new", env=NOBODY)

    commands = done.err.partition("ADDRESS; ")[2]
    subprocess.run(commands, shell=True, check=True, env={**os.environ, **IDENTITY})

    assert git("status", "--porcelain", cwd=tmp_path / "new") == ""


@pytest.mark.parametrize(("forge", "path"), [("github", WORKFLOW), ("azure-devops", "azure-pipelines.yml")])
def test_ci_of_the_forge_starts_the_tool_that_is_pinned(tmp_path: Path, forge: str, path: str) -> None:
    source = "https://pkgs.contoso.example/simple/"

    files, _ = init(tmp_path / "new", {"forge": forge, "tool_source": source}, TODAY, Progress())

    manifest = load_platform(tmp_path / "new").manifests.organization
    assert manifest.tool is not None
    command = shlex.join(["uvx", *uvx_arguments(manifest.tool, source, extra="infra"), "mlops-bootstrap"])
    text = (tmp_path / "new" / path).read_text(encoding="utf-8")
    assert (manifest.tool_source, text.count(f"{command} ")) == (source, 3)
    others = {WORKFLOW, "azure-pipelines.yml"} - {path}
    assert others.isdisjoint(files)


def test_wrong_forge_and_tool_source_are_refused(tmp_path: Path) -> None:
    done = run_init(tmp_path / "new", "--forge", "githb", "--tool-source", "https://me:secret@pkgs.contoso.example/")

    assert done.code == ExitCode.INPUT
    assert "--forge must be 'github' or 'azure-devops' (found 'githb'). Did you mean 'github'?" in done.err
    assert "--tool-source must be pypi;" in done.err
    assert list(tmp_path.iterdir()) == []


def test_example_of_a_team_is_written_on_request_only(tmp_path: Path) -> None:
    without, _ = init(tmp_path / "without", {}, TODAY, Progress())
    files, _ = init(tmp_path / "with", {}, TODAY, Progress(), example=True)

    assert {*files} - {*without} == {"teams/example.yaml"}
    assert list(load_platform(tmp_path / "with").stacks) == ["hub", "example-dev", "example-prod"]
