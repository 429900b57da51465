"""The resources that the simulated Azure has, in a file that several processes share and that survives their end.

Time there is a number in the file: what waits moves it, and takes none.
"""

import json
import sqlite3
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bootstrap.simulator.ids import arm_type

_TABLES = (
    "resources (key TEXT PRIMARY KEY, id TEXT, type TEXT, inputs TEXT, created REAL)",
    "deleted (key TEXT PRIMARY KEY, id TEXT, type TEXT, at REAL)",
    "numbers (name TEXT PRIMARY KEY, value REAL)",
    "notes (text TEXT PRIMARY KEY)",
)


class Store:
    """Resources by id; ids are equal in any case, as Azure's are.

    Args:
        path: The file, created when it is missing; None keeps all in memory.
    """

    def __init__(self, path: Path | None = None) -> None:
        # One connection for all threads of this process, under a lock; SQLite's own lock keeps processes apart.
        self._rows = sqlite3.connect(path or ":memory:", check_same_thread=False, isolation_level=None, timeout=30)
        self._lock = threading.Lock()
        # What a killed process has written is there without it; only a power failure would lose it.
        self._execute("PRAGMA synchronous = OFF")
        for table in _TABLES:
            self._execute(f"CREATE TABLE IF NOT EXISTS {table}")

    @property
    def ids(self) -> list[str]:
        """The ids of all resources, in the order of their creation."""
        return [id_ for (id_,) in self._execute("SELECT id FROM resources ORDER BY rowid")]

    @property
    def now(self) -> float:
        """The time in seconds, which only `advance` moves."""
        return self.number("clock", 0)

    def advance(self, seconds: float) -> None:
        """Let time go by."""
        self._execute(
            "INSERT INTO numbers VALUES ('clock', ?) ON CONFLICT (name) DO UPDATE SET value = value + excluded.value",
            seconds,
        )

    @property
    def notes(self) -> list[str]:
        """What the simulation did not know."""
        return [text for (text,) in self._execute("SELECT text FROM notes ORDER BY rowid")]

    def note(self, text: str) -> None:
        """Keep something that the simulation does not know, once."""
        self._execute("INSERT OR IGNORE INTO notes VALUES (?)", text)

    def number(self, name: str, default: float) -> float:
        """A number that all processes share."""
        found = self._execute("SELECT value FROM numbers WHERE name = ?", name)
        return float(found[0][0]) if found else default

    def set_number(self, name: str, value: float) -> None:
        """Set a number that all processes share."""
        self._execute("INSERT OR REPLACE INTO numbers VALUES (?, ?)", name, value)

    def get(self, id_: str) -> dict[str, Any] | None:
        """The inputs that a resource was created with or changed to; None where there is none."""
        found = self._execute("SELECT inputs FROM resources WHERE key = ?", id_.lower())
        return dict(json.loads(found[0][0])) if found else None

    def of_type(self, type_: str) -> list[tuple[str, dict[str, Any]]]:
        """The ids and inputs of the resources of an ARM type in lower case."""
        found = self._execute("SELECT id, inputs FROM resources WHERE type = ?", type_)
        return [(id_, json.loads(inputs)) for id_, inputs in found]

    def count(self, type_: str) -> int:
        """How many resources there are of an ARM type in lower case."""
        return int(self._execute("SELECT count(*) FROM resources WHERE type = ?", type_)[0][0])

    def find(self, type_: str, values: Mapping[str, str]) -> list[str]:
        """The ids of the resources of an ARM type whose inputs have these values at their paths, in any case."""
        statement = "SELECT id FROM resources WHERE type = ? AND lower(json_extract(inputs, ?)) = ?"
        found = [
            {id_ for (id_,) in self._execute(statement, type_, f"$.{path}", str(value).lower())}
            for path, value in values.items()
        ]
        return sorted(set.intersection(*found))

    def created_after(self, type_: str, time: float) -> list[str]:
        """The ids of the resources of an ARM type that were created after a time."""
        found = self._execute("SELECT id FROM resources WHERE type = ? AND created > ?", type_, time)
        return [id_ for (id_,) in found]

    def deleted(self, type_: str) -> list[tuple[str, float]]:
        """The ids of deleted resources of an ARM type, and when each was deleted."""
        return [(id_, at) for id_, at in self._execute("SELECT id, at FROM deleted WHERE type = ?", type_)]

    def put(self, id_: str, inputs: Mapping[str, Any], now: float = 0) -> None:
        """Create or change a resource.

        Args:
            now: When it is created.
        """
        self._execute(
            "INSERT INTO resources VALUES (?, ?, ?, ?, ?) ON CONFLICT (key) DO UPDATE SET inputs = excluded.inputs",
            id_.lower(), id_, arm_type(id_), json.dumps(inputs), now,
        )  # fmt: skip

    def delete(self, id_: str, now: float = 0) -> None:
        """Remove a resource, if there is one, with all that is below it.

        Args:
            now: When it is deleted.
        """
        below = (id_.lower(), len(id_) + 1, f"{id_.lower()}/")
        self._execute(
            "INSERT OR REPLACE INTO deleted SELECT key, id, type, ? FROM resources "
            "WHERE key = ? OR substr(key, 1, ?) = ?",
            now, *below,
        )  # fmt: skip
        self._execute("DELETE FROM resources WHERE key = ? OR substr(key, 1, ?) = ?", *below)

    def _execute(self, statement: str, *values: str | float) -> list[Any]:
        with self._lock:
            return self._rows.execute(statement, values).fetchall()
