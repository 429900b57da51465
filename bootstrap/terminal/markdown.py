"""Text in Markdown."""

_ESCAPES = str.maketrans(
    {
        **{character: f"\\{character}" for character in "\\`*_[]!|~"},
        "&": "&amp;",
        "<": "&lt;",
        ">": "&gt;",
        "@": "&#64;<!-- -->",  # a mention is a name directly after the character
    }
)


def escaped(text: str) -> str:
    """Text on one line, of which a forge makes no markup, HTML or mention, in a table and elsewhere."""
    return " ".join(text.split()).translate(_ESCAPES)
