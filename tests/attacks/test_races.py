"""Commands started at once on the same files; `make attack` runs the races that need an environment, too."""

import sys
from pathlib import Path

import pytest

from tests.attacks.races import RACES, Race, run

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the worlds have links and modes of files")

FAST = (
    "six platform links",
    "four teams and a link",
    "two environments of one name",
    "two platforms in one folder",
    "two platforms in one existing folder",
)


@pytest.mark.parametrize("race", [pytest.param(race, id=race.name) for race in RACES if race.name in FAST])
def test_result_is_that_of_some_order(race: Race, tmp_path: Path) -> None:
    assert [answer.wrong for answer in run(race, tmp_path / "world") if answer.wrong] == []
