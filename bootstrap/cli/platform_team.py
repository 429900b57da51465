"""`platform team` and `platform environment`: teams and their environments, added and removed."""

import datetime as dt
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bootstrap.cli.command import Session, command, environment_group, team_group
from bootstrap.cli.platform import ask, print_edit
from bootstrap.errors import InputError
from bootstrap.files import relative_path
from bootstrap.processes import shell_line
from bootstrap.terminal.console import can_ask

if TYPE_CHECKING:
    from bootstrap.manifests.scaffold import Question

Budget = Annotated[
    str | None,
    typer.Option(metavar="AMOUNT", help="The budget of each environment a month, in the subscription's currency."),
]
Network = Annotated[
    str | None, typer.Option(metavar="MODE", help="The network mode (docs/network.md); by default the platform's.")
]
Location = Annotated[str | None, typer.Option(help="The Azure location; by default the platform's.")]
Subscription = Annotated[str | None, typer.Option(help="The id of the Azure subscription; by default the platform's.")]
Clusters = Annotated[
    list[str] | None,
    typer.Option("--cluster", metavar="NAME=SIZE", help="A compute cluster, such as cpu=Standard_D4ds_v5. Repeatable."),
]
MaxNodes = Annotated[int, typer.Option(metavar="N", help="The maximum number of nodes of each cluster.")]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask: missing values are left out.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Show the change, and stop.")]


@command(
    team_group,
    "platform team add",
    examples=[
        "mlops-bootstrap platform team add pricing -C examples/contoso --yes --environment dev --budget 500",
        (
            "mlops-bootstrap platform team add claims -C examples/contoso --yes --environment dev --network managed"
            " --engineers 22222222-2222-2222-2222-222222222222 --cluster cpu=Standard_D4ds_v5 --dry-run"
        ),
    ],
)
def add(
    session: Session,
    name: Annotated[str, typer.Argument(metavar="NAME", help="The team: lower-case letters, digits and hyphens.")],
    *,
    environments: Annotated[
        list[str] | None,
        typer.Option("--environment", metavar="NAME", help="One of its environments; by default all. Repeatable."),
    ] = None,
    data_scientists: Annotated[
        str | None, typer.Option(metavar="ID", help="The Entra group of the data scientists, by object id.")
    ] = None,
    engineers: Annotated[str | None, typer.Option(metavar="ID", help="The group of the engineers.")] = None,
    reviewers: Annotated[str | None, typer.Option(metavar="ID", help="The group of the reviewers.")] = None,
    operators: Annotated[str | None, typer.Option(metavar="ID", help="The group of the operators.")] = None,
    budget: Budget = None,
    network: Network = None,
    ranges: Annotated[
        list[str] | None,
        typer.Option(
            "--address-space",
            metavar="ENVIRONMENT=RANGE",
            help="The range of an environment's network, such as dev=10.20.0.0/24. Repeatable.",
        ),
    ] = None,
    location: Location = None,
    subscription: Subscription = None,
    clusters: Clusters = None,
    max_nodes: MaxNodes = 4,
    yes: Yes = False,
    dry_run: DryRun = False,
) -> None:
    """Write the file of a new team. On a terminal, it asks for missing values."""
    from bootstrap.manifests import teams

    platform = session.platform()
    questions = {**teams.QUESTIONS, "environments": teams.environments_question(platform)}
    options = {
        "name": name,
        "environments": " ".join(environments) if environments else None,
        "data_scientists": data_scientists,
        "engineers": engineers,
        "reviewers": reviewers,
        "operators": operators,
        "budget": budget,
        "network": network,
        "location": location,
        "subscription": subscription,
    }
    spaces = _pairs("--address-space", ranges, "dev=10.20.0.0/24")
    asked = ("environments", "data_scientists", "engineers", "budget", "network")
    defaults = {**dict.fromkeys(asked, ""), "environments": questions["environments"].example}
    answers = _answers(questions, options, {} if yes else defaults)
    names = answers.get("environments", questions["environments"].example).split()
    if unknown := sorted(spaces.keys() - {*names}):
        raise InputError(
            f"--address-space is for environments of the team, and {', '.join(unknown)} is none.",
            hint=f"Its environments: {', '.join(names)}.",
        )
    keys = teams.keys_of(answers, _pairs("--cluster", clusters, "cpu=Standard_D4ds_v5"), max_nodes)
    difference = teams.add_team(
        platform,
        answers["name"],
        keys,
        {one: teams.keys_of({"address_space": spaces.get(one)}) for one in names},
        _today(),
        dry_run=dry_run,
    )
    path = platform.root / "teams" / f"{answers['name']}.yaml"
    print_edit(session, path, difference, "has this content already", dry_run=dry_run)
    if difference:
        chosen = "environments" in answers
        _say_lines(session, [] if chosen else [f"Without --environment: {', '.join(names)}, all of platform.yaml."])
        _say_lines(session, teams.left_out(platform, answers["name"], names, keys))
    _say_next(session, platform.root, [f"{answers['name']}-{one}" for one in names], written=not dry_run)


@command(
    team_group,
    "platform team remove",
    examples=["mlops-bootstrap platform team remove pricing -C examples/contoso --dry-run"],
)
def remove(
    session: Session,
    team: Annotated[str, typer.Argument(metavar="TEAM", help="The team.")],
    *,
    dry_run: DryRun = False,
) -> None:
    """Remove the file of a team. Nothing is removed from Azure: a deployed team is destroyed before."""
    from bootstrap.manifests import teams
    from bootstrap.stack.diff.deployed import stacks_on_this_machine

    platform = session.platform()
    difference = teams.remove_team(platform, team, stacks_on_this_machine(platform.root), dry_run=dry_run)
    print_edit(session, platform.root / "teams" / f"{team}.yaml", difference, "", dry_run=dry_run)
    for project in platform.manifests.teams[team].value.projects:
        session.console.say(f"warning: the project {project.name} ({project.repository}) has no team any more.")
    destroy = shell_line("mlops-bootstrap", "destroy", "--team", team)
    session.console.say(
        f"Nothing was removed from Azure. If the team is deployed, restore the file and remove its resources first: "
        f"{destroy} (docs/platform.md)."
    )


@command(
    environment_group,
    "platform environment add",
    examples=["mlops-bootstrap platform environment add pricing prod -C examples/contoso --yes --budget 1000"],
)
def add_environment(
    session: Session,
    team: Annotated[str, typer.Argument(metavar="TEAM", help="The team.")],
    environment: Annotated[str, typer.Argument(metavar="ENVIRONMENT", help="An environment of platform.yaml.")],
    *,
    budget: Budget = None,
    network: Network = None,
    address_space: Annotated[
        str | None, typer.Option(metavar="RANGE", help="The range of its network, such as 10.20.0.0/24.")
    ] = None,
    location: Location = None,
    subscription: Subscription = None,
    clusters: Clusters = None,
    max_nodes: MaxNodes = 4,
    yes: Yes = False,
    dry_run: DryRun = False,
) -> None:
    """Add an environment to a team's file; everything else in the file stays as it is."""
    from bootstrap.manifests import teams

    platform = session.platform()
    options = {
        "budget": budget,
        "network": network,
        "address_space": address_space,
        "location": location,
        "subscription": subscription,
    }
    defaults = dict.fromkeys(("budget", "network", "address_space"), "")
    answers = _answers(teams.QUESTIONS, options, {} if yes else defaults)
    keys = teams.keys_of(answers, _pairs("--cluster", clusters, "cpu=Standard_D4ds_v5"), max_nodes)
    difference = teams.add_environment(platform, team, environment, keys, _today(), dry_run=dry_run)
    path = platform.root / "teams" / f"{team}.yaml"
    print_edit(session, path, difference, "has this environment already", dry_run=dry_run)
    if difference:
        _say_lines(session, teams.left_out(platform, team, [environment], keys))
    _say_next(session, platform.root, [f"{team}-{environment}"], written=not dry_run)


def _answers(
    questions: "Mapping[str, Question]", options: Mapping[str, str | None], defaults: Mapping[str, str]
) -> dict[str, Any]:
    """The validated values of options; on a terminal, also the answers to the questions that `defaults` names."""
    from bootstrap.manifests.scaffold import validated

    answers = validated({key: value for key, value in options.items() if value is not None}, questions)
    if can_ask():
        ask({key: questions[key] for key in defaults}, answers, defaults)
    return answers


def _pairs(option: str, values: Sequence[str] | None, example: str) -> dict[str, str]:
    """The values by the names before their `=`. Raises InputError."""
    pairs = [value.partition("=") for value in values or ()]
    if wrong := ["".join(pair) for pair in pairs if not (pair[0] and pair[2])]:
        raise InputError(f"{option} takes a name and a value.", details=wrong, hint=f"Write it as: {option} {example}")
    return {name: value for name, _, value in pairs}


def _say_lines(session: Session, lines: Sequence[str]) -> None:
    for line in lines:
        session.console.say(line)


def _today() -> dt.date:
    return dt.datetime.now(dt.UTC).date()


def _say_next(session: Session, root: Path, stacks: Sequence[str], *, written: bool) -> None:
    if written:
        plan = shell_line("mlops-bootstrap", "plan", *stacks, "-C", relative_path(root))
        session.console.say(f"Next:\n  {plan}")
