"""The ledger of a deployment: what was started, what ended and how, one JSON document a line, only ever appended.

Every line has `at`, the time in UTC, and `event`:

| event | further keys |
| --- | --- |
| `started` | `schema_version`, `operation`, `by`, `versions`, `commit`, `backend`, `resumes`, `stacks` |
| `stack-started` | `stack`, `digest` of what the operation would change |
| `resource` | `stack`, `urn`, `action`, `failed` |
| `stack-ended` | `stack`, `result` (`done`, `unchanged`, `failed`), `counts`, `seconds`, `error` |
| `ended` | `result` (`done`, `failed`, `interrupted`), `seconds` |

`stacks` are names, in their order.

Lines about the start and the end of stacks and deployments are on the disk before the work goes on. A power failure can
cut off the last line, which is left out when the ledger is read; another damaged line is an error.
"""

import getpass
import json
import os
import secrets
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

from pydantic import create_model
from pydantic_core import from_json

from bootstrap.errors import InputError, Position, Problem, did_you_mean
from bootstrap.files import read_bounded
from bootstrap.processes import shell_line

FOLDER = "deployments"
"""The folder below the platform's `.mlops` that holds the ledgers, one file each."""

_MAX_BYTES = 2**28
"""The size of the largest ledger that is read: that of a million resources."""

_ON_DISK = ("started", "stack-started", "stack-ended", "ended")

_REQUIRED = {
    "started": {"operation", "stacks"},
    "stack-started": {"stack"},
    "stack-ended": {"stack", "result"},
    "ended": {"result"},
}
"""The keys without which a line cannot be read, by its event."""


class Ledger:
    """The open ledger of a deployment that is under way. Several threads may write.

    Args:
        folder: Where the ledgers are.

    Attributes:
        failed: Whether a stack failed.
    """

    failed = False

    def __init__(self, folder: Path, **started: Any) -> None:
        self.id = f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{secrets.token_hex(2)}"
        folder.mkdir(parents=True, exist_ok=True)
        self._file = (folder / f"{self.id}.jsonl").open("x", encoding="utf-8")
        self._lock = threading.Lock()
        self._started = time.monotonic()
        self.write("started", schema_version=1, by=_user(), **started)

    def write(self, event: str, **values: Any) -> None:
        """Append a line. Raises OSError when the disk does not take it."""
        at = datetime.now(UTC).isoformat(timespec="milliseconds")
        line = json.dumps({"at": at, "event": event, **values}, ensure_ascii=False)
        with self._lock:
            self._file.write(f"{line}\n")
            self._file.flush()
            if event in _ON_DISK:
                os.fsync(self._file.fileno())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, type_: type[BaseException] | None, *_: object) -> None:
        interrupted = type_ is not None and issubclass(type_, KeyboardInterrupt)
        result = "interrupted" if interrupted else "failed" if type_ is not None or self.failed else "done"
        try:
            self.write("ended", result=result, seconds=round(time.monotonic() - self._started, 1))
        finally:
            self._file.close()


@dataclass(frozen=True)
class Deployment:
    """A deployment, as its ledger records it.

    Attributes:
        result: `done`, `failed`, `interrupted`; `unknown` where the process was killed or still runs.
        stacks: By stack, in order, the values of its last line: `result`, `counts`, `seconds`, `error`. `result`
            is `waiting` where it did not start, and `unknown` where it did not end.
    """

    id: str
    started: Mapping[str, Any]
    result: str = "unknown"
    stacks: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    @property
    def unfinished(self) -> list[str]:
        """The stacks that are not done, in their order."""
        return [name for name, stack in self.stacks.items() if stack["result"] not in ("done", "unchanged")]

    def document(self) -> dict[str, Any]:
        """The deployment as JSON."""
        return {**self.started, "id": self.id, "result": self.result, "stacks": dict(self.stacks)}


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user without a name; OSError from Python 3.13 on
        return "unknown"


def deployments(folder: Path) -> list[Deployment]:
    """All deployments whose ledgers are in the folder, the latest first. Raises InputError when one is damaged."""
    return [_read(path) for path in sorted(folder.glob("*.jsonl"), reverse=True)]


def deployment(folder: Path, id_: str | None = None) -> Deployment:
    """A deployment by its id; the latest one without. Raises InputError when there is none, or it is damaged."""
    known = {path.stem: path for path in folder.glob("*.jsonl")}
    name = id_ if id_ is not None else max(known, default="")
    if name not in known:
        raise InputError(
            f"There is no deployment {id_!r} in {folder}." if id_ else f"There is no deployment in {folder} yet.",
            hint=did_you_mean(name, known) if known else "Start one: mlops-bootstrap up STACK",
        )
    return _read(known[name])


def to_resume(folder: Path, id_: str) -> Deployment:
    """The deployment by its id, or the `latest` one, whose stacks `up` continues.

    Raises:
        InputError: There is none, it was no `up`, or it has finished all its stacks.
    """
    found = deployment(folder, None if id_ == "latest" else id_)
    if not found.started:
        raise InputError(
            f"Deployment {found.id} recorded nothing: it ended before any stack was started.",
            hint="Start another one: mlops-bootstrap up STACK",
        )
    if found.started["operation"] != "up":
        raise InputError(
            f"Deployment {found.id} is no up: it is a {found.started['operation']}.",
            hint=f"Continue it with: {shell_line('mlops-bootstrap', 'destroy', *found.unfinished)}",
        )
    if not found.unfinished:
        raise InputError(f"Deployment {found.id} has finished all its stacks.")
    return found


_LINE = create_model(
    "_LINE", event=(str, ...), operation=(str, ""), by=(str, ""), backend=(str, ""), stacks=(list[str], []),
    stack=(str, ""), result=(str, ""), counts=(dict[str, int], {}),
)  # fmt: skip
"""The types of the keys that are read: a ledger that something else wrote is refused."""


def _read(path: Path) -> Deployment:
    """The deployment of a ledger. Raises InputError when it is none, or damaged."""
    lines = _lines(path)
    started = next(lines, {})
    stacks: dict[str, Mapping[str, Any]] = {name: {"result": "waiting"} for name in started.get("stacks", [])}
    result = "unknown"
    for line in lines:
        if line["event"] == "stack-started":
            stacks[line["stack"]] = {"result": "unknown"}
        elif line["event"] == "stack-ended":
            values = {key: line[key] for key in ("counts", "seconds", "error") if key in line}
            stacks[line["stack"]] = {"result": line["result"], **values}
        elif line["event"] == "ended":
            result = line["result"]
    return Deployment(path.stem, started, result, stacks)


def _lines(path: Path) -> Iterator[Mapping[str, Any]]:
    """The lines of a ledger, without a last one that was cut off. Raises InputError when one is damaged."""
    for number, text in enumerate(read_bounded(path, most=_MAX_BYTES).split(b"\n")[:-1], 1):
        try:
            line = from_json(text, allow_inf_nan=False)
            _LINE.model_validate(line, strict=True)
            complete = line.keys() >= _REQUIRED.get(line["event"], set())
        except ValueError:
            complete = False
        if not complete or (number == 1) != (line["event"] == "started"):
            raise InputError(
                f"{path} is no ledger, or it is damaged.",
                problems=[Problem(Position(path, number, 1), "this line is not as it was written.")],
                why="A power failure cuts off the last line only: the file was edited, or the disk has a fault.",
                hint="Restore the file from a backup, or move it out of this folder. The states do not depend on it: "
                "mlops-bootstrap up STACK deploys what is missing.",
            )
        yield line


def versions() -> Sequence[str]:
    """The versions that decide what a deployment does: of this tool, of Pulumi and of the provider."""
    from importlib.metadata import version

    return [f"{name} {version(name)}" for name in ("mlops-bootstrap", "pulumi", "pulumi-azure-native")]
