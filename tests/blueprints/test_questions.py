"""The questions of a blueprint: prompts, documentation, and answers that reach the generated files."""

import re
import shlex
from pathlib import Path
from typing import Any, get_args

import pytest

from bootstrap import tool
from bootstrap.blueprint.create import NewProject
from bootstrap.blueprint.repository import Snapshot
from bootstrap.blueprint.template import Question, open_template
from bootstrap.errors import InputError
from bootstrap.manifests.schema import ProjectEntry
from bootstrap.project import PLATFORM_PATTERN, find_project
from tests.blueprints.conftest import ROOT, Render
from tests.conftest import Golden

WIDTH = 80
DIGEST = "0" * 64
SOURCES = [
    "pypi",
    "https://packages.contoso.example/pypi/simple/",
    f"git+https://github.com/mlops-bootstrap/mlops-bootstrap@{DIGEST[:40]}",
    "tools/mlops_bootstrap-0.1.0-py3-none-any.whl",
    f"https://contoso.example/mlops_bootstrap-0.1.0-py3-none-any.whl#sha256={DIGEST}",
]


@pytest.fixture(scope="module")
def questions(snapshot: Snapshot) -> dict[str, list[Question]]:
    """The questions of each blueprint, also those that only some answers lead to."""
    with open_template(snapshot, Path("nowhere")) as template:
        return {name: template.questions({"blueprint": name}) for name in snapshot.blueprints()}


def test_every_prompt_fits_the_terminal_and_has_default(questions: dict[str, list[Question]]) -> None:
    for asked in questions.values():
        for question in asked:
            assert 0 < len(f"? {question.help}") <= WIDTH, question.name
            assert not question.required, question.name
            assert question.choices or question.default == "" or "example" in question.help or "pypi" in question.help


def test_docs_list_the_questions(questions: dict[str, list[Question]], golden: Golden) -> None:
    for blueprint, asked in questions.items():
        path = ROOT / "docs/blueprints" / f"{blueprint}.md"
        rows = [f"| `{one.name}` | {_default(one)} | {_meaning(one)} |\n" for one in asked]
        table = "".join(["| Question | Default | Meaning |\n|---|---|---|\n", *rows])
        before = path.read_text(encoding="utf-8")
        text, count = re.subn(r"\| Question \|.*?\n(?=\n)", lambda _: table, before, flags=re.DOTALL)
        assert count == 1
        golden(path, text)


def _default(question: Question) -> str:
    return f"`{question.default}`" if question.default else "empty"


def _meaning(question: Question) -> str:
    choices = " or ".join(f"`{choice}`" for choice in question.choices)
    return f"{question.help} {choices and f'{choices}.'}".strip().replace("|", "\\|")


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("forge", ["github", "azure-devops"])
def test_workflow_starts_the_tool_from_its_source(source: str, forge: str, render: Render) -> None:
    made = render({"blueprint": "tabular", "forge": forge, "tool_source": source})
    workflow = ".github/workflows/pull-request.yml" if forge == "github" else "azure-pipelines.yml"
    commands = [
        line[line.index("uvx ") :]
        for line in (made.path / workflow).read_text(encoding="utf-8").splitlines()
        if "uvx " in line
    ]
    manifest = find_project(made.path).manifest

    assert manifest.tool_source == source
    assert len(commands) == 2
    for command in commands:
        words = shlex.split(command)
        assert words[1 : words.index("mlops-bootstrap")] == tool.uvx_arguments(manifest.tool, source)


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("tool_source", 'pypi" && rm -rf "'),
        ("tool_source", "http://packages.contoso.example"),
        ("tool_source", "git+https://github.com/mlops-bootstrap/mlops-bootstrap@main"),
        ("platform", "https://me:secret@contoso.example/platform"),
        ("platform", 'a"b'),
        ("environments", "dev"),
        ("environments", "dev=westeurope dev=eastus"),
        ("environments", ""),
    ],
)
def test_wrong_answer_is_refused(question: str, answer: str, render: Render) -> None:
    with pytest.raises(InputError) as refused:
        render({"blueprint": "tabular", question: answer})
    assert any(detail.startswith(f"{question}: ") for detail in refused.value.details)


def test_manifests_know_the_blueprints(snapshot: Snapshot) -> None:
    known, _ = get_args(ProjectEntry.model_fields["blueprint"].annotation)

    assert set(get_args(known)) == snapshot.blueprints().keys()


def test_patterns_equal_those_of_the_manifests() -> None:
    text = (ROOT / "blueprints/shared/patterns.jinja").read_text(encoding="utf-8")
    for pattern in (tool.SOURCE_PATTERN, PLATFORM_PATTERN):
        assert f"(?a)^({pattern})$" in text


@pytest.mark.parametrize(
    ("answers", "expected"),
    [
        ({"environments": "dev=westeurope prod=eastus2"}, {"dev": "westeurope", "prod": "eastus2"}),
        ({}, {"dev": "westeurope", "test": "westeurope", "prod": "westeurope"}),
    ],
)
def test_environments_are_in_the_manifest(answers: dict[str, Any], expected: dict[str, str], render: Render) -> None:
    manifest = _manifest(render({"blueprint": "tabular", **answers}))
    assert {name: environment.location for name, environment in manifest.environments.items()} == expected


def test_platform_is_in_the_manifest(render: Render) -> None:
    answers = {"blueprint": "tabular", "team": "fraud", "platform": "https://github.com/contoso/platform"}
    platform = _manifest(render(answers)).platform
    assert platform is not None
    assert (platform.repository, platform.team) == ("https://github.com/contoso/platform", "fraud")
    assert _manifest(render({"blueprint": "tabular"})).platform is None


def test_readme_does_not_bypass_the_gate(render: Render) -> None:
    text = (render({"blueprint": "tabular"}).path / "README.md").read_text(encoding="utf-8")
    assert "deployment create" not in text
    assert "bypasses the gate" in text


def _manifest(created: NewProject) -> Any:
    return find_project(created.path).manifest
