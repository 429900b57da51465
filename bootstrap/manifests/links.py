"""`links.yaml`: what is wrong with its links, and how one is written by hand."""

import difflib
import io
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from bootstrap.errors import InputError, Problem, did_you_mean
from bootstrap.files import write_atomically
from bootstrap.forge import forge_of_issuer
from bootstrap.manifests.layers import Sourced
from bootstrap.manifests.locate import LINKS
from bootstrap.manifests.schema import PULL_REQUEST, Link, LinksManifest, TeamManifest
from bootstrap.yaml import read
from bootstrap.yaml.messages import in_words


def problems_of_links(links: Sourced, platform: Sourced, teams: Sequence[Sourced]) -> Iterator[Problem]:
    """What is wrong with the links, given the manifests whose names they use."""
    manifest: LinksManifest = links.value
    yield from _unknown_environments(links.get("platform"), platform.value.environments, "the platform")
    known_teams: dict[str, TeamManifest] = {team.value.name: team.value for team in teams}
    for team, projects in manifest.teams.items():
        if team not in known_teams:
            yield Problem(links.at("teams", team), f"there is no team {team!r}.", did_you_mean(team, known_teams))
            continue
        known_projects = {project.name for project in known_teams[team].projects}
        for project in projects:
            source = links.get("teams", team, project)
            if project not in known_projects:
                message = f"the team {team!r} has no project {project!r}."
                yield Problem(source.position, message, did_you_mean(project, known_projects))
            yield from _unknown_environments(source, known_teams[team].environments, f"the team {team!r}")
    yield from _problems_of_subjects(links)


def _unknown_environments(links: Sourced, known: Collection[str], owner: str) -> Iterator[Problem]:
    for name in links.value:
        if name not in known and name != PULL_REQUEST:
            yield Problem(links.at(name), f"{owner} has no environment {name!r}.", did_you_mean(name, known))


def _problems_of_subjects(links: Sourced) -> Iterator[Problem]:
    """Subjects that would give access to too many jobs: those of any branch, or of another environment."""
    owners: dict[tuple[str, str], str] = {}
    for source in _all(links):
        link: Link = source.value
        forge = forge_of_issuer(link.issuer)
        is_pull_request = source.location[-1] == PULL_REQUEST
        if forge is not None and (found := forge.subject_problem(link.subject, is_pull_request)) is not None:
            yield Problem(source.at("subject"), *found)
        name = ".".join(str(part) for part in source.location)
        owner = owners.setdefault((link.issuer, link.subject), name)
        if owner != name:
            message = f"the subject {link.subject!r} already is that of {owner}, so one token would open both."
            yield Problem(source.at("subject"), message, "Give each environment a subject of its own.")


def _all(links: Sourced) -> Iterator[Sourced]:
    manifest: LinksManifest = links.value
    for environment in manifest.platform:
        yield links.get("platform", environment)
    for team, projects in manifest.teams.items():
        for project, environments in projects.items():
            for environment in environments:
                yield links.get("teams", team, project, environment)


@dataclass(frozen=True)
class Linked:
    """What a link changes in `links.yaml`.

    Attributes:
        text: What the file says with it.
        difference: Against what it says now, as `diff -u` writes it; empty when nothing changes.
    """

    path: Path
    text: str
    difference: str


def link_of(issuer: str, subject: str) -> Link:
    """A link. Raises InputError, which tells all that is wrong, when issuer or subject are not of the right form."""
    try:
        return Link(issuer=issuer, subject=subject)
    except ValidationError as error:
        details = [f"--{item['loc'][0]} {in_words([item])[0]}." for item in error.errors(include_url=False)]
        raise InputError("A link needs an issuer and a subject as the forge writes them.", details=details) from error


def linked(root: Path, target: str, environment: str, link: Link) -> Linked:
    """`links.yaml` of the platform in `root` with one link more, or changed; everything else as it was.

    Args:
        target: `TEAM/PROJECT`, or `platform` for the CI of the platform repository itself.
        environment: The environment that is deployed to, or `pull-request`.

    Raises:
        InputError: The target is written wrongly, or the file is no YAML.
    """
    from ruamel.yaml import YAML

    words = target.split("/")
    if words != ["platform"] and len(words) != 2:  # noqa: PLR2004 - a team and a project
        raise InputError(
            f"{target!r} is nothing that can be linked.", hint="Write TEAM/PROJECT, or platform for its own CI."
        )
    path = root / LINKS
    before = ""
    if path.exists():
        read(path)
        before = path.read_bytes().decode("utf-8-sig")
    yaml = YAML()
    yaml.preserve_quotes = True
    yaml.width = 4096
    data = yaml.load(before) or {"schema_version": 1}
    place = data
    for key in words if words == ["platform"] else ["teams", *words]:
        if not isinstance(place.get(key), dict):
            place[key] = {}
        place = place[key]
    place[environment] = {"issuer": link.issuer, "subject": link.subject}
    stream = io.StringIO()
    yaml.dump(data, stream)
    after = stream.getvalue()
    lines = difflib.unified_diff(before.splitlines(), after.splitlines(), LINKS, LINKS, lineterm="")
    return Linked(path, after, "\n".join(lines))


def write(made: Linked) -> None:
    """Write the file as a whole or not at all. Raises OSError."""
    write_atomically(made.path, made.text)
