"""The hand-made attacks, each with the exit code and the words of its row."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.attacks.world import build, run

CASES = [
    pytest.param(case, id=f"{file.stem}: {case['name']}")
    for file in sorted((Path(__file__).parent / "cases").glob("*.yaml"))
    for case in yaml.safe_load(file.read_text(encoding="utf-8"))
]


@pytest.mark.parametrize("case", CASES)
def test_attack_is_refused(case: Mapping[str, Any], tmp_path: Path) -> None:
    root = tmp_path / "world"
    build(root, case)

    answer = run(root, case["run"])

    expected = case["exit"] if isinstance(case["exit"], list) else [case["exit"]]
    printed = answer.out + answer.err
    assert answer.wrong == ()
    assert answer.code in expected, printed[-2000:]
    assert [word for word in case.get("words", ()) if word not in printed] == []
    assert [word for word in case.get("never", ()) if word in printed] == []
