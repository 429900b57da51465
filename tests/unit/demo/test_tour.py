"""The tour's own manifest is right, and its project belongs to its team."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from bootstrap.demo import tour
from bootstrap.files import staging_folder
from bootstrap.manifests.platform import load_platform
from bootstrap.progress import Progress
from infra.settings import EnvironmentSettings
from tests.helpers import run_cli, run_here


def test_the_team_of_the_tour_owns_its_project(tmp_path: Path) -> None:
    assert run_cli("platform", "init", tour.PLATFORM, "--defaults", cwd=tmp_path).code == 0

    tour.write_team(tmp_path / tour.PLATFORM)

    stacks = load_platform(tmp_path / tour.PLATFORM).stacks
    environment = stacks["health-dev"]
    assert list(stacks) == ["hub", "health-dev", "health-prod"]
    assert isinstance(environment, EnvironmentSettings)
    assert [project.name for project in environment.projects] == [tour.PROJECT]


def test_a_killed_tour_can_be_repeated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed after `platform init`, while `new` prepared the project."""
    assert run_here("platform", "init", tour.PLATFORM, "--defaults", cwd=tmp_path).code == 0
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait()
    monkeypatch.setattr(os, "getpid", lambda: process.pid)
    with monkeypatch.context() as killed:
        killed.setattr(shutil, "rmtree", lambda *_arguments, **_options: None)
        with staging_folder(tmp_path) as left:
            pass
    assert left.exists()
    commands = []
    monkeypatch.setattr(tour, "_run", lambda words, *_: commands.append(words))

    tour.take(tmp_path, Progress())

    assert not left.exists()
    assert commands[0] == "plan"
    assert [path.name for path in (tmp_path / tour.PLATFORM / "teams").iterdir()] == ["health.yaml"]
