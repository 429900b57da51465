"""Shares of the stacks for the jobs of a forge."""

import json
from pathlib import Path

import pytest

from bootstrap.manifests.platform import Platform, load_platform
from bootstrap.manifests.shares import shares
from tests.helpers import CONTOSO, run_here
from tests.worlds import TEAM, changed, world


@pytest.fixture
def platform(tmp_path: Path) -> Platform:
    """A platform with five teams in dev and two of them in prod."""
    teams = {f"teams/t{number}.yaml": changed(TEAM, ("fraud", f"t{number}")) for number in range(4)}
    teams["teams/t0.yaml"] = changed(teams["teams/t0.yaml"], ("dev: {}", "dev: {}\n  prod: {}"))
    team = changed(TEAM, ("dev: {}", "dev: {}\n  prod: {}"))
    return load_platform(world(tmp_path, team=team, more=teams))


def by_share(found: list[dict[str, str]]) -> dict[str, list[str]]:
    return {one["share"]: one["stacks"].split() for one in found}


def test_each_job_has_stacks_of_one_environment_and_each_stack_is_in_one(platform: Platform) -> None:
    found = shares(platform, jobs=3)

    assert by_share(found) == {
        "dev-1": ["fraud-dev", "t1-dev", "t3-dev"],
        "dev-2": ["t0-dev", "t2-dev"],
        "prod-1": ["fraud-prod", "t0-prod"],
    }


def test_each_stack_has_a_job_where_there_are_enough(platform: Platform) -> None:
    assert {len(stacks) for stacks in by_share(shares(platform, jobs=7)).values()} == {1}


def test_environments_have_at_least_one_job_each(platform: Platform) -> None:
    assert list(by_share(shares(platform, jobs=1))) == ["dev-1", "prod-1"]


@pytest.mark.parametrize("selection", [{"ring": 1}, {"environment": "prod"}])
def test_protected_environment_is_approved_in_another_environment_of_the_forge(
    platform: Platform, selection: dict[str, object]
) -> None:
    [share] = shares(platform, jobs=1, **selection)  # type: ignore[arg-type]

    assert share == {
        "share": "prod-1", "environment": "prod", "approval": "prod-approval", "protect": "true",
        "stacks": "fraud-prod t0-prod",
    }  # fmt: skip


@pytest.mark.parametrize(("forge", "empty"), [("github", '{"include":[]}'), ("azure-devops", "{}")])
def test_ring_without_stacks_has_an_empty_matrix(tmp_path: Path, forge: str, empty: str) -> None:
    done = run_here("platform", "matrix", "--ring", "1", "--forge", forge, cwd=world(tmp_path))

    assert (done.code, done.out) == (0, f"{empty}\n")


def test_matrix_has_the_form_of_the_forge(tmp_path: Path) -> None:
    command, root = ("platform", "matrix", "--environment", "dev", "--forge"), world(tmp_path)

    github, azure_devops = (run_here(*command, forge, cwd=root).document for forge in ("github", "azure-devops"))

    share = {
        "share": "dev-1", "environment": "dev", "approval": "dev", "protect": "false",
        "stacks": "fraud-dev",
    }  # fmt: skip
    assert github == {"include": [share]}
    assert azure_devops == {"dev_1": share}


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--ring", "7"), "There is no ring 7."),
        (("--environment", "dve"), "Did you mean 'dev'?"),
        (("--forge", "gitlab"), "There is no forge 'gitlab'."),
    ],
)
def test_mistakes_of_a_matrix_are_explained(options: tuple[str, ...], words: str) -> None:
    forge = () if "--forge" in options else ("--forge", "github")
    done = run_here("platform", "matrix", *options, *forge, "-C", CONTOSO, cwd=CONTOSO)

    assert (done.code, done.out) == (2, "")
    assert words in done.err


def test_matrix_as_json_has_the_shares(tmp_path: Path) -> None:
    done = run_here("platform", "matrix", "--forge", "github", "-o", "json", cwd=world(tmp_path))

    assert json.loads(done.out)["schema_version"] == 1
    assert [one["stacks"] for one in done.document["shares"]] == ["fraud-dev"]
