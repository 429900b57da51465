"""The page of a plan: one file that needs nothing else, and its search and filters, tried as a browser does."""

import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from bootstrap.manifests.platform import Platform, load_platform
from bootstrap.progress import Progress
from bootstrap.stack.plan.model import StackPlan
from bootstrap.stack.plan.planner import make_plan
from tests import node
from tests.unit.stack.reports import plan_as

ROOT = Path(__file__).parents[3]
BROWSER = ROOT / "tests" / "page"
STACKS = ["fraud-dev", "vision-dev", "forecasting-dev"]


@pytest.fixture(scope="module")
def contoso() -> Platform:
    return load_platform(ROOT / "examples" / "contoso")


@pytest.fixture(scope="module")
def stacks(contoso: Platform) -> dict[str, StackPlan]:
    return {stack.name: stack for stack in make_plan(contoso, STACKS, Progress()).stacks}


@pytest.fixture(scope="module")
def page(stacks: dict[str, StackPlan]) -> str:
    return plan_as("html", stacks.values())


@pytest.fixture(scope="module")
def shown(page: str, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """What the page shows after each of some ways of filtering."""
    node.install(BROWSER)
    file = tmp_path_factory.mktemp("page") / "plan.html"
    file.write_text(page, encoding="utf-8")
    return lambda *steps: node.answer(BROWSER / "filter.cjs", {"page": str(file), "steps": steps})


def test_it_asks_for_nothing_from_elsewhere(page: str) -> None:
    assert not re.search(r"<(?:script|img|link|iframe)[^>]+(?:src|href)=|@import|url\(", page)


def test_all_stacks_and_resources_are_shown_until_something_is_asked_for(
    shown: Any, stacks: dict[str, StackPlan]
) -> None:
    [everything] = shown({})

    assert everything["stacks"] == list(stacks)
    assert everything["resources"] == sum(len(stack.made) for stack in stacks.values())
    assert everything["said"] == ""


def test_a_stack_a_kind_and_words_narrow_what_is_shown(shown: Any, stacks: dict[str, StackPlan]) -> None:
    kinds = Counter(resource.type for resource in stacks["vision-dev"].made)
    by_stack, by_kind, both, words, nothing = shown(
        {"by-stack": "vision-dev"},
        {"by-kind": "network.PrivateEndpoint"},
        {"by-stack": "vision-dev", "by-kind": "storage.StorageAccount"},
        {"search": "Spot CLUSTER-spot"},
        {"search": "no such thing anywhere"},
    )

    assert (by_stack["stacks"], by_stack["resources"]) == (["vision-dev"], len(stacks["vision-dev"].made))
    assert (by_kind["stacks"], by_kind["resources"]) == (["vision-dev"], kinds["azure-native:network:PrivateEndpoint"])
    assert both["said"] == "1 resource"
    assert (words["stacks"], words["resources"]) == (["fraud-dev", "vision-dev"], 2)
    assert (nothing["stacks"], nothing["findings"]) == ([], [])


def test_a_finding_narrows_to_what_it_is_about(shown: Any, stacks: dict[str, StackPlan]) -> None:
    [found] = shown({"by-finding": "project-not-linked"})

    assert set(found["findings"]) == {"project-not-linked"}
    assert found["stacks"] == ["forecasting-dev"]
    assert found["resources"] == 1


def test_the_gravest_findings_come_first_whichever_stack_they_are_of(contoso: Platform) -> None:
    every = make_plan(contoso, [], Progress()).stacks
    severities = re.findall(r'<td class="(error|warning|note|suppressed)">', plan_as("html", every))

    assert severities == sorted(severities, key=["error", "warning", "note", "suppressed"].index)
    assert len(set(severities)) > 1


def test_text_of_the_manifests_cannot_become_part_of_the_page(stacks: dict[str, StackPlan]) -> None:
    stack = stacks["fraud-dev"]
    settings = stack.settings.model_copy(update={"organization": "<script>alert(1)</script>"})

    page = plan_as("html", [StackPlan(settings, stack.resources, stack.findings, stack.facts)])

    assert "<script>alert(1)" not in page
    assert "&lt;script&gt;alert(1)" in page


def test_every_resource_shows_its_inputs_as_the_engine_gets_them(page: str, stacks: dict[str, StackPlan]) -> None:
    from html import unescape

    texts = [unescape(text) for text in re.findall(r"<pre>(.*?)</pre>", page, re.DOTALL)]

    assert json.loads(texts[0]) == dict(stacks["fraud-dev"].made[0].inputs)
    assert len(texts) == sum(len(stack.made) for stack in stacks.values())
