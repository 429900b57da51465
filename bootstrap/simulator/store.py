"""The resources that the simulated Azure has, in a file that several processes share and that survives their end."""

import json
import sqlite3
import threading
from pathlib import Path
from typing import Any


class Store:
    """Resources by id; ids are equal in any case, as Azure's are.

    Args:
        path: The file, created when it is missing; None keeps all in memory.
    """

    def __init__(self, path: Path | None = None) -> None:
        # One connection for all threads of this process, under a lock; SQLite's own lock keeps processes apart.
        self._rows = sqlite3.connect(path or ":memory:", check_same_thread=False, isolation_level=None, timeout=30)
        self._lock = threading.Lock()
        self._execute("CREATE TABLE IF NOT EXISTS resources (key TEXT PRIMARY KEY, id TEXT, inputs TEXT)")

    @property
    def ids(self) -> list[str]:
        """The ids of all resources, in the order of their creation."""
        return [id_ for (id_,) in self._execute("SELECT id FROM resources ORDER BY rowid")]

    def get(self, id_: str) -> dict[str, Any] | None:
        """The inputs that a resource was created with or changed to; None where there is none."""
        found = self._execute("SELECT inputs FROM resources WHERE key = ?", id_.lower())
        return dict(json.loads(found[0][0])) if found else None

    def put(self, id_: str, inputs: dict[str, Any]) -> None:
        """Create or change a resource."""
        self._execute(
            "INSERT INTO resources VALUES (?, ?, ?) ON CONFLICT (key) DO UPDATE SET inputs = excluded.inputs",
            id_.lower(), id_, json.dumps(inputs),
        )  # fmt: skip

    def delete(self, id_: str) -> None:
        """Remove a resource, if there is one."""
        self._execute("DELETE FROM resources WHERE key = ?", id_.lower())

    def _execute(self, statement: str, *values: str) -> list[Any]:
        with self._lock:
            return self._rows.execute(statement, values).fetchall()
