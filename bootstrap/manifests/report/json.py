"""The report as one JSON document, described in docs/platform.md."""

import json
from collections.abc import Sequence

from bootstrap.errors import Problem
from bootstrap.manifests.report import file_name, message


def render(stacks: Sequence[str], errors: Sequence[Problem], warnings: Sequence[Problem]) -> str:
    """A document with `valid`, and each problem with its position."""
    problems = [
        {
            "severity": severity,
            "file": file_name(problem),
            "line": problem.position.line,
            "column": problem.position.column,
            "message": problem.message,
            "suggestion": problem.suggestion or None,
        }
        for severity, found in (("error", errors), ("warning", warnings))
        for problem in found
    ]
    document = {
        "schema_version": 1,
        "valid": not errors,
        "stacks": list(stacks),
        "warnings": [message(problem) for problem in warnings],
        "problems": problems,
    }
    return json.dumps(document, indent=2, ensure_ascii=False)
