"""The real engine makes what `plan` says: every stack of the example, from its preview to its end."""

from pathlib import Path

import pytest

from bootstrap.platform.platform import load_platform
from tests.engine.comparison import described, differences, loose_ends, planned, surprises
from tests.engine.stacks import live

PLATFORM = load_platform(Path(__file__).parents[2] / "examples" / "contoso")


@pytest.mark.parametrize("name", PLATFORM.stacks)
def test_the_engine_makes_what_the_plan_says(engine: Path, tmp_path: Path, name: str) -> None:
    by_plan = planned(PLATFORM, name)

    life = live(engine, tmp_path, PLATFORM.stacks[name])

    assert differences(by_plan, described(life.previewed)) == {}
    assert surprises(by_plan, described(life.state)) == {}
    assert loose_ends(life.state) == {}
    everything = len(by_plan) + 1  # and the stack itself
    assert (life.made, life.again) == ({"create": everything}, {"same": everything})
    assert life.ended == {"delete": everything}
