"""Projects rendered from the blueprints of this repository, and the tools that check them; one per test process."""

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from bootstrap.blueprint.create import NewProject, create
from bootstrap.blueprint.repository import Snapshot, installed_blueprints
from bootstrap.progress import Progress

ACTIONLINT = "v1.7.12"
"""https://github.com/rhysd/actionlint, as a Go module."""

ROOT = Path(__file__).parents[2]

Render = Callable[[Mapping[str, Any]], NewProject]


@pytest.fixture(scope="session")
def snapshot() -> Iterator[Snapshot]:
    with installed_blueprints() as made:
        yield made


@pytest.fixture(scope="session")
def render(snapshot: Snapshot, tmp_path_factory: pytest.TempPathFactory) -> Render:
    """Renders each set of answers once."""
    made: dict[str, NewProject] = {}

    def rendered(answers: Mapping[str, Any]) -> NewProject:
        key = repr(sorted(answers.items()))
        if key not in made:
            folder = tmp_path_factory.mktemp("rendered")
            given = {"project_name": "churn", **answers}
            made[key] = create(
                snapshot, given, Progress(), directory=folder, destination=folder / "project", defaults=True
            )
        return made[key]

    return rendered


@pytest.fixture(scope="session")
def actionlint() -> Path:
    """The program, built from its Go module once and kept in the checkout's ignored folder."""
    program = ROOT / ".tools/actionlint" / ACTIONLINT / ("actionlint.exe" if os.name == "nt" else "actionlint")
    if program.is_file():
        return program
    if shutil.which("go") is None:
        assert not os.environ.get("CI"), "actionlint needs Go, and CI must not go without it: https://go.dev/dl/"
        pytest.skip("actionlint needs Go, which is not installed here")
    program.parent.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=program.parent.parent) as folder:
        module = f"github.com/rhysd/actionlint/cmd/actionlint@{ACTIONLINT}"
        subprocess.run(["go", "install", module], env={**os.environ, "GOBIN": folder}, check=True, capture_output=True)
        program.parent.mkdir(exist_ok=True)
        # Several test processes may build at once; whoever is last replaces the same program.
        (Path(folder) / program.name).replace(program)
    return program
