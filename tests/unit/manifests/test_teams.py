"""`platform team` and `platform environment`: what they write, keep, refuse, and what a second call does."""

import datetime as dt
import os
import sys
from pathlib import Path

import pytest

from bootstrap.errors import ConflictError, ExitCode
from bootstrap.manifests.platform import load_platform
from bootstrap.manifests.schema import schema_files
from bootstrap.manifests.teams import add_environment, add_team
from infra.settings import EnvironmentSettings
from tests import worlds
from tests.helpers import Done, build_tree, finish, on_a_terminal, run_here, tree, wait_for
from tests.worlds import changed

GROUP = "11111111-1111-1111-1111-111111111111"
NOVEMBER, JANUARY = dt.date(2026, 11, 24), dt.date(2027, 1, 9)
PLATFORM = changed(worlds.PLATFORM, ("environments:\n", "budget_start: 2026-11-01\nenvironments:\n"))
FRAUD = """\
# The team of Anna
name: fraud

environments: # more in May
  dev: {} # theirs
projects: [{name: churn, repository: github:contoso/churn}]
"""
LINKS = """\
teams:
  fraud:
    churn:
      dev: {issuer: https://token.actions.githubusercontent.com, subject: "repo:c@1/churn@2:environment:dev"}
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return build_tree(tmp_path / "platform", {"platform.yaml": PLATFORM, "teams/fraud.yaml": FRAUD})


def run(root: Path, *words: str) -> Done:
    return run_here("platform", *words, "-C", root, cwd=root)


def settings(root: Path, stack: str) -> EnvironmentSettings:
    found = load_platform(root).stacks[stack]
    assert isinstance(found, EnvironmentSettings)
    return found


def test_team_that_is_added_without_options_says_what_applies_and_what_is_missing(root: Path) -> None:
    done = run(root, "team", "add", "health")

    assert done.err.splitlines()[:9] == [
        "Without --environment: dev, prod, all of platform.yaml.",
        "Taken by default:",
        "  --network: open (built-in)",
        "  --location: westeurope (platform.yaml:2)",
        "  --subscription: 00000000-0000-0000-0000-00000000000b (platform.yaml:4)",
        "Missing:",
        "  --budget: none, so nobody is notified of costs",
        "  --cluster: none, so there is no compute cluster",
        "  --data-scientists, --engineers, --reviewers, --operators: none, so nobody can use its workspaces",
    ]


def test_environment_that_is_added_names_the_values_of_its_team(root: Path) -> None:
    build_tree(root, {"teams/health.yaml": "name: health\nnetwork: managed\nbudget: 50\nenvironments: {dev: {}}\n"})

    done = run(root, "environment", "add", "health", "prod", "--cluster", "cpu=Standard_D4ds_v5")

    assert "  --network: managed (teams/health.yaml:2)\n" in done.err
    assert "  --budget: 50 (teams/health.yaml:3)\n" in done.err
    assert "Missing" not in done.err
    assert "--cluster" not in done.err


def test_environments_with_different_values_are_named(root: Path) -> None:
    text = changed(PLATFORM, ("prod: {ring: 1, protect: true}", "prod: {ring: 1, protect: true, network: managed}"))
    (root / "platform.yaml").write_text(text)

    done = run(root, "team", "add", "health", "--dry-run")

    assert "  --network in dev: open (built-in)\n" in done.err
    assert (
        f"  --network in prod: managed (platform.yaml:{text[: text.index('prod:')].count(chr(10)) + 1})\n" in done.err
    )


def test_new_team_gets_a_file_as_a_person_writes_it(root: Path) -> None:
    build_tree(root, schema_files())
    cluster = {"name": "cpu", "size": "Standard_D4ds_v5", "max_nodes": 4}
    keys = {"groups": {"engineers": GROUP}, "budget": 500, "compute": [cluster]}

    add_team(load_platform(root), "health", keys, {"dev": {}, "prod": {}}, JANUARY, dry_run=False)

    assert (root / "teams/health.yaml").read_text(encoding="utf-8") == (
        "# yaml-language-server: $schema=../.schemas/team.schema.json\n"
        "name: health\n"
        "groups: # object ids of Entra groups\n"
        f"  engineers: {GROUP}\n"
        "budget: 500 # a month in each environment, in the currency of the subscription\n"
        "budget_start: 2027-01-01 # the month in which the team was added; Azure never lets it change\n"
        "compute:\n"
        "  - {name: cpu, size: Standard_D4ds_v5, max_nodes: 4}\n"
        "environments:\n"
        "  dev: {}\n"
        "  prod: {}\n"
    )


def test_options_of_a_new_team_become_settings_of_its_stacks(root: Path) -> None:
    options = (
        f"--environment dev --environment prod --budget 700.5 --network open --data-scientists {GROUP}"
        " --location northeurope --subscription 11111111-2222-3333-4444-555555555555"
        " --cluster gpu=Standard_NC4as_T4_v3 --cluster cpu=Standard_D4ds_v5 --max-nodes 2"
    )

    done = run(root, "team", "add", "health", *options.split())

    prod = settings(root, "health-prod")
    assert (done.code, "health-dev" in load_platform(root).stacks) == (ExitCode.DONE, True), done.err
    assert prod.budget is not None
    assert (prod.budget.amount, prod.location) == (700.5, "northeurope")
    assert prod.subscription_id == "11111111-2222-3333-4444-555555555555"
    assert [(one.name, one.max_nodes) for one in prod.clusters] == [("gpu", 2), ("cpu", 2)]
    assert [group.object_id for group in prod.groups] == [GROUP]
    assert "mlops-bootstrap plan health-dev health-prod" in done.err


def test_team_without_options_is_in_all_environments(root: Path) -> None:
    assert run(root, "team", "add", "health").code == ExitCode.DONE

    assert [name for name in load_platform(root).stacks if name.startswith("health")] == ["health-dev", "health-prod"]


def test_locked_team_gets_the_ranges_of_its_networks(root: Path) -> None:
    (root / "platform.yaml").write_text(PLATFORM + "  vnet: {address_space: 10.40.0.0/24}\n")
    cluster = ("--cluster", "cpu=Standard_D4ds_v5")
    locked = ("team", "add", "health", "--environment", "dev", "--network", "locked", *cluster)

    without = run(root, *locked)
    done = run(root, *locked, "--address-space", "dev=10.20.0.0/24")

    assert without.code == ExitCode.INPUT
    assert "Team health: health-dev has private endpoints, and no vnet is set for them." in without.err
    assert done.code == ExitCode.DONE, done.err
    assert "10.20.0.0/24" in settings(root, "health-dev").model_dump_json()


@pytest.mark.parametrize(
    ("start", "today", "expected"),
    [
        ("2026-11-01", NOVEMBER, "2026-11-01"),
        ("2026-12-01", NOVEMBER, "2026-12-01"),
        ("2026-11-01", JANUARY, "2027-01-01"),
    ],
)
def test_budget_of_a_new_team_does_not_begin_in_a_past_month(
    root: Path, start: str, today: dt.date, expected: str
) -> None:
    (root / "platform.yaml").write_text(PLATFORM.replace("2026-11-01", start))

    add_team(load_platform(root), "health", {"budget": 5}, {"dev": {}}, today, dry_run=False)
    add_environment(load_platform(root), "health", "prod", {}, today, dry_run=False)

    budgets = [settings(root, stack).budget for stack in ("health-dev", "health-prod")]
    assert [budget and budget.start for budget in budgets] == [expected, expected]


def test_budget_of_a_later_environment_begins_with_its_month(root: Path) -> None:
    add_team(load_platform(root), "health", {"budget": 5}, {"dev": {}}, NOVEMBER, dry_run=False)
    add_environment(load_platform(root), "health", "prod", {}, JANUARY, dry_run=False)

    budgets = [settings(root, stack).budget for stack in ("health-dev", "health-prod")]
    assert [budget and budget.start for budget in budgets] == ["2026-11-01", "2027-01-01"]
    later = dt.date(2027, 5, 1)
    assert add_environment(load_platform(root), "health", "prod", {}, later, dry_run=False) == ""


def test_same_team_again_changes_nothing_also_in_a_later_month(root: Path) -> None:
    add_team(load_platform(root), "health", {"budget": 5}, {"dev": {}}, JANUARY, dry_run=False)
    path = root / "teams/health.yaml"
    path.write_text("# Ours\n" + path.read_text())
    before = path.read_bytes()

    again = add_team(load_platform(root), "health", {"budget": 5}, {"dev": {}}, dt.date(2027, 3, 1), dry_run=False)

    assert (again, path.read_bytes()) == ("", before)
    done = run(root, "team", "add", "health", "--budget", "5", "--environment", "dev")
    assert (done.code, done.out) == (ExitCode.DONE, f"{path} has this content already.\n")


def test_team_with_other_content_is_a_conflict(root: Path) -> None:
    done = run(root, "team", "add", "fraud", "--budget", "5")

    assert (done.code, done.out) == (ExitCode.CONFLICT, "")
    assert "fraud.yaml exists, with other content." in done.err
    assert "  budget: 5 #" in done.err
    assert (root / "teams/fraud.yaml").read_text() == FRAUD


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["Health"], "NAME must be 2 to 24 lower-case letters"),
        (["hub"], "Team hub: a team cannot have the name 'hub'"),
        (["windows"], "Team windows: Azure refuses names that contain 'windows'"),
        (["health", "--environment", "dve"], "--environment must be environments of platform.yaml: dev, prod"),
        (["health", "--budget", "-1"], "--budget must be more than 0"),
        (["health", "--budget", "nan"], "--budget must be a finite number"),
        (["health", "--network", "lokced"], "Did you mean 'locked'?"),
        (["health", "--engineers", "ml-engineers"], "--engineers must be a GUID"),
        (["health", "--location", "West Europe"], "Did you mean 'westeurope'?"),
        (["health", "--cluster", "Standard_D4ds_v5"], "--cluster cpu=Standard_D4ds_v5"),
        (["health", "--cluster", "cpu=D4"], "size: must be a virtual machine size"),
        (["health", "--cluster", "cpu=Standard_D4ds_v5", "--max-nodes", "0"], "max_nodes: must be at least 1"),
        (["health", "--environment", "dev", "--address-space", "prod=10.0.0.0/24"], "and prod is none."),
        (["health", "--address-space", "dev=10.0.0.1/24"], "the range is 10.0.0.0/24"),
    ],
)
def test_wrong_value_is_refused_and_nothing_is_written(root: Path, words: list[str], expected: str) -> None:
    before = tree(root)

    done = run(root, "team", "add", *words)

    assert (done.code, done.out) == (ExitCode.INPUT, "")
    assert expected in done.err
    assert [path for path in tree(root) if not path.startswith(".mlops/")] == before


@pytest.mark.parametrize(
    "words", [["team", "add", "health"], ["environment", "add", "fraud", "prod"], ["team", "remove", "fraud"]]
)
def test_dry_run_shows_the_change_and_writes_nothing(root: Path, words: list[str]) -> None:
    before = tree(root), (root / "teams/fraud.yaml").read_text()

    shown = run(root, *words, "--dry-run")
    assert (tree(root), (root / "teams/fraud.yaml").read_text()) == before
    done = run(root, *words)

    assert (shown.code, shown.out) == (ExitCode.DONE, done.out)
    assert shown.out.startswith("--- ")


def test_mistakes_that_manifests_already_had_are_reported_with_their_lines(root: Path) -> None:
    (root / "teams/fraud.yaml").write_text(FRAUD.replace("dev: {}", "dve: {}"))

    done = run(root, "team", "add", "health")

    assert done.code == ExitCode.INPUT
    assert "teams/fraud.yaml:5:3: the environment 'dve' is not in platform.yaml." in done.err
    assert not (root / "teams/health.yaml").exists()


def test_added_environment_keeps_everything_else_of_the_file(root: Path) -> None:
    done = run(root, "environment", "add", "fraud", "prod", "--budget", "500", "--cluster", "cpu=Standard_D4ds_v5")

    assert done.code == ExitCode.DONE, done.err
    text = (root / "teams/fraud.yaml").read_text()
    lines = [line for line in done.out.splitlines()[2:] if line.startswith(("+", "-"))]
    assert all(line.startswith("+") for line in lines)
    assert [line for line in text.splitlines() if f"+{line}" not in lines] == FRAUD.splitlines()
    assert settings(root, "fraud-prod").budget is not None


def test_same_environment_again_changes_nothing_and_another_one_is_a_conflict(root: Path) -> None:
    words = ("environment", "add", "fraud", "prod", "--network", "open")
    run(root, *words)
    before = (root / "teams/fraud.yaml").read_bytes()

    again, other = run(root, *words), run(root, *words[:-1], "managed")

    assert (again.code, again.out.endswith("has this environment already.\n")) == (ExitCode.DONE, True)
    assert other.code == ExitCode.CONFLICT
    assert "teams/fraud.yaml:6:3: prod: {network: open}" in other.err
    assert (root / "teams/fraud.yaml").read_bytes() == before


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["fraud", "qa"], "Environment qa of fraud: the environment 'qa' is not in platform.yaml."),
        (["frued", "prod"], "There is no team 'frued'"),
        (["fraud", "prod", "--address-space", "10.0.0.0"], "--address-space must be an IPv4 range"),
    ],
)
def test_wrong_environment_is_refused(root: Path, words: list[str], expected: str) -> None:
    done = run(root, "environment", "add", *words)

    assert (done.code, done.out) == (ExitCode.INPUT, "")
    assert expected in done.err
    assert (root / "teams/fraud.yaml").read_text() == FRAUD


def test_removed_team_has_no_file_and_the_next_steps_are_printed(root: Path) -> None:
    run(root, "team", "add", "health")

    done = run(root, "team", "remove", "fraud")

    assert done.code == ExitCode.DONE, done.err
    assert list(load_platform(root).stacks) == ["hub", "health-dev", "health-prod"]
    assert "warning: the project churn (github:contoso/churn) has no team any more." in done.err
    assert "mlops-bootstrap destroy --team fraud" in done.err
    assert run(root, "team", "remove", "fraud").code == ExitCode.INPUT


def test_team_with_links_is_not_removed(root: Path) -> None:
    (root / "links.yaml").write_text(LINKS)

    done = run(root, "team", "remove", "fraud")

    assert (done.code, done.out) == (ExitCode.CONFLICT, "")
    assert f"{root}/links.yaml:2:3: fraud\n" in done.err
    assert f"{root}/links.yaml:3:5: churn\n" in done.err
    assert (root / "teams/fraud.yaml").exists()


def state(root: Path, stack: str, resources: str) -> None:
    text = f'{{"version": 3, "checkpoint": {{"latest": {{"resources": [{resources}]}}}}}}'
    build_tree(root, {f".mlops/state/.pulumi/stacks/mlops-bootstrap/{stack}.json": text})


def test_team_that_is_deployed_from_this_machine_is_not_removed(root: Path) -> None:
    own = '{"urn": "urn:pulumi:fraud-dev::mlops-bootstrap::pulumi:pulumi:Stack::mlops-bootstrap-fraud-dev"}'
    state(root, "fraud-dev", own + ', {"urn": "urn:pulumi:fraud-dev::mlops-bootstrap::a:b:C::group"}')

    deployed = run(root, "team", "remove", "fraud")
    state(root, "fraud-dev", own)
    destroyed = run(root, "team", "remove", "fraud")

    assert (deployed.code, destroyed.code) == (ExitCode.CONFLICT, ExitCode.DONE)
    assert "have resources of fraud-dev" in deployed.err
    assert "mlops-bootstrap destroy --team fraud" in deployed.err


def test_team_that_another_command_added_meanwhile_is_a_conflict(root: Path) -> None:
    platform = load_platform(root)
    run(root, "team", "add", "health")

    with pytest.raises(ConflictError):
        add_team(platform, "health", {"budget": 7}, {"dev": {}}, NOVEMBER, dry_run=False)


@pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")
def test_terminal_asks_for_what_is_not_given(root: Path) -> None:
    with on_a_terminal("platform team add health --output json", cwd=root) as (process, terminal):
        for prompt, answer in (
            ("Its environments, separated by spaces [dev prod]", "dve"),
            ("must be environments of platform.yaml: dev, prod", "dev"),
            ("leave it empty for none", GROUP),  # data scientists
            ("leave it empty for none", ""),
            ("such as 500", "much"),
            ("must be a number", "500"),
            ("Network", "managed"),
        ):
            wait_for(terminal, prompt)
            os.write(terminal, f"{answer}\r".encode())
        finish(process, terminal)

    assert process.returncode == ExitCode.DONE
    health = settings(root, "health-dev")
    assert "health-prod" not in load_platform(root).stacks
    assert ([group.object_id for group in health.groups], health.budget and health.budget.amount) == ([GROUP], 500)
    assert health.network == "managed"


@pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")
def test_yes_asks_nothing_on_a_terminal(root: Path) -> None:
    with on_a_terminal("platform team add health --yes", cwd=root) as (process, terminal):
        finish(process, terminal)

    assert process.returncode == ExitCode.DONE
    assert (root / "teams/health.yaml").exists()
