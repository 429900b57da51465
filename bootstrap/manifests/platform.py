"""The platform repository: its manifests read and checked together, and the settings of its stacks."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel

from bootstrap.errors import InputError, Problem, did_you_mean
from bootstrap.manifests.layers import Written
from bootstrap.manifests.links import problems_of_links
from bootstrap.manifests.locate import FILE_NAME, LINKS, TEAMS, find_root, team_files
from bootstrap.manifests.merge import Merge
from bootstrap.manifests.network import overlaps
from bootstrap.manifests.origins import Origin, origins_of_environment, origins_of_hub
from bootstrap.manifests.schema import LinksManifest, PlatformManifest, TeamManifest
from bootstrap.tool import require_this_version
from bootstrap.yaml import Document, check, parse, read
from infra.settings import HUB, HubSettings, StackSettings, SuppressionSettings
from infra.tables.names import reserved_in


@dataclass(frozen=True)
class Platform:
    """A platform repository whose manifests are right.

    Attributes:
        root: The folder that holds `platform.yaml`, absolute.
        manifest: What `platform.yaml` says.
        stacks: The settings of every stack, by name: the hub first, then by ring, team and environment.
        merge: Where those come from.
        teams: What the teams' files say, by name.
    """

    root: Path
    manifest: PlatformManifest
    stacks: dict[str, StackSettings]
    merge: Merge
    teams: Mapping[str, Written]

    def suppressions_of_removed(self, team: str, environment: str) -> tuple[SuppressionSettings, ...]:
        """What a stack may break that the manifests do not ask for any more, by what they still say about it."""
        return self.merge.layers_of_removed(self.teams.get(team), environment).suppressions(self.merge.origin)

    def selected(self, names: list[str]) -> list[StackSettings]:
        """The settings of the stacks with these names, each once; of all stacks when there are none.

        Raises:
            InputError: There is no such stack.
        """
        for name in names:
            if name not in self.stacks:
                raise InputError(
                    f"There is no stack {name!r} in {self.root}.",
                    why="The manifests describe a stack for each team and environment, and the hub.",
                    hint=did_you_mean(name, self.stacks),
                )
        return [self.stacks[name] for name in dict.fromkeys(names or self.stacks)]


def find_platform(start: Path) -> Platform:
    """The platform that `start` lies in. Raises as `find_root` and `load_platform` do."""
    return load_platform(find_root(start))


def load_platform(root: Path) -> Platform:
    """Read all manifests of the platform in `root`.

    Raises:
        InputError: They have mistakes: those of all files at once, each with file, line and column, in `details`; or
            `platform.yaml` pins another version of this tool.
    """
    return _platform(root, *_load(root))


def _platform(root: Path, merge: Merge, teams: Sequence[Written], stacks: dict[str, StackSettings]) -> Platform:
    return Platform(root, merge.platform.manifest, stacks, merge, {team.manifest.name: team for team in teams})


def find_origins(start: Path, stack: str) -> list[Origin]:
    """Where each value of a stack of the platform that `start` lies in was said.

    Raises:
        InputError: There is no such stack, or as `load_platform` does.
        MissingError: `start` is in no platform.
    """
    root = find_root(start)
    merge, teams, stacks = _load(root)
    settings = _platform(root, merge, teams, stacks).selected([stack])[0]
    if isinstance(settings, HubSettings):
        return origins_of_hub(merge)
    team = next(team for team in teams if team.manifest.name == settings.team)
    return origins_of_environment(merge, team, settings.environment)


def check_with_links(root: Path, links: str, linked: str) -> None:
    """Check the manifests in `root` as if `links.yaml` had this text.

    Args:
        linked: What is new in it, as the user called it. Its mistakes stand in no file yet, and are told of it.

    Raises:
        InputError: As `load_platform`, with the lines of the files as they are.
    """
    try:
        _load(root, links)
    except InputError as error:
        if not error.details:
            raise  # another version is wanted
        places = {_without_place(detail, root): detail for detail in _mistakes(root)}
        told = ((_without_place(detail, root), detail) for detail in error.details)
        raise InputError(
            f"{linked} cannot be linked.",
            details=[places.get(said, detail if said == detail else f"{linked}: {said}") for said, detail in told],
            why=error.why,
            hint="Name what the manifests have, or correct them, and run the command again.",
        ) from error


def _mistakes(root: Path) -> Sequence[str]:
    """What is wrong with the manifests as they are."""
    try:
        _load(root)
    except InputError as error:
        return error.details
    return ()


def _without_place(mistake: str, root: Path) -> str:
    """A mistake in `links.yaml` without its line and column; any other as it is."""
    return re.sub(rf"^{re.escape(str(root / LINKS))}:\d+:\d+: ", "", mistake)


def _load(root: Path, links_text: str | None = None) -> tuple[Merge, list[Written], dict[str, StackSettings]]:
    mistakes: list[str] = []
    platform = _written(root / FILE_NAME, PlatformManifest, mistakes)
    mistakes += [f"{path}: the name of a team's file ends in .yaml." for path in sorted((root / TEAMS).glob("*.yml"))]
    teams = [team for path in team_files(root) if (team := _written(path, TeamManifest, mistakes)) is not None]
    links = _links(root / LINKS, links_text, mistakes)

    problems: list[Problem] = [problem for team in teams for problem in _of_team(team, platform)]
    problems += _of_words(platform, teams)
    problems += _of_repositories(teams)
    problems += _of_workspaces(teams)
    if platform is not None and links is not None and not mistakes:
        problems += problems_of_links(links, platform, teams)
        merge = Merge(root, platform, links, problems)
        stacks = _stacks(merge, teams)
        if not problems:
            return merge, teams, stacks
    mistakes += [str(problem) for problem in problems]
    raise InputError(
        f"The manifests in {root} have {'a mistake' if len(mistakes) == 1 else f'{len(mistakes)} mistakes'}.",
        details=mistakes,
        hint="Correct them and run the command again.",
    )


def _links(path: Path, text: str | None, mistakes: list[str]) -> Written | None:
    if text is None and not path.exists():
        return Written(LinksManifest(), Document(path, {}))
    return _written(path, LinksManifest, mistakes, text)


def _written(path: Path, model: type[BaseModel], mistakes: list[str], text: str | None = None) -> Written | None:
    try:
        document = read(path) if text is None else parse(text, path)
    except InputError as error:
        mistakes += error.details or [" ".join(part for part in (error.what, error.why) if part)]
        return None
    if model is PlatformManifest:  # mistakes in the files of another version are for that version to report
        require_this_version(path, document.data, extra="infra")
    manifest, problems = check(document, model)
    mistakes += [str(problem) for problem in problems]
    return Written(manifest, document) if manifest is not None else None


def _stacks(merge: Merge, teams: list[Written]) -> dict[str, StackSettings]:
    environments = merge.platform.manifest.environments
    rings = {name: entry.ring for name, entry in merge.platform.manifest.environments.items()}
    settings = [
        made
        for team in teams
        for environment in team.manifest.environments
        if environment in environments and (made := merge.environment(team, environment)) is not None
    ]
    hub = merge.hub(settings)
    merge.problems += overlaps(merge.networks.ranges)
    stacks: dict[str, StackSettings] = {hub.stack: hub} if hub is not None else {}
    ordered = sorted(settings, key=lambda made: (rings[made.environment], made.team, made.environment))
    for environment in merge.share_out(ordered):
        stacks[environment.stack] = environment
    return stacks


def _of_team(team: Written, platform: Written | None) -> Iterator[Problem]:
    manifest: TeamManifest = team.manifest
    path = team.document.path
    if path.stem != manifest.name:
        hint = f"Rename the file to {manifest.name}.yaml, or the team to {path.stem}."
        yield Problem(team.at("name"), f"the team {manifest.name!r} is in a file called {path.name!r}.", hint)
    if platform is not None:
        known = platform.manifest.environments
        for name in manifest.environments:
            if name not in known:
                message = f"the environment {name!r} is not in {FILE_NAME}."
                yield Problem(team.at("environments", name), message, did_you_mean(name, known))
    seen: set[str] = set()
    for index, project in enumerate(manifest.projects):
        if project.name in seen:
            yield Problem(team.at("projects", index, "name"), f"two projects are called {project.name!r}.")
        seen.add(project.name)


def _of_words(platform: Written | None, teams: list[Written]) -> Iterator[Problem]:
    """Words that cannot be in names: the hub's own, and those that Azure reserves."""
    for team in teams:
        if team.manifest.name == HUB:
            message = f"no team can be called {HUB!r}: its stacks and names would be mixed up with those of the hub."
            yield Problem(team.at("name"), message, "Give it another name.")
    if platform is None:
        return
    organization = platform.manifest.organization
    if (word := reserved_in(organization)) is not None:
        yield Problem(platform.at("organization"), f"Azure refuses names that contain {word!r}.", _OTHER_WORD)
        return
    for team in teams:
        for environment in team.manifest.environments:
            if (word := reserved_in(organization, team.manifest.name, environment)) is not None:
                message = (
                    f"Azure refuses names that contain {word!r}, as those of {team.manifest.name}-{environment} would."
                )
                yield Problem(team.at("name"), message, _OTHER_WORD)
                break


_OTHER_WORD = "It reserves the word for what has a public endpoint: take another one."


def _of_repositories(teams: list[Written]) -> Iterator[Problem]:
    owners: dict[str, str] = {}
    for team in teams:
        for index, project in enumerate(team.manifest.projects):
            repository = project.repository.lower()
            owner = owners.setdefault(repository, f"{team.manifest.name}/{project.name}")
            if owner != f"{team.manifest.name}/{project.name}":
                at = team.at("projects", index, "repository")
                yield Problem(at, f"the repository {project.repository} is that of {owner} already.")


def _of_workspaces(teams: list[Written]) -> Iterator[Problem]:
    owners: dict[str, str] = {}
    for team in teams:
        for name, environment in team.manifest.environments.items():
            if environment.adopt is not None:
                stack = f"{team.manifest.name}-{name}"
                owner = owners.setdefault(environment.adopt.workspace_id.lower(), stack)
                if owner != stack:
                    at = team.at("environments", name, "adopt", "workspace_id")
                    yield Problem(at, f"the workspace {environment.adopt.workspace_id} is that of {owner} already.")
