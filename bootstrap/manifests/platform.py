"""The platform repository: its manifests read and checked together, and the settings of its stacks."""

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from types import MappingProxyType
from typing import Any

from pydantic import BaseModel

from bootstrap.errors import InputError, Position, Problem, did_you_mean
from bootstrap.manifests.layers import Manifests, Sourced
from bootstrap.manifests.links import problems_of_links
from bootstrap.manifests.locate import FILE_NAME, LINKS, TEAMS, find_root, team_files
from bootstrap.manifests.locations import check_locations
from bootstrap.manifests.merge import stack_settings
from bootstrap.manifests.schema import LinksManifest, PlatformManifest, TeamManifest
from bootstrap.tool import require_this_version
from bootstrap.yaml import Document, check, parse, read
from infra.rules.rule import Resource, Stack
from infra.rules.rules import SETTINGS_RULES, judge
from infra.settings import EXAMPLES, HUB, EnvironmentSettings, StackSettings, SuppressionSettings
from infra.tables.names import reserved_in
from infra.tables.resource_types import BUDGET, COMPUTE


@dataclass(frozen=True)
class Platform:
    """A platform repository whose manifests are valid.

    Attributes:
        stacks: The settings of every stack, by name: the hub first, then by ring, team and environment.
    """

    manifests: Manifests
    stacks: dict[str, StackSettings]

    @property
    def root(self) -> Path:
        """The folder that holds `platform.yaml`, absolute."""
        return self.manifests.root

    def expired(self, today: str) -> dict[str, Sourced]:
        """The stacks whose environments have expired before this day, each with its last day."""
        last = {
            f"{name}-{environment}": team.get("environments", environment, "expires")
            for name, team in self.manifests.teams.items()
            for environment in team.value.environments
        }
        return {stack: day for stack, day in last.items() if day.value is not None and day.value < today}

    def suppressions_of_removed(self, team: str, environment: str) -> tuple[SuppressionSettings, ...]:
        """The suppressions for a stack that the manifests do not have any more: those of the layers that are left."""
        return self.manifests.suppressions(self.manifests.layers(team, environment))

    def selected(self, names: list[str]) -> list[StackSettings]:
        """The settings of the stacks with these names, each once; of all stacks when there are none.

        Raises:
            InputError: There is no such stack.
        """
        unknown = [name for name in dict.fromkeys(names) if name not in self.stacks]
        if unknown:
            raise InputError(
                f"There {'is no stack' if len(unknown) == 1 else 'are no stacks'} {', '.join(map(repr, unknown))} in "
                f"{self.root}.",
                why="The manifests describe a stack for each team and environment, and the hub.",
                hint=" ".join(dict.fromkeys(did_you_mean(name, self.stacks) for name in unknown)),
            )
        return [self.stacks[name] for name in dict.fromkeys(names or self.stacks)]


def find_platform(start: Path) -> Platform:
    """The platform that `start` lies in. Raises as `find_root` and `load_platform` do."""
    return load_platform(find_root(start))


Edited = Mapping[Path, str | None]
"""The text of manifests that are about to be written, by path; None for a file that is about to be removed."""


def load_platform(root: Path, *, edited: Edited = MappingProxyType({})) -> Platform:
    """Read all manifests of the platform in `root`.

    Args:
        edited: The manifests that are not read from their files.

    Raises:
        InputError: They have mistakes: those of all files at once, in `problems`; or `platform.yaml` pins another
            version of this tool.
    """
    problems: list[Problem] = []
    platform = _manifest(root, root / FILE_NAME, PlatformManifest, problems)
    paths = {*team_files(root), *(path for path in edited if path.parent == root / TEAMS)}
    paths -= {path for path, text in edited.items() if text is None}
    problems += _problems_of_files(root)
    teams = [
        team
        for path in sorted(paths)
        if (team := _manifest(root, path, TeamManifest, problems, edited.get(path))) is not None
    ]
    linked = _manifest(root, root / LINKS, LinksManifest, problems, edited.get(root / LINKS))
    meeting = [*_problems_of_teams(platform, teams), *_problems_of_names(platform, teams), *_used_twice(teams)]
    if platform is not None and linked is not None and not problems:
        meeting += problems_of_links(linked, platform, teams)
        manifests = Manifests(root, platform, {team.value.name: team for team in teams}, linked, meeting)
        check_locations(manifests)
        stacks = stack_settings(manifests)
        if not meeting:
            return Platform(manifests, stacks)
    problems += meeting
    raise InputError(
        f"The manifests in {root} have {'a mistake' if len(problems) == 1 else f'{len(problems)} mistakes'}.",
        problems=problems,
        hint="Correct them and run the command again.",
    )


def check_edited(root: Path, edited: Edited, what: str, done: str) -> None:
    """Check the manifests in `root` as if they were written already.

    Args:
        what: What is new in them, in the user's words. Its mistakes are in no file yet, and are reported under this.
        done: What cannot be done with it when there are mistakes: `linked`, `added`.

    Raises:
        InputError: As `load_platform`, with the mistakes that the files have now; if they have none, with the new ones.
    """
    try:
        load_platform(root, edited=edited)
    except InputError as error:
        load_platform(root)
        raise InputError(
            f"{what} cannot be {done}.",
            details=[f"{what}: {problem.message} {problem.suggestion}".rstrip() for problem in error.problems],
            hint="Give other values, or correct the manifests, and run the command again.",
        ) from error


def _problems_of_files(root: Path) -> Iterator[Problem]:
    """The files and folders in `teams` that look like a team's manifest, and are not read as one."""
    teams = root / TEAMS
    for name, folders, files in os.walk(teams):  # it follows no symbolic link
        folder = Path(name)
        for path in (folder / one for one in sorted(folders) if (folder / one).is_symlink()):
            yield Problem(Position(path, 1, 1), "a linked folder is not read.", f"Put a file per team into {TEAMS}/.")
        for path in (folder / one for one in sorted(files) if one.lower().endswith((".yaml", ".yml"))):
            if folder != teams:
                suggestion = f"Move it to {TEAMS}/{path.stem}.yaml."
                yield Problem(Position(path, 1, 1), f"a team's file is directly in {TEAMS}/.", suggestion)
            elif path.suffix != ".yaml":
                yield Problem(Position(path, 1, 1), "the name of a team's file ends in .yaml.", "Rename the file.")


def findings_of(
    platform: Platform, machine_prices: Mapping[str, Mapping[str, tuple[Decimal, str]]]
) -> Iterator[Problem]:
    """What the rules find that need the settings only, at the manifest lines of what they name.

    Args:
        machine_prices: `Stack.machine_prices` of each stack by its name, as far as they are known.
    """
    for name, settings in platform.stacks.items():
        stack = Stack(name, list(_named(settings)), settings, machine_prices=machine_prices.get(name, {}))
        for finding in judge(stack, SETTINGS_RULES):
            if finding.suppressed is None:
                path, _, line = finding.manifest.rpartition(":")
                yield Problem(Position(platform.root / path, int(line), 1), finding.message, finding.fix)


def _named(settings: StackSettings) -> Iterator[Resource]:
    """What such rules name, by the names of the plan's resources: clusters and the budget."""
    if isinstance(settings, EnvironmentSettings):
        for cluster in settings.clusters:
            yield Resource(f"cluster-{cluster.name}", COMPUTE, f"cluster-{cluster.name}", {}, origin=cluster.origin)
    if settings.budget is not None:
        yield Resource("budget", BUDGET, "budget", {}, origin=settings.budget.origin)


def warnings_of(manifests: Manifests) -> Iterator[Problem]:
    """What is probably a mistake: the example values of `platform init`."""
    for manifest in (manifests.platform, *manifests.teams.values()):
        for location, position in manifest.document.values.items():
            value = manifest.document.value(location)
            if isinstance(value, str) and value in EXAMPLES:
                yield Problem(position, f"{value} is an example.", "Replace it before you deploy.")


def _manifest(
    root: Path, path: Path, model: type[BaseModel], problems: list[Problem], text: str | None = None
) -> Sourced | None:
    if model is LinksManifest and text is None and not path.exists():
        return Sourced(LinksManifest(), Document(path, {}))
    try:
        document = read(path, within=root) if text is None else parse(text, path)
    except InputError as error:
        problems += error.problems or [Problem(Position(path, 1, 1), f"{error.what} {error.why}".strip())]
        return None
    if model is PlatformManifest:  # mistakes in the files of another version are for that version to report
        require_this_version(document.position(("tool",)), document.data, extra="infra")
    manifest, found = check(document, model)
    problems += found
    return Sourced(manifest, document) if manifest is not None else None


def _problems_of_teams(platform: Sourced | None, teams: Sequence[Sourced]) -> Iterator[Problem]:
    for team in teams:
        manifest, path = team.value, team.document.path
        if manifest.name == HUB:
            yield Problem(
                team.at("name"),
                f"a team cannot have the name {HUB!r}: its stacks would have the names of the hub's.",
                "Give it another name.",
            )
        if path.stem != manifest.name:
            yield Problem(
                team.at("name"),
                f"the team {manifest.name!r} is in a file with the name {path.name!r}.",
                f"Rename the file to {manifest.name}.yaml, or the team to {path.stem}.",
            )
        known: Mapping[str, Any] = platform.value.environments if platform is not None else manifest.environments
        for name in manifest.environments:
            if name not in known:
                yield Problem(
                    team.at("environments", name),
                    f"the environment {name!r} is not in {FILE_NAME}.",
                    did_you_mean(name, known),
                )


def _problems_of_names(platform: Sourced | None, teams: Sequence[Sourced]) -> Iterator[Problem]:
    """Words that Azure reserves, and that cannot be in names."""
    if platform is None:
        return
    organization = platform.value.organization
    suggestion = "It reserves the word for what has a public endpoint: choose another one."
    if (word := reserved_in(organization)) is not None:
        yield Problem(platform.at("organization"), f"Azure refuses names that contain {word!r}.", suggestion)
        return
    for team in teams:
        for environment in team.value.environments:
            if (word := reserved_in(organization, team.value.name, environment)) is not None:
                stack = f"{team.value.name}-{environment}"
                yield Problem(
                    team.at("name"),
                    f"Azure refuses names that contain {word!r}, as those of {stack} would.",
                    suggestion,
                )
                break


def _used_twice(teams: Sequence[Sourced]) -> Iterator[Problem]:
    """Projects of one name in a team, and repositories and workspaces that two projects or environments name."""
    projects = [(team.value.name, project) for team in teams for project in team.get("projects").items()]
    environments = [
        (f"{team.value.name}-{name}", team.get("environments", name, "adopt"))
        for team in teams
        for name, environment in team.value.environments.items()
        if environment.adopt is not None
    ]
    yield from _duplicates(
        ((team, project.get("name")) for team, project in projects),
        lambda name, owner: f"the team {owner} already has a project with the name {name!r}.",
        within_owner=True,
    )
    yield from _duplicates(
        ((f"{team}/{project.value.name}", project.get("repository")) for team, project in projects),
        lambda repository, owner: f"the repository {repository} already is that of {owner}.",
    )
    yield from _duplicates(
        ((stack, adopt.get("workspace_id")) for stack, adopt in environments),
        lambda workspace, owner: f"the workspace {workspace} already is that of {owner}.",
    )


def _duplicates(
    values: Iterable[tuple[str, Sourced]], message: Callable[[str, str], str], *, within_owner: bool = False
) -> Iterator[Problem]:
    """A problem for each value that has an owner already, in any case; within each owner, or among all of them."""
    owners: dict[tuple[str, str], str] = {}
    for owner, source in values:
        key = (owner if within_owner else "", source.value.lower())
        if key in owners and (within_owner or owners[key] != owner):
            yield Problem(source.position, message(source.value, owners[key]))
        owners.setdefault(key, owner)
