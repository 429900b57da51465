"""Tests of `new` and `blueprint` as separate processes, with and without a terminal."""

import http.server
import json
import os
import shlex
import shutil
import subprocess
import sys
import threading
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest

import bootstrap
from bootstrap.processes import uv_executable
from bootstrap.project import find_project
from tests.helpers import Done, build_tree, examples, finish, git, on_a_terminal, run_cli, tree, wait_for
from tests.unit.blueprint.worlds import blueprints


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkout of this repository with small blueprints."""
    root = tmp_path_factory.mktemp("checkout")
    shutil.copytree(Path(bootstrap.__file__).parent, root / "bootstrap", ignore=shutil.ignore_patterns("__pycache__"))
    return blueprints(root)


def new(checkout: Path, folder: Path, arguments: str, **env: str) -> Done:
    return run_cli(*shlex.split(arguments), cwd=folder, env={"PYTHONPATH": str(checkout), **env})


def test_new_prints_path_and_next_commands(checkout: Path, tmp_path: Path) -> None:
    done = new(checkout, tmp_path, "new tabular churn --data team=fraud --defaults")

    assert done.code == 0, done.err
    head, *steps = done.out.splitlines()
    assert head.startswith("churn: 5 files from tabular ")
    assert head.endswith(f" in {tmp_path / 'churn'}")
    assert steps == ["Next:", "  cd churn", "  uv sync", "  mlops-bootstrap run"]


def test_new_prints_one_document_as_json(checkout: Path, tmp_path: Path) -> None:
    done = new(checkout, tmp_path, "new tabular my/churn --data team=fraud --defaults --output json")

    assert done.document == {
        "schema_version": 1,
        "project": "churn",
        "path": str(tmp_path / "my/churn"),
        "blueprint": "tabular",
        "commit": git("rev-parse", "--short", "HEAD", cwd=checkout),
        "files": tree(tmp_path / "my/churn"),
        "relocked": False,
        "from_platform": {},
    }


def test_new_beside_a_platform_repository_is_a_git_repository(checkout: Path, tmp_path: Path) -> None:
    (tmp_path / "platform").mkdir()
    git("init", cwd=tmp_path / "platform")

    done = new(checkout, tmp_path / "platform", "new tabular ../churn --data team=fraud --defaults")

    assert done.code == 0, done.err
    assert "inside an existing git repository" not in done.err
    assert git("rev-list", "--count", "HEAD", cwd=tmp_path / "churn") == "1"


def test_data_option_overrides_answers_file(checkout: Path, tmp_path: Path) -> None:
    build_tree(tmp_path, {"answers.yml": "_commit: v1\nblueprint: tabular\nteam: fraud\nfolds: 3\n"})

    done = new(checkout, tmp_path, "new --answers answers.yml --data folds=7 --defaults")

    assert done.code == 0, done.err
    assert (tmp_path / "churn/churn/__init__.py").read_text(encoding="utf-8") == '"""churn, 7 folds."""\n'


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        ("new", 2, "team: The team that owns it"),
        ("new tabluar churn", 2, "Did you mean 'tabular'?"),
        ("new tabular churn --data team --data =x", 2, "--data needs NAME=VALUE, not 'team', '=x'"),
        ("new tabular churn --data blueprint=text", 2, "There are two blueprints"),
        ("new tabular churn --answers nowhere.yml", 2, "There is no file"),
        ("new tabular churn --answers broken.yml", 2, "broken.yml:1:7:"),
        ("new tabular churn --answers twice.yml", 2, "the key 'team' is here twice"),
        ("new tabular churn --answers empty.yml", 2, "he file is empty. Write it"),
        ("new tabular churn --answers list.yml", 2, "has no answers"),
        ("new tabular churn --answers latin.yml", 2, "not UTF-8"),
        ("new tabular broken.yml --data team=a --defaults", 4, "It is a file"),
        ("new tabular . --data team=a --defaults", 4, "It is not empty"),
        ("blueprint show tabluar", 2, "Did you mean 'tabular'?"),
    ],
)
def test_wrong_input_is_reported_and_changes_nothing(
    checkout: Path, tmp_path: Path, arguments: str, code: int, words: str
) -> None:
    build_tree(
        tmp_path, {"broken.yml": "team: [a\n", "twice.yml": "team: a\nteam: b\n", "empty.yml": "", "list.yml": "- a\n"}
    )
    (tmp_path / "latin.yml").write_bytes(b"team: \xe9quipe\n")
    before = tree(tmp_path)

    done = new(checkout, tmp_path, arguments)

    assert (done.code, done.out) == (code, ""), done.err
    assert words in done.err
    assert tree(tmp_path) == before


def test_uncommitted_blueprint_edits_are_used_and_reported(checkout: Path, tmp_path: Path) -> None:
    shutil.copytree(checkout, tmp_path / "edited")
    (tmp_path / "edited/blueprints/tabular/.gitignore").write_text("edited\n", encoding="utf-8")

    done = new(tmp_path / "edited", tmp_path, "new tabular churn --data team=a --defaults")

    assert "uncommitted edits" in done.err
    assert (tmp_path / "churn/.gitignore").read_text(encoding="utf-8") == "edited\n"


def test_blueprint_list_and_show(checkout: Path, tmp_path: Path) -> None:
    listed = new(checkout, tmp_path, "blueprint list --output json").document
    shown = new(checkout, tmp_path, "blueprint show tabular --output json").document

    assert [item["name"] for item in listed["blueprints"]] == ["tabular", "text"]
    names = [question["name"] for question in shown["questions"]]
    assert names == ["project_name", "team", "forge", "folds", "notify"]
    assert shown["questions"][1] == {
        "name": "team",
        "type": "str",
        "help": "The team that owns it",
        "default": None,
        "required": True,
        "choices": {},
    }


def test_shell_completion_does_not_import_copier(checkout: Path, tmp_path: Path) -> None:
    code = (
        "import sys; from bootstrap.cli.new import complete_blueprint; "
        "print([name for name, _ in complete_blueprint('ta')]); "
        "heavy = {'copier', 'pydantic', 'jinja2', 'questionary'} & set(sys.modules); assert not heavy, heavy"
    )
    env = {**os.environ, "PYTHONPATH": str(checkout)}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=env, capture_output=True, text=True, check=True
    )

    assert done.stdout == "['tabular']\n"


@pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")
def test_terminal_prompts_use_standard_error(checkout: Path, tmp_path: Path) -> None:
    with on_a_terminal(
        "new tabular churn --output json --data folds=3", cwd=tmp_path, env={"PYTHONPATH": str(checkout)}
    ) as (process, terminal):
        for prompt, keys in {
            "project's name": "\r",
            "team that owns it": "fraud\r",
            "Where it is kept": "\x1b[B\r",
            "DevOps organization": "\x15my-org\r",
            "Send messages": "y",
        }.items():
            wait_for(terminal, prompt)
            os.write(terminal, keys.encode())
        out = finish(process, terminal)

    assert process.returncode == 0
    assert json.loads(out)["project"] == "churn"
    answers = (tmp_path / "churn/.copier-answers.yml").read_text(encoding="utf-8")
    assert "forge: azure-devops\n" in answers
    assert "organization: my-org\n" in answers
    assert "team: fraud\n" in answers
    assert "notify: true\n" in answers


@pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")
def test_ctrl_c_at_prompt_leaves_no_files(checkout: Path, tmp_path: Path) -> None:
    with on_a_terminal("new tabular churn", cwd=tmp_path, env={"PYTHONPATH": str(checkout)}) as (process, terminal):
        wait_for(terminal, "project's name")
        os.write(terminal, b"\x03")
        out = finish(process, terminal)

    assert (process.returncode, out) == (130, "")
    assert list(tmp_path.iterdir()) == []


PLATFORM = {
    "platform.yaml": """
        schema_version: 1
        organization: contoso
        location: westeurope
        tenant_id: 00000000-0000-0000-0000-00000000c0de
        subscription_id: 00000000-0000-0000-0000-0000000000d0
        tool_source: https://packages.contoso.example/simple
        budget_start: 2026-11-01
        environments:
          prod: {ring: 1, location: northeurope}
          dev: {ring: 0}
        hub: {alert_emails: [ops@contoso.example]}
        """,
    "teams/fraud.yaml": """
        name: fraud
        environments: {dev: {budget: 1}, prod: {budget: 1}}
        projects: [{name: churn, repository: "azure-devops:contoso/ml/churn"}]
        """,
    "teams/vision.yaml": "name: vision\nenvironments: {dev: {budget: 1}}\n",
}
FROM_PLATFORM = {
    "platform": "../platform",
    "team": "fraud",
    "environments": "dev=westeurope prod=northeurope",
    "tool_source": "https://packages.contoso.example/simple",
    "forge": "azure-devops",
}


@pytest.fixture
def platform(tmp_path: Path) -> Path:
    return build_tree(tmp_path / "platform", PLATFORM)


def test_new_uses_platform_that_lists_the_project(platform: Path, tmp_path: Path) -> None:
    done = run_cli("new", "tabular", "churn", "--platform", "platform", "--defaults", "-o", "json", cwd=tmp_path)

    assert done.code == 0, done.err
    assert done.document["from_platform"] == FROM_PLATFORM
    assert f"Answers from the platform repository {platform}" in done.err
    for name, value in FROM_PLATFORM.items():
        assert f"  {name}: {value}\n" in done.err
    manifest = find_project(tmp_path / "churn").manifest
    assert manifest.platform is not None
    assert (manifest.team, manifest.platform.repository, manifest.platform.team) == ("fraud", "../platform", "fraud")
    assert list(manifest.environments) == ["dev", "prod"]
    assert manifest.tool_source == FROM_PLATFORM["tool_source"]
    assert "packages.contoso.example" in (tmp_path / "churn/azure-pipelines.yml").read_text(encoding="utf-8")


def test_new_uses_the_blueprint_that_the_platform_names_for_the_project(platform: Path, tmp_path: Path) -> None:
    team = platform / "teams" / "fraud.yaml"
    team.write_text(team.read_text().replace('ml/churn"}', 'ml/churn", blueprint: tabular}'))
    options = ["--data", "project_name=churn", "--platform", "platform", "--defaults", "--dry-run", "-o", "json"]

    done = run_cli("new", *options, cwd=tmp_path)

    assert done.code == 0, done.err
    assert done.document["from_platform"] == {**FROM_PLATFORM, "blueprint": "tabular"}
    assert done.document["blueprint"] == "tabular"


def test_new_in_platform_repository_finds_it_and_data_overrides_it(platform: Path, tmp_path: Path) -> None:
    git("init", "--quiet", cwd=platform)
    git("remote", "add", "origin", "https://me:secret@github.com/contoso/platform", cwd=platform)
    options = ["--data", "team=vision", "--data", "tool_source=pypi", "--defaults", "--dry-run", "-o", "json"]

    done = run_cli("new", "tabular", "../spots", *options, cwd=platform / "teams")

    assert done.code == 0, done.err
    assert done.document["from_platform"] == {
        "platform": "https://github.com/contoso/platform",
        "environments": "dev=westeurope",
    }


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("new tabular spots --platform platform --defaults", "--data team=NAME. Teams: fraud, vision."),
        ("new tabular spots --platform platform --data team=vison --defaults", "Did you mean 'vision'?"),
        ("new tabular spots --platform platform --answers team.yml --defaults", "has no team '7'"),
        ("new tabular spots --platform . --defaults", "is not in a platform repository"),
        ("new tabular spots --platform nowhere --defaults", "'nowhere' does not exist"),
    ],
)
def test_wrong_platform_or_team_is_reported(platform: Path, tmp_path: Path, arguments: str, message: str) -> None:
    build_tree(tmp_path, {"team.yml": "team: 7\n"})

    done = run_cli(*shlex.split(arguments), cwd=tmp_path)

    assert done.code in (2, 3)
    assert message in done.err
    assert not (tmp_path / "spots").exists()


def test_platform_answers_without_question_are_left_out(checkout: Path, platform: Path, tmp_path: Path) -> None:
    done = new(checkout, tmp_path, "new tabular churn --platform platform --defaults -o json")

    assert done.code == 0, done.err
    assert done.document["from_platform"] == {"team": "fraud", "forge": "azure-devops"}


def test_folder_name_with_underscore_gets_suggestion(checkout: Path, tmp_path: Path) -> None:
    done = new(checkout, tmp_path, "new tabular fraud_score --data team=fraud --defaults")

    assert done.code == 2
    assert "Did you mean 'fraud-score'?" in done.err


@pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")
def test_prompt_suggests_valid_project_name(checkout: Path, tmp_path: Path) -> None:
    with on_a_terminal(
        "new tabular fraud_score --data team=fraud --data forge=github --data folds=3 --data notify=no",
        cwd=tmp_path,
        env={"PYTHONPATH": str(checkout)},
    ) as (process, terminal):
        wait_for(terminal, "fraud-score")
        os.write(terminal, b"\r")
        finish(process, terminal)

    assert process.returncode == 0
    assert "project_name: fraud-score\n" in (tmp_path / "fraud_score/.copier-answers.yml").read_text(encoding="utf-8")


@pytest.mark.parametrize("words", ["new", "blueprint list", "blueprint show"])
def test_examples_in_help_work(words: str, tmp_path: Path) -> None:
    assert run_cli("platform", "init", "platform", "--defaults", "--example", cwd=tmp_path).code == 0

    for example in examples()[words]:
        done = run_cli(*shlex.split(example)[1:], cwd=tmp_path)
        assert done.code == 0, f"{example}\n{done.err}"
        assert done.out


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A package index with one package, in the form of PEP 503."""
    root = tmp_path_factory.mktemp("index")
    (root / "simple/tinydep").mkdir(parents=True)
    name = "tinydep-1.0-py3-none-any.whl"
    with zipfile.ZipFile(root / "simple/tinydep" / name, "w") as wheel:
        wheel.writestr("tinydep.py", "")
        wheel.writestr("tinydep-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: tinydep\nVersion: 1.0\n")
        wheel.writestr("tinydep-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr("tinydep-1.0.dist-info/RECORD", "")
    (root / "simple/tinydep/index.html").write_text(f'<a href="{name}">{name}</a>\n', encoding="utf-8")
    return root


@contextmanager
def _served(root: Path) -> Iterator[str]:
    """The URL under which the index is served on loopback."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *arguments: object) -> None:
            """Say nothing."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(root)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/simple"
    finally:
        server.shutdown()
        server.server_close()


def test_lock_is_created_again_for_another_index(checkout: Path, index: Path, tmp_path: Path) -> None:
    """The blueprint was locked against one index; its users have another, then none, then one that is down."""
    pyproject = (
        '[project]\nname = "{name}"\nversion = "0.1.0"\nrequires-python = ">=3.11"\ndependencies = ["tinydep"]\n'
    )
    locking = build_tree(tmp_path / "locking", {"pyproject.toml": pyproject.format(name="own-name")})
    private = {"UV_CACHE_DIR": str(tmp_path / "cache"), "XDG_CONFIG_HOME": str(tmp_path / "config")}
    with _served(index) as first, _served(index) as second:
        subprocess.run(
            [uv_executable(), "lock", "--quiet"],
            cwd=locking,
            env={**os.environ, **private, "UV_DEFAULT_INDEX": first},
            check=True,
        )
        lock = (locking / "uv.lock").read_text(encoding="utf-8").replace("own-name", "{{ project_name }}")
        shutil.copytree(checkout, tmp_path / "ours")
        build_tree(
            tmp_path / "ours/blueprints/tabular",
            {"pyproject.toml.jinja": pyproject.format(name="{{ project_name }}"), "uv.lock.jinja": lock},
        )

        def order(name: str, **env: str) -> Done:
            arguments = f"new tabular {name} --data team=a --defaults --output json"
            return new(tmp_path / "ours", tmp_path, arguments, **private, **env)

        same = order("same", UV_DEFAULT_INDEX=first)
        none = order("none")
        other = order("other", UV_DEFAULT_INDEX=second)
        build_tree(tmp_path / "config", {"uv/uv.toml": f'[[index]]\nurl = "{second}"\ndefault = true\n'})
        configured = order("configured")
    down = order("down", UV_DEFAULT_INDEX=second.replace("127.0.0.1", "127.0.0.2"), UV_HTTP_RETRIES="0")

    assert [done.code for done in (same, none, other, configured, down)] == [0, 0, 0, 0, 6], down.err
    assert [done.document["relocked"] for done in (same, none, other, configured)] == [False, False, True, True]
    for name in ("same", "none"):
        assert (tmp_path / name / "uv.lock").read_text(encoding="utf-8") == lock.replace("{{ project_name }}", name)
    for name in ("other", "configured"):
        text = (tmp_path / name / "uv.lock").read_text(encoding="utf-8")
        assert second in text
        assert first not in text
        assert 'name = "tinydep"\nversion = "1.0"' in text
        assert git("status", "--porcelain", cwd=tmp_path / name) == ""
    assert "created again for your package index" in other.err
    assert "cannot be created for your package index" in down.err
    assert not (tmp_path / "down").exists()


def test_project_in_ignored_folder_is_separate_repository(checkout: Path, tmp_path: Path) -> None:
    git("init", "--quiet", cwd=tmp_path)
    build_tree(tmp_path, {".gitignore": "/scratch/\n"})

    done = new(checkout, tmp_path, "new tabular scratch/churn --data team=fraud --defaults")

    assert done.code == 0, done.err
    assert git("log", "--format=%s", cwd=tmp_path / "scratch/churn") != ""
