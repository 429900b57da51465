"""The expressions of commands: `${{inputs.NAME}}`, `${{outputs.NAME}}`, and optional sections `$[[ ]]`.

As in Azure ML, values are put into the command's text, which a shell then reads: the author of the command quotes.
https://learn.microsoft.com/azure/machine-learning/reference-yaml-core-syntax
"""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

EXPRESSION = re.compile(r"\$\{\{((?:(?!\}\}|\$\{\{).)*)\}\}")
OPTIONAL = re.compile(r"\$\[\[((?:(?!\]\]|\$\[\[).)*)\]\]", re.DOTALL)
"""Each ends where the next one begins, so that a text of many that never end is read once."""


def references(text: str) -> list[tuple[str, str]]:
    """The expressions of a command, as pairs of kind ("inputs", "outputs" or an unknown word) and name."""
    return [(kind, name) for kind, _, name in (one.strip().partition(".") for one in EXPRESSION.findall(text))]


def command_text(command: str, inputs: Mapping[str, str | float | Path], outputs: Mapping[str, Path]) -> str:
    """The command with the values in place of the expressions, as the shell receives it.

    An optional section `$[[ ]]` is left out if one of its inputs has no value.
    """

    def given(section: re.Match[str]) -> str:
        return section[1] if all(name in inputs for kind, name in references(section[1]) if kind == "inputs") else ""

    def fill(expression: re.Match[str]) -> str:
        kind, _, name = expression[1].strip().partition(".")
        return value_text(inputs[name] if kind == "inputs" else outputs[name])

    return EXPRESSION.sub(fill, OPTIONAL.sub(given, command))


def value_text(value: str | float | Path) -> str:
    """A value as it is put into commands: `True`, as azure-ai-ml writes it; paths with forward slashes."""
    return value.as_posix() if isinstance(value, Path) else str(value)


def structure_changes(command: str, inputs: Mapping[str, str | float | Path]) -> Iterator[tuple[str, str]]:
    """The inputs whose values the shell would not read as plain text, each with the quoting that is safe for it.

    White space in a value without quotes is no problem: it separates words, as in Azure ML.
    """
    for name, quote in _quoted(command):
        value = value_text(inputs.get(name, ""))
        if _SPECIAL[quote].search(value):
            quoted = [f"{one}${{{{inputs.{name}}}}}{one}" for one in "\"'" if not _SPECIAL[one].search(value)]
            yield name, f"Write {quoted[0]}." if quoted else "No quotes are safe for it: put it into a file."


_SPECIAL = {
    "": re.compile(r"[^\w \t@%+=:,./~^-]|(?<!\S)~"),
    '"': re.compile(r'["$`\\]'),
    "'": re.compile("'"),
}
"""What is special to a shell, without quotes and in quotes.

https://pubs.opengroup.org/onlinepubs/9799919799/utilities/V3_chap02.html#tag_19_02
"""

_TOKEN = re.compile(EXPRESSION.pattern + r"""|\\.|(?P<quote>["'])|(?<!\S)#""", re.DOTALL)


def open_quote(command: str) -> str:
    """The quote of a command that has no end, if any: the shell would refuse it. A here-document may have any."""
    return "" if "<<" in command else list(_quoted(command))[-1][1]


def _quoted(command: str) -> Iterator[tuple[str, str]]:
    """The inputs that a command refers to, and the quotes around each: `"`, `'` or none. The last one is its end."""
    command = OPTIONAL.sub(r"\1", command)
    quote, at = "", 0
    while token := _TOKEN.search(command, at):
        at = token.end()
        if token[1] is not None:
            kind, _, name = token[1].strip().partition(".")
            if kind == "inputs":
                yield name, quote
        elif token["quote"]:
            quote = "" if quote == token["quote"] else quote or token["quote"]
        elif token[0] == "#" and not quote:
            at = command.find("\n", at) % (len(command) + 1)  # the end of the comment
        elif quote == "'":
            at = token.start() + 1  # in single quotes a backslash is no special character
    yield "", quote
