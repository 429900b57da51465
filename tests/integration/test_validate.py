"""`platform validate`: its report in every form, and what it finds in manifests."""

import json
import re
from pathlib import Path

import pytest

from bootstrap.errors import ExitCode, InputError
from tests.helpers import Done, build_tree, git, run_here
from tests.prices import Answer, azure_prices, machine

PLATFORM = """\
organization: contoso
location: westeurope
tenant_id: 00000000-0000-0000-0000-00000000000a
subscription_id: 00000000-0000-0000-0000-00000000000b
environments:
  dev: {ring: 0}
hub:
  alert_emails: [ml@contoso.example]
"""
GROUPS = "groups: {engineers: 11111111-1111-1111-1111-111111111111}\n"
TEAM = f"name: fraud\nenvironments: {{dev: {{}}}}\n{GROUPS}"


def validate(root: Path, team: str, output: str, *, platform: str = PLATFORM, links: str = "") -> Done:
    files = {"platform.yaml": platform, "teams/fraud.yaml": team, **({"links.yaml": links} if links else {})}
    return run_here("platform", "validate", "-o", output, cwd=build_tree(root, files))


def test_mistakes_are_a_json_document_with_positions(tmp_path: Path) -> None:
    done = validate(
        tmp_path, "name: fraud\nenvironments: {dev: {budgt: 5}}\n", "json", platform=PLATFORM + "extra: 1\n"
    )

    assert done.code == ExitCode.INPUT
    assert (done.document["valid"], done.document["stacks"], done.document["warnings"]) == (False, [], [])
    assert done.document["problems"] == [
        {
            "severity": "error", "file": "platform.yaml", "line": 9, "column": 1, "message": "unknown key 'extra'.",
            "suggestion": done.document["problems"][0]["suggestion"],
        },
        {
            "severity": "error", "file": "teams/fraud.yaml", "line": 2, "column": 22,
            "message": "unknown key 'budgt'.", "suggestion": "Did you mean 'budget'?",
        },
    ]  # fmt: skip
    assert "error: The manifests in" in done.err


@pytest.fixture(autouse=True)
def _in_the_root_of_a_repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITHUB_WORKSPACE", str(tmp_path))


@pytest.mark.parametrize("output", ["json", "github", "sarif"])
def test_a_file_that_is_no_yaml_is_reported_in_every_form(tmp_path: Path, output: str) -> None:
    done = validate(tmp_path, "name: [fraud\n", output)

    assert done.code == ExitCode.INPUT
    assert "did not find expected" in done.out
    assert "teams/fraud.yaml" in done.out


def test_mistakes_are_workflow_commands_of_github(tmp_path: Path) -> None:
    done = validate(tmp_path, 'name: "fr%0Aaud"\nenvironments: {dev: {}}\n', "github")

    assert done.code == ExitCode.INPUT
    [line] = done.out.splitlines()
    assert line.startswith("::error file=teams/fraud.yaml,line=1,col=7::name: must be 2 to 24 lower-case letters")
    assert line.endswith("(found 'fr%250Aaud').")


def test_a_file_name_is_escaped_in_workflow_commands(tmp_path: Path) -> None:
    root = build_tree(tmp_path, {"platform.yaml": PLATFORM, "teams/a,b:c%.yaml": TEAM})

    done = run_here("platform", "validate", "-o", "github", cwd=root)

    assert done.out.startswith("::error file=teams/a%2Cb%3Ac%25.yaml,line=1,col=1::the team 'fraud' is in a file")


def test_a_report_in_sarif_has_what_github_requires(tmp_path: Path) -> None:
    done = validate(tmp_path, "name: fraud\nenvironments: {dve: {}}\n", "sarif")

    log = json.loads(done.out)
    assert (done.code, log["version"], len(log["runs"])) == (ExitCode.INPUT, "2.1.0", 1)
    [run] = log["runs"]
    driver = run["tool"]["driver"]
    assert driver["name"] == "mlops-bootstrap"
    [rule] = driver["rules"]
    assert rule["shortDescription"]["text"]
    [result] = run["results"]
    assert (result["ruleId"], driver["rules"][result["ruleIndex"]]["id"]) == (rule["id"], rule["id"])
    assert (result["level"], result["message"]["text"]) == (
        "error", "the environment 'dve' is not in platform.yaml. Did you mean 'dev'?"
    )  # fmt: skip
    [location] = result["locations"]
    assert location["physicalLocation"] == {
        "artifactLocation": {"uri": "teams/fraud.yaml", "uriBaseId": "%SRCROOT%"},
        "region": {"startLine": 2, "startColumn": 16}
    }  # fmt: skip


@pytest.mark.parametrize(
    ("platform", "team", "file", "line"),
    [
        (PLATFORM, TEAM + "location: westeuropa\n", "teams/fraud.yaml", 4),
        (PLATFORM, TEAM.replace("dev: {}", "dev: {location: westeuropa}"), "teams/fraud.yaml", 2),
        (PLATFORM, TEAM + "registry_replicas:\n  - northeurope\n  - westeuropa\n", "teams/fraud.yaml", 6),
        (PLATFORM.replace("location: westeurope", "location: westeuropa"), TEAM, "platform.yaml", 2),
        (PLATFORM.replace("{ring: 0}", "{ring: 0, location: westeuropa}"), TEAM, "platform.yaml", 6),
        (PLATFORM + "  location: westeuropa\n", TEAM, "platform.yaml", 9),
        (PLATFORM + "  registry_locations: [westeuropa]\n", TEAM, "platform.yaml", 9),
    ],
)
def test_a_location_that_azure_does_not_have_is_an_error_at_its_line(
    tmp_path: Path, platform: str, team: str, file: str, line: int
) -> None:
    done = validate(tmp_path, team, "github", platform=platform)

    assert done.code == ExitCode.INPUT
    assert re.fullmatch(
        rf"::error file={file},line={line},col=\d+::the location 'westeuropa' is not in the list of Azure's regions as "
        r"of [\d-]+\. Did you mean 'westeurope'\? If Azure has added it since, suppress location-known\.\n",
        done.out,
    )


def test_a_suppression_admits_a_location_that_is_newer_than_the_table(tmp_path: Path) -> None:
    suppress = "suppress: [{rule: location-known, reason: it opened this year, until: 2027-03-31}]\n"

    done = validate(tmp_path, TEAM + "location: atlantisnorth\n" + suppress, "text")

    assert (done.code, done.out) == (ExitCode.DONE, "The manifests are valid. Stacks: hub, fraud-dev.\n")


def test_a_workspace_that_nobody_can_use_is_a_warning_at_its_environment(tmp_path: Path) -> None:
    team = "name: fraud\nenvironments:\n  dev: {}\n"

    done = validate(tmp_path, team, "github")

    assert done.code == ExitCode.DONE
    assert done.out.startswith(
        "::warning file=teams/fraud.yaml,line=3,col=1::fraud-dev has no group of its team and no project: nobody can "
        "use its workspace. Write groups"
    )


BUDGETS = f"""\
name: fraud
{GROUPS}budget_start: 2026-11-01
environments:
  dev:
    budget: 500
    compute:
      - {{name: cpu, size: Standard_D4ds_v5, max_nodes: 2}}
      - {{name: big, size: Standard_E4ds_v5, max_nodes: 4}}
"""


def test_clusters_that_cost_more_than_the_budget_are_warnings_at_their_lines(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # 2 * 0.1 * 730 = 146, and 4 * 0.2 * 730 = 584.
    with azure_prices(machine("Standard_D4ds_v5", 0.1), machine("Standard_E4ds_v5", 0.2)) as prices:
        for name, value in prices.env.items():
            monkeypatch.setenv(name, value)
        root = build_tree(tmp_path, {"platform.yaml": PLATFORM, "teams/fraud.yaml": BUDGETS})

        done = run_here("platform", "validate", "--prices", "-o", "json", cwd=root)
        without = run_here("platform", "validate", cwd=root)

    month, than = "a month of 730 hours", "and the budget is 500.00."
    found = [(one["severity"], one["line"], one["message"]) for one in done.document["problems"]]
    assert (done.code, done.document["valid"]) == (ExitCode.DONE, True)
    assert found == [
        ("warning", 9, f"cluster big: 4 nodes at 0.2 USD an hour cost 584.00 USD in {month}, {than}"),
        ("warning", 6, f"the clusters cpu, big together cost 730.00 USD in {month} with all their nodes, {than}"),
    ]
    assert without.out == "The manifests are valid. Stacks: hub, fraud-dev.\n"
    assert len(prices.asked) == 2


def test_a_price_list_that_cannot_be_read_changes_the_exit_code(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with azure_prices() as prices:
        prices.always = Answer(403)
        for name, value in prices.env.items():
            monkeypatch.setenv(name, value)
        root = build_tree(tmp_path, {"platform.yaml": PLATFORM, "teams/fraud.yaml": BUDGETS})

        done = run_here("platform", "validate", "--prices", cwd=root)

    assert (done.code, done.out) == (ExitCode.REMOTE, "The manifests are valid. Stacks: hub, fraud-dev.\n")


def test_an_unknown_blueprint_is_an_error_that_names_the_known_ones(tmp_path: Path) -> None:
    team = TEAM + "projects:\n  - {name: churn, repository: github:contoso/churn, blueprint: tabulr}\n"

    done = validate(tmp_path, team, "github")

    assert done.code == ExitCode.INPUT
    assert done.out == (
        "::error file=teams/fraud.yaml,line=5,col=64::projects.0.blueprint: must be 'tabular' (found 'tabulr'). "
        "Did you mean 'tabular'?\n"
    )


def test_example_values_are_warnings_at_their_lines(tmp_path: Path) -> None:
    example = PLATFORM.replace("00000000000b", "000000000001")

    done = validate(tmp_path, TEAM, "json", platform=example)

    assert (done.code, done.document["valid"]) == (ExitCode.DONE, True)
    [problem] = done.document["problems"]
    assert (problem["severity"], problem["file"], problem["line"]) == ("warning", "platform.yaml", 4)
    assert done.document["warnings"] == [f"{problem['message']} {problem['suggestion']}"]


def test_valid_manifests_have_no_annotations(tmp_path: Path) -> None:
    assert validate(tmp_path, TEAM, "github") == Done(ExitCode.DONE, "", "")


def test_another_pinned_version_is_a_mistake_at_its_line(tmp_path: Path) -> None:
    done = validate(tmp_path, TEAM, "json", platform=PLATFORM + 'tool: "99.*"\n')

    assert (done.code, done.document["valid"]) == (ExitCode.INPUT, False)
    [problem] = done.document["problems"]
    assert (problem["file"], problem["line"], problem["column"]) == ("platform.yaml", 9, 7)
    assert "`tool` pins 99.*" in problem["message"]
    assert "Run the pinned version: uvx --from 'mlops-bootstrap[infra]==99.*' mlops-bootstrap" in done.err


@pytest.mark.parametrize("output", ["json", "github", "sarif"])
def test_an_error_without_a_line_is_reported_in_every_form(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, output: str
) -> None:
    def refuse(start: Path) -> Path:
        raise InputError("This is no platform.", hint="Choose another folder.")

    monkeypatch.setattr("bootstrap.manifests.platform.find_root", refuse)

    done = run_here("platform", "validate", "-o", output, cwd=tmp_path)

    assert done.code == ExitCode.INPUT
    assert "This is no platform. Choose another folder." in done.out if output != "json" else not done.document["valid"]


@pytest.mark.parametrize("folder", [".", "manifests", "manifests/teams"])
@pytest.mark.parametrize("in_job", [False, True])
def test_annotations_are_relative_to_the_root_of_the_repository(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, folder: str, in_job: bool
) -> None:
    root = build_tree(
        tmp_path, {"manifests/platform.yaml": PLATFORM + "extra: 1\n", "manifests/teams/fraud.yaml": TEAM}
    )
    monkeypatch.delenv("GITHUB_WORKSPACE", raising=False)
    if in_job:
        monkeypatch.setenv("GITHUB_WORKSPACE", str(root))
    else:
        git("init", "--quiet", cwd=root)
    options = ["-C", "manifests"] if folder == "." else []

    github = run_here("platform", "validate", "-o", "github", *options, cwd=root / folder)
    sarif = run_here("platform", "validate", "-o", "sarif", *options, cwd=root / folder)

    assert github.out.startswith("::error file=manifests/platform.yaml,line=9,col=1::")
    [result] = sarif.document["runs"][0]["results"]
    assert result["locations"][0]["physicalLocation"]["artifactLocation"] == {
        "uri": "manifests/platform.yaml", "uriBaseId": "%SRCROOT%"
    }  # fmt: skip


def test_a_file_outside_of_a_repository_has_its_file_uri(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GITHUB_WORKSPACE", raising=False)
    root = build_tree(tmp_path, {"platform.yaml": PLATFORM + "extra: 1\n", "teams/fraud.yaml": TEAM})

    done = run_here("platform", "validate", "-o", "sarif", cwd=root)

    [result] = done.document["runs"][0]["results"]
    uri = result["locations"][0]["physicalLocation"]["artifactLocation"]
    assert uri == {"uri": (root.resolve() / "platform.yaml").as_uri()}
