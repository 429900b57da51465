"""The components of a planned stack and which needs which: as a Mermaid flowchart and as boxes of a page.

Both are read from the plan's JSON document, so that the demo, which has only the document, shows the same.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from graphlib import TopologicalSorter
from typing import Any

from bootstrap.page.graph import Node
from bootstrap.stack.report.words import counted


def components(resources: Sequence[Mapping[str, Any]]) -> dict[str, Node]:
    """Return the components of a stack by URN, in the order in which they are declared.

    A component needs those on which one of its resources depends, without those that it needs through others.

    Args:
        resources: As in the plan's document; parents stand before their children.
    """
    top: dict[str, str] = {}
    for resource in resources:
        top[resource["urn"]] = resource["urn"] if resource["parent"] is None else top[resource["parent"]]
    found = {
        resource["urn"]: resource
        for resource in resources
        if resource["parent"] is None and not resource["type"].startswith(("pulumi:", "azure-native:"))
    }
    counts = Counter(top[one["urn"]] for one in resources if one["type"].startswith("azure-native:"))
    needs: dict[str, set[str]] = {urn: set() for urn in found}
    for resource in resources:
        own = top[resource["urn"]]
        if own in needs:
            needs[own] |= {top[urn] for urn in resource["depends_on"] if top.get(urn) in found} - {own}
    indirect: dict[str, set[str]] = {}
    for urn in TopologicalSorter(needs).static_order():
        indirect[urn] = set().union(*(needs[needed] | indirect[needed] for needed in needs[urn]))
    return {
        urn: Node(
            one["name"],
            one["type"].split(":")[-1],
            counted(counts[urn], "resource"),
            [needed for needed in found if needed in needs[urn] - indirect[urn]],
        )
        for urn, one in found.items()
    }


def as_mermaid(resources: Sequence[Mapping[str, Any]]) -> str:
    """Return the components as the text of a Mermaid flowchart."""
    found = components(resources)
    ids = {urn: f"c{number}" for number, urn in enumerate(found)}
    nodes = [f'  {ids[urn]}["{one.title}<br/>{one.subtitle}"]' for urn, one in found.items()]
    edges = [f"  {ids[needed]} --> {ids[urn]}" for urn, one in found.items() for needed in one.needs]
    return "\n".join(["flowchart LR", *nodes, *edges])
