"""Each rule is kept by one stack and broken by another."""

from pathlib import Path

import pytest

from infra.rules import upkeep
from infra.rules.page import as_page
from infra.rules.rule import UNKNOWN, Finding, Stack
from infra.rules.rules import RULES, facts_of, judge_platform, judge_resource, judge_stack
from infra.tables.diagnostics import DIAGNOSTICS
from tests.conftest import Golden
from tests.unit.infra.rules.sides import SIDES, resource

DOCS = Path(__file__).parents[4] / "docs"


def breaches(rule: str, *stacks: Stack) -> list[Finding]:
    """How the stacks, which are all that there are, break a rule: each by itself, and together."""
    found, facts = [], {}
    for stack in stacks:
        alone = judge_stack(stack)
        facts[stack.name] = facts_of(stack, alone)
        found += alone
    found += [one for _, one in judge_platform({stack.name: stack for stack in stacks}, facts, every=True)]
    return [one for one in found if one.rule == rule]


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
    stack = Stack("fraud-dev", [resource("azure-native:storage:StorageAccount", unknown)])
    found = {finding.rule for finding in judge_resource(stack)}

    assert not found & {"storage-no-keys", "storage-tls", "names", "argument-value", "argument-type"}


def test_whatever_the_programs_keep_diagnostics_of_is_judged_too() -> None:
    judged = {reporting.path.removeprefix("/").rsplit("/", 1)[0] for reporting in upkeep.REPORTING.values()}

    assert DIAGNOSTICS.keys() <= judged


def test_the_page_is_as_the_table_says(golden: Golden) -> None:
    golden(DOCS / "rules.md", as_page())
