"""The components of a planned stack and which needs which: as a Mermaid flowchart and as a drawing.

It is read from the plan's document, so that whoever has only the JSON draws the same.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bootstrap.page.drawing import Node, graph
from bootstrap.stack.report.words import counted


@dataclass(frozen=True)
class Component:
    """A component.

    Attributes:
        count: How many resources it makes.
        after: The URNs of the components that it needs; not those that it needs through others.
    """

    name: str
    count: int
    after: Sequence[str]


def components(resources: Sequence[Mapping[str, Any]]) -> dict[str, Component]:
    """The components of a stack by URN, in the order in which they are declared.

    Args:
        resources: As in the plan's document; parents stand before what belongs to them.
    """
    top: dict[str, str] = {}
    for resource in resources:
        top[resource["urn"]] = resource["urn"] if resource["parent"] is None else top[resource["parent"]]
    names = {
        resource["urn"]: resource["name"]
        for resource in resources
        if resource["parent"] is None and not resource["type"].startswith(("pulumi:", "azure-native:"))
    }
    counts = Counter(top[one["urn"]] for one in resources if one["type"].startswith("azure-native:"))
    needs: dict[str, set[str]] = {urn: set() for urn in names}
    for resource in resources:
        own = top[resource["urn"]]
        if own in needs:
            needs[own] |= {top[urn] for urn in resource["depends_on"] if top.get(urn) in names} - {own}
    return {
        urn: Component(name, counts[urn], [one for one in names if one in needs[urn] and _is_direct(one, urn, needs)])
        for urn, name in names.items()
    }


def as_mermaid(resources: Sequence[Mapping[str, Any]]) -> str:
    """The components as the text of a Mermaid flowchart."""
    found = components(resources)
    ids = {urn: f"c{number}" for number, urn in enumerate(found)}
    nodes = [f'  {ids[urn]}["{one.name}<br/>{counted(one.count, "resource")}"]' for urn, one in found.items()]
    edges = [f"  {ids[needed]} --> {ids[urn]}" for urn, one in found.items() for needed in one.after]
    return "\n".join(["flowchart LR", *nodes, *edges])


def as_drawing(resources: Sequence[Mapping[str, Any]]) -> str:
    """The components as an SVG element."""
    nodes = {
        urn: Node(one.name, counted(one.count, "resource"), "component", one.after)
        for urn, one in components(resources).items()
    }
    return graph(nodes, counted(len(nodes), "component"))


def _is_direct(needed: str, urn: str, needs: Mapping[str, set[str]]) -> bool:
    """Whether no way leads from `urn` to `needed` through another one: else a line between them says nothing new."""
    seen: set[str] = set()
    waiting = list(needs[urn] - {needed})
    while waiting:
        following = waiting.pop()
        if following == needed:
            return False
        if following not in seen:
            seen.add(following)
            waiting += needs[following]
    return True
