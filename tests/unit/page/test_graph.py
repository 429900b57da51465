"""A graph becomes levels of boxes."""

import re
from graphlib import CycleError

import pytest

from bootstrap.page import template
from bootstrap.page.graph import Node, levels


def titles(nodes: dict[str, Node]) -> list[list[str]]:
    return [[box["title"] for box in level] for level in levels(nodes)]


def test_a_box_is_in_the_level_after_all_that_it_needs() -> None:
    nodes = {
        "evaluate": Node("evaluate", "job", needs=["train", "prepare"]),
        "prepare": Node("prepare", "job"),
        "train": Node("train", "job", needs=["prepare", "not in the graph"]),
        "clean": Node("clean", "job"),
    }

    assert titles(nodes) == [["prepare", "clean"], ["train"], ["evaluate"]]
    assert levels(nodes)[2][0]["needs"] == [(2, "train"), (1, "prepare")]


def test_a_cycle_is_refused() -> None:
    with pytest.raises(CycleError):
        levels({"a": Node("a", "job", needs=["b"]), "b": Node("b", "job", needs=["a"])})


def test_many_boxes_of_one_kind_are_folded_and_few_are_not() -> None:
    nodes = {str(number): Node(f"box-{number}", "Access" if number < 5 else "Zones") for number in range(9)}

    text = str(template("bootstrap.page", "base.html.j2").module.graph(levels(nodes), "boxes", "g"))  # type: ignore[attr-defined]

    assert re.findall("<summary>(5 . Access)</summary>", text)
    assert "Zones</summary>" not in text
    assert all(f"<b>box-{number}</b>" in text for number in range(9))


def test_a_title_cannot_become_part_of_the_page() -> None:
    nodes = {"a": Node("<script>alert(1)</script>", '"><b>'), "b": Node("b", "x", needs=["a"])}

    text = str(template("bootstrap.page", "base.html.j2").module.graph(levels(nodes), '"<', '"<'))  # type: ignore[attr-defined]

    assert "<script>" not in text
    assert '"><b>"' not in text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in text
