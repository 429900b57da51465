"""Each rule is kept by one stack and broken by another."""

from pathlib import Path

import pytest

from infra import diagnostics
from infra.rules import upkeep
from infra.rules.page import as_page
from infra.rules.rule import UNKNOWN, Breach, Stack
from infra.rules.rules import RULES, judge_resource, judge_stack, judge_stacks, tell
from tests.conftest import Golden
from tests.unit.infra.rules.sides import SIDES, resource

DOCS = Path(__file__).parents[4] / "docs"


def breaches(rule: str, *stacks: Stack) -> list[Breach]:
    """How the stacks, which are all that there are, break a rule: each by itself, and together."""
    found, told = [], {}
    for stack in stacks:
        alone = [pair for resource in stack.resources for pair in judge_resource(resource)]
        alone += judge_stack(stack)
        told[stack.name] = tell(stack, alone)
        found += alone
    found += [pair for _, pair in judge_stacks(told, every=True)]
    return [breach for broken, breach in found if broken.id == rule]


@pytest.mark.parametrize("rule", RULES)
def test_a_stack_that_keeps_the_rule_has_no_finding(rule: str) -> None:
    for kept in SIDES[rule].kept:
        assert breaches(rule, kept) == []


@pytest.mark.parametrize("rule", RULES)
def test_a_stack_that_breaks_the_rule_has_one(rule: str) -> None:
    for broken in SIDES[rule].broken:
        found = breaches(rule, broken)
        assert len(found) == SIDES[rule].times
        assert all(breach.message.endswith((".", "?", ")")) for breach in found)


def test_every_rule_has_both_sides_tested() -> None:
    assert set(SIDES) == set(RULES)
    assert all(sides.kept and sides.broken for sides in SIDES.values())


def test_rules_say_all_that_people_need() -> None:
    for rule in RULES.values():
        assert all(text.endswith((".", '".')) for text in (rule.reason, rule.fix)), rule.id
        assert not rule.title.endswith(".")
        assert rule.link.startswith("https://")


def test_what_is_not_known_yet_breaks_no_rule_on_properties() -> None:
    unknown = {"allowSharedKeyAccess": UNKNOWN, "minimumTlsVersion": UNKNOWN, "accountName": UNKNOWN, "kind": UNKNOWN}
    found = {rule.id for rule, _ in judge_resource(resource("azure-native:storage:StorageAccount", unknown))}

    assert not found & {"storage-no-keys", "storage-tls", "names", "argument-value", "argument-type"}


def test_whatever_the_programs_keep_diagnostics_of_is_judged_too() -> None:
    judged = {reporting.path.removeprefix("/").rsplit("/", 1)[0] for reporting in upkeep.REPORTING.values()}

    assert diagnostics.REPORTING.keys() <= judged


def test_the_page_is_as_the_table_says(golden: Golden) -> None:
    golden(DOCS / "rules.md", as_page())
