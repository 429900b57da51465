"""`python -m tests.engine.disturbed [DEPLOYMENTS]`: deployments with seeded faults, retried until they are done.

A deployment creates, changes or destroys an environment. Afterwards its state is that of a deployment which nothing
disturbed, and the simulated Azure has what the state has. The table has a row for each fault.
"""

import os
import random
import re
import signal
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, get_args

from bootstrap.simulator.provider import NAME
from tests.engine import faults
from tests.engine.estate import Estate, new_estate
from tests.engine.executable import find_or_build
from tests.engine.states import differences, resources
from tests.helpers import Done, started
from tests.worlds import PLATFORM, changed, world

STACK = "fraud-dev"
Operation = Literal["create", "change", "destroy"]
_ATTEMPTS = 6
_PATIENCE = 120
"""Seconds that a deployment has until it meets its fault."""


@dataclass
class _Row:
    deployments: int = 0
    failed: int = 0
    retries: int = 0
    wrong: list[str] = field(default_factory=list)


class Disturbed:
    """Deployments with faults, in folders below `folder`. What they start from is deployed once.

    Args:
        seed: Decides what each deployment does, and at which operations it meets its fault.
    """

    def __init__(self, folder: Path, seed: int) -> None:
        self._folder = folder
        self._seed = seed
        os.environ["PATH"] = os.pathsep.join([str(find_or_build().parent), os.environ["PATH"]])
        new, deployed = new_estate(folder / "new"), new_estate(folder / "deployed")
        _succeed(deployed.run("up", STACK, "--yes"))
        end = deployed.copy(folder / "changed")
        _change(end)
        _succeed(end.run("up", STACK, "--yes"))
        self._start: Mapping[Operation, Estate] = {"create": new, "change": deployed, "destroy": deployed}
        self._expected = {"create": resources(deployed), "change": resources(end), "destroy": {}}
        self._operations = len(deployed.azure.ids)
        self.rows = {fault: _Row() for fault in faults.SEEDED}

    def deploy(self, fault: str, number: int) -> list[str]:
        """Deploy with a fault and return what is wrong in the end."""
        choice = random.Random(f"{self._seed} {fault} {number}")
        operation = get_args(Operation)[number % 3]
        at = sorted(choice.sample(range(1, self._operations // 2), 2))
        estate = self._start[operation].copy(self._folder / f"{fault}-{number}")
        if operation == "change":
            _change(estate)
        faults.install(estate.root.parent / "bin", estate.store, fault, at)
        row, done = self.rows[fault], None
        arguments = ["destroy" if operation == "destroy" else "up", STACK, "--yes"]
        for attempt in range(_ATTEMPTS):
            done = _run(estate, arguments)
            if not done.code:
                break
            row.failed += not attempt
            row.retries += 1
            if done.code in (7, 130):
                _succeed(estate.run("recover", STACK, "--yes"))
            # What exists and is not recorded is imported, as the message says.
            arguments += [one for one in _imports(done.err) if one not in arguments]
        row.deployments += 1
        assert done is not None
        wrong = [f"still fails: {done.err}"] if done.code else differences(estate, self._expected[operation])
        found = [f"{operation} with {fault} at {at}: {one}" for one in wrong]
        row.wrong += found
        return found

    @property
    def table(self) -> str:
        """The result by fault."""
        heading = "| Fault | Deployments | Failed at first | Retries | Wrong at the end |\n|---|---:|---:|---:|---:|"
        rows = [
            f"| {fault} | {row.deployments} | {row.failed} | {row.retries} | {len(row.wrong)} |"
            for fault, row in self.rows.items()
        ]
        return "\n".join([heading, *rows])


def _change(estate: Estate) -> None:
    world(estate.root, changed(PLATFORM, ("organization:", "tags: {cost-center: a1}\norganization:")))


def _succeed(done: Done) -> None:
    assert done.code == 0, done.err


def _imports(printed: str) -> list[str]:
    """The options that the next step of an error names."""
    return [f"--import={pair}" for pair in re.findall(r"--import '([^']+)'", printed)]


def _run(estate: Estate, arguments: list[str]) -> Done:
    """Run the command; a person who sees it hang interrupts it three times, which kills the engine."""
    hangs = estate.store.parent / f"{estate.store.name}.hangs"
    if "'Hanging'" not in (estate.root.parent / "bin" / NAME).read_text():
        return estate.run(*arguments)
    hangs.unlink(missing_ok=True)
    path = os.pathsep.join([str(estate.root.parent / "bin"), os.environ["PATH"]])
    with started("-m", "bootstrap", *arguments, cwd=estate.root, env={**estate.env, "PATH": path}) as process:
        deadline = time.monotonic() + _PATIENCE
        while process.poll() is None and time.monotonic() < deadline:
            if hangs.exists():
                process.send_signal(signal.SIGINT)
                time.sleep(0.3)
            time.sleep(0.05)
        out, err = process.communicate(timeout=_PATIENCE)
    return Done(process.returncode, out, err)


def main(deployments: int) -> int:
    """Deploy so often, print the table, and return 1 when something was wrong."""
    with tempfile.TemporaryDirectory() as folder:
        disturbed = Disturbed(Path(folder), seed=20261125)
        for number in range(deployments):
            fault = [*faults.SEEDED][number % len(faults.SEEDED)]
            print(*disturbed.deploy(fault, number // len(faults.SEEDED)), sep="\n", file=sys.stderr, flush=True)
    print(disturbed.table)
    return 1 if any(row.wrong for row in disturbed.rows.values()) else 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 100))
