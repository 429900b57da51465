"""Runs the entry script of a parallel job: `init()` once in each process, then `run(mini_batch)` for each mini-batch.

Runs under the project's Python, in the folder with the job's code. `bootstrap.pipeline.read` writes the command:
`mlops_parallel.py SETTINGS INPUT APPEND_ROW_TO ENTRY_SCRIPT [ARGUMENTS]`, with the settings as JSON; an empty
APPEND_ROW_TO keeps no rows. https://learn.microsoft.com/azure/machine-learning/reference-yaml-job-parallel
"""

import glob
import importlib.util
import inspect
import json
import multiprocessing
import queue
import re
import sys
import traceback
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.connection import Connection
from pathlib import Path
from types import SimpleNamespace
from typing import Any

_UNITS = {"": 1, "kb": 1024, "mb": 1024**2, "gb": 1024**3}
_TABLE_BYTES = 1024**2
"""The size of a mini-batch of a table, if the job has none."""

_READERS = {"read_delimited": "read_csv", "read_parquet": "read_parquet", "read_json_lines": "read_json"}
"""The transformations of an MLTable that are read here, and the function of pandas for each."""

Batch = tuple[Any, dict[str, Any]]
"""A list of files or a table, and the values of its partition keys."""


def mini_batches(path: Path, size: str, keys: list[str]) -> list[Batch]:
    """Divide an input into mini-batches."""
    found: Any = _ml_table(path) if (path / "MLTable").is_file() else _files(path)
    if keys and isinstance(found, list):
        sys.exit("partition_keys need an input of type mltable with a table.")
    if keys:
        groups = found.groupby(keys)
        return [(rows.reset_index(drop=True), dict(zip(keys, values, strict=True))) for values, rows in groups]
    if isinstance(found, list):
        if not (size or "1").isdecimal():
            sys.exit(f"The input consists of files: mini_batch_size must be a number of files (found {size}).")
        count = max(1, int(size or 1))
        return [(found[at : at + count], {}) for at in range(0, len(found), count)]
    row_bytes = max(1, found.memory_usage(index=False, deep=True).sum() // max(1, len(found)))
    count = max(1, int(_bytes(size) // row_bytes))
    return [(found[at : at + count].reset_index(drop=True), {}) for at in range(0, len(found), count)]


def _files(path: Path) -> list[str]:
    return [str(file) for file in sorted(path.rglob("*")) if file.is_file()] if path.is_dir() else [str(path)]


def _bytes(size: str) -> int:
    found = re.fullmatch(r"(\d+)([kmg]b)?", size.lower())
    return int(found[1]) * _UNITS[found[2] or ""] if found else _TABLE_BYTES


def _ml_table(folder: Path) -> Any:
    """The table that an MLTable file describes, or the files that it lists."""
    try:
        import pandas as pd  # type: ignore[import-untyped]
        import yaml
    except ImportError as error:
        sys.exit(f"This job reads an MLTable: {error}. Add them to the project: uv add pandas pyyaml")
    described = yaml.safe_load((folder / "MLTable").read_text(encoding="utf-8"))
    files: list[str] = []
    for entry in described["paths"]:
        for kind, path in entry.items():
            local = str(folder / path.removeprefix("file://"))
            found = glob.glob(local, recursive=True)  # noqa: PTH207 - the pattern may be absolute
            files += sorted(found) if kind == "pattern" else _files(Path(local))
    steps = [{step: {}} if isinstance(step, str) else step for step in described.get("transformations") or []]
    unknown = [name for step in steps for name in step if name not in _READERS]
    if unknown:
        sys.exit(f"These transformations of the MLTable are not read here: {', '.join(unknown)}.")
    if not steps:
        return files
    [(name, options)] = steps[0].items()
    arguments: dict[str, Any] = {"lines": True} if name == "read_json_lines" else {}
    if name == "read_delimited":
        header = (options or {}).get("header", "all_files_same_headers")
        arguments = {"sep": (options or {}).get("delimiter", ","), "header": None if header == "no_header" else 0}
    return pd.concat([getattr(pd, _READERS[name])(file, **arguments) for file in files], ignore_index=True)


def work(connection: Connection, entry: str, arguments: list[str]) -> None:
    """In a process of its own: load the entry script, and run the mini-batches that arrive."""
    sys.argv = [entry, *arguments]
    sys.path.insert(0, str(Path(entry).resolve().parent))
    spec = importlib.util.spec_from_file_location("entry_script", entry)
    if spec is None or spec.loader is None:
        sys.exit(f"{entry} is not a Python file.")
    script = importlib.util.module_from_spec(spec)
    sys.modules["entry_script"] = script
    spec.loader.exec_module(script)
    getattr(script, "init", lambda: None)()
    takes_context = len(inspect.signature(script.run).parameters) > 1
    connection.send(None)
    while (message := connection.recv()) is not None:
        index, batch, values = message
        context = [SimpleNamespace(mini_batch_id=index, partition_key_value=values)] if takes_context else []
        try:
            result = script.run(batch, *context)
            connection.send((len(result), _rows(result)))
        except Exception:  # noqa: BLE001 - the entry script is the user's
            connection.send(traceback.format_exc())
    getattr(script, "shutdown", lambda: None)()


def _rows(result: Any) -> list[str]:
    """The lines for `append_row_to`: of a table without header, its values separated by spaces."""
    if hasattr(result, "to_csv"):
        return list(result.to_csv(sep=" ", header=False, index=False).splitlines())
    return [str(one) for one in result]


class _Worker:
    """A process that runs one mini-batch after the other; a new one takes its place when it ends or hangs."""

    def __init__(self, entry: str, arguments: list[str], retries: int, timeout: float) -> None:
        self._start = entry, arguments
        self._retries, self._timeout = retries, timeout
        self._process: Any = None
        self._connection: Any = None

    def run(self, index: int, batch: Batch) -> tuple[int, list[str]] | None:
        """The number of results of a mini-batch, and their rows; None if it failed."""
        for attempt in range(self._retries + 1):
            answer = self._ask((index, *batch))
            if isinstance(answer, tuple):
                return answer
            print(f"mini-batch {index}, attempt {attempt + 1}: {answer}", flush=True)  # noqa: T201
        return None

    def _ask(self, message: Any) -> Any:
        if self._process is None:
            context = multiprocessing.get_context("spawn")
            self._connection, other = context.Pipe()
            self._process = context.Process(target=work, args=(other, *self._start), daemon=True)
            self._process.start()
            other.close()
            try:
                self._connection.recv()
            except EOFError:
                sys.exit("The entry script cannot be loaded, or its init() failed.")
        try:
            self._connection.send(message)
            if self._connection.poll(self._timeout):
                return self._connection.recv()
            problem = f"ended after {self._timeout:g} s, its retry_settings.timeout"
        except (EOFError, ConnectionError):
            problem = "its process ended"
        self._process.kill()
        self._process.join()
        self._process = None
        return problem

    def end(self) -> None:
        if self._process is not None:
            self._connection.send(None)
            self._process.join()


def main(settings: dict[str, Any], path: str, rows_path: str, entry: str, arguments: list[str]) -> None:
    """Run all mini-batches; exit with a message if more of them fail than are allowed."""
    batches = mini_batches(Path(path), settings["mini_batch_size"], settings["partition_keys"])
    count = max(1, min(settings["concurrency"], len(batches)))
    workers = [_Worker(entry, arguments, settings["max_retries"], settings["timeout"]) for _ in range(count)]

    free: queue.SimpleQueue[_Worker] = queue.SimpleQueue()
    for worker in workers:
        free.put(worker)

    def one(at: int) -> tuple[int, list[str]] | None:
        worker = free.get()
        try:
            return worker.run(at, batches[at])
        finally:
            free.put(worker)

    with ThreadPoolExecutor(count) as pool:
        results = list(pool.map(one, range(len(batches))))
    for worker in workers:
        worker.end()
    failed = results.count(None)
    items = sum(len(batch) - (result[0] if result else 0) for (batch, _), result in zip(batches, results, strict=True))
    print(f"{len(batches)} mini-batches, {failed} failed; {items} items without a result", flush=True)  # noqa: T201
    if rows_path:
        rows = [row for result in results if result for row in result[1]]
        Path(rows_path).write_text("".join(f"{row}\n" for row in rows), encoding="utf-8")
    for found, key in ((failed, "mini_batch_error_threshold"), (items, "error_threshold")):
        if 0 <= settings[key] < found:
            sys.exit(f"{found} failed, and {key} is {settings[key]}.")


if __name__ == "__main__":
    main(json.loads(sys.argv[1]), sys.argv[2], sys.argv[3], sys.argv[4], sys.argv[5:])
