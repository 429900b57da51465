"""The expressions of commands: `${{inputs.NAME}}`, `${{outputs.NAME}}`, and optional sections `$[[ ]]`.

https://learn.microsoft.com/azure/machine-learning/reference-yaml-core-syntax
"""

import re

EXPRESSION = re.compile(r"\$\{\{((?:(?!\}\}|\$\{\{).)*)\}\}")
OPTIONAL = re.compile(r"\$\[\[((?:(?!\]\]|\$\[\[).)*)\]\]", re.DOTALL)
"""Each ends where the next one begins, so that a text of many that never end is read once."""


def references(text: str) -> list[tuple[str, str]]:
    """The expressions of a command, as pairs of kind ("inputs", "outputs" or an unknown word) and name."""
    return [(kind, name) for kind, _, name in (one.strip().partition(".") for one in EXPRESSION.findall(text))]


def joined(command: str) -> str:
    """The command with continued lines (a backslash at the end) joined, as a shell does."""
    return command.replace("\\\n", " ").strip()
