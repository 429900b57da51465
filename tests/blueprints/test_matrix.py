"""Every combination of answers gives a valid project; a covering set also installs, tests, trains, gates and registers.

The combinations are computed from the questions in copier.yml, so a new choice is tested without changes here.
"""

import ast
import itertools
import json
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from bootstrap.blueprint.create import NewProject
from bootstrap.blueprint.repository import installed_blueprints
from bootstrap.blueprint.template import open_template
from bootstrap.errors import InputError
from bootstrap.processes import uv_executable
from bootstrap.project import find_project
from tests.blueprints.conftest import Render
from tests.helpers import git, run_cli

# Words that YAML reads as another type than text unless they are quoted, and the longest answers that are allowed.
AWKWARD = {
    "project_name": "null",
    "package_name": "my_own",
    "team": "yes",
    "model_name": "1e3",
    "target": "on",
    "environments": "null=true",
    "platform": "../my platform",
    "tool_source": "https://packages.contoso.example/simple/",
}
LONGEST = {
    "project_name": "a" * 24,
    "package_name": "b" * 64,
    "team": "c" * 24,
    "model_name": "D" * 64,
    "target": "e" * 64,
    "environments": " ".join(f"{name * 10}=northeurope2" for name in "abc"),
    "platform": f"https://dev.azure.com/contoso/{'p' * 64}/_git/platform",
    "tool_source": f"git+https://github.com/mlops-bootstrap/mlops-bootstrap@{'0' * 40}",
}


def _combinations() -> list[dict[str, str]]:
    """All answers to all questions with choices, of all blueprints."""
    with installed_blueprints() as snapshot:
        blueprints = snapshot.blueprints()
        with open_template(snapshot, Path("nowhere")) as template:
            choices = {
                name: {question.name: list(question.choices) for question in template.questions({"blueprint": name})}
                for name in blueprints
            }
    return [
        {"blueprint": blueprint, **dict(zip(questions, answers, strict=True))}
        for blueprint, asked in choices.items()
        for questions in [[name for name, values in asked.items() if values]]
        for answers in itertools.product(*(asked[name] for name in questions))
    ]


COMBINATIONS = _combinations()
COVERING = [
    {"blueprint": "tabular", "forge": "github", "problem": "regression"},
    {"blueprint": "tabular", "forge": "azure-devops", "problem": "classification"},
]


def _id(answers: Mapping[str, str]) -> str:
    return "-".join(answers.values())


@pytest.fixture(params=[{}, AWKWARD, LONGEST], ids=["defaults", "awkward", "longest"])
def others(request: pytest.FixtureRequest) -> dict[str, str]:
    """Answers to the questions that have no choices."""
    answers: dict[str, str] = request.param
    return answers


@pytest.fixture(params=COMBINATIONS, ids=_id)
def created(request: pytest.FixtureRequest, others: dict[str, str], render: Render) -> NewProject:
    return render({**request.param, **others})


def test_covering_set_covers_every_choice() -> None:
    every = {(name, value) for combination in COMBINATIONS for name, value in combination.items()}
    assert {(name, value) for combination in COVERING for name, value in combination.items()} == every


def test_every_file_is_valid(created: NewProject) -> None:
    for relative in created.files:
        text = (created.path / relative).read_text(encoding="utf-8")
        _parse(Path(relative), text)
        assert text.strip(), f"{relative} is empty"
        assert text.endswith("\n"), f"{relative} does not end with a newline"
        assert not text.startswith("\n"), f"{relative} starts with an empty line"
        assert "\n\n\n\n" not in text, f"{relative} has a hole"
        assert "\r" not in text, f"{relative} has carriage returns"


def test_no_jinja_is_left(created: NewProject) -> None:
    """`${{ }}` is what workflows and pipelines bind with; any other double brace or `{% %}` is Jinja's."""
    for relative in created.files:
        text = (created.path / relative).read_text(encoding="utf-8")
        for number, line in enumerate([relative, *text.splitlines()]):
            assert not re.search(r"(?<!\$)\{\{|\{%-?\s|\s-?%\}|\{#", line), f"{relative}:{number}: {line}"


def test_answers_are_text_in_project(created: NewProject, others: dict[str, str]) -> None:
    """A project called `null` is called so, and is not nothing."""
    project = find_project(created.path)
    name = others.get("project_name", "churn")

    assert project.manifest.name == created.project == name
    assert project.manifest.team == others.get("team", project.manifest.team)
    assert project.manifest.model.name == others.get("model_name", name)
    for relative in (project.manifest.pipeline.file, project.manifest.model.gate, project.manifest.serve.deployment):
        assert project.path(relative).is_file()
    own = tomllib.loads((created.path / "pyproject.toml").read_text(encoding="utf-8"))["project"]["name"]
    assert own == others.get("package_name", name)


def test_lock_is_current(created: NewProject) -> None:
    done = _run(uv_executable(), "lock", "--check", "--offline", cwd=created.path)
    assert done.returncode == 0, done.stderr


def test_python_passes_lint(created: NewProject) -> None:
    for command in (["check"], ["format", "--check"]):
        done = _run(_tool("ruff"), *command, "--no-cache", cwd=created.path)
        assert done.returncode == 0, done.stdout + done.stderr


def test_only_files_of_selected_forge_are_created(created: NewProject) -> None:
    answers = YAML(typ="safe").load(created.path / ".copier-answers.yml")
    github = [file for file in created.files if file.startswith(".github/") or file == "CODEOWNERS"]
    azure = [file for file in created.files if file.startswith("azure-pipelines")]
    assert bool(github) == (answers["forge"] == "github")
    assert bool(azure) == (answers["forge"] == "azure-devops")


def test_workflows_match_published_schemas(created: NewProject) -> None:
    for schema, files in {
        "vendor.github-workflows": _below(created, ".github/workflows/"),
        "vendor.azure-pipelines": _below(created, "azure-pipelines"),
    }.items():
        # Azure's schema has regular expressions that Python's engine, and Unicode mode, refuse.
        options = ["--regex-variant", "nonunicode"] if schema == "vendor.azure-pipelines" else []
        if files:
            done = _run(_tool("check-jsonschema"), "--builtin-schema", schema, *options, *files, cwd=created.path)
            assert done.returncode == 0, done.stdout + done.stderr


def test_workflows_pass_zizmor(created: NewProject) -> None:
    if _below(created, ".github/"):
        done = _run(_tool("zizmor"), "--offline", "--quiet", "--pedantic", ".github", cwd=created.path)
        assert done.returncode == 0, done.stdout + done.stderr


def test_workflows_pass_actionlint(created: NewProject, actionlint: Path) -> None:
    files = _below(created, ".github/workflows/")
    if files:
        done = _run(str(actionlint), "-shellcheck=", "-pyflakes=", *files, cwd=created.path)
        assert done.returncode == 0, done.stdout + done.stderr


# What azure-ai-ml's own imports warn about is not ours to change.
@pytest.mark.filterwarnings("ignore")
def test_azure_ml_client_loads_files(created: NewProject) -> None:
    from azure.ai.ml import (
        entities,
        load_batch_endpoint,
        load_component,
        load_data,
        load_environment,
        load_job,
        load_online_deployment,
        load_online_endpoint,
    )
    from azure.ai.ml.entities._load_functions import load_model_batch_deployment

    loaders: dict[str, Any] = {
        "pipelines/": load_job,
        "components/": load_component,
        "environments/": load_environment,
        "data/": load_data,
        "endpoints/online/endpoint": load_online_endpoint,
        "endpoints/online/deployment": load_online_deployment,
        "endpoints/batch/endpoint": load_batch_endpoint,
        "endpoints/batch/deployment": load_model_batch_deployment,
    }
    schemas = {file: _schema(created.path / file) for file in created.files if file.endswith((".yml", ".yaml"))}
    files = [file for file, schema in schemas.items() if "azuremlschemas" in schema]
    used = set()
    for file in files:
        (prefix,) = [prefix for prefix in loaders if file.startswith(prefix)]
        used.add(prefix)
        loaded = loaders[prefix](created.path / file)
        if isinstance(loaded, entities.PipelineJob | entities.Component):
            assert loaded._validate().passed, f"{file}: {loaded._validate().error_messages}"
    assert used == set(loaders)


@pytest.mark.parametrize("answers", COVERING, ids=_id)
def test_project_installs_tests_trains_gates_and_registers(answers: dict[str, str], render: Render) -> None:
    project = render(answers).path
    # Compiled modules make the second start of each tool faster; some machines switch them off.
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}

    for command in (
        "sync --locked",
        "run --no-sync ruff check",
        "run --no-sync ruff format --check",
        "run --no-sync pytest -q",
    ):
        done = _run(uv_executable(), *command.split(), cwd=project, env=environment)
        assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    for words in ("run", "model gate", "model register"):
        told = run_cli(*words.split(), "--output", "json", cwd=project, env={"PYTHONDONTWRITEBYTECODE": ""})
        assert told.code == 0, f"{words}\n{told.out}\n{told.err}"
        assert told.document["schema_version"] == 1
    again = run_cli("run", "--output", "json", cwd=project)
    assert again.code == 0, again.err
    assert git("status", "--porcelain", cwd=project) == ""


# A failing name is short enough: no time is spent on shrinking it.
@settings(
    max_examples=12,
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    name=st.sampled_from(["null", "true", "off", "nan", "e1", "import", "pandas", "con"])
    | st.from_regex(r"[a-z][a-z0-9]{0,8}(-[a-z0-9]{1,8})?", fullmatch=True)
    | st.text(min_size=1, max_size=30)
)
def test_any_project_name_is_refused_or_creates_valid_project(name: str, render: Render) -> None:
    try:
        made = render({"blueprint": "tabular", "project_name": name})
    except InputError as error:
        assert any(detail.startswith(("project_name: ", "package_name: ")) for detail in error.details)  # noqa: PT017
    else:
        assert find_project(made.path).manifest.name == name
        for relative in made.files:
            _parse(Path(relative), (made.path / relative).read_text(encoding="utf-8"))


def _parse(path: Path, text: str) -> None:
    """Parse the file by its suffix; raises if it is invalid."""
    if path.suffix in {".yml", ".yaml"}:
        list(YAML(typ="safe", pure=True).load_all(text))
    elif path.suffix == ".toml" or path.name == "uv.lock":
        tomllib.loads(text)
    elif path.suffix == ".json":
        json.loads(text)
    elif path.suffix == ".py":
        ast.parse(text)


def _schema(path: Path) -> str:
    content = YAML(typ="safe", pure=True).load(path)
    return str(content.get("$schema", "")) if isinstance(content, dict) else ""


def _below(created: NewProject, prefix: str) -> list[str]:
    return [file for file in created.files if file.startswith(prefix) and file.endswith((".yml", ".yaml"))]


def _tool(name: str) -> str:
    """A program of this environment."""
    return str(Path(sys.executable).with_name(name))


def _run(*command: str, cwd: Path, env: Mapping[str, str] | None = None) -> "subprocess.CompletedProcess[str]":
    environment = {key: value for key, value in (env or os.environ).items() if key != "VIRTUAL_ENV"}
    return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False)
