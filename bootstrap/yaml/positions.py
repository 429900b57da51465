"""A YAML document as plain values, with the line and column of every key and value."""

import functools
import operator
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bootstrap.errors import InputError, Position, Problem

Location = tuple[str | int, ...]
"""A path of keys and indexes into a document."""


@dataclass
class Document:
    """A document as plain Python values, with their positions.

    Attributes:
        data: Mappings, lists, strings, numbers, booleans and None.
        keys: The position of each key (or list item), by its location.
        values: The position of each value, by its location.
    """

    path: Path
    data: Any
    keys: dict[Location, Position] = field(default_factory=dict)
    values: dict[Location, Position] = field(default_factory=dict)

    def position(self, location: Location, *, of_key: bool = False) -> Position:
        """The position of the value (or key) at `location`, or of the nearest value around it that is in the file."""
        positions = self.keys if of_key else self.values
        for length in range(len(location), -1, -1):
            if location[:length] in positions:
                return positions[location[:length]]
            positions = self.values
        return Position(self.path, 1, 1)

    def value(self, location: Location) -> Any:
        """The value at `location`, one of `values`."""
        return functools.reduce(operator.getitem, location, self.data)


def invalid(path: Path, problems: Sequence[Problem]) -> InputError:
    """The error that reports all problems of a document."""
    count = "a mistake" if len(problems) == 1 else f"{len(problems)} mistakes"
    return InputError(f"{path} has {count}.", problems=problems, hint="Correct the file and run the command again.")
