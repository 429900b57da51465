"""Change the code in many small ways, and print which changes no test noticed: `python -m tests.mutants --help`."""

import argparse
import ast
import functools
import hashlib
import itertools
import os
import pickle
import re
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import yaml

from tests.mutants import sessions
from tests.mutants.mutations import KINDS, Mutant, mutants_of, sample
from tests.mutants.sessions import CODE, ROOT, Covered, Verdict

TESTS = (
    "tests/unit/infra", "tests/unit/manifests", "tests/unit/pricing", "tests/unit/stack",
    "tests/integration/test_bad_manifests.py", "tests/integration/test_init.py", "tests/integration/test_plan.py",
    "tests/integration/test_validate.py",
)  # fmt: skip
"""Folders and files of the tests that run the changed code in their own process."""
KEPT = ROOT / ".tools" / "mutants"
"""Where measured coverage and verdicts are kept, by the digest of code and tests: an interrupted run continues."""
SURVIVORS = Path(__file__).parent / "survivors.yaml"
"""Why mutants survive: by file and change, the reason."""


def main() -> int:
    """Run; 1 when fewer mutants were noticed than must be."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutants", description=__doc__)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2], help="one sample for each (default: 1 2)")
    parser.add_argument("--count", type=int, default=170, help="mutants of each seed (default: 170)")
    parser.add_argument("--only", default="", help="only modules whose path contains this")
    parser.add_argument("--least", type=float, default=95.0, help="percent that must be noticed (default: 95)")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 2)
    parser.add_argument(
        "--seconds", type=float, default=30.0, help="of tests for each mutant, beside golden files (default: 30)"
    )
    arguments = parser.parse_args()

    every = [mutant for path in modules() if arguments.only in path.as_posix() for mutant in mutants_of(ROOT, path)]
    chosen = list(dict.fromkeys(one for seed in arguments.seeds for one in sample(every, arguments.count, seed)))
    started = time.monotonic()
    sys.dont_write_bytecode = False  # each fork reads what the first one compiled
    sessions.preload()
    sessions.forget_ours()
    kept = KEPT / digest()
    kept.mkdir(parents=True, exist_ok=True)
    tests = covered(kept / "coverage.pickle", arguments.processes)
    seconds = time.monotonic() - started
    print(f"{len(every)} possible mutants, {len(chosen)} chosen; {len(tests)} tests measured in {seconds:.0f} s")
    verdicts = judged(chosen, tests, kept / f"verdicts-{arguments.seconds}", arguments.processes, arguments.seconds)
    return report(chosen, verdicts, arguments.least, time.monotonic() - started)


def modules() -> list[Path]:
    """The modules that are changed, relative to the root."""
    return [path.relative_to(ROOT) for folder in CODE for path in sorted((ROOT / folder).rglob("*.py"))]


def digest() -> str:
    """Of code and tests: when they are others, everything is measured anew."""
    found = hashlib.sha256()
    for path in sorted(
        path for folder in ("infra", "bootstrap", "tests", "examples") for path in (ROOT / folder).rglob("*.*")
    ):
        if path.is_file() and path.suffix in (".py", ".yaml", ".json", ".txt", ".kql") and path != SURVIVORS:
            found.update(path.read_bytes())
    return found.hexdigest()[:16]


def test_files() -> list[Path]:
    """The files of tests, relative to the root."""
    paths = [ROOT / test for test in TESTS]
    found_in = [file for path in paths for file in ([path] if path.is_file() else sorted(path.rglob("test_*.py")))]
    return [file.relative_to(ROOT) for file in found_in]


def covered(kept: Path, processes: int) -> dict[str, Covered]:
    """What each test covers."""
    if not kept.exists():
        files = [file.as_posix() for file in test_files()]
        tasks = [functools.partial(sessions.measure, [file]) for file in files]
        found: dict[str, Covered] = {}
        for number, measured in sessions.in_forks(tasks, processes, 900):
            if measured is None:
                raise SystemExit(f"{files[number]} does not end")
            found |= measured
        kept.write_bytes(pickle.dumps({test: found[test] for test in sorted(found)}))
    loaded: dict[str, Covered] = pickle.loads(kept.read_bytes())
    for test in [test for test, covers in loaded.items() if covers.failed]:
        print(f"left out, since it fails without a mutant: {test}")
        del loaded[test]
    return loaded


def judged(
    chosen: Sequence[Mutant], tests: Mapping[str, Covered], kept: Path, processes: int, seconds: float
) -> list[Verdict]:
    """What the tests say about each mutant, then mypy; verdicts that were kept are not asked for again."""
    verdicts: dict[str, Verdict] = {}
    if kept.exists():
        with kept.open("rb") as read:
            while read.peek():
                verdicts.update(pickle.load(read))
    missing = [mutant for mutant in chosen if mutant.key not in verdicts]
    nearest = Nearest(tests)

    def tasks() -> Iterator[Callable[[], Verdict]]:
        for mutant in missing:
            yield functools.partial(sessions.judge, mutant, *nearest.to(mutant, seconds))

    with kept.open("ab") as stream:
        for number, found in sessions.in_forks(tasks(), processes, 10 * seconds):
            verdict = found or Verdict("timeout", golden=False)
            if verdict.noticed_by is None and mistypes(missing[number]):
                verdict = Verdict("mypy", golden=False)
            verdicts[missing[number].key] = verdict
            pickle.dump({missing[number].key: verdict}, stream)
            stream.flush()
            result = f"noticed by {verdict.noticed_by}" if verdict.noticed_by is not None else "survived"
            print(f"{len(verdicts)}/{len(chosen)} {missing[number]}: {result}", flush=True)
    return [verdicts[mutant.key] for mutant in chosen]


def mistypes(mutant: Mutant) -> bool:
    """Whether mypy, which `make check` runs, reports what it does not report of the module without the mutant."""
    return not type_errors(mutant.path, ast.unparse(mutant.tree(ROOT))) <= type_errors(
        mutant.path, ast.unparse(ast.parse((ROOT / mutant.path).read_text(encoding="utf-8")))
    )


@functools.cache
def type_errors(path: Path, text: str) -> frozenset[str]:
    """What mypy reports when a module has this text, without the lines."""
    with tempfile.TemporaryDirectory() as folder:
        shadow = Path(folder) / path.name
        shadow.write_text(text, encoding="utf-8")
        options = ["--cache-dir", str(KEPT / "mypy"), "--shadow-file", str(path), str(shadow)]
        done = subprocess.run(
            [sys.executable, "-m", "mypy", *options], cwd=ROOT, capture_output=True, text=True, check=False
        )
    if done.returncode not in (0, 1):
        raise RuntimeError(f"mypy failed on {path}: {done.stderr}{done.stdout}")
    return frozenset(re.sub(r":\d+:", ":", line) for line in done.stdout.splitlines() if ": error: " in line)


class Nearest:
    """Finds the tests that are the likeliest to notice a mutant, the same ones on an idle and on a loaded machine."""

    def __init__(self, tests: Mapping[str, Covered]) -> None:
        self._tests = tests
        self._importers = importing()
        self._runs = Counter(
            (file, line) for covers in tests.values() for file, lines in covers.lines.items() for line in lines
        )
        self._rare = {
            (test, file): sum(1 / self._runs[file, line] for line in lines)
            for test, covers in tests.items()
            for file, lines in covers.lines.items()
        }
        self._of_file = Counter(file_of(test) for test in tests)
        self._words = {test: words_of_tests(Path(file_of(test))).get(function_of(test), set()) for test in tests}

    def to(self, mutant: Mutant, seconds: float) -> tuple[list[str], list[str]]:
        """The nearest tests that take so many seconds together, and those of golden files."""
        near = {test: self._nearness(mutant, test, covers) for test, covers in self._tests.items()}
        ordered = sorted((test for test in near if near[test] > 0), key=lambda test: (-near[test], test))
        golden = [test for test in ordered if self._tests[test].golden]
        others = [test for test in ordered if not self._tests[test].golden]
        spent = itertools.accumulate(self._tests[test].seconds for test in others)
        chosen = [test for test, until in zip(others, spent, strict=True) if until <= seconds]
        return chosen, golden

    def _nearness(self, mutant: Mutant, test: str, covers: Covered) -> float:
        """More, if it runs the change, lines near it, lines that few other tests run, few other lines, and names it.

        Constants of a module run at import, in no test: modules that import it, and tests that do, count a little.
        """
        file = mutant.path.as_posix()
        lines = covers.lines.get(file, set())
        near = 0.0 if lines.isdisjoint(mutant.lines) else 1.0
        for line in lines:
            distance = 0 if line in mutant.lines else min(abs(line - mutant.lines[0]), abs(line - mutant.lines[-1]))
            near += 1 / self._runs[file, line] / (1 + distance)
        near += sum(self._rare.get((test, importer.as_posix()), 0) for importer in self._importers[mutant.path]) / 100
        if Path(file_of(test)) in self._importers[mutant.path]:
            near += 1 / self._of_file[file_of(test)] / 10
        named = 1 + 10 * len(words(mutant.before) & self._words[test])
        return named * near / (50 + sum(map(len, covers.lines.values())))


def file_of(test: str) -> str:
    """The file that a test is in."""
    return test.partition("::")[0]


def function_of(test: str) -> str:
    """The function of a test, without its parameters."""
    return test.partition("[")[0].rpartition("::")[2]


@functools.cache
def words_of_tests(file: Path) -> dict[str, set[str]]:
    """The words of each test function in a file."""
    functions = ast.walk(ast.parse((ROOT / file).read_text(encoding="utf-8")))
    return {one.name: words(ast.unparse(one)) for one in functions if isinstance(one, ast.FunctionDef)}


def words(text: str) -> set[str]:
    """The names in a text, alike for Python's spelling and Azure's; short ones are in every test."""
    return {word.replace("_", "").lower() for word in re.findall(r"\w{8,}", text)}


def importing() -> dict[Path, set[Path]]:
    """For each module the modules and the files of tests that import it themselves."""
    paths = {".".join(path.with_suffix("").parts).removesuffix(".__init__"): path for path in modules()}
    found: dict[Path, set[Path]] = {path: set() for path in paths.values()}
    for path in (*paths.values(), *test_files()):
        for node in ast.walk(ast.parse((ROOT / path).read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module:
                for name in (node.module, *(f"{node.module}.{alias.name}" for alias in node.names)):
                    if name in paths:
                        found[paths[name]].add(path)
    return found


def report(chosen: Sequence[Mutant], verdicts: Sequence[Verdict], least: float, seconds: float) -> int:
    """Print the table, and the mutants that survived."""
    known = reasons()
    pairs = list(zip(chosen, verdicts, strict=True))
    survived = [mutant for mutant, verdict in pairs if verdict.noticed_by is None]
    golden = [mutant for mutant, verdict in pairs if verdict.golden]
    print(f"\n{'kind':12}{'mutants':>8}{'noticed':>9}{'only by golden files':>22}{'only by mypy':>14}")
    for kind in (*KINDS, "all"):
        here = [(mutant, verdict) for mutant, verdict in pairs if kind in (mutant.kind, "all")]
        noticed = sum(verdict.noticed_by is not None for _, verdict in here)
        by_golden, by_mypy = (
            sum(verdict.golden for _, verdict in here),
            sum(verdict.noticed_by == "mypy" for _, verdict in here),
        )
        print(f"{kind:12}{len(here):8}{noticed:9}{by_golden:22}{by_mypy:14}")
    print("\nOnly golden files noticed:")
    for mutant in golden:
        print(f"  {mutant}")
    print("\nSurvivors:")
    for mutant in survived:
        reason = known.get(mutant.path.as_posix(), {}).get(mutant.change, "no reason is known: a test is missing")
        print(f"  {mutant}\n    {reason}")
    share = 100 * (1 - len(survived) / max(1, len(chosen)))
    print(f"\n{share:.1f} % of {len(chosen)} mutants noticed in {seconds:.0f} s; {len(golden)} only by golden files")
    return 0 if share >= least else 1


def reasons() -> dict[str, dict[str, str]]:
    """Why mutants survive: by file and change, the reason."""
    return dict(yaml.safe_load(SURVIVORS.read_text(encoding="utf-8")) or {})


if __name__ == "__main__":
    sys.exit(main())
