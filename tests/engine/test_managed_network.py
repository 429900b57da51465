"""A second `up` of a workspace with a managed network keeps its outbound rules, also after a refresh of the state.

Microsoft does not document what a PUT of a workspace without `outboundRules` does to its rules, so the simulated Azure
has both behaviours. It always refuses the rules of Azure ML itself in an update, which Microsoft's own SDK leaves out.
"""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pulumi
import pytest
from pulumi import automation

from bootstrap.manifests.platform import load_platform
from bootstrap.simulator.managed_network import REQUIRED
from bootstrap.simulator.provider import Provider
from bootstrap.simulator.store import Store
from bootstrap.stack.deploy.engine import Engine
from bootstrap.stack.deploy.operations import EngineStack
from bootstrap.stack.plan.model import Request
from bootstrap.stack.plan.program import plan_stack
from infra.programs import create_resources
from infra.settings import StackSettings
from tests import worlds
from tests.engine.stacks import backend_before, counted, under_engine, without_aliases
from tests.helpers import ROOT
from tests.unit.stack.test_network import PLATFORM, TEAM

RULES = {"storage-queue", "storage-table", "model-registry", "pypi"}


def target() -> str:
    """The rules of a stack, as docs/plan.md names them to `pulumi`."""
    section = (ROOT / "docs" / "plan.md").read_text(encoding="utf-8").partition("## Plain Pulumi")[2]
    found = re.search(r"pulumi up --refresh --target '(.*)'\n", section)
    assert found is not None
    return found.group(1)


@pytest.fixture
def settings(tmp_path: Path) -> StackSettings:
    team = f"{TEAM}outbound: [{{name: pypi, fqdn: pypi.org}}]\n"
    return load_platform(worlds.world(tmp_path / "platform", PLATFORM, team)).stacks["fraud-dev"]


class Deployed:
    """A stack that is deployed, with a program that can change.

    Attributes:
        ignored: Properties of the workspace whose changes the program ignores.
    """

    def __init__(self, settings: StackSettings, azure: Provider) -> None:
        self.azure = azure
        self.ignored: list[str] = []
        self._settings = settings
        self.stack: automation.Stack

    def program(self) -> None:
        pulumi.runtime.register_stack_transformation(self._ignore)
        create_resources(self._settings)

    def _ignore(self, args: pulumi.ResourceTransformationArgs) -> pulumi.ResourceTransformationResult:
        if args.type_.endswith(":Workspace") and args.type_.startswith("azure-native:machine"):
            args.opts.ignore_changes = self.ignored or None
        return pulumi.ResourceTransformationResult(args.props, args.opts)

    def change_tag(self) -> None:
        self._settings = self._settings.model_copy(update={"tags": {**self._settings.tags, "owner": "somebody"}})

    def state(self) -> dict[str, Any]:
        """The inputs of the workspace in the state."""
        resources = (self.stack.export_stack().deployment or {})["resources"]
        [found] = [one for one in resources if one["type"] == "azure-native:machinelearningservices:Workspace"]
        return dict(found["inputs"])

    @property
    def workspace(self) -> str:
        return str(self.stack.outputs()["workspace_id"].value)

    @property
    def rules(self) -> set[str]:
        return set(self.azure.outbound_rules(self.workspace))


@contextmanager
def deployed(engine: Path, folder: Path, settings: StackSettings, *, put_removes_rules: bool) -> Iterator[Deployed]:
    azure = Provider(put_removes_rules=put_removes_rules, refuses_required_rules=True)
    world = Deployed(settings, azure)
    with under_engine(engine, folder / "engine", settings.stack, without_aliases(world.program), azure) as stack:
        world.stack = stack
        stack.up()
        assert world.rules == RULES
        yield world


@pytest.mark.parametrize("refresh", [False, True])
@pytest.mark.parametrize("put_removes_rules", [False, True])
def test_rules_are_there_after_an_update_of_the_workspace(
    engine: Path, tmp_path: Path, settings: StackSettings, put_removes_rules: bool, refresh: bool
) -> None:
    with deployed(engine, tmp_path, settings, put_removes_rules=put_removes_rules) as world:
        if refresh:
            world.stack.refresh()
        world.change_tag()
        world.stack.up()
        after_update = world.rules
        restored = counted(world.stack.up(refresh=True, target=[target()]))
        after_restoring = world.rules
        again = counted(world.stack.up())

    assert after_update == (set() if put_removes_rules else RULES)
    assert restored.get("create", 0) == (len(RULES) if put_removes_rules else 0)
    assert after_restoring == RULES
    assert set(again) == {"same"}


def test_ignoring_the_rules_makes_an_update_after_a_refresh_fail(
    engine: Path, tmp_path: Path, settings: StackSettings
) -> None:
    """Why the program does not ignore them: the refresh wrote them into the inputs, and the update sends them all."""
    with deployed(engine, tmp_path, settings, put_removes_rules=False) as world:
        world.ignored = ["managedNetwork.outboundRules", "managedNetwork.status"]
        world.stack.up()
        world.stack.refresh()
        in_state = world.state()
        world.change_tag()
        with pytest.raises(automation.CommandError, match='Status=400 Code="ValidationError"'):
            world.stack.up()

    assert in_state["managedNetwork"]["outboundRules"].keys() == {*REQUIRED, *RULES}


def test_drift_is_found_without_a_change_of_the_state(engine: Path, tmp_path: Path, settings: StackSettings) -> None:
    with deployed(engine, tmp_path, settings, put_removes_rules=False) as world:
        before = world.state()
        [lost] = [id_ for id_ in world.azure.ids if id_.endswith("/outboundRules/pypi")]
        world.azure.Delete(SimpleNamespace(id=lost), None)
        printed = world.stack.refresh(preview_only=True).stdout
        after = world.state()

    assert "outbound-pypi delete" in printed
    assert after == before
    assert "outboundRules" not in after["managedNetwork"]


def test_deployment_creates_rules_again_that_an_update_removed(
    engine: Path, tmp_path: Path, settings: StackSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    azure = Provider(put_removes_rules=True, refuses_required_rules=True)
    changed = settings.model_copy(update={"tags": {**settings.tags, "owner": "somebody"}})
    ended: list[Mapping[str, Any]] = []

    with backend_before(azure, engine, tmp_path, monkeypatch) as backend:
        stack = EngineStack(Engine(), backend, settings)
        stack.up(lambda _: None)
        outputs = stack.outputs()
        outcome = EngineStack(Engine(), backend, changed).up(ended.append)
        again = EngineStack(Engine(), backend, changed).up(lambda _: None)

    assert set(azure.outbound_rules(outputs["workspace_id"])) == RULES
    assert outcome.counts["add"] == len(RULES)
    assert "remove" not in outcome.counts
    assert again.counts == {}


def test_rules_of_azure_ml_and_of_the_stack_are_no_drift_of_the_workspace(
    engine: Path, tmp_path: Path, settings: StackSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store()
    azure = Provider(store)
    planned = plan_stack(Request(settings))

    with backend_before(azure, engine, tmp_path, monkeypatch) as backend:
        stack = EngineStack(Engine(), backend, settings)
        stack.up(lambda _: None)
        workspace = stack.outputs()["workspace_id"]
        before = stack.drift(planned)
        store.put(f"{workspace}/outboundRules/by-hand", {"properties": {"type": "FQDN", "category": "UserDefined"}})
        [found] = stack.drift(planned).resources

    assert before.status == "unchanged"
    assert (found.name, [one.at for one in found.changed]) == ("workspace", ["managedNetwork.outboundRules"])
