"""The simulation of the gate runs, and counts promotions."""

import pytest

from benchmarks import gate


def test_group_with_too_few_rows_is_never_promoted(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.argv", ["gate", "3", "--only", "fewer than 20"])

    assert gate.main() == 0

    assert "| a group of 12 rows, fewer than 20 | 48 | 0.0% (0.0% to 82.9%) | 0% |" in capsys.readouterr().out


def test_repetition_is_seeded_and_power_grows_with_rows() -> None:
    setting = gate.SETTINGS[0]

    first, second = ([gate.promoted(setting, setting.beyond, 60, one) for one in range(4)] for _ in range(2))

    assert first == second
    assert all(gate.promoted(setting, setting.beyond, 500, one) for one in range(4))
