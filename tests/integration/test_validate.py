"""`platform validate`: its report in every form, and what it finds in manifests."""

import json
import re
from pathlib import Path

import pytest

from bootstrap.errors import ExitCode
from tests.helpers import Done, build_tree, run_cli

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
    return run_cli("platform", "validate", "-o", output, cwd=build_tree(root, files))


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

    done = run_cli("platform", "validate", "-o", "github", cwd=root)

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
        "artifactLocation": {"uri": "teams/fraud.yaml"}, "region": {"startLine": 2, "startColumn": 16}
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


def test_another_pinned_version_is_no_mistake_in_a_line(tmp_path: Path) -> None:
    done = validate(tmp_path, TEAM, "json", platform=PLATFORM + 'tool: "99.*"\n')

    assert (done.code, done.out) == (ExitCode.INPUT, "")
    assert "Run the pinned version: uvx --from 'mlops-bootstrap[infra]==99.*' mlops-bootstrap" in done.err
