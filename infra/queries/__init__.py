"""The queries of alerts, workbook and documentation, each in a file of its own in the Kusto query language.

A file begins with comment lines: the question that it answers, then which logs hold the answer. Files that begin with
`who-` are for people; most of them can be narrowed to some resource groups in their line `let groups`.
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
    """What the query of that name answers: its first line."""
    return text(name).splitlines()[0].removeprefix("// ")


def of_groups(name: str, groups: str) -> str:
    """The query of that name, narrowed.

    Args:
        name: One that can be narrowed.
        groups: Ids of resource groups in lower case, separated by commas, or the workbook parameter that holds them.

    Raises:
        ValueError: The query cannot be narrowed.
    """
    query = text(name)
    if _ALL_GROUPS not in query:
        raise ValueError(f"the query {name} has no line {_ALL_GROUPS!r}")
    return query.replace(_ALL_GROUPS, f'let groups = "{groups}";')
