"""Sessions of pytest in forked processes: one that measures what each test covers, and one for each mutant.

The parent process imports the third-party packages and nothing of ours: a fork starts at once, and imports the mutant
as if it were the module.
"""

import ast
import builtins
import contextlib
import functools
import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import os
import pickle
import resource
import select
import signal
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

import pytest

from tests.mutants.mutations import Mutant

ROOT = Path(__file__).parents[2]
CODE = ("infra", "bootstrap/manifests")
"""What is changed, and measured."""

_PRELOADED = (
    "grpc", "hypothesis", "pulumi", "pulumi.automation", "pydantic", "ruamel.yaml",
    "rich.console", "typer.testing", "yaml",
    *(
        f"pulumi_azure_native.{name}"
        for name in (
            "applicationinsights", "authorization", "consumption", "containerregistry", "devcenter",
            "devopsinfrastructure", "keyvault", "machinelearningservices", "managedidentity", "monitor", "network",
            "operationalinsights", "privatedns", "resources", "storage",
        )
    ),
)  # fmt: skip


@dataclass
class Covered:
    """What a test runs.

    Attributes:
        lines: The lines of each file, relative to the root.
        seconds: How long it takes alone.
        failed: Whether it fails without any mutant.
    """

    golden: bool
    seconds: float = 0.0
    failed: bool = False
    lines: dict[str, set[int]] = field(default_factory=dict)


@dataclass(frozen=True)
class Verdict:
    """What the tests said about a mutant.

    Attributes:
        noticed_by: The first test that failed, `import` when the tests could not even be collected, `timeout` when they
            did not end, `mypy` when only the types are wrong; None for a mutant that survived.
        golden: Whether that test compares to a golden file.
    """

    noticed_by: str | None
    golden: bool


def preload() -> None:
    """Import what no mutant changes."""
    for name in _PRELOADED:
        importlib.import_module(name)


def forget_ours() -> None:
    """Let a fork import our modules anew, its mutant among them; those that run the mutants stay."""
    for name in list(sys.modules):
        if name.partition(".")[0] in ("infra", "bootstrap", "tests") and not name.startswith("tests.mutants"):
            del sys.modules[name]


class _Loader(importlib.machinery.SourceFileLoader):
    def __init__(self, name: str, path: Path, tree: ast.Module) -> None:
        super().__init__(name, str(path))
        self._tree = tree

    def get_code(self, fullname: str) -> CodeType:
        return compile(self._tree, self.path, "exec")


class _Finder(importlib.abc.MetaPathFinder):
    """Finds modules whose code is another one than in their file."""

    def __init__(self, changed: Callable[[Path], ast.Module | None]) -> None:
        self._changed = changed

    def find_spec(self, fullname: str, path: Any, target: ModuleType | None = None) -> Any:
        parts = Path(*fullname.split("."))
        if not parts.as_posix().startswith(CODE):
            return None
        package = (ROOT / parts / "__init__.py").is_file()
        file = parts / "__init__.py" if package else parts.with_suffix(".py")
        tree = self._changed(file) if (ROOT / file).is_file() else None
        if tree is None:
            return None
        return importlib.util.spec_from_file_location(
            fullname,
            ROOT / file,
            loader=_Loader(fullname, ROOT / file, tree),
            submodule_search_locations=[str(ROOT / parts)] if package else None,
        )


class _Judge:
    """Runs the chosen tests in their order; stops when one fails."""

    def __init__(self, chosen: Sequence[str]) -> None:
        self._order = {test: place for place, test in enumerate(chosen)}
        self.noticed_by: str | None = None

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        items[:] = [item for item in items if item.nodeid in self._order]
        items.sort(key=lambda item: self._order[item.nodeid])

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed and self.noticed_by is None:
            self.noticed_by = report.nodeid

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed and self.noticed_by is None:
            self.noticed_by = "import"


class _Meter:
    """Measures which lines of ours each test runs, with those of its fixtures, and without what caches would hide.

    Each block of each function begins with a call that notes it, and what follows a statement that may leave the block
    begins with another: a tracer would take three times as long.
    """

    def __init__(self) -> None:
        self._blocks: list[tuple[str, set[int]]] = []
        self._noted: dict[str, set[int]] = defaultdict(set)
        self._fixtures: dict[str, set[str]] = {}
        self._failed: set[str] = set()
        self._shared = 0.0
        self.tests: dict[str, Covered] = {}
        self._switch("")
        sys.meta_path.insert(0, _Finder(self._instrumented))

    def _switch(self, context: str) -> None:
        self._context = context
        setattr(builtins, _NOTE, self._noted[context].add)

    def _instrumented(self, file: Path) -> ast.Module:
        tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
        bodies = {id(body): body for function in ast.walk(tree) if _is_function(function) for body in _bodies(function)}
        for body in bodies.values():
            has_docstring = ast.get_docstring(ast.Module(body, [])) is not None and len(body) > 1
            starts = [int(has_docstring), *(place for place, one in enumerate(body[:-1], 1) if _may_leave(one))]
            for first, end in reversed(list(zip(starts, [*starts[1:], len(body)], strict=True))):
                call = ast.Call(ast.Name(_NOTE, ast.Load()), [ast.Constant(len(self._blocks))], [])
                lines = {line for statement in body[first:end] for line in _own_lines(statement)}
                self._blocks.append((file.as_posix(), lines))
                body.insert(first, ast.copy_location(ast.Expr(call), body[first]))
        return ast.fix_missing_locations(tree)

    @contextlib.contextmanager
    def _within(self, context: str) -> Iterator[None]:
        outer = self._context
        self._switch(context)
        try:
            yield
        finally:
            self._switch(outer)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, object, object]:
        _clear_caches()
        started = time.process_time() - self._shared
        with self._within(item.nodeid):
            result = yield
        seconds = time.process_time() - self._shared - started  # without fixtures that its file or session shares
        golden = "golden" in getattr(item, "fixturenames", ())
        self.tests[item.nodeid] = Covered(golden, seconds)
        return result

    @pytest.hookimpl(wrapper=True)
    def pytest_fixture_setup(self, fixturedef: Any) -> Generator[None, object, object]:
        if fixturedef.scope == "function":
            return (yield)
        started = time.process_time()
        with self._within(f"fixture {fixturedef.baseid} {fixturedef.argname}"):
            try:
                return (yield)
            finally:
                self._shared += time.process_time() - started

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            self._failed.add(report.nodeid)

    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        definitions = getattr(item, "_fixtureinfo").name2fixturedefs  # noqa: B009 - pytest's own, and private
        self._fixtures[item.nodeid] = {
            f"fixture {one.baseid} {one.argname}"
            for group in definitions.values()
            for one in group
            if one.scope != "function"
        }

    def finish(self) -> dict[str, Covered]:
        for test, covered in self.tests.items():
            covered.failed = test in self._failed
            for context in (test, *self._fixtures.get(test, ())):
                for block in self._noted.get(context, ()):
                    file, lines = self._blocks[block]
                    covered.lines.setdefault(file, set()).update(lines)
        return self.tests


_NOTE = "__note_block__"


def _is_function(node: ast.AST) -> bool:
    return isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)


def _bodies(function: ast.AST) -> Iterator[list[ast.stmt]]:
    """The blocks of a function, those of nested ones too."""
    for node in ast.walk(function):
        if not isinstance(node, ast.ClassDef | ast.Lambda | ast.IfExp):
            for name in ("body", "orelse", "finalbody"):
                if body := getattr(node, name, None):
                    yield body


def _may_leave(statement: ast.stmt) -> bool:
    """Whether what follows it in its block may not run: it holds a return, a raise, a break or a continue."""
    return not _is_function(statement) and any(
        isinstance(node, ast.Return | ast.Raise | ast.Continue | ast.Break) for node in ast.walk(statement)
    )


def _own_lines(statement: ast.stmt) -> range:
    """All lines of a statement; of one that holds blocks those before the first."""
    body = getattr(statement, "body", None) or getattr(statement, "cases", None)
    end = statement.end_lineno or statement.lineno
    if isinstance(body, list):
        first = body[0].body[0] if isinstance(body[0], ast.match_case) else body[0]
        end = max(statement.lineno, first.lineno - 1)
    return range(statement.lineno, end + 1)


def _clear_caches() -> None:
    """Forget what functions of ours keep: else only the first test that calls them covers what they call."""
    for name, module in list(sys.modules.items()):
        # Not those of infra/rules: they read the SDK's types, which takes seconds.
        if name.startswith(("infra.tables.", "tests.")):
            for value in list(vars(module).values()):
                if isinstance(value, functools._lru_cache_wrapper):
                    value.cache_clear()


def _skip_other_processes() -> None:
    """Skip a test that starts Python or Node.js: a process of its own does not see the mutant."""

    def refuse(event: str, arguments: tuple[Any, ...]) -> None:
        if event == "subprocess.Popen" and Path(str(arguments[0])).name != "git":
            pytest.skip("starts a process, which does not see the mutant")

    sys.addaudithook(refuse)


def measure(files: Sequence[str]) -> dict[str, Covered]:
    """What each test of these files covers."""
    _skip_other_processes()
    meter = _Meter()
    pytest.main([*_OPTIONS, *files], plugins=[meter])
    return meter.finish()


def judge(mutant: Mutant, tests: Sequence[str], golden: Sequence[str]) -> Verdict:
    """Run these tests against a mutant in their order, then those that compare to golden files, until one fails."""
    _skip_other_processes()
    sys.meta_path.insert(0, _Finder(lambda file: mutant.tree(ROOT) if file == mutant.path else None))
    judged = _Judge([*tests, *golden])
    files = list(dict.fromkeys(test.partition("::")[0] for test in (*tests, *golden)))
    code = pytest.main([*_OPTIONS, "-x", *files], plugins=[judged]) if files else pytest.ExitCode.OK
    noticed_by = judged.noticed_by
    if noticed_by is None and code not in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED):
        noticed_by = "import"
    return Verdict(noticed_by, golden=noticed_by in golden)


_OPTIONS = (
    "-q", "-p", "no:cacheprovider", "-p", "no:xdist", "-W", "ignore:Module already imported", "-m", "not slow",
    f"--rootdir={ROOT}",
)  # fmt: skip


def in_forks(tasks: Iterable[Callable[[], Any]], count: int, seconds: float) -> Iterator[tuple[int, Any]]:
    """Run each task in a fork, `count` at a time; its number and result, None if it died or took too long.

    A task is taken from `tasks` when a process is free. It may take so many seconds of the processor, and ten times as
    many of the clock: a loaded machine does not end it, and one that waits for ever ends.
    """
    waiting = enumerate(tasks)
    running: dict[int, tuple[int, int, float]] = {}
    while True:
        while len(running) < count and (following := next(waiting, None)) is not None:
            number, task = following
            pid, pipe = _fork(task, seconds)
            running[pid] = (number, pipe, time.monotonic())
        if not running:
            return
        ready, _, _ = select.select([pipe for _, pipe, _ in running.values()], [], [], 1.0)
        for pid, (number, pipe, started) in list(running.items()):
            if pipe in ready:
                with os.fdopen(pipe, "rb") as stream:
                    sent = stream.read()
            elif time.monotonic() - started > 10 * seconds:
                os.killpg(pid, signal.SIGKILL)
                os.close(pipe)
                sent = b""
            else:
                continue
            os.waitpid(pid, 0)
            del running[pid]
            yield number, pickle.loads(sent) if sent else None


def _fork(task: Callable[[], Any], seconds: float) -> tuple[int, int]:
    """A child process that runs the task, and the pipe that its result comes from."""
    theirs, ours = os.pipe()
    pid = os.fork()
    if pid:
        os.close(ours)
        return pid, theirs
    try:
        os.setpgid(0, 0)
        resource.setrlimit(resource.RLIMIT_CPU, (int(seconds), int(seconds) + 1))
        os.close(theirs)
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, 1)
        os.dup2(nowhere, 2)
        sent = pickle.dumps(task())
        with os.fdopen(ours, "wb") as stream:
            stream.write(sent)
    finally:
        os._exit(0)
