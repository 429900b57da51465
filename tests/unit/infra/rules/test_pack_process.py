"""The programs that the engine starts end when it is killed, which interrupts nothing."""

import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from infra.rules import pack

pytestmark = pytest.mark.skipif(os.name == "nt", reason="Windows has no parent that changes")


def test_policy_pack_serves_while_its_engine_runs(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    parents = iter([7, 7, 7, 1])  # the process with the id 1 has the children of processes that ended
    waited: list[float] = []
    monkeypatch.setattr(pack, "os", SimpleNamespace(getppid=lambda: next(parents), environ={pack.PORT: "4711"}))
    monkeypatch.setattr(pack, "time", SimpleNamespace(sleep=waited.append))

    pack.main()

    assert capsys.readouterr().out == "4711\n"
    assert waited == [0.5, 0.5]


PROGRAMS = {
    "policy pack": "from infra.rules.pack import main; main()",
    "simulated Azure": "from bootstrap.simulator.provider import main; main('azure.sqlite')",
}


@pytest.mark.parametrize("program", PROGRAMS)
def test_program_ends_after_its_engine_was_killed(program: str, tmp_path: Path) -> None:
    engine = (
        "import os, subprocess, sys\n"
        "started = subprocess.Popen([sys.executable, '-c', sys.argv[1]], stdout=subprocess.PIPE, stderr=sys.stderr)\n"
        "started.stdout.readline()\n"  # its port: it answers
        "os.kill(os.getpid(), 9)"
    )

    # The program holds the standard error of this engine until it ends.
    done = subprocess.run(
        [sys.executable, "-c", engine, PROGRAMS[program]],
        cwd=tmp_path, stderr=subprocess.PIPE, timeout=120, check=False,
    )  # fmt: skip

    assert (done.returncode, done.stderr) == (-9, b"")
