"""Text in Markdown."""

import re
from collections.abc import Iterable

_ESCAPES = str.maketrans(
    {
        **{character: f"\\{character}" for character in "\\`*_[]!|~$"},
        "&": "&amp;",
        "<": "&lt;",
        ">": "&gt;",
        "@": "&#64;<!-- -->",  # a mention is a name directly after the character
    }
)

_LINKED = re.compile(r"(?<=:)(?=//)|(?<=www)(?=\.)|(?<!&#)(?<=#)(?=[0-9])|(?<=\bGH-)(?=[0-9])|^(?=#)", re.IGNORECASE)
"""Where a comment keeps a forge from making a link of an address, of an issue's number, or a heading.

https://github.github.com/gfm/#autolinks-extension-
https://docs.github.com/get-started/writing-on-github/working-with-advanced-formatting/autolinked-references-and-urls
"""


def escaped(text: str) -> str:
    """Text on one line, of which a forge makes no markup, HTML, link or mention, in a table and elsewhere."""
    return _LINKED.sub("<!-- -->", " ".join(text.split()).translate(_ESCAPES))


def code(text: str) -> str:
    """Text on one line as code, in a table and elsewhere."""
    text = " ".join(text.split())
    return f"<code>{escaped(text)}</code>" if re.search(r"[`|]", text) or not text else f"`{text}`"


def fenced(language: str, lines: Iterable[str]) -> str:
    """Lines as a block of code. A line cannot end the block: the fence is longer than any run of backticks in them.

    https://spec.commonmark.org/0.31.2/#fenced-code-blocks
    """
    text = "\n".join(" ".join(line.splitlines()) for line in lines)
    fence = "`" * max([3, *(len(run) + 1 for run in re.findall("`{3,}", text))])
    return f"{fence}{language}\n{text}\n{fence}"
