"""A graph without cycles as levels of boxes, for the macro `graph` of `base.html.j2`.

No lines are drawn: each box names the boxes that it needs and links to them. That stays readable with 60 boxes, on a
narrow screen, on paper and without JavaScript.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from graphlib import TopologicalSorter
from typing import Any


@dataclass(frozen=True)
class Node:
    """A box of a graph.

    Attributes:
        title: The line in bold.
        kind: Many boxes of one kind in a level are folded. Also the value of `data-kind`, for the box's colour.
        subtitle: The line below the title.
        needs: The keys of the boxes that this one needs; keys that are not in the graph are ignored.
    """

    title: str
    kind: str
    subtitle: str = ""
    needs: Sequence[str] = ()


def levels(nodes: Mapping[str, Node]) -> list[list[dict[str, Any]]]:
    """Sort boxes into levels: a box is in the first level after those of all boxes that it needs.

    Each box has its `id`, unique in the graph, its `title`, `subtitle` and `kind`, and `needs`: ids and titles.
    Raises graphlib.CycleError.
    """
    ids = {key: number for number, key in enumerate(nodes)}
    needs = {key: [needed for needed in node.needs if needed in nodes] for key, node in nodes.items()}
    sorter = TopologicalSorter(needs)
    sorter.prepare()
    found = []
    while ready := sorter.get_ready():
        sorter.done(*ready)
        found.append(
            [
                {"id": ids[key], "title": nodes[key].title, "kind": nodes[key].kind, "subtitle": nodes[key].subtitle}
                | {"needs": [(ids[needed], nodes[needed].title) for needed in needs[key]]}
                for key in sorted(ready, key=ids.__getitem__)
            ]
        )
    return found
