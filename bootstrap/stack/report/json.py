"""JSON, version 1: docs/plan.md. The schema of a plan is `plan.schema.json` in this folder."""

import json
from collections.abc import Iterable, Iterator
from typing import Any

from bootstrap.stack.diff.difference import Baseline, StackDiff
from bootstrap.stack.plan.model import StackPlan

LISTS_ERRORS = False


def render_plan(stacks: Iterable[StackPlan], as_of: str | None, _show: str) -> Iterator[str]:
    """The document, a part for each stack."""
    yield from _document("as_of", as_of, stacks)


def render_diff(baseline: Baseline, stacks: Iterable[StackDiff]) -> Iterator[str]:
    """The document: docs/plan.md."""
    yield from _document("against", baseline.document(), stacks)


def _document(key: str, value: Any, stacks: Iterable[StackPlan | StackDiff]) -> Iterator[str]:
    yield f'{{\n  "schema_version": 1,\n  "{key}": {json.dumps(value)},\n  "stacks": ['
    between = "\n    "
    for stack in stacks:
        yield between + json.dumps(stack.document(), indent=2, ensure_ascii=False).replace("\n", "\n    ")
        between = ",\n    "
    yield "\n  ]\n}\n"
