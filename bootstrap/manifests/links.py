"""`links.yaml`: what is wrong with its links, and how one is written by hand."""

import difflib
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from bootstrap.errors import InputError, Problem, did_you_mean
from bootstrap.files import write_atomically
from bootstrap.forge import forge_of_issuer
from bootstrap.manifests.layers import Written
from bootstrap.manifests.locate import LINKS
from bootstrap.manifests.schema import PULL_REQUEST, Link, LinksManifest, PlatformManifest, TeamManifest
from bootstrap.yaml import Location, read
from bootstrap.yaml.messages import in_words


def problems_of_links(links: Written, platform: Written, teams: Sequence[Written]) -> Iterator[Problem]:
    """What is wrong with the links, given the manifests that they speak of."""
    manifest: LinksManifest = links.manifest
    organization: PlatformManifest = platform.manifest
    yield from _of_environments(links, ("platform",), manifest.platform, organization.environments, "the platform")
    known_teams: dict[str, TeamManifest] = {team.manifest.name: team.manifest for team in teams}
    for team, projects in manifest.teams.items():
        if team not in known_teams:
            yield Problem(links.at("teams", team), f"there is no team {team!r}.", did_you_mean(team, known_teams))
            continue
        known_projects = {project.name for project in known_teams[team].projects}
        for project, environments in projects.items():
            at = ("teams", team, project)
            if project not in known_projects:
                message = f"the team {team!r} has no project {project!r}."
                yield Problem(links.at(*at), message, did_you_mean(project, known_projects))
            yield from _of_environments(links, at, environments, known_teams[team].environments, f"the team {team!r}")
    yield from _of_subjects(links)


def _of_environments(
    links: Written, at: Location, linked: dict[str, Link], known: dict[str, Any], whose: str
) -> Iterator[Problem]:
    for environment in linked:
        if environment not in known and environment != PULL_REQUEST:
            message = f"{whose} has no environment {environment!r}."
            yield Problem(links.at(*at, environment), message, did_you_mean(environment, known))


def _of_subjects(links: Written) -> Iterator[Problem]:
    """Subjects that would let in who should not be: of any branch, or of another environment."""
    seen: dict[tuple[str, str], str] = {}
    for at, link in _all(links.manifest):
        position = links.at(*at, "subject")
        forge = forge_of_issuer(link.issuer)
        if forge is not None and (found := forge.subject_problem(link.subject, at[-1] == PULL_REQUEST)) is not None:
            yield Problem(position, *found)
        where = ".".join(str(part) for part in at)
        first = seen.setdefault((link.issuer, link.subject), where)
        if first != where:
            message = f"the subject {link.subject!r} is that of {first} already: one token would open both."
            yield Problem(position, message, "Give each environment a subject of its own.")


def _all(manifest: LinksManifest) -> Iterator[tuple[tuple[str, ...], Link]]:
    for environment, link in manifest.platform.items():
        yield ("platform", environment), link
    for team, projects in manifest.teams.items():
        for project, environments in projects.items():
            for environment, link in environments.items():
                yield ("teams", team, project, environment), link


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
