"""What a deployment needs before it starts: nothing is lost that was not allowed, what was approved, consent."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bootstrap.errors import ConflictError, InputError
from bootstrap.manifests.platform import load_platform
from bootstrap.progress import Progress
from bootstrap.stack.deploy.deploy import Deployer, save
from bootstrap.stack.deploy.operations import Preview
from bootstrap.stack.diff.difference import ResourceDiff, StackDiff
from infra.settings import StackSettings
from infra.tables.resource_types import WORKSPACE
from tests.helpers import CONTOSO

PLATFORM = load_platform(CONTOSO)
URN = f"urn:pulumi:fraud-dev::mlops-bootstrap::{WORKSPACE}::workspace"
LOSS = StackDiff("fraud-dev", "changed", [ResourceDiff("replace", URN, WORKSPACE, "workspace", "a.yaml:1", (), ())])
CHANGED = Preview(StackDiff("fraud-dev", "changed", [replace(LOSS.resources[0], action="change")]), "digest", {}, "")
UNCHANGED = Preview(StackDiff("hub", "unchanged", []), "digest", {}, "")


class NotNowError(Exception):
    """The answer of these tests when they are asked for consent."""


def refused(settings: Sequence[StackSettings]) -> None:
    raise NotNowError(*(one.stack for one in settings))


@pytest.fixture
def deployer(tmp_path: Path) -> Deployer:
    engine: Any = None  # nothing reaches it
    return Deployer(PLATFORM, tmp_path / ".mlops", engine, "file", Progress())


def test_loss_of_data_is_refused_before_consent_is_asked(deployer: Deployer) -> None:
    loss = {"fraud-dev": replace(CHANGED, diff=LOSS)}

    with pytest.raises(ConflictError, match="would lose data"):
        deployer.up(loss, refused)
    with pytest.raises(NotNowError):
        deployer.up(loss, refused, allowed=[URN])
    with pytest.raises(InputError, match="does not change"):
        deployer.up(loss, refused, allowed=[URN, "urn:pulumi:another"])


def test_other_changes_than_the_approved_ones_are_refused_before_consent_is_asked(
    deployer: Deployer, tmp_path: Path
) -> None:
    save({"fraud-dev": CHANGED}, tmp_path / "approved.json")
    others = {"fraud-dev": replace(CHANGED, digest="another")}

    with pytest.raises(ConflictError, match="otherwise than it was approved"):
        deployer.up(others, refused, approved=tmp_path / "approved.json")
    with pytest.raises(NotNowError):
        deployer.up({"fraud-dev": CHANGED}, refused, approved=tmp_path / "approved.json")


def test_consent_is_asked_for_the_stacks_that_change(deployer: Deployer) -> None:
    with pytest.raises(NotNowError) as asked:
        deployer.up({"hub": UNCHANGED, "fraud-dev": CHANGED}, refused)

    assert asked.value.args == ("fraud-dev",)
    with pytest.raises(NotNowError) as asked:
        deployer.destroy({"fraud-dev": CHANGED}, refused)
    assert asked.value.args == ("fraud-dev",)


def test_without_consent_no_deployment_is_recorded(deployer: Deployer) -> None:
    with pytest.raises(NotNowError):
        deployer.up({"fraud-dev": CHANGED}, refused)

    assert not deployer.ledgers.exists()
