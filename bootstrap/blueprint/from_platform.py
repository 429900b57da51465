"""Answers to a blueprint's questions from the manifests of a platform repository."""

import re
from pathlib import Path

from bootstrap.errors import InputError, did_you_mean
from bootstrap.files import relative_path
from bootstrap.manifests.platform import Platform
from bootstrap.manifests.schema import TeamManifest
from bootstrap.processes import read_git
from bootstrap.tool import PYPI
from infra.settings import EnvironmentSettings


def answers_from_platform(platform: Platform, project: str, team: str | None, folder: Path) -> dict[str, str]:
    """The answers to `platform`, `team`, `environments` and `tool_source`; and those of a listed project.

    Args:
        platform: The platform repository.
        project: The project's name, or the name of its folder.
        team: The team that the user named; None for the team that lists the project, or the only team.
        folder: The project's folder, absolute; the path of the platform is relative to it.

    Raises:
        InputError: The platform does not have this team, or the user must name one.
    """
    teams: dict[str, TeamManifest] = {name: manifest.value for name, manifest in platform.manifests.teams.items()}
    entries = {name: entry for name, one in teams.items() for entry in one.projects if entry.name == project}
    if team is None:
        candidates = list(entries) or list(teams)
        if len(candidates) != 1:
            raise InputError(
                f"The project's team is unknown: {platform.root} has {len(teams)} teams.",
                why="The team decides the environments of the project.",
                hint=f"Name the team: --data team=NAME. Teams: {', '.join(teams) or 'none yet'}.",
            )
        team = candidates[0]
    if team not in teams:
        raise InputError(f"{platform.root} has no team {team!r}.", hint=did_you_mean(team, teams))
    environments = " ".join(
        f"{stack.environment}={stack.location}"
        for stack in platform.stacks.values()
        if isinstance(stack, EnvironmentSettings) and stack.team == team
    )
    answers = {"platform": _address(platform.root, folder), "team": team, "environments": environments}
    source = platform.manifests.organization.tool_source or PYPI
    if not source.endswith(".whl"):  # a wheel in the platform repository is not in the project
        answers["tool_source"] = source
    if team in entries:
        answers["forge"] = entries[team].repository.partition(":")[0]
        if (blueprint := entries[team].blueprint) is not None:
            answers["blueprint"] = blueprint
    return answers


def _address(root: Path, folder: Path) -> str:
    """The URL of the remote `origin` of the repository at `root`, without credentials; else its path from `folder`."""
    try:
        url = read_git("remote", "get-url", "origin", cwd=root)
    except InputError:  # no repository, or no remote
        return Path(relative_path(root, folder)).as_posix()
    return without_credentials(url)


def without_credentials(url: str) -> str:
    """A URL without its user and password; `ssh://git@` is the user of every ssh URL of a forge, and stays."""
    return re.sub(r"^(?!ssh://git@[^@]*$)([\w+.-]+://)[^/?#]*@", r"\1", url, flags=re.IGNORECASE)
