"""The engine creates what connects to one resource by private endpoint one after the other."""

from pathlib import Path

import pulumi
import pytest
from pulumi import automation

from bootstrap.manifests.platform import load_platform
from bootstrap.simulator.provider import Provider
from infra.programs import create_resources
from tests.engine.stacks import Program, counted, under_engine, without_aliases
from tests.engine.test_parity import LOCKED, TEAM
from tests.helpers import build_tree

ENDPOINT = "azure-native:network:PrivateEndpoint"


def program(folder: Path) -> Program:
    platform = load_platform(build_tree(folder, {"platform.yaml": LOCKED, "teams/fraud.yaml": TEAM}))
    return without_aliases(lambda: create_resources(platform.stacks["fraud-dev"]))


def at_once(whole: Program) -> Program:
    """The same program without the order of private endpoints."""

    def clear(args: pulumi.ResourceTransformationArgs) -> pulumi.ResourceTransformationResult:
        if args.type_ == ENDPOINT:
            args.opts.depends_on = None
        return pulumi.ResourceTransformationResult(args.props, args.opts)

    def run() -> None:
        pulumi.runtime.register_stack_transformation(clear)
        whole()

    return run


def test_no_two_private_endpoints_connect_to_a_resource_at_once(engine: Path, tmp_path: Path) -> None:
    provider = Provider(exclusive_seconds=0.1)
    with under_engine(engine, tmp_path / "engine", "fraud-dev", program(tmp_path / "platform"), provider) as stack:
        created = counted(stack.up())

    assert created.keys() == {"create"}


def test_azure_refuses_private_endpoints_that_connect_at_once(engine: Path, tmp_path: Path) -> None:
    provider, whole = Provider(exclusive_seconds=0.1), at_once(program(tmp_path / "platform"))
    with (
        under_engine(engine, tmp_path / "engine", "fraud-dev", whole, provider) as stack,
        pytest.raises(automation.errors.CommandError, match="StorageAccountOperationInProgress"),
    ):
        stack.up()
