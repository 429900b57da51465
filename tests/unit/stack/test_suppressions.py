"""Suppressions in the manifests: which findings they allow, and when they end."""

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
SUPPRESS = "suppress: [{rule: %s, reason: the pipeline comes later, until: 2027-03-31}]\n"


def world(root: Path, *, platform: str = PLATFORM, team: str = TEAM) -> Path:
    return worlds.world(root, platform, team)


def planned(root: Path, names: list[str] | None = None, as_of: str | None = None) -> Plan:
    return make_plan(load_platform(root), names or [], Progress(), as_of)


def rules(made: Plan, *, suppressed: bool) -> set[str]:
    """The rules of the findings that are suppressed, or of those that count."""
    findings = [finding for stack in made.stacks for finding in stack.findings]
    return {finding.rule for finding in findings if (finding.suppressed is not None) is suppressed}


def test_a_suppressed_finding_is_kept_and_not_counted(tmp_path: Path) -> None:
    made = planned(world(tmp_path, team=TEAM + SUPPRESS % "project-not-linked"), ["fraud-dev"])
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


def test_suppressions_of_all_layers_apply_and_those_of_the_platform_to_the_hub(tmp_path: Path) -> None:
    made = planned(
        world(tmp_path, platform=PLATFORM + SUPPRESS % "owner-tag", team=TEAM + SUPPRESS % "project-not-linked")
    )

    assert rules(made, suppressed=True) == {"owner-tag", "project-not-linked"}
    assert all(stack.settings.suppressions[0].rule == "owner-tag" for stack in made.stacks)


def test_suppression_of_one_resource_allows_no_other(tmp_path: Path) -> None:
    said = "suppress: [{rule: public-access, resource: vault, reason: nobody may know why, until: 2027-03-31}]\n"
    made = planned(world(tmp_path, team=TEAM + "protect: true\n" + said), ["fraud-dev"])

    kept = [f.resource for f in made.stacks[0].findings if f.rule == "public-access" and f.suppressed is not None]
    assert [urn and urn.rsplit("::", 1)[1] for urn in kept] == ["vault"]
    assert "public-access" in rules(made, suppressed=False)


@pytest.mark.parametrize(
    ("as_of", "ended"), [(None, False), ("2027-03-31", False), ("2027-04-01", True)], ids=["no day", "last day", "over"]
)
def test_suppression_ends_by_as_of_and_not_by_the_clock(tmp_path: Path, as_of: str | None, ended: bool) -> None:
    made = planned(world(tmp_path, team=TEAM + SUPPRESS % "project-not-linked"), ["fraud-dev"], as_of)

    assert made.document()["as_of"] == as_of
    assert ("project-not-linked" in rules(made, suppressed=False)) is ended
    assert ("suppression-expired" in rules(made, suppressed=False)) is ended


def test_unused_suppression_of_the_platform_is_reported_once_for_the_first_stack(tmp_path: Path) -> None:
    root = world(tmp_path, platform=PLATFORM + SUPPRESS % "size-retired")

    assert "suppression-unused" in rules(planned(root), suppressed=False)
    assert "suppression-unused" in rules(planned(root, ["hub"]), suppressed=False)
    assert "suppression-unused" not in rules(planned(root, ["fraud-dev"]), suppressed=False)


def test_suppression_that_another_stack_uses_is_not_unused(tmp_path: Path) -> None:
    root = world(tmp_path, platform=PLATFORM + SUPPRESS % "project-not-linked")

    assert "suppression-unused" not in rules(planned(root, ["hub"]), suppressed=False)


def test_suppression_of_a_rule_between_stacks_is_not_called_unused(tmp_path: Path) -> None:
    root = world(tmp_path, platform=PLATFORM + SUPPRESS % "names-once")

    assert "suppression-unused" not in rules(planned(root), suppressed=False)


def test_unknown_rule_is_reported_with_the_most_similar_id(tmp_path: Path) -> None:
    made = planned(world(tmp_path, team=TEAM + SUPPRESS % "project-not-linkt"), ["fraud-dev"])

    messages = [finding.message for finding in made.stacks[0].findings if finding.rule == "suppression-unknown"]
    assert len(messages) == 1
    assert messages[0].endswith("no rule has this id. Did you mean 'project-not-linked'?")


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


def test_invalid_as_of_is_refused(tmp_path: Path) -> None:
    done = run_here("plan", "hub", "-C", world(tmp_path), "--as-of", "tomorrow", cwd=tmp_path)

    assert done.code == ExitCode.INPUT
    assert "--as-of must be a day" in done.err
