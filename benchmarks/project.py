"""A project's commands compared to the same work without this product: Copier alone, and the steps one by one."""

import os
import shutil
import sys
from pathlib import Path

from benchmarks.timing import Promise, Row, compare, seconds

ROOT = Path(__file__).parents[1]
PROGRAMS = Path(sys.executable).parent
OURS, COPIER, UV = PROGRAMS / "mlops-bootstrap", PROGRAMS / "copier", PROGRAMS / "uv"


def new(folder: Path) -> Row:
    """`new` compared to `copier copy` of the same files."""
    numbers = iter(range(1000))

    def run(*command: str | Path) -> float:
        return seconds([*command, folder / f"project-{next(numbers)}"], folder)

    timing = compare(
        lambda: run(OURS, "new", "tabular", "--defaults", "--quiet"),
        lambda: run(COPIER, "copy", "--quiet", "--defaults", "--vcs-ref", "HEAD", ROOT),
        rounds=5,
    )
    return Row("`new tabular`", timing, "`copier copy`", Promise(ratio=1.2))


def first_run(folder: Path) -> Row:
    """The first `run` of a new project, compared to `uv sync` and its steps one by one."""
    project = _new_project(folder)
    numbers = iter(range(1000))

    def copy() -> Path:
        return Path(shutil.copytree(project, folder / f"copy-{next(numbers)}", symlinks=True))

    def ours() -> float:
        return seconds([OURS, "run", "--quiet"], copy())

    timing = compare(ours, lambda: _by_hand(copy()), rounds=3)
    return Row("first `run` of the tabular pipeline", timing, "`uv sync`, then its steps by hand", Promise(ratio=1.3))


def second_run(folder: Path) -> Row:
    """An unchanged second `run`."""
    project = _new_project(folder)
    seconds([OURS, "run", "--quiet"], project)
    times = sorted(seconds([OURS, "run", "--quiet"], project) for _ in range(5))
    return Row("unchanged second `run`", times[2], None, Promise(seconds=1.0))


def demo(folder: Path) -> Row:
    """The whole tour, with the project's packages in uv's cache."""
    times = sorted(seconds([OURS, "demo", folder / f"demo-{number}", "--quiet"], folder) for number in range(3))
    return Row("`demo`, packages cached", times[1], None, Promise(seconds=60.0))


def _new_project(folder: Path) -> Path:
    seconds([OURS, "new", "tabular", "churn", "--defaults", "--quiet"], folder)
    return folder / "churn"


def _by_hand(project: Path) -> float:
    """The seconds of `uv sync` and of the four steps, one after the other, with MLflow's store in the project."""
    environment = {
        "MLFLOW_TRACKING_URI": f"sqlite:///{(project / 'mlflow.db').as_posix()}",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "VIRTUAL_ENV": "",
    }
    out, data = project / "out", project / "data/diabetes.csv"
    python = project / (".venv/Scripts/python.exe" if os.name == "nt" else ".venv/bin/python")
    target = ["--target", "progression"]
    models: list[str | Path] = ["--model", out / "model", "--portable", out / "portable"]
    evaluation: list[str | Path] = ["--output", out / "evaluation"]
    steps: dict[str, list[str | Path]] = {
        "prepare": ["--data", data, *target, "--test-fraction", "0.25", "--split-seed", "7", "--output", out],
        "train": ["--data", out, *target, "--trials", "8", "--seed", "42", *models],
        "evaluate": ["--data", out, "--challenger", out / "model", *target, "--seed", "42", *evaluation],
        "report": ["--evaluation", out / "evaluation", "--training", out / "portable", "--output", out / "report"],
    }
    total = seconds([UV, "sync", "--locked"], project, environment)
    for name, arguments in steps.items():
        total += seconds([python, f"{name}.py", *arguments], project / "components" / name, environment)
    return total
