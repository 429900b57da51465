"""All workflows use the actions of blueprints/shared/actions.yml at their commits."""

import re
from pathlib import Path

import pytest

from bootstrap.forge import FORGES
from bootstrap.yaml import parse, read

ROOT = Path(__file__).parents[2]
TABLE = read(ROOT / "blueprints/shared/actions.yml").data
WORKFLOWS = sorted(
    path
    for folder in (ROOT / ".github", ROOT / "blueprints")
    for path in folder.rglob("*.y*ml*")
    if path.parent.name == "workflows"
)
PLATFORMS = {f"{forge.name}: {path}": text for forge in FORGES for path, text in forge.platform_ci("uvx").items()}
"""The CI files that `platform init` writes."""

USES = re.compile(r"^\s*(?:- )?uses:\s*(\S+)@(\S+)(?:\s+#\s*(\S+))?\s*$", re.MULTILINE)


def test_workflows_are_found() -> None:
    assert len(WORKFLOWS) >= 2


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: str(path.relative_to(ROOT)))
def test_workflow_uses_actions_of_table(path: Path) -> None:
    assert_known(path.read_text(encoding="utf-8"))


def assert_known(text: str) -> None:
    known = {(entry["action"], entry["sha"], entry["version"]) for entry in TABLE}
    used = USES.findall(text)
    assert len(used) == len(re.findall(r"\buses:", text)) > 0
    assert set(used) <= known


WRITES = {
    "platform: comment": {"pull-requests"},
    **{f"{job}: {name}": {"id-token"} for job, names in
       {"ring": ("preview", "up"), "drift": ("drift",), "deploy": ("ring-0", "ring-1")}.items() for name in names},
}  # fmt: skip
"""What jobs of a platform's workflows may write; the others only read."""


@pytest.mark.parametrize("name", ["platform", "deploy", "ring", "drift"])
def test_workflow_of_a_platform_uses_actions_of_table_with_least_rights(name: str) -> None:
    text = PLATFORMS[f"github: .github/workflows/{name}.yml"]
    workflow = parse(text, Path(f"{name}.yml")).data

    if name != "deploy":
        assert_known(text.replace("uses: ./.github", ""))
    assert workflow["permissions"] == {}
    for job, content in workflow["jobs"].items():
        writes = {right for right, access in content["permissions"].items() if access == "write"}
        assert writes == WRITES.get(f"{name}: {job}", set()), job
        for step in content.get("steps", []):
            if "checkout" in step.get("uses", ""):
                assert step["with"]["persist-credentials"] is False
    assert name != "platform" or workflow["on"] == "pull_request"


@pytest.mark.parametrize("name", PLATFORMS)
def test_ci_of_a_platform_uses_the_version_of_uv_of_the_blueprints(name: str) -> None:
    versions = {*re.findall(r"uv(?:==|@\S+ # \S+\s+with:\s+version: \")([\d.]+)", PLATFORMS[name])}
    if "uvx platform" not in PLATFORMS[name]:
        pytest.skip("it starts another file")

    blueprint = (ROOT / "blueprints/tabular/{% if forge == 'azure-devops' %}azure-pipelines.yml{% endif %}.jinja")
    assert versions == {*re.findall(r"uv==([\d.]+)", blueprint.read_text(encoding="utf-8"))}


@pytest.mark.parametrize("entry", TABLE, ids=lambda entry: str(entry["action"]))
def test_action_has_commit_and_source(entry: dict[str, str]) -> None:
    assert re.fullmatch(r"[0-9a-f]{40}", entry["sha"])
    assert re.fullmatch(r"v\d+\.\d+\.\d+", entry["version"])
    assert re.fullmatch(r"https://github\.com/[\w.-]+/[\w.-]+/blob/[0-9a-f]{40}/\S+\.ya?ml", entry["read_in"])


def test_every_action_is_used() -> None:
    texts = [*(path.read_text(encoding="utf-8") for path in WORKFLOWS), *PLATFORMS.values()]
    used = {match[0] for text in texts for match in USES.findall(text)}
    assert used == {entry["action"] for entry in TABLE}
