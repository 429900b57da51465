"""What long work tells of itself while it runs.

A service takes a `Progress` and reports to it; `bootstrap.terminal.console` draws it on a terminal.
"""

from typing import Protocol


class Progress(Protocol):
    """An observer of named tasks; several may be under way at once. Safe to call from several threads."""

    def started(self, task: str) -> None:
        """`task` is under way."""

    def finished(self, task: str, outcome: str = "done") -> None:
        """`task` ended; `outcome` says how in a word or two: "done", "cached", "failed"."""

    def say(self, message: str) -> None:
        """A sentence for the person who waits."""


class Silent:
    """The observer that nobody looks at."""

    def started(self, task: str) -> None:
        """Nothing to show."""

    def finished(self, task: str, outcome: str = "done") -> None:
        """Nothing to show."""

    def say(self, message: str) -> None:
        """Nothing to show."""
