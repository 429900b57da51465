"""Every command that writes, killed at some of its changes: as before or done, and done when it is called again.

`python -m tests.kills` kills at many more, also the commands that take seconds.
"""

import sys
from pathlib import Path

import pytest

from tests.helpers import examples
from tests.kills.commands import COMMANDS, Command, Killing
from tests.kills.harness import import_all

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="commands run in forks")

EVERYWHERE = ("platform link", "platform team add", "platform team remove", "platform environment add", "model gate")
"""Commands with so few changes that they are killed at each."""


READING = frozenset(
    {
        *("blueprint list", "model list", "model show"),
        "doctor",
        *(
            "platform access",
            "platform matrix",
            "platform policy-pack",
            "platform schema",
            "platform show",
            "platform validate",
        ),
        *("runs diff", "runs list", "runs show"),
    }
)
"""Commands that write only what `blueprint show`, `diff` and `plan` write: temporary folders and cached plans."""

READING_STATES = frozenset({"deployments list", "deployments show", "drift", "outputs", "preview"})
"""Commands that write only what `up` writes before it deploys: the engine's settings of a stack."""

KILLED_ELSEWHERE = frozenset({"platform bootstrap-state"})
"""Commands that `tests.engine.moves` kills at each of their steps."""


@pytest.fixture(scope="module", autouse=True)
def _imported() -> None:
    import_all()


@pytest.mark.parametrize("command", [pytest.param(one, id=one.name) for one in COMMANDS if not one.slow])
def test_killed_command_is_as_before_or_done_and_the_next_call_finishes_it(command: Command, tmp_path: Path) -> None:
    killing = Killing(command, tmp_path)
    last = len(killing.changes)
    assert last > 3
    moves = [number for number, change in enumerate(killing.changes, 1) if ".mlops-bootstrap-incoming/" in change]
    numbers = range(1, last + 1) if command.name in EVERYWHERE else {1, last // 2, *moves[1:2], last}

    kills = {number: killing.kill_at(number) for number in sorted(numbers)}
    timed = [kill for share in (0.3, 0.8) for kill in killing.kill_after(share * killing.answer.seconds)]

    assert [wrong for kill in (*kills.values(), *timed) for wrong in kill.answer.wrong] == []
    assert kills[1].left == "as before"
    if command.name == "new, existing folder":
        assert kills[moves[1]].left == "under way"


def test_every_command_that_writes_has_a_row() -> None:
    commands = examples().keys()

    rows = {words for words in commands for command in COMMANDS if command.name.split(", ")[0] == words}
    assert rows == commands - READING - READING_STATES - KILLED_ELSEWHERE
