"""`platform team` and `platform environment`: teams and their environments, written as a person writes them."""

import datetime as dt
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any

from pydantic import AfterValidator

from bootstrap.errors import ConflictError, InputError, did_you_mean
from bootstrap.manifests.edit import edit
from bootstrap.manifests.layers import BUILT_IN, innermost
from bootstrap.manifests.locate import TEAMS, team_files
from bootstrap.manifests.platform import Platform, load_platform
from bootstrap.manifests.scaffold import Question
from bootstrap.manifests.schema import FOLDER, AddressRange, Amount, Guid, Location, TeamName
from bootstrap.processes import shell_line
from bootstrap.yaml import as_yaml, as_yaml_line, parse, read
from bootstrap.yaml.write import with_entry
from infra.settings import EXAMPLE_SUBSCRIPTION
from infra.tables.network_modes import DEFAULT_MODE, MODES, Network

Keys = Mapping[str, Any]
"""Keys of a manifest, as plain data."""

_GROUP = "11111111-1111-1111-1111-111111111111"

QUESTIONS: dict[str, Question] = {
    "name": Question("NAME", "Name of the team", "fraud", TeamName),
    "budget": Question("--budget", "Budget of each environment a month", "500", Amount),
    "network": Question("--network", f"Network: {', '.join(MODES)}", DEFAULT_MODE, Network),
    "data_scientists": Question("--data-scientists", "Entra group of the data scientists, its object id", _GROUP, Guid),
    "engineers": Question("--engineers", "Entra group of the engineers, its object id", _GROUP, Guid),
    "reviewers": Question("--reviewers", "Entra group of the reviewers, its object id", _GROUP, Guid),
    "operators": Question("--operators", "Entra group of the operators, its object id", _GROUP, Guid),
    "address_space": Question("--address-space", "Range of its network", "10.20.0.0/24", AddressRange),
    "location": Question("--location", "Azure location", "westeurope", Location),
    "subscription": Question("--subscription", "Id of the Azure subscription", EXAMPLE_SUBSCRIPTION, Guid),
}
"""The values that a team or an environment can be added with, by their names. Only the team's name is required."""

GROUPS = ("data_scientists", "engineers", "reviewers", "operators")

_LEFT_OUT = {
    "network": ("--network", ""),
    "location": ("--location", ""),
    "subscription_id": ("--subscription", ""),
    "budget": ("--budget", "none, so nobody is notified of costs"),
    "compute": ("--cluster", "none, so there is no compute cluster"),
}
"""The options that outer layers can replace, by their keys, and what follows where no layer has a value."""

_ORDER = (
    "name", "groups", "location", "subscription_id", "network", "budget", "budget_start", "compute", "environments",
)  # fmt: skip
"""The order of the keys in a team's file."""

_COMMENTS = {
    "groups": "object ids of Entra groups",
    "budget": "a month in each environment, in the currency of the subscription",
    "budget_start": "the month in which the team was added; Azure never lets it change",
}


def environments_question(platform: Platform) -> Question:
    """The question for some environments of the platform; its example is all of them."""
    known = list(platform.manifests.organization.environments)

    def check(text: str) -> str:
        if not text.split() or not {*text.split()} <= {*known}:
            raise ValueError(f"must be environments of platform.yaml: {', '.join(known)}")
        return text

    type_ = Annotated[str, AfterValidator(check)]
    return Question("--environment", "Its environments, separated by spaces", " ".join(known), type_, default=True)


def keys_of(answers: Mapping[str, Any], clusters: Mapping[str, str] = MappingProxyType({}), nodes: int = 0) -> Keys:
    """The keys of a manifest for answers to `QUESTIONS`; those of None are left out.

    Args:
        clusters: The sizes of compute clusters by their names.
        nodes: The maximum number of nodes of each.
    """
    groups = {key: answers[key] for key in GROUPS if answers.get(key)}
    space = answers.get("address_space")
    keys = {
        "groups": groups or None,
        "location": answers.get("location"),
        "subscription_id": answers.get("subscription"),
        "network": answers.get("network"),
        "vnet": {"address_space": space} if space else None,
        "budget": answers.get("budget"),
        "compute": [{"name": name, "size": size, "max_nodes": nodes} for name, size in clusters.items()] or None,
    }
    return {key: value for key, value in keys.items() if value is not None}


def left_out(platform: Platform, team: str, environments: Iterable[str], keys: Keys) -> list[str]:
    """What applies in environments that are added where options were left out: values of outer layers, or nothing.

    Args:
        keys: The keys that were added.
    """
    taken: list[str] = []
    missing: list[str] = []
    for key, (option, without) in _LEFT_OUT.items():
        found: dict[str, list[str]] = {}
        for environment in environments if key not in keys else ():
            found.setdefault(_outer(platform, team, environment, key) or without, []).append(environment)
        for text, names in found.items():
            where = f" in {', '.join(names)}" if len(found) > 1 else ""
            (missing if text == without else taken).append(f"  {option}{where}: {text}")
    if team not in platform.manifests.teams and "groups" not in keys:
        options = ", ".join(QUESTIONS[group].option for group in GROUPS)
        missing.append(f"  {options}: none, so nobody can use its workspaces")
    return [*(["Taken by default:", *taken] if taken else []), *(["Missing:", *missing] if missing else [])]


def _outer(platform: Platform, team: str, environment: str, key: str) -> str:
    """The value that outer layers give to a key, with its line; empty if there is none."""
    source = innermost(platform.manifests.layers(team, environment), key)
    if not source.value:
        return ""
    value = ", ".join(one.name for one in source.value) if key == "compute" else source.value
    place = "built-in" if source.document is BUILT_IN.document else platform.manifests.origin(source.position)
    return f"{value} ({place})"


def add_team(
    platform: Platform,
    name: str,
    keys: Keys,
    environments: Mapping[str, Keys],
    today: dt.date,
    *,
    dry_run: bool,
) -> str:
    """Write the file of a new team, and return the difference; empty where the file has this content already.

    Args:
        name: The team's name, of the right form.
        keys: The keys for all its environments, as manifests have them.
        environments: The further keys of each environment.
        today: Where a budget would begin before its month, which Azure refuses, it begins with its month.

    Raises:
        InputError: The manifests would have mistakes.
        ConflictError: There is such a file with other content.
        LockedError: Another command is changing the manifests.
    """
    path = platform.root / TEAMS / f"{name}.yaml"

    def change(before: str | None) -> str:
        present = parse(before, path).data if before is not None else None
        month = _month(platform, "", environments, keys, present, today)
        text = _text(platform.root, {"name": name, **keys, **month, "environments": dict(environments)})
        if before is not None and present != parse(text, path).data:
            raise ConflictError(
                f"{path} exists, with other content.",
                details=text.splitlines(),
                why="A file that is there is not replaced. The lines above would be written.",
                hint="Edit the file, or add what is missing: mlops-bootstrap platform environment add --help",
            )
        return text if before is None else before

    return edit(platform.root, f"{TEAMS}/{name}.yaml", change, f"Team {name}", "added", dry_run=dry_run)


def add_environment(platform: Platform, team: str, name: str, keys: Keys, today: dt.date, *, dry_run: bool) -> str:
    """Add an environment to a team's file, and return the difference; empty where it is there with these keys already.

    Args:
        name: The environment.
        keys: Its keys, as manifests have them.
        today: As for `add_team`.

    Raises:
        InputError: There is no such team, or the manifests would have mistakes.
        ConflictError: The team has this environment, with other keys.
        LockedError: Another command is changing the manifests.
    """
    path = _team_file(platform.root, team)

    def change(before: str | None) -> str:
        document = parse(before, path) if before is not None else read(path)
        present = document.data["environments"].get(name)
        new = {**keys, **_month(platform, team, [name], keys, present, today)}
        if present is None:
            return with_entry(before or "", path, ["environments", name], new)
        if present != new:
            raise ConflictError(
                f"Team {team} has the environment {name} already, with other keys.",
                details=[f"{document.position(('environments', name), of_key=True)}: {name}: {as_yaml_line(present)}"],
                why=f"They are not replaced by {as_yaml_line(new)}.",
                hint="Edit the file.",
            )
        return before or ""

    return edit(
        platform.root, f"{TEAMS}/{path.name}", change, f"Environment {name} of {team}", "added", dry_run=dry_run
    )


def remove_team(platform: Platform, team: str, deployed: Collection[str], *, dry_run: bool) -> str:
    """Remove the file of a team, and return the difference.

    Args:
        deployed: The stacks that are known to be deployed.

    Raises:
        InputError: There is no such team.
        ConflictError: Links name it, or it is deployed.
        LockedError: Another command is changing the manifests.
    """
    path = _team_file(platform.root, team)
    stacks = [f"{team}-{environment}" for environment in platform.manifests.teams[team].value.environments]
    if existing := [stack for stack in stacks if stack in deployed]:
        raise ConflictError(
            f"Team {team} is deployed.",
            why=f"The states on this machine have resources of {', '.join(existing)}.",
            hint=f"Save its data, and remove its resources: {shell_line('mlops-bootstrap', 'destroy', '--team', team)}",
        )

    def change(_: str | None) -> None:
        links = load_platform(platform.root).manifests.links
        if team in links.value.teams:
            places = [links.at("teams", team), *(links.at("teams", team, one) for one in links.value.teams[team])]
            raise ConflictError(
                f"Links name the team {team}.",
                details=[f"{one}: {name}" for one, name in zip(places, [team, *links.value.teams[team]], strict=True)],
                why="Without the team they would be mistakes.",
                hint="Move the projects that continue to another team, and remove these entries.",
            )

    return edit(platform.root, f"{TEAMS}/{path.name}", change, f"Team {team}", "removed", dry_run=dry_run)


def _team_file(root: Path, team: str) -> Path:
    files = {path.stem: path for path in team_files(root)}
    if team not in files:
        raise InputError(f"There is no team {team!r} in {root}.", hint=did_you_mean(team, files))
    return files[team]


def _month(
    platform: Platform,
    team: str,
    environments: Iterable[str],
    keys: Keys,
    present: Keys | None,
    today: dt.date,
) -> dict[str, str]:
    """`budget_start`, where a budget would begin in a month that has ended, or in none.

    https://learn.microsoft.com/azure/cost-management-billing/costs/tutorial-acm-create-budgets

    Args:
        team: The team whose layers count; empty for a new one.
        keys: What is added.
        present: What is there already, with its month or without one: the same is added in a later month, too.
    """
    if present is not None:
        return {key: value for key, value in present.items() if key == "budget_start"}
    month = today.replace(day=1).isoformat()
    for environment in environments:
        layers = platform.manifests.layers(team, environment)
        layers.pop("team's environment", None)
        budget, start = (innermost(layers, key).value for key in ("budget", "budget_start"))
        if (budget or keys.get("budget")) is not None and (start is None or start < month):
            return {"budget_start": month}
    return {}


def _text(root: Path, data: Mapping[str, Any]) -> str:
    """A team's file as a person writes it: a line for each cluster, comments where a key does not explain itself."""
    schema = f"{FOLDER}/team.schema.json"
    lines = [f"# yaml-language-server: $schema=../{schema}"] if (root / schema).is_file() else []
    for key, value in sorted(data.items(), key=lambda item: _ORDER.index(item[0])):
        if isinstance(value, list):
            first, *others = [f"{key}:", *(f"  - {as_yaml_line(item)}" for item in value)]
        else:
            # A date needs no quotes here, and people write none.
            first, *others = [f"{key}: {value}"] if key == "budget_start" else as_yaml({key: value}).split("\n")
        lines += [f"{first} # {_COMMENTS[key]}" if key in _COMMENTS else first, *others]
    return "\n".join([*lines, ""])
