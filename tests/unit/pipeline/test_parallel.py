"""The script that runs the mini-batches of a parallel job: what it calls, repeats, counts and refuses.

https://learn.microsoft.com/azure/machine-learning/reference-yaml-job-parallel
"""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from bootstrap.pipeline.in_project import mlops_parallel
from bootstrap.processes import uv_executable
from tests.helpers import build_tree

ENTRY = """
    import os
    import time
    from pathlib import Path
    def init():
        print("init", flush=True)
    def run(batch, context):
        names = [Path(file).name for file in batch]
        Path("tried").open("a").write(f"{context.mini_batch_id}\\n")
        if "bad" in names:
            raise ValueError("bad rows")
        if "dies" in names:
            os._exit(1)
        if "hangs" in names:
            time.sleep(60)
        if "flaky" in names and Path("tried").read_text().count(f"{context.mini_batch_id}\\n") < 3:
            raise ValueError("once more")
        return [name for name in names if name != "skipped"]
    """
DEFAULTS = {
    "mini_batch_size": "1", "partition_keys": [], "concurrency": 1, "error_threshold": -1,
    "mini_batch_error_threshold": -1, "max_retries": 2, "timeout": 60,
}  # fmt: skip


def parallel(folder: Path, *names: str, **settings: Any) -> tuple[str, list[str], str]:
    """Run the script over files with these names; return its error, the rows, and what it printed."""
    build_tree(folder, {"score.py": ENTRY, **{f"data/{name}": "" for name in names}})
    words = [json.dumps({**DEFAULTS, **settings}), "data", "rows", "score.py"]
    done = subprocess.run(
        [sys.executable, mlops_parallel.__file__, *words], cwd=folder, capture_output=True, text=True, check=False
    )
    assert (done.returncode == 0) == (not done.stderr)
    return done.stderr.strip(), (folder / "rows").read_text().split() if (folder / "rows").exists() else [], done.stdout


def test_rows_have_the_order_of_the_files_whatever_the_processes(tmp_path: Path) -> None:
    _, rows, printed = parallel(tmp_path, "a", "b", "c", "d", "e", mini_batch_size="2", concurrency=2)

    assert rows == ["a", "b", "c", "d", "e"]
    assert printed.count("init") == 2
    assert "3 mini-batches, 0 failed; 0 items without a result" in printed


def test_mini_batch_is_repeated_until_it_succeeds(tmp_path: Path) -> None:
    assert parallel(tmp_path, "a", "flaky", max_retries=2)[1] == ["a", "flaky"]
    (tmp_path / "tried").unlink()
    error, rows, printed = parallel(tmp_path, max_retries=1, mini_batch_error_threshold=0)
    assert rows == ["a"]
    assert error == "1 failed, and mini_batch_error_threshold is 0."
    assert "ValueError: once more" in printed


@pytest.mark.parametrize(("name", "said"), [("dies", "its process ended"), ("hangs", "ended after 4 s")])
def test_process_that_ends_or_hangs_is_replaced(tmp_path: Path, name: str, said: str) -> None:
    error, rows, printed = parallel(tmp_path, "a", name, "z", max_retries=0, timeout=4)

    assert (error, rows) == ("", ["a", "z"])
    assert said in printed
    assert printed.count("init") == 2


@pytest.mark.parametrize(
    ("settings", "error"),
    [
        ({}, ""),
        ({"mini_batch_error_threshold": 1}, ""),
        ({"mini_batch_error_threshold": 0}, "1 failed, and mini_batch_error_threshold is 0."),
        ({"error_threshold": 2}, ""),
        ({"error_threshold": 1}, "2 failed, and error_threshold is 1."),
    ],
)
def test_failures_are_allowed_up_to_their_thresholds(tmp_path: Path, settings: dict[str, int], error: str) -> None:
    assert parallel(tmp_path, "bad", "skipped", "z", max_retries=0, **settings)[:2] == (error, ["z"])


def test_size_of_a_table_is_refused_for_files(tmp_path: Path) -> None:
    error = "The input consists of files: mini_batch_size must be a number of files (found 1kb)."
    assert parallel(tmp_path, "a", mini_batch_size="1kb")[0] == error


def test_table_is_divided_by_size_or_by_the_values_of_its_keys(tmp_path: Path) -> None:
    table = "paths: [{file: ./a.csv}, {file: ./b.csv}]\ntransformations: [{read_delimited: {delimiter: ';'}}]\n"
    rows = {"data/a.csv": "n;m\n1;1\n2;2\n3;1\n", "data/b.csv": "n;m\n4;1\n5;2\n"}
    program = """
        import json
        from pathlib import Path
        from mlops_parallel import _rows, mini_batches
        for size, keys in (("32", []), ("1kb", []), ("", ["m"])):
            found = mini_batches(Path("data"), size, keys)
            print(json.dumps([[batch.n.tolist(), list(map(int, values.values()))] for batch, values in found]))
        print(_rows(found[1][0]))
        """
    build_tree(tmp_path, {"data/MLTable": table, "program.py": program, **rows})
    words = ["run", "--quiet", "--no-project", "--with", "pandas<3", "--with", "pyyaml", "python", "program.py"]
    folder = str(Path(mlops_parallel.__file__).parent)
    printed = subprocess.run(
        [uv_executable(), *words], cwd=tmp_path, env={**os.environ, "PYTHONPATH": folder}, capture_output=True,
        text=True, check=True,
    ).stdout.splitlines()  # fmt: skip

    # By hand: a row of two integers of 64 bits has 16 bytes.
    assert printed == [
        "[[[1, 2], []], [[3, 4], []], [[5], []]]",
        "[[[1, 2, 3, 4, 5], []]]",
        "[[[1, 3, 4], [1]], [[2, 5], [2]]]",
        "['2 2', '5 2']",
    ]
