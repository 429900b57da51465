"""A plan as JSON, version 1: docs/plan.md and `plan.schema.json` beside this file."""

import json
from collections.abc import Iterable, Iterator

from bootstrap.stack.plan.model import StackPlan


def as_json(stacks: Iterable[StackPlan], as_of: str | None = None) -> Iterator[str]:
    """The document, a part for each stack."""
    yield f'{{\n  "schema_version": 1,\n  "as_of": {json.dumps(as_of)},\n  "stacks": ['
    between = "\n    "
    for stack in stacks:
        yield between + json.dumps(stack.document(), indent=2, ensure_ascii=False).replace("\n", "\n    ")
        between = ",\n    "
    yield "\n  ]\n}\n"
