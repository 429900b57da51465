"""Each rule is violated by manifests, exported resources or a change between two versions of the manifests."""

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from typing import Any

import pytest

import infra.rules
from bootstrap.stack.plan.checks import check_change, with_price_findings
from infra.rules import limits
from infra.rules.rule import Finding, Resource, Rule
from infra.rules.rules import RULES
from infra.rules.stacks import is_refused
from infra.tables.azure_policies import POLICIES
from tests.conftest import Golden
from tests.plans import Plan
from tests.unit.infra.rules.manifests import CASES, CHANGES, CHURN, Case, Edits, on_team, planned

DOCS = Path(__file__).parents[4] / "docs"
BY_ONE_PLAN = [
    pytest.param(rule, case, id=f"{rule}-{index}") for rule in CASES for index, case in enumerate(CASES[rule])
]
KEPT = [
    pytest.param(rule, case, id=f"{rule}-{index}")
    for rule, cases in CASES.items()
    for index, case in enumerate(cases)
    if case.keeps is not None
]
BY_A_CHANGE = [
    pytest.param(rule, *edits, id=f"{rule}-{index}") for rule in CHANGES for index, edits in enumerate(CHANGES[rule])
]
BY_COUNTING = {"limit-assignments", "role-assignments-near-limit"}
BY_PRICES = {"cluster-budget"}


def of_rule(rule: str, findings: Iterator[Finding]) -> list[Finding]:
    return [one for one in findings if one.rule == rule]


def found(plan: Plan) -> Iterator[Finding]:
    return (finding for stack in plan.stacks for finding in stack.findings)


def found_by_change(before: Plan, after: Plan) -> Iterator[Finding]:
    new = {stack.name: stack for stack in after.stacks}
    for stack in before.stacks:
        yield from check_change(stack.name, new.get(stack.name), {one.urn: one.inputs for one in stack.made}, None)


def test_platform_of_these_tests_violates_no_rule() -> None:
    assert [str(finding) for finding in found(planned({}))] == []


@pytest.mark.parametrize(("rule", "case"), BY_ONE_PLAN)
def test_manifests_violate_the_rule(rule: str, case: Case) -> None:
    violations = of_rule(rule, found(planned(case.violates, case.stack, as_of=case.as_of, observed=case.observed[0])))

    assert [one for one in violations if case.message in one.message]
    assert all(one.message.endswith((".", "?", ")")) for one in violations)
    assert all(one.manifest for one in violations)


@pytest.mark.parametrize(("rule", "case"), KEPT)
def test_similar_manifests_keep_the_rule(rule: str, case: Case) -> None:
    plan = planned(case.keeps or {}, case.stack, as_of=case.as_of, observed=case.observed[1])

    assert of_rule(rule, found(plan)) == []


@pytest.mark.parametrize(("rule", "before", "violates", "keeps"), BY_A_CHANGE)
def test_change_of_manifests_violates_the_rule(rule: str, before: Edits, violates: Edits, keeps: Edits) -> None:
    old = planned(before)

    assert of_rule(rule, found_by_change(old, planned(violates)))
    assert of_rule(rule, found_by_change(old, planned(keeps))) == []


def test_role_assignments_are_counted_over_all_stacks_of_a_subscription(monkeypatch: pytest.MonkeyPatch) -> None:
    two_stacks = {**on_team(projects=[CHURN]), ("teams/vision.yaml", "name"): "vision"}
    two_stacks |= {("teams/vision.yaml", "environments"): {"dev": {}}, ("teams/vision.yaml", "budget"): 100}
    counts = limits.assignments_by_subscription(
        one.inputs for stack in planned(two_stacks).stacks for one in stack.made if one.type.endswith(":RoleAssignment")
    )
    [most] = [count for subscription, count in counts.items() if subscription.endswith("0d")]

    def rules(limit: int, near: int) -> set[str]:
        monkeypatch.setattr(limits, "MOST_ASSIGNMENTS", limit)
        monkeypatch.setattr(limits, "NEAR_MOST_ASSIGNMENTS", near)
        return {finding.rule for finding in found(planned(two_stacks))} & BY_COUNTING

    assert rules(most - 1, most - 1) == {"limit-assignments"}
    assert rules(most, most - 1) == {"role-assignments-near-limit"}
    assert rules(most, most) == set()


CLUSTERS = [
    {"name": "cpu", "size": "Standard_D4ds_v5", "max_nodes": 4},
    {"name": "gpu", "size": "Standard_NC24ads_A100_v4", "max_nodes": 2},
    {"name": "spot", "size": "Standard_NC24ads_A100_v4", "max_nodes": 9, "low_priority": True},
]
PRICES = {"standard_d4ds_v5": (Decimal("0.2"), "EUR"), "standard_nc24ads_a100_v4": (Decimal("4.5"), "EUR")}


@pytest.mark.parametrize(
    ("budget", "prices", "wanted"),
    [
        # 4 * 0.2 * 730 = 584, and 2 * 4.5 * 730 = 6,570. Nodes of low priority have no price.
        (7154, PRICES, []),
        (7153.99, PRICES, ["the clusters cpu, gpu together cost 7,154.00 EUR in a month of 730 hours with all"]),
        (6569.5, PRICES, ["cluster gpu: 2 nodes at 4.5 EUR an hour cost 6,570.00 EUR", "the clusters cpu, gpu"]),
        (583, {"standard_d4ds_v5": PRICES["standard_d4ds_v5"]}, ["cluster cpu: 4 nodes at 0.2 EUR an hour cost 584"]),
        (1, {}, []),
    ],
)  # fmt: skip
def test_budget_is_compared_with_a_month_of_all_nodes(
    budget: float, prices: Mapping[str, tuple[Decimal, str]], wanted: Sequence[str]
) -> None:
    [stack] = planned(on_team(budget=budget, compute=CLUSTERS), "fraud-dev").stacks

    priced = with_price_findings(stack, prices, None)

    found_by_prices = of_rule("cluster-budget", iter(priced.findings))
    assert [one.message[: len(text)] for one, text in zip(found_by_prices, wanted, strict=True)] == list(wanted)


def test_rules_of_every_module_are_in_the_table() -> None:
    declared = {
        rule.id: module.name
        for module in iter_modules(infra.rules.__path__)
        for value in vars(import_module(f"infra.rules.{module.name}")).values()
        for rule in (value if isinstance(value, tuple) else [value])
        if isinstance(rule, Rule)
    }

    missing = {f"infra/rules/{module}.py: {rule}" for rule, module in declared.items() if rule not in RULES}
    assert not missing, f"add the tuple of the module to RULES in infra/rules/rules.py: {missing}"
    assert declared.keys() == RULES.keys()


def test_every_rule_has_a_test() -> None:
    assert CASES.keys() | CHANGES.keys() | BY_COUNTING | BY_PRICES == RULES.keys()


def test_rules_have_all_texts() -> None:
    for rule in RULES.values():
        assert all(text.endswith((".", '".')) for text in (rule.reason, rule.fix)), rule.id
        assert not rule.title.endswith(".")
        assert rule.link.startswith("https://")


HEAD = """\
# The rules of a plan

*This page is reference. To begin, read [Getting started](getting-started.md).*

This page is generated from the tables in `infra/rules`; a test compares them. `mlops-bootstrap plan` checks every
planned stack by these rules, and the engine checks deployments by the same ones (see docs/plan.md).

An **error** means: do not deploy. A **warning**: something will not work, or is missing. A **note** is information.
Rules that compare stacks use all related stacks of the platform, also when only some are planned.
"""


def section(rule: Rule) -> Iterator[str]:
    yield from (f"## {rule.id}", f"{rule.title}. ({rule.severity})", "")
    yield from (f"- Why: {rule.reason}", f"- Fix: {rule.fix}", f"- Source: <{rule.link}>", "")


def test_page_is_generated_from_the_rules(golden: Golden) -> None:
    rows = [f"| [`{rule.id}`](#{rule.id}) | {rule.severity} | {rule.title} |" for rule in RULES.values()]
    sections = [line for rule in RULES.values() for line in section(rule)]

    golden(
        DOCS / "rules.md",
        "\n".join([HEAD, "| Rule | Severity | Requirement |", "| --- | --- | --- |", *rows, "", *sections]),
    )


_OUTBOUND = ("OnlyApproved", "Internet")


def _compute(kind: str, **properties: Any) -> dict[str, Any]:
    return {"properties": {"computeType": kind, "properties": properties, "disableLocalAuth": True, **properties}}


@pytest.mark.parametrize(
    ("name", "accepted", "refused"),
    [
        ("approved_outbound", *({"managedNetwork": {"isolationMode": f"Allow{one}Outbound"}} for one in _OUTBOUND)),
        ("public_access_off", {"publicNetworkAccess": "Disabled"}, {"publicNetworkAccess": "Enabled"}),
        ("compute_local_auth_off", _compute("AmlCompute"), _compute("AmlCompute", disableLocalAuth=False)),
        (
            "compute_local_auth_off",
            _compute("Kubernetes", disableLocalAuth=False),
            _compute("ComputeInstance", disableLocalAuth=False),
        ),
        ("idle_shutdown", _compute("ComputeInstance", idleTimeBeforeShutdown="PT1H"), _compute("ComputeInstance")),
        ("customer_managed_keys", {"encryption": {"status": "Enabled"}}, {}),
    ],
)
def test_what_an_azure_policy_refuses(name: str, accepted: dict[str, Any], refused: dict[str, Any]) -> None:
    [policy] = [one for one in POLICIES if one.name == name]

    assert not is_refused(policy, Resource("", policy.judges, "", accepted))
    assert is_refused(policy, Resource("", policy.judges, "", refused))
