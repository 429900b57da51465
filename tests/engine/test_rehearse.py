"""Rehearsals: what they find, and what they do not let pass."""

from collections.abc import Callable
from pathlib import Path

import pytest

from bootstrap.stack.deploy import rehearse
from tests.engine import faults
from tests.engine.estate import STACKS, Estate
from tests.helpers import ROOT, Done, git, run_cli, run_here
from tests.worlds import PLATFORM, TEAM, changed, world

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("engine_on_path")]


def test_rehearsal_deploys_twice_finds_drift_and_leaves_nothing(tmp_path: Path) -> None:
    root = world(tmp_path / "platform")

    done = run_here("rehearse", "--all", "-o", "json", cwd=root, env={"ARM_CLIENT_SECRET": "must not be used"})

    assert done.code == 0, done.err
    stacks = {stack["name"]: stack for stack in done.document["stacks"]}
    assert list(stacks) == list(STACKS)
    for stack in stacks.values():
        assert stack["created"] == stack["removed"] > 20
        assert stack["changed_again"] == 0
        assert stack["drift_found"]
    assert not (root / ".mlops").exists()


@pytest.fixture
def rehearsed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Done]:
    """Rehearses an environment with a fault of the provider."""

    def run(fault: str) -> Done:
        monkeypatch.setattr(rehearse, "install", lambda folder, store: faults.install(folder, store, fault))
        return run_here("rehearse", "fraud-dev", "-o", "json", cwd=world(tmp_path / "platform"))

    return run


def test_second_deployment_that_changes_something_is_a_fault(rehearsed: Callable[[str], Done]) -> None:
    done = rehearsed("Restless")

    assert done.code == 5
    assert "fraud-dev: 1 resources changed again" in done.err
    assert done.document["stacks"][0]["changed_again"] == 1


def test_drift_that_is_not_found_is_a_fault(rehearsed: Callable[[str], Done]) -> None:
    done = rehearsed("Forgetful")

    assert done.code == 5
    assert "fraud-dev: the drift was not found" in done.err
    assert done.document["stacks"][0]["drift_found"] is False


def test_resource_that_is_left_is_a_fault(rehearsed: Callable[[str], Done]) -> None:
    done = rehearsed("Keeping")

    assert done.code == 5
    assert "1 resources are left after the rehearsal" in done.err
    assert "resourceGroups/rg-contoso-fraud-dev" in done.err


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A platform repository with a commit."""
    root = world(tmp_path / "platform")
    git("init", "-q", "-b", "main", cwd=root)
    git("add", "--all", cwd=root)
    git("commit", "-q", "-m", "first", cwd=root)
    return root


def test_upgrade_is_reported_and_deployed_over_the_earlier_commit(repository: Path) -> None:
    world(repository, changed(PLATFORM, ("organization:", "tags: {cost-center: a1}\norganization:")))

    done = run_here("rehearse", "fraud-dev", "--upgrade", "main", "-o", "json", cwd=repository)

    assert done.code == 0, done.err
    resources = done.document["stacks"][0]["resources"]
    assert {one["action"] for one in resources} == {"change"}
    assert {change["at"] for one in resources for change in one["changed"]} == {"tags.cost-center"}
    assert not (repository / ".mlops").exists()


@pytest.mark.parametrize("form", ["text", "markdown", "html"])
def test_upgrade_that_loses_data_is_reported_and_refused(repository: Path, form: str) -> None:
    world(repository, team=changed(TEAM, ("dev: {}", "dev: {generation: 2}")))

    done = run_here("rehearse", "fraud-dev", "--upgrade", "main", "-o", form, cwd=repository)

    assert done.code == 4
    assert "change-replaces-data" in done.err
    assert "mlw-contoso-fraud-dev" in done.out


def test_property_that_replaces_a_workspace_stops_the_upgrade_unless_it_is_allowed(tmp_path: Path) -> None:
    """Between two commits of these programs: the earlier one names workspaces otherwise."""
    root = tmp_path / "code"
    git("checkout-index", "--all", f"--prefix={root}/", cwd=ROOT)
    names = root / "infra/tables/names.py"
    world(root / "platform")
    text = names.read_text()
    names.write_text(changed(text, ('"mlw"', '"mlx"')))
    git("init", "-q", "-b", "main", cwd=root)
    git("add", "--all", cwd=root)
    git("commit", "-q", "-m", "earlier", cwd=root)
    names.write_text(text)

    def run(*options: str) -> Done:
        return run_cli("rehearse", "fraud-dev", "--upgrade", "main", "-o", "json", *options,
                       cwd=root / "platform", env={"PYTHONPATH": str(root)})  # fmt: skip

    refused = run()

    assert refused.code == 4
    lost = [one for one in refused.document["stacks"][0]["resources"] if one["loses_data"]]
    assert [one["type"] for one in lost] == ["azure-native:machinelearningservices:Workspace"]
    assert [one["action"] for one in lost] == ["replace"]
    allowed = run("--allow-replace", lost[0]["urn"])
    assert allowed.code == 0, allowed.err


def test_change_is_rehearsed_on_a_copy_of_the_states(deployed: Estate) -> None:
    world(deployed.root, changed(PLATFORM, ("organization:", "tags: {cost-center: a1}\norganization:")))
    before = {path: path.read_bytes() for path in (deployed.root / ".mlops/state").rglob("*.json")}

    done = deployed.run("rehearse", "fraud-dev", "--from-state", "-o", "json")

    assert done.code == 0, done.err
    resources = done.document["stacks"][0]["resources"]
    assert {one["action"] for one in resources} == {"change"}
    assert {path: path.read_bytes() for path in (deployed.root / ".mlops/state").rglob("*.json")} == before
    refused = run_loss(deployed)
    assert refused.code == 4


def run_loss(estate: Estate) -> Done:
    world(estate.root, team=changed(TEAM, ("dev: {}", "dev: {generation: 2}")))
    return estate.run("rehearse", "fraud-dev", "--from-state")
