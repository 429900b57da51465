"""Tests of the creation of projects: answers are checked at once, and an error leaves no files."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bootstrap import files
from bootstrap.blueprint.create import NewProject, create
from bootstrap.blueprint.from_platform import without_credentials
from bootstrap.blueprint.repository import URL, Snapshot, snapshot_of
from bootstrap.errors import BootstrapError, ConflictError, InputError, MissingError, RefusedError
from bootstrap.files import file_error
from bootstrap.progress import Progress
from tests.helpers import build_tree, git, tree
from tests.unit.blueprint.worlds import blueprints

GIVEN = {"blueprint": "tabular", "team": "fraud"}


@pytest.fixture(scope="module")
def snapshot(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Snapshot]:
    with snapshot_of(blueprints(tmp_path_factory.mktemp("ours"))) as made:
        yield made


def new(snapshot: Snapshot, folder: Path, name: str | None = "churn", **options: Any) -> NewProject:
    answers = {**GIVEN, **options.pop("given", {})}
    return create_in(folder, snapshot, answers, name, **options)


def create_in(
    folder: Path,
    snapshot: Snapshot,
    answers: Mapping[str, Any],
    name: str | None = "churn",
    progress: Progress | None = None,
    **options: Any,
) -> NewProject:
    options = {"defaults": True, **options}
    destination = folder / name if name else None
    return create(snapshot, answers, progress or Progress(), directory=folder, destination=destination, **options)


def refused(
    snapshot: Snapshot, folder: Path, kind: type[BootstrapError] = InputError, **options: Any
) -> BootstrapError:
    """The error of a creation that must fail and leave `folder` unchanged."""
    before = sorted(folder.rglob("*"))
    with pytest.raises((kind, OSError)) as raised:
        new(snapshot, folder, **options)
    assert sorted(folder.rglob("*")) == before
    return shown(raised.value)


def shown(error: Exception) -> BootstrapError:
    """The error that the command line prints."""
    printed = file_error(error) if isinstance(error, OSError) else error
    assert isinstance(printed, BootstrapError)
    return printed


def test_new_project_is_repository_with_one_commit(snapshot: Snapshot, tmp_path: Path) -> None:
    created = new(snapshot, tmp_path)

    project = tmp_path / "churn"
    assert tuple(tree(project)) == created.files
    assert created.files == (
        ".copier-answers.yml",
        ".github/workflows/ci.yml",
        ".gitignore",
        "README.md",
        "churn/__init__.py",
    )
    assert git("log", "--format=%s", cwd=project) == f"Start from the blueprint tabular at {created.commit}"
    assert git("status", "--porcelain", cwd=project) == ""
    assert git("branch", "--show-current", cwd=project) == "main"
    assert created.repository
    assert [path.name for path in tmp_path.iterdir()] == ["churn"]


def test_answers_file_has_public_url_and_commit(snapshot: Snapshot, tmp_path: Path) -> None:
    created = new(snapshot, tmp_path)

    # Copier reads it by YAML 1.1, where a commit such as 34741e1 is text.
    answers = yaml.safe_load((tmp_path / "churn/.copier-answers.yml").read_text(encoding="utf-8"))
    assert answers["_src_path"] == URL
    assert answers["_commit"] == created.commit
    assert snapshot.commit.startswith(created.commit)
    assert answers["team"] == "fraud"
    assert "package_name" not in answers
    assert "organization" not in answers


def test_folder_name_is_default_of_project_name(snapshot: Snapshot, tmp_path: Path) -> None:
    assert new(snapshot, tmp_path, "spam-filter").project == "spam-filter"
    assert (tmp_path / "spam-filter/spam_filter/__init__.py").is_file()


def test_answer_overrides_folder_name(snapshot: Snapshot, tmp_path: Path) -> None:
    created = new(snapshot, tmp_path, "somewhere/deep", given={"project_name": "fraud"})

    assert created.project == "fraud"
    assert (tmp_path / "somewhere/deep/fraud/__init__.py").is_file()


def test_project_name_is_default_of_folder(snapshot: Snapshot, tmp_path: Path) -> None:
    created = new(snapshot, tmp_path, None, given={"project_name": "fraud"})

    assert created.path == tmp_path / "fraud"
    assert (tmp_path / "fraud/README.md").is_file()


def test_existing_empty_folder_is_kept(snapshot: Snapshot, tmp_path: Path) -> None:
    (tmp_path / "churn").mkdir()
    before = (tmp_path / "churn").stat().st_ino

    new(snapshot, tmp_path)

    assert (tmp_path / "churn").stat().st_ino == before
    assert git("status", "--porcelain", cwd=tmp_path / "churn") == ""
    assert (tmp_path / "churn/README.md").is_file()


def test_project_inside_repository_is_not_committed(snapshot: Snapshot, tmp_path: Path) -> None:
    git("init", "--quiet", cwd=tmp_path)

    created = new(snapshot, tmp_path, "projects/churn")

    assert not created.repository
    assert not (tmp_path / "projects/churn/.git").exists()
    assert git("status", "--porcelain", cwd=tmp_path) == "?? projects/"


def test_dry_run_lists_files_and_writes_none(snapshot: Snapshot, tmp_path: Path) -> None:
    created = new(snapshot, tmp_path, dry_run=True)

    assert "churn/__init__.py" in created.files
    assert list(tmp_path.iterdir()) == []


def test_dry_run_leaves_the_move_of_a_killed_call_as_it_is(snapshot: Snapshot, tmp_path: Path) -> None:
    build_tree(tmp_path / "churn", {"README.md": "", ".mlops-bootstrap-incoming/mlops.yaml": ""})

    error = refused(snapshot, tmp_path, ConflictError, dry_run=True)

    assert "without --dry-run" in error.why


def test_dry_run_leaves_the_files_of_a_killed_call_in_an_empty_folder(snapshot: Snapshot, tmp_path: Path) -> None:
    (tmp_path / "churn").mkdir()
    left = tmp_path / "churn" / files._temporary(tmp_path).name.replace(f"-{os.getpid()}-", "-999999999-")
    left.mkdir()

    created = new(snapshot, tmp_path, dry_run=True)

    assert not created.written
    assert left.is_dir()


def test_missing_answers_are_listed_without_terminal(snapshot: Snapshot, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="5 answers are missing") as raised:
        create(snapshot, {"folds": 3}, Progress(), directory=tmp_path, destination=tmp_path / "churn")

    names = [detail.split(":")[0] for detail in raised.value.details]
    assert names == ["blueprint", "project_name", "team", "forge", "notify"]
    assert "One of tabular, text." in raised.value.details[0]
    assert "[default: github]" in raised.value.details[3]
    assert "--defaults" in raised.value.hint
    assert list(tmp_path.iterdir()) == []


def test_defaults_option_still_needs_answers_without_default(snapshot: Snapshot, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="1 answer is missing") as raised:
        create_in(tmp_path, snapshot, {"blueprint": "tabular"})

    assert raised.value.details == ("team: The team that owns it",)


def test_all_wrong_answers_are_reported_at_once(snapshot: Snapshot, tmp_path: Path) -> None:
    wrong = {"folds": "many", "forge": "githb", "notify": "maybe", "project_name": 'my "churn"'}

    error = refused(snapshot, tmp_path, given=wrong)

    assert error.what == "4 answers are wrong."
    assert set(error.details) == {
        "project_name: 'my \"churn\"' needs 2 to 40 lower-case letters, digits and hyphens. Did you mean 'my-churn'?",
        "forge: 'githb' is not one of github, azure-devops. Did you mean 'github'?",
        "folds: 'many' is not of the type int.",
        "notify: 'maybe' is not of the type bool.",
    }


@pytest.mark.parametrize(
    ("question", "value"),
    [("folds", 1.5), ("folds", True), ("team", ["a"]), ("team", None), ("team", True), ("notify", 7), ("folds", "")],
)
def test_answer_of_wrong_type_is_refused(snapshot: Snapshot, tmp_path: Path, question: str, value: Any) -> None:
    (detail,) = refused(snapshot, tmp_path, given={question: value}).details

    assert detail.startswith(f"{question}: {value!r} is not of the type")


@pytest.mark.parametrize("value", ["a\nb: c", "bell\a", "\udcff", "line\u2028separator"])
def test_control_characters_are_refused(snapshot: Snapshot, tmp_path: Path, value: str) -> None:
    (detail,) = refused(snapshot, tmp_path, given={"team": value}).details

    assert detail.startswith("team: ")
    assert "contains a control character" in detail
    assert detail.isascii()


@pytest.mark.parametrize("name", ["my churn", "Ünï", "x" * 300, "a'b", "-churn", "CON.", "ch{{ 7*7 }}urn"])
def test_folder_name_that_is_no_project_name_is_refused(snapshot: Snapshot, tmp_path: Path, name: str) -> None:
    error = refused(snapshot, tmp_path, name=name)

    # A name of 300 characters is refused by the file system, the others by the blueprint's question.
    assert "project_name" in str(error) or "File name too long" in error.why


def test_answer_to_question_that_does_not_apply_is_refused(snapshot: Snapshot, tmp_path: Path) -> None:
    error = refused(snapshot, tmp_path, given={"organization": "contoso", "package_name": "os"})

    assert len(error.details) == 2
    assert "organization: this question does not apply to your other answers." in error.details


def test_unknown_question_gets_suggestion(snapshot: Snapshot, tmp_path: Path) -> None:
    error = refused(snapshot, tmp_path, given={"projectname": "churn", "fold": 3})

    assert error.details == ("projectname: Did you mean 'project_name'?", "fold: Did you mean 'folds'?")


def test_unknown_blueprint_gets_suggestion(snapshot: Snapshot, tmp_path: Path) -> None:
    error = refused(snapshot, tmp_path, given={"blueprint": "tabluar"})

    assert (error.what, error.hint) == ("There is no blueprint 'tabluar'.", "Did you mean 'tabular'?")


@pytest.mark.parametrize(
    ("forge", "file"), [("github", ".github/workflows/*.yml"), ("azure-devops", "azure-pipelines")]
)
def test_blueprint_without_ci_for_the_forge_is_refused(
    snapshot: Snapshot, tmp_path: Path, forge: str, file: str
) -> None:
    error = refused(snapshot, tmp_path, given={"blueprint": "text", "forge": forge})

    assert error.what == f"The blueprint text has no CI for {forge}."
    assert file in error.why


def test_computed_default_is_checked(tmp_path: Path) -> None:
    folded = 'blueprint: {choices: [text]}\nproject_name: churn\nshort:\n  default: "{{ project_name }}"\n'
    validator = '  type: str\n  validator: "{% if short | length > 5 %}is too long{% endif %}"\n'
    root = blueprints(tmp_path / "ours", {"copier.yml": folded + validator})
    with snapshot_of(root) as snapshot, pytest.raises(InputError) as raised:
        create_in(tmp_path, snapshot, {"blueprint": "text"}, "churning")

    assert raised.value.details == ("short: 'churning' is too long",)


def test_repository_without_blueprints_is_reported(tmp_path: Path) -> None:
    with snapshot_of(blueprints(tmp_path / "theirs", {"copier.yml": "name: x\n"})) as snapshot:
        assert "no question `blueprint`" in refused(snapshot, tmp_path).why


def test_answers_are_not_evaluated_as_templates(snapshot: Snapshot, tmp_path: Path) -> None:
    new(snapshot, tmp_path, given={"team": "{{ 7 * 7 }}"})

    assert "Owned by {{ 7 * 7 }}." in (tmp_path / "churn/README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("what", ["file", "full", "dangling link"])
def test_destination_in_use_is_refused(snapshot: Snapshot, tmp_path: Path, what: str) -> None:
    place = tmp_path / "churn"
    if what == "file":
        place.write_text("mine\n", encoding="utf-8")
    elif what == "full":
        place.mkdir()
        (place / "mine.txt").write_text("mine\n", encoding="utf-8")
    else:
        place.symlink_to(tmp_path / "nowhere")

    error = refused(snapshot, tmp_path, ConflictError)

    assert str(place) in error.what
    assert error.why in {
        "It is a file, not a folder.",
        "It is not a folder.",
        "It is not empty; it contains, for example, mine.txt.",
    }


def test_file_in_path_of_destination_is_refused(snapshot: Snapshot, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine\n", encoding="utf-8")

    assert "Not a directory" in refused(snapshot, tmp_path, name="file/churn").why


@pytest.mark.skipif(not Path("/sys/class").exists(), reason="needs a folder that even an administrator cannot write to")
def test_read_only_folder_is_refused(snapshot: Snapshot) -> None:
    with pytest.raises(OSError, match="/sys/class") as raised:
        create_in(Path("/sys/class"), snapshot, GIVEN)

    assert "-C DIR" in shown(raised.value).hint


def test_missing_git_names_download_page(snapshot: Snapshot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))

    assert "git-scm.com" in refused(snapshot, tmp_path, MissingError).hint


def test_commit_without_git_identity_has_fallback_author(
    snapshot: Snapshot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Listening(Progress):
        said: list[str] = []  # noqa: RUF012 - one instance

        def say(self, message: str) -> None:
            self.said.append(message)

    home = tmp_path / "home"
    home.mkdir()
    (home / ".gitconfig").write_text("[user]\n\tuseConfigOnly = true\n", encoding="utf-8")
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(home))
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    before = (home / ".gitconfig").read_bytes()

    create_in(tmp_path, snapshot, GIVEN, progress=(progress := Listening()))

    assert git("log", "--format=%an", cwd=tmp_path / "churn") == "mlops-bootstrap"
    assert any("git config --global" in message for message in progress.said)
    assert (home / ".gitconfig").read_bytes() == before
    assert "user" not in (tmp_path / "churn/.git/config").read_text(encoding="utf-8")


HOOKS = (
    "pre-commit", "prepare-commit-msg", "commit-msg", "post-commit", "post-index-change", "post-checkout",
    "reference-transaction", "post-rewrite", "pre-auto-gc",
)  # fmt: skip
"""Those of https://git-scm.com/docs/githooks that a clone, an initialization or a commit could run."""


def test_first_commit_ignores_user_git_settings(
    snapshot: Snapshot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Global ignores, signing and hooks do not apply."""
    home = tmp_path / "home"
    (home / "hooks").mkdir(parents=True)
    for hook in HOOKS:
        (home / "hooks" / hook).write_text(f"#!/bin/sh\ntouch {tmp_path}/ran-{hook}\nexit 1\n", encoding="utf-8")
        (home / "hooks" / hook).chmod(0o755)
    (home / "ignored").write_text("README.md\n", encoding="utf-8")
    (home / ".gitconfig").write_text(
        "[user]\n\tname = Me\n\temail = me@example.com\n[commit]\n\tgpgSign = true\n[gpg]\n\tprogram = false\n"
        f"[core]\n\texcludesFile = {home.as_posix()}/ignored\n\thooksPath = {home.as_posix()}/hooks\n",
        encoding="utf-8",
    )
    monkeypatch.setenv("HOME", str(home))

    new(snapshot, tmp_path)

    assert "README.md" in git("ls-files", cwd=tmp_path / "churn").splitlines()
    assert git("log", "--format=%an", cwd=tmp_path / "churn") == "Me"
    assert list(tmp_path.glob("ran-*")) == []


@pytest.mark.parametrize("moment", ["rendering", "rendered"])
def test_interruption_leaves_no_files(snapshot: Snapshot, tmp_path: Path, moment: str) -> None:
    class Interrupting(Progress):
        def started(self, task: str, within: str = "") -> None:
            if moment == "rendering":
                raise KeyboardInterrupt

        def finished(self, task: str, outcome: str = "done") -> None:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        create_in(tmp_path, snapshot, GIVEN, progress=Interrupting())

    assert list(tmp_path.iterdir()) == []


HOSTILE = {
    "tasks": ({"copier.yml": "_tasks: [touch ran]\nblueprint: {choices: [tabular]}\n"}, "_tasks"),
    "migrations": (
        {"copier.yml": "_migrations: [{version: v1, command: touch ran}]\nblueprint: {choices: [tabular]}\n"},
        "_migrations",
    ),
    "extensions": (
        {"copier.yml": "_jinja_extensions: [os.Missing]\nblueprint: {choices: [tabular]}\n"},
        "_jinja_extensions",
    ),
    "hooks": (
        {"blueprints/tabular/{{ '.' }}git/hooks/post-commit.jinja": "#!/bin/sh\ntouch ran\n"},
        ".git/hooks/post-commit: git's own folder",
    ),
    "hooks of another case": (
        {"blueprints/tabular/sub/{{ '.G' }}it/config.jinja": "[core]\n\tfsmonitor = touch ran\n"},
        "sub/.Git/config: git's own folder",
    ),
    "hooks by a short name": ({"blueprints/tabular/{{ 'git' }}~1/config.jinja": "x"}, "git~1: git's own folder"),
}


@pytest.mark.parametrize("attack", HOSTILE)
def test_hostile_blueprint_is_refused(tmp_path: Path, attack: str) -> None:
    changes, words = HOSTILE[attack]
    (tmp_path / "here").mkdir()

    with snapshot_of(blueprints(tmp_path / "theirs", changes)) as snapshot:
        given = GIVEN if "copier.yml" not in changes else {"blueprint": "tabular"}
        with pytest.raises(RefusedError) as raised:
            create_in(tmp_path / "here", snapshot, given)

    assert words in str(raised.value)
    assert list((tmp_path / "here").iterdir()) == []
    assert list(tmp_path.rglob("ran")) == []


# Copier leaves its walk through the template's folders open when a file cannot be rendered.
@pytest.mark.filterwarnings("ignore:unclosed scandir iterator:ResourceWarning")
@pytest.mark.parametrize(
    "changes",
    [
        {"blueprints/tabular/bad.txt.jinja": "{{ 1 / 0 }}\n"},
        {"blueprints/tabular/bad.txt.jinja": "{{ [].__class__.__base__.__subclasses__() }}\n"},
        {"blueprints/tabular/{{ '..' }}/{{ '..' }}/escaped.jinja": "x\n"},
        {"blueprints/tabular/bad.txt.jinja": "{% if %}\n"},
        {"blueprints/tabular/{{ project_name | no_such_filter }}.jinja": "x\n"},
    ],
    ids=["fails", "breaks out of the sandbox", "escapes the folder", "is no template", "has a bad name"],
)
def test_rendering_error_leaves_no_files(tmp_path: Path, changes: dict[str, str]) -> None:
    (tmp_path / "here").mkdir()

    with snapshot_of(blueprints(tmp_path / "theirs", changes)) as snapshot:
        error = refused(snapshot, tmp_path / "here")

    assert error.what == "The blueprint cannot be rendered."
    assert error.why
    assert not list(tmp_path.rglob("escaped"))


@pytest.mark.skipif(sys.platform == "win32", reason="links need a right there")
def test_blueprint_with_link_is_refused(tmp_path: Path) -> None:
    root = blueprints(tmp_path / "theirs", {"copier.yml": "_preserve_symlinks: true\nblueprint: {choices: [text]}\n"})
    (root / "copier.yml").write_text(
        '_preserve_symlinks: true\n_subdirectory: "blueprints/{{ blueprint }}"\n'
        "blueprint: {choices: [tabular, text]}\nproject_name: churn\n",
        encoding="utf-8",
    )
    (root / "blueprints/text/passwd").symlink_to("/etc/passwd")
    with snapshot_of(root) as snapshot, pytest.raises(RefusedError, match="must not create"):
        create_in(tmp_path, snapshot, {"blueprint": "text"})

    assert not (tmp_path / "churn").exists()


def test_trusted_templates_of_copier_are_ignored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "settings.yml").write_text(f"trust: ['{URL}']\ndefaults: {{team: theirs}}\n", encoding="utf-8")
    monkeypatch.setenv("COPIER_SETTINGS_PATH", str(tmp_path / "settings.yml"))
    changes, _ = HOSTILE["tasks"]

    with (
        snapshot_of(blueprints(tmp_path / "theirs", changes)) as snapshot,
        pytest.raises(RefusedError, match="run code"),
    ):
        create_in(tmp_path, snapshot, {"blueprint": "tabular"})


def test_files_equal_those_of_plain_copier(snapshot: Snapshot, tmp_path: Path) -> None:
    given = {"forge": "azure-devops", "folds": 7, "notify": "yes"}
    new(snapshot, tmp_path, given=given)

    data = [f"--data={name}={value}" for name, value in {**GIVEN, **given, "project_name": "churn"}.items()]
    command = [sys.executable, "-m", "copier", "copy", "--defaults", "--quiet", "--vcs-ref", snapshot.commit, *data]
    environment = {**os.environ, **snapshot.environment(), "COPIER_CACHE_DIR": str(tmp_path / "mirrors")}
    subprocess.run([*command, URL, str(tmp_path / "plain")], env=environment, check=True, capture_output=True)

    assert tree(tmp_path / "churn") == tree(tmp_path / "plain")
    for file in tree(tmp_path / "plain"):
        assert (tmp_path / "churn" / file).read_bytes() == (tmp_path / "plain" / file).read_bytes(), file


def test_plain_copier_updates_project(tmp_path: Path) -> None:
    """As `copier update` does with the public URL; here git maps it to a local repository."""
    root = blueprints(tmp_path / "ours")
    with snapshot_of(root) as snapshot:
        new(snapshot, tmp_path)
    project = tmp_path / "churn"
    (project / "churn/__init__.py").write_text('"""Mine."""\n', encoding="utf-8")
    git("commit", "--quiet", "--all", "--message", "Mine", cwd=project)
    (root / "blueprints/tabular/README.md.jinja").write_text("# {{ project_name }}\n\nNow of {{ team }}.\n", "utf-8")
    git("commit", "--quiet", "--all", "--message", "Second", cwd=root)

    subprocess.run(
        [sys.executable, "-m", "copier", "update", "--defaults", "--quiet", str(project)],
        env={
            "PATH": os.environ["PATH"],
            "HOME": str(tmp_path / "home"),
            "COPIER_CACHE_DIR": str(tmp_path / "mirrors"),
            "GIT_CONFIG_COUNT": "1",
            "GIT_CONFIG_KEY_0": f"url.{root.as_posix()}.insteadOf",
            "GIT_CONFIG_VALUE_0": URL,
        },
        check=True,
        capture_output=True,
    )

    assert "Now of fraud." in (project / "README.md").read_text(encoding="utf-8")
    assert (project / "churn/__init__.py").read_text(encoding="utf-8") == '"""Mine."""\n'
    second = git("rev-parse", "HEAD", cwd=root)
    recorded = yaml.safe_load((project / ".copier-answers.yml").read_text(encoding="utf-8"))["_commit"]
    assert second.startswith(recorded)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(name=st.text(max_size=45) | st.from_regex(r"[a-z0-9-]{1,45}", fullmatch=True))
def test_any_project_name_is_refused_or_creates_whole_project(snapshot: Snapshot, tmp_path: Path, name: str) -> None:
    shutil.rmtree(tmp_path)
    tmp_path.mkdir()
    try:
        created = new(snapshot, tmp_path, None, given={"project_name": name}, dry_run=True)
    except InputError as error:
        assert any(detail.startswith("project_name: ") for detail in error.details)  # noqa: PT017
    else:
        assert f"{created.project.replace('-', '_')}/__init__.py" in created.files
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("remote", "address"),
    [
        ("https://user:p@ss@host/x", "https://host/x"),
        ("http://user:token@host/x", "http://host/x"),
        ("HTTPS://token@host/x", "HTTPS://host/x"),
        ("ssh://user:password@host/x", "ssh://host/x"),
        ("ssh://git@host/x", "ssh://git@host/x"),
        ("git@host:x", "git@host:x"),
    ],
)
def test_the_address_of_a_remote_has_no_credentials(remote: str, address: str) -> None:
    assert without_credentials(remote) == address
