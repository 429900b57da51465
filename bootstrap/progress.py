"""Reports of long work while it runs. `bootstrap.terminal.console` draws them on a terminal."""


class Progress:
    """An observer of named tasks, of which several may run at once. This one ignores them; subclasses show them.

    Safe to call from several threads.
    """

    def started(self, task: str, within: str = "") -> None:
        """`task` has started; it is a part of the task `within`, if that is given."""

    def finished(self, task: str, outcome: str = "done") -> None:
        """`task` has ended; `outcome` is "done", "cached", "failed" or the like."""

    def say(self, message: str) -> None:
        """A sentence for the user."""
