"""The drawings of the demo's page are well-formed, complete and safe for any text."""

import itertools
import re
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bootstrap.page.drawing import Bar, Node, graph, intervals

SVG_TEXT = st.text(st.characters(blacklist_categories=("Cc", "Cs"), blacklist_characters="\ufffe\uffff"), max_size=40)


def boxes(svg: str) -> dict[str, tuple[float, float]]:
    """Where each box stands, by its title."""
    found = {}
    for group in ET.fromstring(svg).iter("g"):
        rect, title = group.find("rect"), group.find("text")
        assert rect is not None
        assert title is not None
        found[str(title.text)] = (float(rect.attrib["x"]), float(rect.attrib["y"]))
    return found


def test_what_comes_later_stands_further_to_the_right() -> None:
    nodes = {
        "evaluate": Node("evaluate", after=["train", "prepare"]),
        "prepare": Node("prepare"),
        "train": Node("train", after=["prepare"]),
    }
    places = boxes(graph(nodes, "pipeline"))
    assert places["prepare"][0] < places["train"][0] < places["evaluate"][0]
    assert len(re.findall('class="edge"', graph(nodes, "pipeline"))) == 3


def test_boxes_of_one_layer_do_not_overlap() -> None:
    places = boxes(graph({str(number): Node(str(number)) for number in range(6)}, "six"))
    heights = sorted(y for _, y in places.values())
    assert all(below - above >= 46 for above, below in itertools.pairwise(heights))


def test_a_cycle_is_refused() -> None:
    with pytest.raises(ValueError, match="cycle"):
        graph({"a": Node("a", after=["b"]), "b": Node("b", after=["a"])}, "loop")


def test_an_empty_graph_is_still_a_drawing() -> None:
    ET.fromstring(graph({}, "nothing"))


def test_the_widest_interval_spans_the_scale_and_the_number_lies_in_it() -> None:
    svg = ET.fromstring(intervals([Bar("a", 2, 1, 3), Bar("b", 5, 4, 9)], "rmse"))
    lines = [(float(line.attrib["x1"]), float(line.attrib["x2"])) for line in svg.iter("line")]
    points = [float(circle.attrib["cx"]) for circle in svg.iter("circle")]
    assert lines[0][0] == 110
    assert lines[1][1] == 490
    assert all(low <= point <= high for (low, high), point in zip(lines, points, strict=True))


@given(SVG_TEXT, SVG_TEXT)
def test_any_text_is_drawn_as_text(title: str, subtitle: str) -> None:
    svg = graph({"a": Node(title, subtitle), "b": Node("b", after=["a"])}, title)
    assert len(list(ET.fromstring(svg).iter("g"))) == 2
    ET.fromstring(intervals([Bar(title, 1, 1, 1)], title))
