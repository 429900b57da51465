"""docs/real-subscription.md names rules and tests that are there, for every line."""

import ast
import re
from pathlib import Path

import pytest

from infra.rules.rules import RULES

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "real-subscription.md"
ROWS = [
    line.strip("| ").split(" | ") for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("| ")
]
HELD = {row[0]: row[2] for row in ROWS[2:]}


@pytest.mark.parametrize("what", HELD)
def test_files_that_hold_a_line_exist(what: str) -> None:
    names = re.findall(r"`([^`]+)`", HELD[what])

    assert names, "nothing holds it"
    for name in names:
        if "::" in name:
            path, test = name.split("::")
            tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
            assert test in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}, name
        else:
            assert name in RULES
