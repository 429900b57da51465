"""docs/glossary.md names every public class, and no class that does not exist."""

import ast
import re

from tests.helpers import ROOT


def public_classes() -> set[str]:
    return {
        node.name
        for folder in ("bootstrap", "infra")
        for path in (ROOT / folder).rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_")
    }


def test_glossary_names_the_public_classes() -> None:
    page = (ROOT / "docs" / "glossary.md").read_text(encoding="utf-8")

    named = set(re.findall(r"`(?:[a-z.]+\.)?([A-Z][A-Za-z]+)`", page))

    assert named == public_classes()
