"""The start of the command line compared to Copier's."""

from pathlib import Path

from benchmarks.project import COPIER, OURS, ROOT
from benchmarks.timing import Promise, Row, compare, seconds


def help_page(_folder: Path) -> Row:
    """`--help` compared to `copier --help`."""
    return _against_copier("--help")


def version(_folder: Path) -> Row:
    """`--version` compared to `copier --help`."""
    return _against_copier("--version")


def _against_copier(option: str) -> Row:
    timing = compare(lambda: seconds([OURS, option], ROOT), lambda: seconds([COPIER, "--help"], ROOT), rounds=9)
    return Row(f"`{option}`", timing, "`copier --help`", Promise(ratio=0.5, seconds=0.2))
