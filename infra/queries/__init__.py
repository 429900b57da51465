"""The Kusto queries of the alerts, the workbook and the documentation, one per file.

A file begins with comments: the question that it answers, then the logs that hold the answer. Files with the prefix
`who-` are for people; most of them can be limited to some resource groups in their line `let groups`.
"""

from pathlib import Path

_FOLDER = Path(__file__).parent
_ALL_GROUPS = 'let groups = "*";'


def names() -> list[str]:
    """The names of all queries, sorted."""
    return sorted(path.stem for path in _FOLDER.glob("*.kql"))


def text(name: str) -> str:
    """The query of that name. Raises FileNotFoundError."""
    return (_FOLDER / f"{name}.kql").read_text(encoding="utf-8")


def question(name: str) -> str:
    """The question that the query of that name answers: its first line."""
    return text(name).splitlines()[0].removeprefix("// ")


def for_groups(name: str, groups: str) -> str:
    """The query of that name, limited to some resource groups if it can be: shared models belong to no team's group.

    Args:
        groups: Ids of resource groups in lower case, separated by commas, or the workbook parameter that holds them.
    """
    return text(name).replace(_ALL_GROUPS, f'let groups = "{groups}";')
