"""The tour's own manifest is right, and its project belongs to its team."""

from pathlib import Path

from bootstrap.demo import tour
from bootstrap.manifests.platform import load_platform
from infra.settings import EnvironmentSettings
from tests.helpers import run_cli


def test_the_team_of_the_tour_owns_its_project(tmp_path: Path) -> None:
    assert run_cli("platform", "init", tour.PLATFORM, "--defaults", cwd=tmp_path).code == 0

    tour.write_team(tmp_path / tour.PLATFORM)

    stacks = load_platform(tmp_path / tour.PLATFORM).stacks
    environment = stacks["health-dev"]
    assert list(stacks) == ["hub", "health-dev", "health-prod"]
    assert isinstance(environment, EnvironmentSettings)
    assert [project.name for project in environment.projects] == [tour.PROJECT]
