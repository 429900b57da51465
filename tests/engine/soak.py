"""`python -m tests.engine.soak [KILLS]`: `up --all` is killed at random moments; afterwards the states are complete.

Each state is compared with that of a deployment which nothing disturbed, and what exists in the simulated Azure with
both. The table has a row for each victim.
"""

import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from tests.engine.estate import Estate, new_estate
from tests.engine.executable import find_or_build
from tests.engine.states import differences, resources
from tests.helpers import Done

KILLS = ("command", "engine", "both")
"""What is killed: our command, the engines that it started, or all of them at once."""

_PATIENCE = 120
"""Seconds that an engine has to end after its command was killed."""


class Soak:
    """Deployments that are killed, in folders below `folder`.

    Args:
        seed: Decides when the kills happen.
    """

    def __init__(self, folder: Path, seed: int) -> None:
        self._folder = folder
        self._seed = seed
        os.environ["PATH"] = os.pathsep.join([str(find_or_build().parent), os.environ["PATH"]])
        self._undisturbed = new_estate(folder / "undisturbed")
        with _started(self._undisturbed) as process:
            _, err = process.communicate()
            assert process.returncode == 0, err
        self._expected = resources(self._undisturbed)
        self.ended: Counter[str] = Counter()

    def wrong_after(self, victim: str, number: int) -> list[str]:
        """Kill a deployment at a random moment, complete it, and return what is wrong then."""
        estate = new_estate(self._folder / f"{victim}-{number}")
        choice = random.Random(f"{self._seed} {victim} {number}")
        # Resources, not seconds: how long a deployment takes depends on what else runs here.
        count, delay = choice.randrange(len(self._undisturbed.azure.ids)), choice.uniform(0, 0.5)
        with _started(estate) as process:
            while len(estate.azure.ids) < count and process.poll() is None:
                time.sleep(0.02)
            time.sleep(delay)
            engines = engines_of(process.pid)
            self.ended[victim] += process.poll() is not None
            if victim != "engine":
                process.kill()
            if victim != "command":
                for engine in engines:
                    os.kill(engine, signal.SIGKILL)
            process.communicate()
        recovered = _patiently(estate, "recover", "--all", "--yes")
        done = estate.run("up", "--all", "--yes", "--confirm", "hub")
        wrong = [f"recover: {recovered.err}"] if recovered.code else []
        wrong += [f"up: {done.err}"] if done.code else []
        wrong += differences(estate, self._expected)
        return [f"{victim} after {count} resources and {delay:.2f} s: {one}" for one in wrong]


def _started(estate: Estate) -> "subprocess.Popen[str]":
    path = os.pathsep.join([str(estate.root.parent / "bin"), os.environ["PATH"]])
    return subprocess.Popen(
        [sys.executable, "-m", "bootstrap", "up", "--all", "--yes", "--confirm", "hub"],
        cwd=estate.root,
        env={**os.environ, **estate.env, "PATH": path},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def engines_of(process: int) -> list[int]:
    """The engines that a process has started; they are children of it, in groups of their own."""
    listed = subprocess.run(["pgrep", "-x", "pulumi", "-P", str(process)], capture_output=True, text=True, check=False)
    return [int(one) for one in listed.stdout.split()]


def _patiently(estate: Estate, *arguments: str) -> Done:
    """Run a command, again and again while an engine that lost its command is still at work."""
    deadline = time.monotonic() + _PATIENCE
    while (done := estate.run(*arguments)).code == 7 and time.monotonic() < deadline:
        time.sleep(1)
    return done


def table(rows: Mapping[str, tuple[int, int, list[str]]]) -> str:
    """The result: kills, those that came after the end, and what was wrong, by victim."""
    lines = ["| Killed | Kills | After the end | Wrong |", "| --- | ---: | ---: | ---: |"]
    return "\n".join(
        [*lines, *(f"| {name} | {kills} | {late} | {len(wrong)} |" for name, (kills, late, wrong) in rows.items())]
    )


def main(kills: int) -> int:
    """Kill so many deployments, print the table, and return 1 when something was wrong."""
    rows: dict[str, tuple[int, int, list[str]]] = {}
    with tempfile.TemporaryDirectory() as folder:
        soak = Soak(Path(folder), seed=20261125)
        for index, victim in enumerate(KILLS):
            share = len(range(index, kills, len(KILLS)))
            wrong = [one for number in range(share) for one in soak.wrong_after(victim, number)]
            rows[victim] = share, soak.ended[victim], wrong
            print(*wrong, sep="\n", file=sys.stderr, flush=True)
    print(table(rows))
    return 1 if any(wrong for _, _, wrong in rows.values()) else 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 50))
