"""`links.yaml`: what is wrong with its links, and how one is written by hand."""

from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

from pydantic import ValidationError

from bootstrap.errors import InputError, Problem, did_you_mean
from bootstrap.forge import forge_of_issuer
from bootstrap.manifests.layers import Sourced
from bootstrap.manifests.schema import PULL_REQUEST, Link, TeamManifest
from bootstrap.yaml.messages import in_words
from bootstrap.yaml.write import with_entry


def problems_of_links(links: Sourced, platform: Sourced, teams: Sequence[Sourced]) -> Iterator[Problem]:
    """What is wrong with the links, given the manifests whose names they use."""
    yield from _unknown_environments(links.get("platform"), platform.value.environments, "the platform")
    known_teams: dict[str, TeamManifest] = {team.value.name: team.value for team in teams}
    for team, projects in links.value.teams.items():
        if team not in known_teams:
            yield Problem(links.at("teams", team), f"there is no team {team!r}.", did_you_mean(team, known_teams))
            continue
        known_projects = {project.name for project in known_teams[team].projects}
        for project in projects:
            source = links.get("teams", team, project)
            if project not in known_projects:
                yield Problem(
                    source.position,
                    f"the team {team!r} has no project {project!r}.",
                    did_you_mean(project, known_projects),
                )
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
            yield Problem(
                source.at("subject"),
                f"the subject {link.subject!r} already is that of {owner}, so one token would open both.",
                "Give each environment a subject of its own.",
            )


def _all(links: Sourced) -> Iterator[Sourced]:
    for environment in links.value.platform:
        yield links.get("platform", environment)
    for team, projects in links.value.teams.items():
        for project, environments in projects.items():
            for environment in environments:
                yield links.get("teams", team, project, environment)


def link_of(issuer: str, subject: str) -> Link:
    """A link. Raises InputError, which lists all mistakes, when issuer or subject are not of the right form."""
    try:
        return Link(issuer=issuer, subject=subject)
    except ValidationError as error:
        details = [f"--{item['loc'][0]} {in_words([item])[0]}." for item in error.errors(include_url=False)]
        raise InputError(
            "A link needs an issuer and a subject as the forge writes them.",
            details=details,
            hint="Read both from the forge. The issuer is a URL such as https://token.actions.githubusercontent.com.",
        ) from error


def with_link(text: str, path: Path, target: str, environment: str, link: Link) -> str:
    """The text of `links.yaml` with a link added or changed; comments, order and everything else stay.

    Args:
        text: The content of the file; empty when there is none yet.
        path: The file, for messages.
        target: `TEAM/PROJECT`, or `platform` for the CI of the platform repository itself.
        environment: The environment that is deployed to, or `pull-request`.

    Raises:
        InputError: The target is not of the right form, or the text cannot be changed.
    """
    words = target.split("/")
    if words != ["platform"] and len(words) != 2:  # noqa: PLR2004 - a team and a project
        raise InputError(f"{target!r} cannot be linked.", hint="Write TEAM/PROJECT, or platform for its own CI.")
    location = [*words, environment] if words == ["platform"] else ["teams", *words, environment]
    return with_entry(text or "schema_version: 1\n", path, location, link.model_dump())
