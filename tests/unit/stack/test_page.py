"""The page of a plan is one file that needs nothing else; tests/page opens it in a browser."""

import base64
import hashlib
import json
import re
from pathlib import Path

import pytest

from bootstrap.manifests.platform import Platform, load_platform
from bootstrap.progress import Progress
from bootstrap.stack.diff.difference import difference
from bootstrap.stack.plan.model import StackPlan
from tests.plans import make_plan
from tests.unit.stack.reports import diff_as, plan_as

ROOT = Path(__file__).parents[3]
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


def test_the_page_loads_nothing(page: str) -> None:
    assert not re.search(r"<(?:script|img|link|iframe)[^>]+(?:src|href)=|@import|url\(", page)


def test_findings_of_all_stacks_are_ordered_by_severity(contoso: Platform) -> None:
    every = make_plan(contoso, [], Progress()).stacks
    severities = re.findall(r'<h3><span class="(error|warning|note|suppressed)">', plan_as("html", every))

    assert severities == sorted(severities, key=["error", "warning", "note", "suppressed"].index)
    assert len(set(severities)) > 1


def test_only_the_scripts_and_styles_of_the_page_may_run(page: str) -> None:
    [policy] = re.findall(r'Content-Security-Policy" content="(.*?)"', page)
    digests = re.findall(r"(\w+)-src 'sha256-([\w+/=]+)'", policy)

    assert policy.startswith("default-src 'none';")
    assert "unsafe" not in policy
    for kind, digest in digests:
        [text] = re.findall(rf"<{kind}>(.*?)</{kind}>", page, re.DOTALL)
        assert base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() == digest
    assert [kind for kind, _ in digests] == ["style", "script"]


def test_text_of_manifests_is_escaped(stacks: dict[str, StackPlan]) -> None:
    stack = stacks["fraud-dev"]
    settings = stack.settings.model_copy(update={"organization": "<script>alert(1)</script>"})

    page = plan_as("html", [StackPlan(settings, stack.resources, stack.findings, stack.facts)])

    assert "<script>alert(1)" not in page
    assert "&lt;script&gt;alert(1)" in page


def test_resources_show_their_inputs(page: str, stacks: dict[str, StackPlan]) -> None:
    from html import unescape

    texts = [unescape(text) for text in re.findall(r"<pre>(.*?)</pre>", page, re.DOTALL)]

    assert json.loads(texts[0]) == dict(stacks["fraud-dev"].made[0].inputs)
    assert len(texts) == sum(len(stack.made) for stack in stacks.values())


def test_a_comparison_begins_with_its_total(stacks: dict[str, StackPlan]) -> None:
    old = stacks["fraud-dev"].document()
    new = {**old, "resources": old["resources"][:-1]}
    changed = difference("fraud-dev", old, new, "main")
    unchanged = difference("vision-dev", old, old, "main")

    page = diff_as("html", [changed, unchanged])

    [total] = re.findall(r"<p>In all: <b>(.*?)</b><span class=\"soft\">, (.*?)</span>", page)
    assert total == ("0 to add, 0 to change, 0 to replace, 1 to remove", "1 stack unchanged")
    assert "<h2>fraud-dev" in page
    assert "<h2>vision-dev" not in page
