"""What a deployment needs before it starts: nothing is lost that was not allowed, what was approved, consent."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bootstrap.errors import ConflictError, InputError
from bootstrap.manifests.platform import load_platform
from bootstrap.progress import Progress
from bootstrap.stack.deploy.backend import Backend, refuse_tracked
from bootstrap.stack.deploy.copies import copied_states, keep_copy
from bootstrap.stack.deploy.deploy import Deployer, save
from bootstrap.stack.deploy.operations import Preview
from bootstrap.stack.diff.difference import ResourceDiff, StackDiff
from infra.settings import StackSettings
from infra.tables.resource_types import WORKSPACE
from tests.helpers import CONTOSO, build_tree, git, run_here
from tests.worlds import world

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


def test_states_that_a_commit_can_change_are_refused(tmp_path: Path) -> None:
    state = tmp_path / "a platform" / "states"
    build_tree(state, {".pulumi/stacks/mlops-bootstrap/hub.json": "{}"})
    refuse_tracked(state.as_uri())
    git("init", "--quiet", cwd=state.parent)
    git("add", "--all", cwd=state.parent)

    with pytest.raises(InputError, match=r"(?s)states has files that git tracks.*hub\.json"):
        refuse_tracked(state.as_uri())


def test_copy_of_a_state_that_is_nested_too_deeply_is_skipped(tmp_path: Path) -> None:
    backend = Backend("azblob://states", None, tmp_path)
    keep_copy(
        backend,
        "20261124-100000-0000",
        '{"version": 3, "deployment": {"resources": [{"urn": "urn:pulumi:hub::p::t::n"}]}}',
    )
    keep_copy(backend, "20261124-110000-0000", "[" * 100_000)

    assert [path.stem for path, _ in copied_states(backend, "hub")] == ["20261124-100000-0000"]


def test_destroy_lists_the_environments_whose_last_day_is_over(tmp_path: Path) -> None:
    root = world(
        tmp_path,
        team="name: fraud\nenvironments:\n  dev: {expires: 2020-01-31}\n  prod: {expires: 2099-12-31}\n",
    )

    done = run_here("destroy", cwd=root, env={"PATH": ""})

    assert f"fraud-dev expired on 2020-01-31 ({root / 'teams/fraud.yaml'}:3:9)." in done.err
    assert "fraud-prod" not in done.err
    assert done.code == 3  # there is no engine, and nothing was selected


def test_environment_has_not_expired_on_its_last_day(tmp_path: Path) -> None:
    platform = load_platform(world(tmp_path, team="name: fraud\nenvironments:\n  dev: {expires: 2027-03-31}\n"))

    assert [*platform.expired("2027-03-31")] == []
    assert [*platform.expired("2027-04-01")] == ["fraud-dev"]
