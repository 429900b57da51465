"""Random edits of the example's manifests; `python -m tests.edits 10000` makes more of them."""

from pathlib import Path

import pytest

from tests.edits import STACKS, World, edited, write, wrong
from tests.helpers import run_cli

_PER_TEST = 50


@pytest.fixture(autouse=True)
def _cache_of_their_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.mark.parametrize("first", range(0, 6 * _PER_TEST, _PER_TEST))
def test_edited_manifests_are_planned_whole_or_refused_with_words(tmp_path: Path, first: int) -> None:
    for number in range(first, first + _PER_TEST):
        world = edited(number)
        write(world, tmp_path / "platform")

        _, said = wrong(world, tmp_path / "platform", STACKS[number % len(STACKS)])

        assert said == [], f"edit {number}: {', '.join(world.done)}"


@pytest.mark.parametrize("number", [7, 70])
def test_a_process_of_its_own_answers_alike(tmp_path: Path, number: int) -> None:
    world = edited(number)
    write(world, tmp_path / "platform")

    code, said = wrong(
        world, tmp_path / "platform", STACKS[number % len(STACKS)], lambda *words: run_cli(*words, cwd=tmp_path)
    )

    assert said == []
    assert code == wrong(world, tmp_path / "platform", STACKS[number % len(STACKS)])[0]


def test_wrong_answers_are_seen(tmp_path: Path) -> None:
    """The judge itself: a plan that leaves a cluster out."""
    world = World()
    write(world, tmp_path / "platform")
    assert wrong(world, tmp_path / "platform", "fraud-dev") == (0, [])

    world.files["teams/fraud.yaml"] = world.files["teams/fraud.yaml"].replace("name: spot", "name: another")

    [said] = wrong(world, tmp_path / "platform", "fraud-dev")[1]
    assert said == "fraud-dev: the files say ['another'], and the plan has no Compute for it"
