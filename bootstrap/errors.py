"""What can go wrong, and the exit code of each kind.

A service raises one of these classes and knows nothing of terminals; `bootstrap.cli.main` alone turns them into a
message and an exit code. Every error says what happened, why, and what to do next. The codes are a promise to scripts:
docs/exit-codes.md.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from typing import ClassVar


class ExitCode(IntEnum):
    """The command line's exit codes. Scripts rely on them: none ever changes its meaning."""

    DONE = 0
    FAULT = 1
    INPUT = 2
    MISSING = 3
    CONFLICT = 4
    REFUSED = 5
    REMOTE = 6
    LOCKED = 7
    INTERRUPTED = 130
    UNREAD = 141


@dataclass(frozen=True, slots=True)
class Position:
    """A place in a file; line and column count from 1."""

    path: Path
    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.path}:{self.line}:{self.column}"


@dataclass(frozen=True)
class Problem:
    """One mistake in a document, with its position and what to write instead, if that is known."""

    position: Position
    message: str
    suggestion: str = ""

    def __str__(self) -> str:
        return f"{self.position}: {self.message}" + (f" {self.suggestion}" if self.suggestion else "")


class BootstrapError(Exception):
    """A failure that the user can understand and act on.

    Attributes:
        what: One sentence: what happened.
        why: The reason, with the offending value and the place that it came from; may be empty.
        hint: What to do next, best as a command that can be pasted; may be empty.
        details: One line for each problem.
        problems: The mistakes that have a position in a file; `details` has them too.
    """

    exit_code: ClassVar[ExitCode]

    def __init__(
        self,
        what: str,
        *,
        why: str = "",
        hint: str = "",
        details: Iterable[str] = (),
        problems: Iterable[Problem] = (),
    ) -> None:
        super().__init__(what)
        self.what = what
        self.why = why
        self.hint = hint
        self.problems = tuple(problems)
        self.details = (*map(str, self.problems), *details)

    def __str__(self) -> str:
        return "\n".join(line for line in (self.what, *self.details, self.why, self.hint) if line)


class InputError(BootstrapError):
    """Wrong usage or wrong input: an argument, a manifest, an answer, a pipeline, a rule file."""

    exit_code = ExitCode.INPUT


class MissingError(BootstrapError):
    """Something that the command needs is not here: an extra, a tool, a login, a right, a file of an earlier step."""

    exit_code = ExitCode.MISSING


class ConflictError(BootstrapError):
    """A person must decide: a merge conflict, a folder that is not empty, a replaced resource, a one-way change."""

    exit_code = ExitCode.CONFLICT


class RefusedError(BootstrapError):
    """Checked, and the answer is no: a gate, a policy, a validation."""

    exit_code = ExitCode.REFUSED


class RemoteError(BootstrapError):
    """The other side failed, after retries: Azure, a forge, a package registry."""

    exit_code = ExitCode.REMOTE


class LockedError(BootstrapError):
    """Somebody else is at work on the same thing."""

    exit_code = ExitCode.LOCKED


_MOST_COMPARED, _MOST_LISTED = 2000, 50
"""Known names that are compared, about 10 ms, and that are listed."""


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name that was probably meant by `name`, or None when nothing is close or too many are known."""
    from difflib import get_close_matches

    known = list(known)
    matches = get_close_matches(name, known, n=1, cutoff=0.6) if len(known) <= _MOST_COMPARED else []
    return matches[0] if matches else None


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """A sentence for `hint`: the nearest known name, else all of them."""
    known = sorted(known)
    match = nearest(name, known)
    if match:
        return f"Did you mean {match!r}?"
    more = f" and {len(known) - _MOST_LISTED:,} more" if len(known) > _MOST_LISTED else ""
    return f"Known: {', '.join(known[:_MOST_LISTED])}{more}." if known else ""
