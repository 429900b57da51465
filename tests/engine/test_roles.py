"""Roles become effective minutes after their assignment: the engine retries what needs them, as the program tells it.

The simulated Azure refuses with the errors of the real one until its clock says that a role is effective. The waits of
the program move that clock, and take no time.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import grpc
import pulumi
import pytest
from pulumi import automation

from bootstrap.errors import RemoteError
from bootstrap.manifests.platform import load_platform
from bootstrap.simulator.kinds import NEEDED_ROLES
from bootstrap.simulator.provider import Provider
from bootstrap.stack.deploy.engine import Engine
from bootstrap.stack.deploy.operations import EngineStack
from infra.components import propagation
from infra.programs import create_resources
from infra.tables.azure_errors import known_error
from tests import worlds
from tests.engine.stacks import backend_before, counted, previewed, under_engine, without_aliases

WORKSPACE = "azure-native:machinelearningservices:Workspace"
ROLE_ASSIGNMENT = "azure-native:authorization:RoleAssignment"
KEY = (
    "customer_key: {vault_id: /subscriptions/00000000-0000-0000-0000-00000000000b/resourceGroups/rg-keys/providers/"
    "Microsoft.KeyVault/vaults/kv-keys, key: https://kv-keys.vault.azure.net/keys/ml/0123456789abcdef0123456789abcdef}\n"
)


@contextmanager
def stack(
    engine: Path,
    folder: Path,
    provider: Provider,
    team: str = worlds.TEAM,
    name: str = "fraud-dev",
    *,
    hooks: bool = True,
) -> Iterator[automation.Stack]:
    """A new stack of the small platform under the engine."""
    settings = load_platform(worlds.world(folder / "platform", team=team)).stacks[name]

    def program() -> None:
        if not hooks:
            pulumi.runtime.register_stack_transformation(without_hooks)
        create_resources(settings)

    with under_engine(engine, folder / "engine", name, without_aliases(program), provider) as made:
        yield made


def without_hooks(args: pulumi.ResourceTransformationArgs) -> pulumi.ResourceTransformationResult:
    args.opts.hooks = None
    return pulumi.ResourceTransformationResult(args.props, args.opts)


class PreviewFails(Provider):
    """One that asks Azure in previews, as azure-native does not."""

    def Create(self, request: Any, context: Any) -> Any:  # noqa: N802 - gRPC's name
        if request.preview and request.urn.split("::")[2].endswith(WORKSPACE):
            context.abort(grpc.StatusCode.UNKNOWN, NEEDED_ROLES[WORKSPACE][1])
        return super().Create(request, context)


def test_up_retries_what_needs_a_new_role(engine: Path, tmp_path: Path, waits: list[float]) -> None:
    """Storage and container registry need the key's role; the workspace needs its roles on the storage."""
    azure = Provider(role_delay=100, clock=lambda: sum(waits))

    with stack(engine, tmp_path, azure, worlds.TEAM + KEY) as made:
        printed = made.up().stdout
        again = counted(made.up())

    for name, status in (("storage", 400), ("images", 400), ("workspace", 403)):
        assert re.search(rf"{name}: next attempt in 10 s\. .*not effective.* Status={status}", printed)
    assert set(again) == {"same"}


def test_up_without_hooks_fails(engine: Path, tmp_path: Path, waits: list[float]) -> None:
    azure = Provider(role_delay=100, clock=lambda: sum(waits))

    with (
        stack(engine, tmp_path, azure, hooks=False) as made,
        pytest.raises(automation.CommandError, match='Status=403 Code="AuthorizationFailed"'),
    ):
        made.up()


def test_up_retries_assignments_of_new_custom_roles(engine: Path, tmp_path: Path, waits: list[float]) -> None:
    azure = Provider(role_delay=30, clock=lambda: sum(waits))

    with stack(engine, tmp_path, azure, name="hub") as made:
        printed = made.up().stdout

    assert 10 in waits
    assert 'Code="RoleDefinitionDoesNotExist"' in printed


@pytest.mark.parametrize(
    ("type_", "error"),
    [
        (WORKSPACE, 'Status=409 Code="Conflict" Message="Soft-deleted workspace exists."'),
        # The login lacks the right to assign roles: no role of the stack is missing.
        (ROLE_ASSIGNMENT, 'Status=403 Code="AuthorizationFailed" Message="The client has no authorization."'),
    ],
)
def test_other_errors_are_not_retried(
    engine: Path, tmp_path: Path, waits: list[float], monkeypatch: pytest.MonkeyPatch, type_: str, error: str
) -> None:
    monkeypatch.setitem(NEEDED_ROLES, type_, (NEEDED_ROLES[type_][0], error))
    azure = Provider(role_delay=100, clock=lambda: sum(waits))
    name = "hub" if type_ == ROLE_ASSIGNMENT else "fraud-dev"

    with stack(engine, tmp_path, azure, name=name) as made, pytest.raises(automation.CommandError) as caught:
        made.up()

    assert error in str(caught.value)
    assert waits == []


def test_azures_error_is_shown_when_all_retries_failed(engine: Path, tmp_path: Path, waits: list[float]) -> None:
    azure = Provider(role_delay=10_000, clock=lambda: sum(waits))

    with stack(engine, tmp_path, azure) as made, pytest.raises(automation.CommandError) as caught:
        made.up()

    assert 'error: Status=403 Code="AuthorizationFailed" Message="The client does not have' in str(caught.value)
    assert waits == list(propagation.DELAYS)
    assert sum(waits) == pytest.approx(600, abs=60)


def test_accepted_operation_that_fails_is_left_to_the_next_up(engine: Path, tmp_path: Path, waits: list[float]) -> None:
    """A repeated creation would be refused, since the resource exists; the next `up` updates it."""
    now = [0.0]
    azure = Provider(role_delay=100, accepts_before=True, clock=lambda: now[0])

    with stack(engine, tmp_path, azure) as made:
        with pytest.raises(automation.CommandError, match='Code="AuthorizationFailed"'):
            made.up()
        now[0] = 200.0
        second = counted(made.up())

    assert waits == []
    assert second["update"] == 1


def test_previews_never_wait(engine: Path, tmp_path: Path, waits: list[float]) -> None:
    with stack(engine, tmp_path, PreviewFails()) as made, pytest.raises(automation.CommandError) as caught:
        previewed(made)

    assert "Preview failed" in str(caught.value)
    assert waits == []


def test_deployment_prints_the_next_step_of_a_known_error(
    engine: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    error = 'Status=403 Code="RequestDisallowedByPolicy" Message="Denied by allowed-locations."'
    monkeypatch.setitem(NEEDED_ROLES, WORKSPACE, (NEEDED_ROLES[WORKSPACE][0], error))
    settings = load_platform(worlds.world(tmp_path / "platform")).stacks["fraud-dev"]

    with (
        backend_before(Provider(role_delay=100), engine, tmp_path, monkeypatch) as backend,
        pytest.raises(RemoteError) as caught,
    ):
        EngineStack(Engine(), backend, settings).up(lambda _: None)

    known = known_error(error)
    assert known is not None
    assert caught.value.hint.startswith(known["next"])
    assert f"workspace: {error}" in caught.value.details
