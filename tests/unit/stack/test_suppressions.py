"""Suppressions in the manifests: what they hide, what they do not, and when they end."""

from pathlib import Path

import pytest

from bootstrap.errors import ExitCode, InputError
from bootstrap.manifests.platform import load_platform
from bootstrap.progress import Progress
from tests import worlds
from tests.helpers import run_here
from tests.plans import Plan, make_plan
from tests.unit.stack.reports import plan_as
from tests.worlds import PLATFORM

TEAM = (
    worlds.TEAM
    + """\
projects:
  - {name: churn, repository: github:contoso/churn}
"""
)
SAID = "suppress: [{rule: %s, reason: the pipeline comes later, until: 2027-03-31}]\n"


def world(root: Path, *, platform: str = PLATFORM, team: str = TEAM) -> Path:
    return worlds.world(root, platform, team)


def planned(root: Path, names: list[str] | None = None, as_of: str | None = None) -> Plan:
    return make_plan(load_platform(root), names or [], Progress(), as_of)


def rules(made: Plan, *, suppressed: bool) -> set[str]:
    """The rules of the findings that are suppressed, or of those that count."""
    findings = [finding for stack in made.stacks for finding in stack.findings]
    return {finding.rule for finding in findings if (finding.suppressed is not None) is suppressed}


def test_a_suppressed_finding_is_kept_and_not_counted(tmp_path: Path) -> None:
    made = planned(world(tmp_path, team=TEAM + SAID % "project-not-linked"), ["fraud-dev"])
    finding = next(found for found in made.document()["stacks"][0]["findings"] if found["suppressed"])

    assert rules(made, suppressed=True) == {"project-not-linked"}
    assert "project-not-linked" not in rules(made, suppressed=False)
    assert finding["suppressed"] == {
        "reason": "the pipeline comes later",
        "until": "2027-03-31",
        "manifest": "teams/fraud.yaml:6",
    }
    assert ", 1 suppressed" in plan_as("tree", made.stacks, show="resources")
    assert "teams/fraud.yaml:6, until 2027-03-31: the pipeline comes later" in plan_as(
        "tree", made.stacks, show="resources"
    )


def test_layers_add_up_and_the_hub_has_the_organizations(tmp_path: Path) -> None:
    made = planned(world(tmp_path, platform=PLATFORM + SAID % "owner-tag", team=TEAM + SAID % "project-not-linked"))

    assert rules(made, suppressed=True) == {"owner-tag", "project-not-linked"}
    assert all(stack.settings.suppressions[0].rule == "owner-tag" for stack in made.stacks)


def test_a_resource_that_is_named_is_the_only_one(tmp_path: Path) -> None:
    said = "suppress: [{rule: public-access, resource: vault, reason: nobody may know why, until: 2027-03-31}]\n"
    made = planned(world(tmp_path, team=TEAM + "protect: true\n" + said), ["fraud-dev"])

    kept = [f.resource for f in made.stacks[0].findings if f.rule == "public-access" and f.suppressed is not None]
    assert [urn and urn.rsplit("::", 1)[1] for urn in kept] == ["vault"]
    assert "public-access" in rules(made, suppressed=False)


@pytest.mark.parametrize(
    ("as_of", "ended"), [(None, False), ("2027-03-31", False), ("2027-04-01", True)], ids=["no day", "last day", "over"]
)
def test_it_ends_on_the_day_that_is_said_and_not_by_the_clock(tmp_path: Path, as_of: str | None, ended: bool) -> None:
    made = planned(world(tmp_path, team=TEAM + SAID % "project-not-linked"), ["fraud-dev"], as_of)

    assert made.document()["as_of"] == as_of
    assert ("project-not-linked" in rules(made, suppressed=False)) is ended
    assert ("suppression-expired" in rules(made, suppressed=False)) is ended


def test_one_that_suppresses_nothing_is_found_when_all_stacks_are_planned(tmp_path: Path) -> None:
    root = world(tmp_path, platform=PLATFORM + SAID % "storage-no-keys")

    assert "suppression-unused" in rules(planned(root), suppressed=False)
    assert "suppression-unused" not in rules(planned(root, ["fraud-dev"]), suppressed=False)


def test_an_unknown_rule_is_a_finding_with_the_nearest_name(tmp_path: Path) -> None:
    made = planned(world(tmp_path, team=TEAM + SAID % "project-not-linkt"), ["fraud-dev"])

    told = [finding.message for finding in made.stacks[0].findings if finding.rule == "suppression-unknown"]
    assert len(told) == 1
    assert told[0].endswith("there is no such rule. Did you mean 'project-not-linked'?")


@pytest.mark.parametrize(
    ("said", "wanted"),
    [
        ("{rule: tags, until: 2027-03-31}", "reason"),
        ("{rule: tags, reason: because we can}", "until"),
        ("{rule: tags, reason: because we can, until: '2027-02-30'}", "must be a day such as 2027-03-31"),
        ("{rule: tags, reason: '', until: 2027-03-31}", "must be a reason of 10 to 300 characters"),
    ],
)
def test_reason_and_day_are_required(tmp_path: Path, said: str, wanted: str) -> None:
    with pytest.raises(InputError) as caught:
        load_platform(world(tmp_path, team=TEAM + f"suppress: [{said}]\n"))

    assert wanted in "".join(caught.value.details)


def test_a_day_that_is_none_is_refused(tmp_path: Path) -> None:
    done = run_here("plan", "hub", "-C", world(tmp_path), "--as-of", "tomorrow", cwd=tmp_path)

    assert done.code == ExitCode.INPUT
    assert "--as-of must be a day" in done.err
