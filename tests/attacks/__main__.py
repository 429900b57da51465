"""`python -m tests.attacks [SECONDS] [SEED] [CAMPAIGN...]`: all campaigns, or some, and a table of figures.

Every input is made from the seed and a number: what failed can be made again.
"""

import argparse
import contextlib
import functools
import json
import math
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import Random
from typing import Any

import yaml

from bootstrap.digest import digest_tree
from bootstrap.model import gate
from bootstrap.model.records import Decision, Evaluation
from bootstrap.stack.deploy.ledger import Ledger
from tests.attacks import deployed, elsewhere
from tests.attacks.environment import ImpossibleHereError
from tests.attacks.mutations import mutated
from tests.attacks.process import forked
from tests.attacks.races import RACES
from tests.attacks.races import run as race_of
from tests.attacks.world import KINDS, Answer, attack, run
from tests.edits import edited, write
from tests.helpers import CONTOSO, run_cli
from tests.kills.commands import COMMANDS, Command, Killing
from tests.kills.harness import import_all
from tests.unit.model.worlds import World, evaluation, register_by_hand

_CASES = Path(__file__).parent / "cases"
_PLATFORM = ("platform.yaml", "links.yaml", "teams/fraud.yaml", "teams/vision.yaml", "teams/forecasting.yaml")
_PROJECT = ("mlops.yaml", "gate.yml")
_STATE = ("*.json",)

Attack = Iterator[tuple[str, Answer]]
"""Attacks of a campaign: what was done, and the answer. `Answer.wrong` has what the campaign itself found."""


@dataclass
class Figures:
    """What a campaign found.

    Attributes:
        wrong: What must never happen and did, with what led to it, by kind.
        skipped: What this machine cannot do.
    """

    attacks: int = 0
    codes: Counter[int | None] = field(default_factory=Counter)
    slowest: float = 0.0
    wrong: dict[str, list[str]] = field(default_factory=lambda: {kind: [] for kind in KINDS})
    skipped: list[str] = field(default_factory=list)


def main(seconds: float, seed: int, names: Sequence[str] = ()) -> int:
    """Run the campaigns and print a row for each; the number of wrong answers.

    The cases and the races run whole; the other campaigns, which have no end, share the time that is left.
    """
    ends = time.monotonic() + seconds
    print(f"| Campaign | Attacks | Exit codes | Slowest | {' | '.join(KINDS)} |")
    print("| --- | ---: | --- | ---: " + "| ---: " * len(KINDS) + "|", flush=True)
    failed = 0
    cases = {f"cases: {file.stem}": functools.partial(hand_made, file) for file in sorted(_CASES.glob("*.yaml"))}
    whole: Mapping[str, Callable[[int, Path], Attack]] = {**cases, "races": races}
    for name in [name for name in whole if not names or name in names]:
        failed += _row(name, _figures(whole[name], float("inf"), seed))
    endless = [name for name in CAMPAIGNS if not names or name in names]
    for number, name in enumerate(endless):
        share = max(5.0, (ends - time.monotonic()) / (len(endless) - number))
        failed += _row(name, _figures(CAMPAIGNS[name], share, seed))
    return failed


def _row(name: str, figures: Figures) -> int:
    """Print a campaign's row; the number of its wrong answers."""
    codes = ", ".join(f"{code}: {count}" for code, count in sorted(figures.codes.items(), key=str))
    counts = " | ".join(str(len(wrong)) for wrong in figures.wrong.values())
    print(f"| {name} | {figures.attacks} | {codes} | {figures.slowest:.1f} s | {counts} |", flush=True)
    for wrong in (one for found in figures.wrong.values() for one in found[:20]):
        print(f"  {wrong}", file=sys.stderr)
    for skipped in figures.skipped:
        print(f"  skipped: {skipped}", file=sys.stderr)
    return sum(map(len, figures.wrong.values()))


def _figures(campaign: Callable[[int, Path], Attack], seconds: float, seed: int) -> Figures:
    figures = Figures()
    deadline = time.monotonic() + seconds
    with tempfile.TemporaryDirectory() as folder:
        for name, answer in campaign(seed, Path(folder)):
            if answer.skipped:
                figures.skipped.append(f"{name}: {answer.skipped}")
                continue
            figures.attacks += 1
            figures.codes[answer.code] += 1
            figures.slowest = max(figures.slowest, answer.seconds)
            for wrong in answer.wrong:
                figures.wrong[wrong.partition(":")[0]].append(f"{name}: {wrong}")
            if time.monotonic() > deadline:
                break
    return figures


def hand_made(file: Path, _seed: int, folder: Path) -> Attack:
    """Every row of a file of cases, in a process of its own."""
    for number, case in enumerate(yaml.safe_load(file.read_text(encoding="utf-8"))):
        try:
            answer = attack(folder / str(number) / "world", case)
        except ImpossibleHereError as why:
            answer = Answer(None, "", "", 0.0, skipped=str(why))
        yield case["name"], answer


def kills(seed: int, folder: Path) -> Attack:
    """Commands that write, each killed at some change or time and called again: `python -m tests.kills` kills more."""
    yield from _kills(seed, folder, [command for command in COMMANDS if not command.slow])


def kills_of_deployments(seed: int, folder: Path) -> Attack:
    """The commands that change what is deployed, killed in the same way."""
    yield from _kills(seed, folder, [command for command in COMMANDS if command.name in ("up", "destroy", "rehearse")])


def _kills(seed: int, folder: Path, commands: Sequence[Command]) -> Attack:
    import_all()
    random = Random(seed)
    ready: dict[str, Killing] = {}
    for _ in range(sys.maxsize):
        command = random.choice(commands)
        if command.name not in ready:
            ready[command.name] = Killing(command, folder / str(len(ready)))
        killing = ready[command.name]
        number = random.randrange(len(killing.changes)) + 1
        yield f"{command.name}, killed at change {number}", killing.kill_at(number).answer
        seconds = random.uniform(0, killing.answer.seconds)
        yield f"{command.name}, killed after {seconds:.3f} s", killing.kill_after(seconds)[-1].answer


def races(_seed: int, folder: Path) -> Attack:
    """Commands started at once on the same files, every race once."""
    for number, race in enumerate(RACES):
        for answer in race_of(race, folder / str(number) / "world"):
            yield race.name, answer


def edits(seed: int, folder: Path) -> Attack:
    """The example's manifests after edits as people make them."""
    root = folder / "world"
    _import_all(root)
    for number in range(seed, sys.maxsize):
        world = edited(number)
        write(world, root)
        yield f"edit {number}", forked(root, ["platform", "validate", "-o", "json"])


def manifests(seed: int, folder: Path) -> Attack:
    """A manifest of the example, mutated; validated and planned."""
    root = folder / "world"
    _import_all(root)
    shutil.copytree(CONTOSO, root, dirs_exist_ok=True)
    for number in range(seed, sys.maxsize):
        path = root / _PLATFORM[number % len(_PLATFORM)]
        original = path.read_bytes()
        path.write_bytes(mutated(original.decode(), number))
        yield f"{path.name}, mutation {number}: validate", forked(root, ["platform", "validate"])
        yield (
            f"{path.name}, mutation {number}: plan",
            forked(root, ["plan", "fraud-dev", "--no-cache", "-o", "markdown"]),
        )
        path.write_bytes(original)


def exports(seed: int, folder: Path) -> Attack:
    """An export of Azure, mutated; a plan compares what it adopts with it."""
    root = folder / "world"
    _import_all(root)
    shutil.copytree(CONTOSO, root, dirs_exist_ok=True)
    original = (root / "exports/forecasting-test.json").read_text(encoding="utf-8")
    command = ["plan", "forecasting-test", "--observed", "mutated.json", "--no-cache"]
    for number in range(seed, sys.maxsize):
        (root / "mutated.json").write_bytes(mutated(original, number))
        yield f"export, mutation {number}", forked(root, command)


def ledgers(seed: int, folder: Path) -> Attack:
    """A line of a ledger, mutated; listed and shown."""
    root = folder / "world"
    _import_all(root)
    shutil.copytree(CONTOSO, root, dirs_exist_ok=True)
    with Ledger(root / ".mlops/deployments", operation="up", versions=[], commit=None, stacks=["hub"]) as ledger:
        ledger.write("stack-started", stack="hub", digest="d")
        ledger.write("resource", stack="hub", urn="urn:pulumi:hub::p::a:b:C::d", action="add", failed=False)
        ledger.write("stack-ended", stack="hub", result="failed", counts={"add": 1}, seconds=1.5, error="quota")
    [path] = root.glob(".mlops/deployments/*.jsonl")
    original = path.read_bytes().splitlines(keepends=True)
    for number in range(seed, sys.maxsize):
        lines = list(original)
        line = number % len(lines)
        lines[line] = mutated(lines[line].decode(), number).replace(b"\n", b"") + b"\n"
        path.write_bytes(b"".join(lines))
        for words in (["list"], ["show", "-o", "json"], ["show"]):
            yield f"ledger, mutation {number}: {words}", forked(root, ["deployments", *words])


def states(seed: int, folder: Path) -> Attack:
    """The state of a stack, mutated; its outputs are read, and its drift is looked for, by the engine."""
    root = folder / "world"
    deployed.platform(root, deployed=True)
    path = root / ".mlops/state/.pulumi/stacks/mlops-bootstrap/hub.json"
    original = path.read_text(encoding="utf-8")
    environment = {"variables": deployed.variables(root.parent)}
    for number in range(seed, sys.maxsize):
        path.write_bytes(mutated(original, number))
        for words in (["outputs", "hub"], ["drift", "hub"]):
            yield f"state, mutation {number}: {words}", run(root, words, environment)


def project(seed: int, folder: Path) -> Attack:
    """The files of a project that people write, mutated; judged and listed."""
    root = _project(folder)
    paths = [root / name for name in _PROJECT]
    for number in range(seed, sys.maxsize):
        path = paths[number % len(paths)]
        original = path.read_bytes()
        path.write_bytes(mutated(original.decode(), number))
        yield f"{path.name}, mutation {number}: gate", forked(root, ["model", "gate"])
        yield f"{path.name}, mutation {number}: list", forked(root, ["model", "list"])
        path.write_bytes(original)


def evidence(seed: int, folder: Path) -> Attack:
    """What a decision depends on, mutated: alone, and an evaluation whose digests in the record are corrected."""
    root = folder / "world"
    world = World(root)
    world.evaluation = evaluation(register_by_hand(root))
    project = world.write()
    gate.write_decision(project, gate.decide(project, gate.find_run(project)))
    _import_all(root)
    [evaluated] = root.glob(".mlops/steps/*/evaluation/evaluation.json")
    [record] = root.glob(".mlops/runs/*/run.json")
    paths = sorted([*root.rglob("*.json"), *root.rglob("train.*"), *root.glob(".mlops/steps/*/model/*"),
                    evaluated.with_name("losses.csv"), root / "uv.lock", root / "gate.yml"])  # fmt: skip
    paths = [path for path in paths if path.parent != root / "components/train"]  # what the run used is a copy
    for number in range(seed, sys.maxsize):
        corrected = number % 2 == 0
        path = evaluated if corrected else paths[number // 2 % len(paths)]
        original, of_record = path.read_bytes(), record.read_bytes()
        changed = mutated(original.decode(), number)
        path.write_bytes(changed)
        if corrected:
            text = of_record.decode().replace(_digest(of_record), digest_tree(evaluated.parent))
            record.write_text(text, encoding="utf-8")
        answer = forked(root, ["model", "gate"] if corrected else ["model", "register", "--dry-run"])
        if answer.code == 0 and (_is_false(original, changed) if corrected else _is_other(original, changed)):
            answer = replace(answer, wrong=(*answer.wrong, "false registration: exit code 0"))
        yield f"{path.relative_to(root)}, mutation {number}", answer
        record.write_bytes(of_record)
        path.write_bytes(original)


def _digest(record: bytes) -> str:
    return str(json.loads(record)["outputs"]["evaluation"]["sha256"])


def _is_other(original: bytes, changed: bytes) -> bool:
    """Whether the content differs, and not only in the form or the time of a decision."""
    with contextlib.suppress(ValueError):
        return bool(_undated(original) != _undated(changed))
    return original != changed


def _undated(text: bytes) -> Any:
    found = Decision.model_validate_json(text)
    return found.model_dump(exclude={"decided_at", "edited_code"})


def _is_false(original: bytes, changed: bytes) -> bool:
    """Whether an evaluation reports another number than the one that follows from the losses."""
    numbers, reported = _numbers(original), _numbers(changed)
    return any(
        not math.isclose(numbers[place], reported[place], rel_tol=1e-5, abs_tol=1e-8)
        for place in numbers.keys() & reported.keys()
    )


def _numbers(text: bytes) -> dict[tuple[str, ...], float]:
    found = Evaluation.model_validate_json(text)
    models = {"challenger": found.challenger, "baseline": found.baseline, "champion": found.champion}
    return {("rows",): found.rows.count} | {
        place: value
        for name, scores in models.items()
        if scores is not None
        for place, value in [
            *(((name, metric), interval.value) for metric, interval in scores.metrics.items()),
            *(
                ((name, column, group, metric), value)
                for column, groups in scores.groups.items()
                for group, values in groups.items()
                for metric, value in values.items()
            ),
        ]
    }


def _project(folder: Path) -> Path:
    """A project with a run, a decision and a registered version."""
    root = folder / "disease-progression"
    for command in (
        ["new", "tabular", str(root), "--defaults"],
        ["run", "-C", str(root)],
        ["model", "gate", "-C", str(root)],
        ["model", "register", "-C", str(root)],
    ):
        done = run_cli(*command, cwd=folder, timeout=600)
        if done.code != 0:
            raise RuntimeError(f"{' '.join(command)}: {done.err[-2000:]}")
    _import_all(root)
    return root


def _import_all(root: Path) -> None:
    """Import in this process what its forks need: they run the same commands."""
    import bootstrap.model.gate
    import bootstrap.stack.plan.program  # noqa: F401
    from bootstrap.cli.main import declare_commands

    declare_commands()

    root.mkdir(parents=True, exist_ok=True)


CAMPAIGNS: Mapping[str, Callable[[int, Path], Attack]] = {
    "kills": kills,
    "kills of deployments": kills_of_deployments,
    "edits of manifests": edits,
    "mutations of manifests": manifests,
    "mutations of exports": exports,
    "mutations of ledgers": ledgers,
    "mutations of states": states,
    "mutations of a project": project,
    "tampered evidence": evidence,
}
"""The campaigns without an end, by name; a campaign gets the seed and an empty folder."""


def _from_command_line(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.attacks", description="Run the campaigns of attacks.")
    parser.add_argument("seconds", type=float, nargs="?", default=600.0, help="the time of all campaigns")
    parser.add_argument("seed", type=int, nargs="?", default=1)
    parser.add_argument("campaigns", nargs="*", help="only these, such as 'races' or 'cases: environments'")
    parser.add_argument("--nobody", action="store_true", help="as a user without rights (needs root)")
    parser.add_argument("--wheel", action="store_true", help="from a wheel in a clean environment")
    given = parser.parse_args(arguments)
    if not given.nobody and not given.wheel:
        return min(1, main(given.seconds, given.seed, given.campaigns))
    with tempfile.TemporaryDirectory() as folder:
        words = [str(given.seconds), str(given.seed), *given.campaigns]
        return elsewhere.run(words, Path(folder), nobody=given.nobody, wheel=given.wheel)


if __name__ == "__main__":
    sys.exit(_from_command_line(sys.argv[1:]))
