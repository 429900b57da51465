"""`platform validate`: its report in every form, and what it finds in manifests."""

import json
import re
from pathlib import Path

import pytest

from bootstrap.errors import ExitCode, InputError
from tests.helpers import Done, build_tree, git, run_here

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
TEAM = "name: fraud\nenvironments: {dev: {}}\n"


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


def test_an_unknown_location_is_a_warning_at_its_line_with_the_nearest_one(tmp_path: Path) -> None:
    done = validate(tmp_path, TEAM + "location: westeuropa\n", "github")

    assert done.code == ExitCode.DONE
    assert re.fullmatch(
        r"::warning file=teams/fraud\.yaml,line=3,col=1::the location 'westeuropa' is not in the list of Azure's "
        r"regions as of [\d-]+\. Did you mean 'westeurope'\?\n",
        done.out,
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
