"""`new` and `blueprint` as people use them: processes of their own, with and without a terminal."""

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
from tests.helpers import Done, build_tree, finish, git, on_a_terminal, run_cli, tree, wait_for
from tests.unit.blueprint.worlds import blueprints


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkout of ours whose blueprints are small ones."""
    root = tmp_path_factory.mktemp("checkout")
    shutil.copytree(Path(bootstrap.__file__).parent, root / "bootstrap", ignore=shutil.ignore_patterns("__pycache__"))
    return blueprints(root)


def new(checkout: Path, folder: Path, arguments: str, **env: str) -> Done:
    return run_cli(*shlex.split(arguments), cwd=folder, env={"PYTHONPATH": str(checkout), **env})


def test_new_prints_where_it_is_and_what_comes_next(checkout: Path, tmp_path: Path) -> None:
    done = new(checkout, tmp_path, "new tabular churn --data team=fraud --defaults")

    assert done.code == 0, done.err
    head, *steps = done.out.splitlines()
    assert head.startswith("churn: 4 files from tabular ")
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
    }


def test_answers_come_from_a_file_and_the_command_line_wins(checkout: Path, tmp_path: Path) -> None:
    build_tree(tmp_path, {"answers.yml": "_commit: v1\nblueprint: tabular\nteam: fraud\nfolds: 3\n"})

    done = new(checkout, tmp_path, "new --answers answers.yml --data folds=7 --defaults")

    assert done.code == 0, done.err
    assert (tmp_path / "churn/churn/__init__.py").read_text(encoding="utf-8") == '"""churn, 7 folds."""\n'


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        ("new", 2, "team: The team that owns it"),
        ("new tabluar churn", 2, "Did you mean 'tabular'?"),
        ("new tabular churn --data team --data =x", 2, "--data takes NAME=VALUE, not 'team', '=x'"),
        ("new tabular churn --data blueprint=text", 2, "Two blueprints are named"),
        ("new tabular churn --answers nowhere.yml", 2, "There is no file"),
        ("new tabular churn --answers broken.yml", 2, "broken.yml:2:1:"),
        ("new tabular churn --answers twice.yml", 2, "the key 'team' is here twice"),
        ("new tabular churn --answers empty.yml", 2, "empty.yml is empty"),
        ("new tabular churn --answers list.yml", 2, "holds no answers"),
        ("new tabular churn --answers latin.yml", 2, "not UTF-8"),
        ("new tabular broken.yml --data team=a --defaults", 4, "It is a file"),
        ("new tabular . --data team=a --defaults", 4, "It has content already"),
        ("blueprint show tabluar", 2, "Did you mean 'tabular'?"),
    ],
)
def test_bad_input_has_a_message_and_changes_nothing(
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


def test_edited_blueprints_are_used_and_said_to_be(checkout: Path, tmp_path: Path) -> None:
    shutil.copytree(checkout, tmp_path / "edited")
    (tmp_path / "edited/blueprints/tabular/.gitignore").write_text("edited\n", encoding="utf-8")

    done = new(tmp_path / "edited", tmp_path, "new tabular churn --data team=a --defaults")

    assert "edits that are not committed" in done.err
    assert (tmp_path / "churn/.gitignore").read_text(encoding="utf-8") == "edited\n"


def test_the_catalogue_is_listed_and_shown(checkout: Path, tmp_path: Path) -> None:
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


def test_a_shell_completes_the_names_of_blueprints_without_copier(checkout: Path, tmp_path: Path) -> None:
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
def test_on_a_terminal_the_rest_is_asked_and_standard_output_stays_clean(checkout: Path, tmp_path: Path) -> None:
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
def test_ctrl_c_at_a_question_leaves_nothing(checkout: Path, tmp_path: Path) -> None:
    with on_a_terminal("new tabular churn", cwd=tmp_path, env={"PYTHONPATH": str(checkout)}) as (process, terminal):
        wait_for(terminal, "project's name")
        os.write(terminal, b"\x03")
        out = finish(process, terminal)

    assert (process.returncode, out) == (130, "")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("words", ["new", "blueprint list", "blueprint show"])
def test_the_examples_in_the_help_work_with_our_own_blueprints(words: str, tmp_path: Path) -> None:
    import bootstrap.cli.main  # noqa: F401 - declares the commands
    from bootstrap.cli.command import EXAMPLES

    for example in EXAMPLES[words]:
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


def test_a_lock_for_another_index_is_made_anew(checkout: Path, index: Path, tmp_path: Path) -> None:
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
    assert "made anew for your package index" in other.err
    assert "cannot be made for your package index" in down.err
    assert not (tmp_path / "down").exists()


def test_a_folder_that_the_repository_around_it_ignores_gets_a_repository_of_its_own(
    checkout: Path, tmp_path: Path
) -> None:
    git("init", "--quiet", cwd=tmp_path)
    build_tree(tmp_path, {".gitignore": "/scratch/\n"})

    done = new(checkout, tmp_path, "new tabular scratch/churn --data team=fraud --defaults")

    assert done.code == 0, done.err
    assert git("log", "--format=%s", cwd=tmp_path / "scratch/churn") != ""
