"""The pages of plans and comparisons in a real browser: layout at three widths, search and filters, printing."""

import shutil
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from bootstrap.manifests.platform import load_platform
from bootstrap.progress import Progress
from bootstrap.stack.diff.difference import difference
from bootstrap.stack.plan.model import StackPlan
from bootstrap.stack.report.words import components
from tests.chromium import WIDTHS, layout_mistakes, opened, program, start
from tests.helpers import CONTOSO
from tests.plans import make_plan
from tests.unit.stack.reports import diff_as, plan_as

FEW = ["fraud-dev", "vision-dev", "forecasting-dev"]


@pytest.fixture(scope="module", autouse=True)
def _installed() -> None:
    """Find out whether there is a browser before anything is planned."""
    program()


@pytest.fixture(scope="module")
def stacks() -> dict[str, StackPlan]:
    return {stack.name: stack for stack in make_plan(load_platform(CONTOSO), FEW, Progress()).stacks}


@pytest.fixture(scope="module")
def changed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, StackPlan]:
    """A hub for six environments, which has more than 60 components, and a stack that moved to another region."""
    root = tmp_path_factory.mktemp("changed") / "contoso"
    shutil.copytree(CONTOSO, root)
    text = (root / "platform.yaml").read_text(encoding="utf-8")
    text = text.replace("location: westeurope", "location: northeurope")
    text = text.replace(
        "  prod:\n    ring: 2", "  load: {ring: 2}\n  pilot: {ring: 2}\n  stage: {ring: 2}\n  prod:\n    ring: 3"
    )
    (root / "platform.yaml").write_text(text, encoding="utf-8")
    return {stack.name: stack for stack in make_plan(load_platform(root), ["hub", "fraud-dev"], Progress()).stacks}


@pytest.fixture(scope="module")
def pages(
    stacks: dict[str, StackPlan], changed: dict[str, StackPlan], tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Path]:
    """The files of the pages, by name."""
    many = [
        StackPlan(
            one.settings.model_copy(update={"team": f"{name[:-4]}-{number}"}), one.resources, one.findings, one.facts
        )
        for number in range(15)
        for name, one in stacks.items()
    ]
    difference_of_one = difference("fraud-dev", stacks["fraud-dev"].document(), changed["fraud-dev"].document(), "main")
    texts = {
        "three stacks": plan_as("html", stacks.values()),
        "45 stacks": plan_as("html", many),
        "hub": plan_as("html", [changed["hub"]]),
        "diff": diff_as("html", [difference_of_one]),
    }
    folder = tmp_path_factory.mktemp("pages")
    for name, text in texts.items():
        (folder / f"{name}.html").write_text(text, encoding="utf-8", newline="\n")
    return {name: folder / f"{name}.html" for name in texts}


@pytest.fixture(scope="module")
def browser(pages: dict[str, Path]) -> Iterator[Browser]:
    """The browser. Playwright runs an event loop in this thread, so stacks cannot be planned afterwards."""
    assert pages
    with start() as browser:
        yield browser


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", ["45 stacks", "hub", "diff"])
def test_nothing_is_clipped_or_beside_the_page(browser: Browser, pages: dict[str, Path], name: str, width: int) -> None:
    with opened(browser, pages[name], width) as page:
        assert layout_mistakes(page) == []


def test_the_hub_of_the_layout_test_has_60_components(changed: dict[str, StackPlan], pages: dict[str, Path]) -> None:
    found = components(changed["hub"].document()["resources"])

    assert len(found) >= 60
    assert pages["hub"].read_text(encoding="utf-8").count('class="node"') == len(found)


@pytest.mark.parametrize(
    ("selector", "style", "mistake"),
    [
        ("main", "width: 3000px", "the page scrolls sideways"),
        (".node", "white-space: nowrap; overflow: hidden; width: 3rem", "clipped"),
        (".node", "white-space: nowrap; width: 3rem", "outside of its box"),
        (".node + .node", "margin-left: -5rem", "on another box"),
        ("td:nth-child(2)", "display: block; width: 3rem", "too narrow"),
    ],
)
def test_the_layout_check_notices_a_mistake(
    browser: Browser, pages: dict[str, Path], selector: str, style: str, mistake: str
) -> None:
    with opened(browser, pages["three stacks"]) as page:
        page.evaluate(
            "([selector, style]) => document.querySelectorAll(selector).forEach((one) => one.style.cssText = style)",
            [selector, style],
        )
        assert any(found.startswith(mistake) for found in layout_mistakes(page))


def test_each_link_of_a_box_leads_to_the_box_that_it_names(browser: Browser, pages: dict[str, Path]) -> None:
    with opened(browser, pages["45 stacks"]) as page:
        links = page.eval_on_selector_all(
            ".node a",
            "all => all.map((a) => [a.textContent, document.querySelector(a.hash).firstChild.textContent])",
        )
        ids = page.eval_on_selector_all("[id]", "all => all.map((one) => one.id)")

    assert links
    assert all(named == reached for named, reached in links)
    assert len(ids) == len(set(ids))


def test_a_page_is_readable_without_javascript_and_on_paper(browser: Browser, pages: dict[str, Path]) -> None:
    with opened(browser, pages["hub"], javascript=False) as page:
        assert not page.locator("#filters").is_visible()
        page.locator("details.stack > summary").click()
        assert page.locator("table.resources tbody tr").first.is_visible()
        page.emulate_media(media="print")
        assert page.locator(".fold .node").last.is_visible()


def shown(page: Page, **filters: str) -> dict[str, Any]:
    """Set the filters, and return the stacks, the number of resources and the rules that are shown."""
    for name in ("search", "by-stack", "by-kind", "by-finding"):
        value = filters.get(name.replace("-", "_"), "")
        field = page.locator(f"#{name}")
        field.fill(value) if name == "search" else field.select_option(value)
    page.wait_for_timeout(200)
    found: dict[str, Any] = page.evaluate(
        """() => {
          const all = (selector) => Array.from(document.querySelectorAll(selector));
          const shown = (selector) => all(selector).filter((one) => !one.closest("[hidden]"));
          return {
            stacks: shown("details.stack").map((one) => one.dataset.stack),
            resources: shown("details.stack tr[data-kind]").length,
            rules: shown("#findings article").map((one) => one.dataset.rule),
            said: document.getElementById("shown").textContent,
          };
        }"""
    )
    return found


def test_search_and_filters_narrow_what_is_shown(
    browser: Browser, pages: dict[str, Path], stacks: dict[str, StackPlan]
) -> None:
    kinds = Counter(resource.type for resource in stacks["vision-dev"].made)

    with opened(browser, pages["three stacks"]) as page:
        everything = shown(page)
        by_stack = shown(page, by_stack="vision-dev")
        by_kind = shown(page, by_kind="network.PrivateEndpoint")
        both = shown(page, by_stack="vision-dev", by_kind="storage.StorageAccount")
        words = shown(page, search="Spot CLUSTER-spot")
        nothing = shown(page, search="no such thing anywhere")
        by_rule = shown(page, by_finding="project-not-linked")

    assert everything["stacks"] == list(stacks)
    assert everything["resources"] == sum(len(stack.made) for stack in stacks.values())
    assert everything["said"] == ""
    assert (by_stack["stacks"], by_stack["resources"]) == (["vision-dev"], len(stacks["vision-dev"].made))
    assert (by_kind["stacks"], by_kind["resources"]) == (["vision-dev"], kinds["azure-native:network:PrivateEndpoint"])
    assert both["said"] == "1 resource"
    assert (words["stacks"], words["resources"]) == (["fraud-dev", "vision-dev"], 2)
    assert (nothing["stacks"], nothing["rules"]) == ([], [])
    assert (by_rule["rules"], by_rule["stacks"], by_rule["resources"]) == (
        ["project-not-linked"],
        ["forecasting-dev"],
        1,
    )
