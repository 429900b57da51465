"""Change the code in many small ways, and print which changes no test noticed: `python -m tests.mutants --help`."""

import argparse
import ast
import functools
import hashlib
import os
import pickle
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
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
"""Where the measured coverage is kept, by the digest of code and tests."""
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
        "--seconds", type=float, default=10.0, help="for each mutant, beside golden files (default: 10)"
    )
    arguments = parser.parse_args()

    every = [mutant for path in modules() if arguments.only in path.as_posix() for mutant in mutants_of(ROOT, path)]
    chosen = list(dict.fromkeys(one for seed in arguments.seeds for one in sample(every, arguments.count, seed)))
    started = time.monotonic()
    sys.dont_write_bytecode = False  # each fork reads what the first one compiled
    sessions.preload()
    sessions.forget_ours()
    tests = covered(arguments.processes)
    seconds = time.monotonic() - started
    print(f"{len(every)} possible mutants, {len(chosen)} chosen; {len(tests)} tests measured in {seconds:.0f} s")
    verdicts = judged(chosen, tests, arguments.processes, arguments.seconds)
    return report(chosen, verdicts, arguments.least, time.monotonic() - started)


def modules() -> list[Path]:
    """The modules that are changed, relative to the root."""
    return [path.relative_to(ROOT) for folder in CODE for path in sorted((ROOT / folder).rglob("*.py"))]


def covered(processes: int) -> dict[str, Covered]:
    """What each test covers; measured anew when code or tests are others."""
    paths = [ROOT / test for test in TESTS]
    found_in = [file for path in paths for file in ([path] if path.is_file() else sorted(path.rglob("test_*.py")))]
    files = [file.relative_to(ROOT).as_posix() for file in found_in]
    digest = hashlib.sha256()
    for path in sorted(
        path for folder in ("infra", "bootstrap", "tests", "examples") for path in (ROOT / folder).rglob("*.*")
    ):
        if path.is_file() and path.suffix in (".py", ".yaml", ".json", ".txt", ".kql"):
            digest.update(path.read_bytes())
    kept = KEPT / f"{digest.hexdigest()[:16]}.pickle"
    if not kept.exists():
        tasks = [functools.partial(sessions.measure, [file]) for file in files]
        found: dict[str, Covered] = {}
        for number, measured in sessions.in_forks(tasks, processes, 900):
            if measured is None:
                raise SystemExit(f"{files[number]} does not end")
            found |= measured
        kept.parent.mkdir(parents=True, exist_ok=True)
        kept.write_bytes(pickle.dumps({test: found[test] for test in sorted(found)}))
    loaded: dict[str, Covered] = pickle.loads(kept.read_bytes())
    for test in [test for test, covers in loaded.items() if covers.failed]:
        print(f"left out, since it fails without a mutant: {test}")
        del loaded[test]
    return loaded


def judged(chosen: Sequence[Mutant], tests: Mapping[str, Covered], processes: int, seconds: float) -> list[Verdict]:
    """What the tests say about each mutant."""
    importers = importing()
    noticed: Counter[str] = Counter()

    def tasks() -> Iterator[Callable[[], Verdict]]:
        for mutant in chosen:
            covering = in_order(tests, covering_tests(mutant, tests, importers), noticed)
            golden = [test for test in covering if tests[test].golden]
            yield functools.partial(sessions.judge, mutant, covering, golden, seconds)

    verdicts: dict[int, Verdict] = {}
    for number, verdict in sessions.in_forks(tasks(), processes, 20 * seconds):
        verdicts[number] = verdict or Verdict("timeout", golden=False, ran=0, complete=True)
        by = verdicts[number].noticed_by
        noticed[file_of(by or "")] += 1
        result = f"noticed by {by}" if by is not None else "survived"
        print(f"{len(verdicts)}/{len(chosen)} {chosen[number]}: {result}", flush=True)
    return [verdicts[number] for number in range(len(chosen))]


def covering_tests(mutant: Mutant, tests: Mapping[str, Covered], importers: Mapping[Path, Iterable[Path]]) -> set[str]:
    """Those that run the changed lines; where hardly any does, those that run anything that imports the module.

    What runs at import or is kept by a cache is covered by no test or by the first one.
    """
    file = mutant.path.as_posix()
    found = {test for test, covers in tests.items() if not covers.lines.get(file, set()).isdisjoint(mutant.lines)}
    if len(found) > 2:
        return found
    files = {path.as_posix() for path in importers[mutant.path]}
    return {test for test, covers in tests.items() if not files.isdisjoint(covers.lines)}


def in_order(tests: Mapping[str, Covered], chosen: Iterable[str], noticed: Mapping[str, int]) -> list[str]:
    """File by file: first those that noticed most mutants so far for the time that they take; golden files last."""
    seconds: defaultdict[tuple[bool, str], float] = defaultdict(float)
    for test in chosen:
        seconds[tests[test].golden, file_of(test)] += tests[test].seconds

    def place(test: str) -> tuple[bool, float, str, str]:
        golden, file = tests[test].golden, file_of(test)
        return golden, seconds[golden, file] / (1 + noticed.get(file, 0)), file, test

    return sorted(chosen, key=place)


def file_of(test: str) -> str:
    """The file that a test is in."""
    return test.partition("::")[0]


def importing() -> dict[Path, set[Path]]:
    """For each module itself and all that import it, directly or not."""
    paths = {".".join(path.with_suffix("").parts).removesuffix(".__init__"): path for path in modules()}
    direct: dict[Path, set[Path]] = {path: {path} for path in paths.values()}
    for path in paths.values():
        for node in ast.walk(ast.parse((ROOT / path).read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module:
                for name in (node.module, *(f"{node.module}.{alias.name}" for alias in node.names)):
                    if name in paths:
                        direct[paths[name]].add(path)
    for _ in paths:
        direct = {path: {far for near in direct[path] for far in direct[near]} for path in direct}
    return direct


def report(chosen: Sequence[Mutant], verdicts: Sequence[Verdict], least: float, seconds: float) -> int:
    """Print the table, and the mutants that survived."""
    known = reasons()
    pairs = list(zip(chosen, verdicts, strict=True))
    survived = [mutant for mutant, verdict in pairs if verdict.noticed_by is None]
    golden = [mutant for mutant, verdict in pairs if verdict.golden]
    print(f"\n{'kind':12}{'mutants':>8}{'noticed':>9}{'only by golden files':>22}")
    for kind in (*KINDS, "all"):
        here = [(mutant, verdict) for mutant, verdict in pairs if kind in (mutant.kind, "all")]
        noticed = sum(verdict.noticed_by is not None for _, verdict in here)
        print(f"{kind:12}{len(here):8}{noticed:9}{sum(verdict.golden for _, verdict in here):22}")
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
