"""Drawings for the page, as SVG text: a graph in layers from left to right, and numbers with their intervals.

The colours are the page's (CSS classes); everything that comes from outside is escaped.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape

_WIDTH, _HEIGHT = 176, 46
_GAP_X, _GAP_Y = 56, 18
_MARGIN = 8


@dataclass(frozen=True)
class Node:
    """A box of a graph.

    Attributes:
        title: The line in bold.
        subtitle: The line below it.
        kind: A CSS class of the page, for its colour.
        after: The keys of the boxes that come before this one.
    """

    title: str
    subtitle: str = ""
    kind: str = ""
    after: Sequence[str] = ()


def graph(nodes: Mapping[str, Node], label: str) -> str:
    """The graph of `nodes`, without cycles, as an SVG element; what comes later stands further to the right.

    Args:
        nodes: The boxes by key; keys in `after` that are not among them are passed over.
        label: What the drawing shows, for those who cannot see it.
    """
    layers = _layers(nodes)
    tallest = max(map(len, layers), default=0)
    width = 2 * _MARGIN + len(layers) * (_WIDTH + _GAP_X) - _GAP_X
    height = 2 * _MARGIN + tallest * (_HEIGHT + _GAP_Y) - _GAP_Y
    places = {
        key: (
            _MARGIN + column * (_WIDTH + _GAP_X),
            _MARGIN + row * (_HEIGHT + _GAP_Y) + (tallest - len(layer)) * (_HEIGHT + _GAP_Y) / 2,
        )
        for column, layer in enumerate(layers)
        for row, key in enumerate(layer)
    }
    edges = [_edge(places[before], places[key]) for key in nodes for before in nodes[key].after if before in places]
    boxes = [_box(nodes[key], *place) for key, place in places.items()]
    return (
        f'<svg class="graph" role="img" aria-label="{escape(label)}" viewBox="0 0 {width} {height:g}" '
        f'style="max-width:{width}px">{"".join(edges + boxes)}</svg>'
    )


def _layers(nodes: Mapping[str, Node]) -> list[list[str]]:
    """The keys by distance from the start (longest path), each layer ordered by where its predecessors stand."""
    depth: dict[str, int] = {}
    waiting = {key: [before for before in node.after if before in nodes] for key, node in nodes.items()}
    while waiting:
        ready = [key for key, before in waiting.items() if not any(one in waiting for one in before)]
        if not ready:
            raise ValueError(f"the graph has a cycle among {sorted(waiting)}")
        for key in ready:
            depth[key] = 1 + max((depth[before] for before in waiting[key]), default=-1)
        waiting = {key: before for key, before in waiting.items() if key not in depth}
    layers: list[list[str]] = [[] for _ in range(1 + max(depth.values(), default=-1))]
    row: dict[str, float] = {}
    for key in sorted(depth, key=lambda key: depth[key]):
        layers[depth[key]].append(key)
    for layer in layers:
        layer.sort(key=lambda key: _mean([row[before] for before in nodes[key].after if before in row]))
        row |= {key: float(index) for index, key in enumerate(layer)}
    return layers


def _mean(numbers: Sequence[float]) -> float:
    return sum(numbers) / len(numbers) if numbers else 0.0


def _edge(start: tuple[float, float], end: tuple[float, float]) -> str:
    x1, y1 = start[0] + _WIDTH, start[1] + _HEIGHT / 2
    x2, y2 = end[0], end[1] + _HEIGHT / 2
    bend = (x2 - x1) / 2
    return f'<path class="edge" d="M{x1:g} {y1:g} C{x1 + bend:g} {y1:g} {x2 - bend:g} {y2:g} {x2:g} {y2:g}"/>'


def _box(node: Node, x: float, y: float) -> str:
    title, subtitle = _fit(node.title, 23), _fit(node.subtitle, 27)
    return (
        f'<g class="node {escape(node.kind)}"><title>{escape(node.title)} {escape(node.subtitle)}</title>'
        f'<rect x="{x:g}" y="{y:g}" width="{_WIDTH}" height="{_HEIGHT}" rx="6"/>'
        f'<text class="title" x="{x + 10:g}" y="{y + 20:g}">{escape(title)}</text>'
        f'<text class="subtitle" x="{x + 10:g}" y="{y + 36:g}">{escape(subtitle)}</text></g>'
    )


def _fit(text: str, length: int) -> str:
    return text if len(text) <= length else text[: length - 1] + "…"


@dataclass(frozen=True)
class Bar:
    """A number with its interval, and who it belongs to."""

    label: str
    value: float
    low: float
    high: float
    kind: str = ""


def intervals(bars: Sequence[Bar], label: str) -> str:
    """Numbers of one metric under each other, with their intervals, on one scale, as an SVG element."""
    low, high = min(bar.low for bar in bars), max(bar.high for bar in bars)
    spread = (high - low) or 1.0
    left, width, right, row = 110, 380, 90, 26

    def x(number: float) -> float:
        return round(left + (number - low) / spread * width, 1)

    rows = [
        f'<g class="bar {escape(bar.kind)}"><text x="{left - 12}" y="{row * index + 18}" text-anchor="end">'
        f"{escape(bar.label)}</text>"
        f'<line x1="{x(bar.low)}" x2="{x(bar.high)}" y1="{row * index + 14}" y2="{row * index + 14}"/>'
        f'<circle cx="{x(bar.value)}" cy="{row * index + 14}" r="4.5"/>'
        f'<text class="number" x="{left + width + 12}" y="{row * index + 18}">{bar.value:.4g}</text>'
        f"<title>{escape(bar.label)}: {bar.value:.4g} ({bar.low:.4g} to {bar.high:.4g})</title></g>"
        for index, bar in enumerate(bars)
    ]
    size = f"0 0 {left + width + right} {row * len(bars) + 4}"
    return (
        f'<svg class="intervals" role="img" aria-label="{escape(label)}" viewBox="{size}" '
        f'style="max-width:{left + width + right}px">{"".join(rows)}</svg>'
    )
