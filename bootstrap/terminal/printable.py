"""Text from others for a terminal and for the log of a CI job, both of which obey what a program prints.

A terminal obeys control characters; characters for bidirectional text change the order of what it shows
(https://trojansource.codes). The runner of GitHub obeys a line that begins with `::`, and `##[` anywhere in a line; the
agent of Azure DevOps obeys `##vso[`:
https://github.com/actions/runner/blob/main/src/Runner.Common/ActionCommand.cs
https://learn.microsoft.com/azure/devops/pipelines/scripts/logging-commands
"""

import re

BIDIRECTIONAL = "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"
"""The characters that change the order of text, for a set of a regular expression."""

_OBEYED = re.compile(
    rf"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff{BIDIRECTIONAL}]"
    r"|\r(?!\n)|##(?:vso)?\[|^[^\S\n]*::",
    re.IGNORECASE | re.MULTILINE,
)


def printable(text: str) -> str:
    r"""The text with an escape such as `\u001b` in place of each character that would be obeyed.

    In a JSON document the escape is in a string and means the character, so that the document stays the same.
    """
    return _OBEYED.sub(lambda found: f"{found[0][:-1]}\\u{ord(found[0][-1]):04x}", text)
