"""The hand-made attacks, each with the exit code and the words of its row."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.attacks.environment import ImpossibleHereError
from tests.attacks.process import forked
from tests.attacks.world import attack

OWN_PROCESS = ("repositories",)
ENGINE = ("platform", "deployed")
CASES = [
    pytest.param(file.stem, case, id=f"{file.stem}: {case['name']}")
    for file in sorted((Path(__file__).parent / "cases").glob("*.yaml"))
    for case in yaml.safe_load(file.read_text(encoding="utf-8"))
    if not case.get("slow")
]


@pytest.mark.parametrize(("kind", "case"), CASES)
def test_attack_is_refused(kind: str, case: Mapping[str, Any], tmp_path: Path) -> None:
    # Forks are fast, but they do not show what a start in a hostile folder or in an odd environment does.
    fork = kind not in OWN_PROCESS and "environment" not in case and case.get("base") not in ENGINE
    try:
        answer = attack(tmp_path / "world", case, forked if fork else None)
    except ImpossibleHereError as why:
        pytest.skip(str(why))

    assert answer.wrong == ()
