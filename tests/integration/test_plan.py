"""`plan` and `platform`, as their users run them."""

import json
import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import pytest

from bootstrap.cli.main import execute
from bootstrap.demo.tour import write_team
from bootstrap.errors import ExitCode
from bootstrap.yaml import parse
from tests.helpers import (
    CONTOSO,
    build_tree,
    examples,
    finish,
    git,
    on_a_terminal,
    run_cli,
    run_here,
    tree,
    wait_for,
)
from tests.prices import azure_prices

ROOT = Path(__file__).parents[2]
TESTED_ELSEWHERE = ("platform bootstrap-state",)
"""Its examples move the states of stacks that are deployed: tests/engine/test_states.py."""


@pytest.mark.parametrize(
    "example",
    [
        example
        for words, lines in examples().items()
        if words == "plan" or (words.startswith("platform") and words not in TESTED_ELSEWHERE)
        for example in lines
    ],
)
def test_the_examples_in_the_help_work(tmp_path: Path, example: str) -> None:
    shutil.copytree(CONTOSO, tmp_path / "examples" / "contoso")
    if " pricing" in example and " add pricing -C" not in example:  # the team of the first example of `team add`
        run_here(*shlex.split(examples()["platform team add"][0])[1:], cwd=tmp_path)

    with azure_prices() as azure:
        done = run_cli(*shlex.split(example)[1:], cwd=tmp_path, env=azure.env)

    assert done.code == ExitCode.DONE, done.err
    assert done.out


@pytest.mark.parametrize("example", examples()["diff"])
def test_the_examples_of_diff_work(tmp_path: Path, example: str) -> None:
    root = tmp_path / "contoso"
    shutil.copytree(CONTOSO, root)
    git("init", "--quiet", cwd=root)
    for message in ("first", "second"):
        git("add", ".", cwd=root)
        git("commit", "--quiet", "--allow-empty", "-m", message, cwd=root)
    git("update-ref", "refs/remotes/origin/main", "HEAD~1", cwd=root)
    team = root / "teams" / "fraud.yaml"
    team.write_text(team.read_text().replace("budget: 500", "budget: 600"))

    done = run_here(*shlex.split(example)[1:], cwd=root)

    assert done.code == ExitCode.DONE, done.err
    counts = "0 to change, 0 to replace, 0 to remove" if "never" in example else "0 to add, 1 to change, 0 to replace"
    assert counts in done.out


def test_one_named_stack_prints_its_resources_and_several_a_summary(tmp_path: Path) -> None:
    one = run_here("plan", "fraud-dev", "-C", CONTOSO, cwd=tmp_path)
    several = run_here("plan", "fraud-dev", "hub", "-C", CONTOSO, cwd=tmp_path)
    resources = run_here("plan", "fraud-dev", "hub", "--resources", "-C", CONTOSO, cwd=tmp_path)
    findings = run_here("plan", "fraud-dev", "hub", "--findings", "-C", CONTOSO, cwd=tmp_path)

    assert "├─ group  (" in one.out
    assert "├─" not in several.out
    assert several.out.startswith("fraud-dev: ")
    assert one.out in resources.out
    assert findings.out.startswith("in all: 2 stacks, ")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--resources", "--findings"], "--resources and --findings cannot be combined."),
        (["--findings", "-o", "json"], "--findings cannot be combined with --output json."),
        (["--resources", "-o", "table"], "--resources cannot be combined with --output table."),
        (["--all", "hub"], "--all cannot be combined with the name of a stack."),
    ],
)
def test_options_that_contradict_each_other_are_refused(tmp_path: Path, options: list[str], message: str) -> None:
    done = run_here("plan", *options, "-C", CONTOSO, cwd=tmp_path)

    assert (done.code, done.out) == (ExitCode.INPUT, "")
    assert f"error: {message}\n" in done.err


def test_a_new_platform_can_be_planned_at_once(tmp_path: Path) -> None:
    assert run_here("platform", "init", "acme", "--defaults", "--example", cwd=tmp_path).code == ExitCode.DONE

    done = run_here("plan", "-C", "acme", "-o", "json", cwd=tmp_path)

    assert [stack["name"] for stack in done.document["stacks"]] == ["hub", "example-dev", "example-prod"]
    assert done.code == ExitCode.DONE


def test_example_values_of_init_are_reported_until_replaced(tmp_path: Path) -> None:
    run_here("platform", "init", "acme", "--defaults", cwd=tmp_path)
    own = ["--subscription", "11111111-2222-3333-4444-555555555555", "--tenant", "66666666-7777-8888-9999-000000000000"]
    run_here("platform", "init", "ours", "--defaults", *own, "--email", "ml@acme.example", cwd=tmp_path)

    planned = run_here("plan", "hub", "-C", "acme", cwd=tmp_path).out
    validated = [run_here("platform", "validate", "-C", name, cwd=tmp_path).out for name in ("acme", "ours")]

    examples = [
        "tenant_id 00000000-0000-0000-0000-000000000002",
        "subscription_id 00000000-0000-0000-0000-000000000001",
    ]
    assert f"warning  example-value: hub has example values of platform init: {', '.join(examples)}" in planned
    assert "platform.yaml:7:18: 00000000-0000-0000-0000-000000000001 is an example. Replace it" in validated[0]
    assert "platform.yaml:21:7: ml-platform@example.com is an example. Replace it" in validated[0]
    assert "warning" not in validated[1]


def test_the_readme_shows_the_plan_of_the_demo(tmp_path: Path) -> None:
    run_here("platform", "init", "platform", "--organization", "contoso", "--defaults", cwd=tmp_path)
    write_team(tmp_path / "platform")

    printed = run_here("plan", "health-dev", "-C", "platform", cwd=tmp_path).out.splitlines()

    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    shown = readme[readme.index("health-dev: ") :].partition("\n…")[0].splitlines()
    assert len(shown) > 3
    assert printed[: len(shown)] == shown


RETIRED = """\
    name: fraud
    environments:
      dev:
        compute:
          - {name: old, size: Standard_NC6s_v3, max_nodes: 2}
    """
SUPPRESSED = """\
    suppress: [{rule: size-retired, reason: they are kept for one more week, until: 2026-12-31}]
    """


def test_check_refuses_unsuppressed_errors_and_prints_the_plan(tmp_path: Path) -> None:
    platform = """\
        organization: contoso
        location: westeurope
        tenant_id: 00000000-0000-0000-0000-00000000000a
        subscription_id: 00000000-0000-0000-0000-00000000000b
        environments: {dev: {ring: 0}}
        hub: {alert_emails: [ml@contoso.example]}
        """
    files = {"platform.yaml": platform, "teams/fraud.yaml": RETIRED}
    build_tree(tmp_path / "wrong", files)
    build_tree(tmp_path / "known", {**files, "teams/fraud.yaml": dedent(RETIRED) + dedent(SUPPRESSED)})

    shown = run_here("plan", "fraud-dev", "-C", "wrong", cwd=tmp_path)
    refused = run_here("plan", "fraud-dev", "--check", "-C", "wrong", cwd=tmp_path)
    as_json = run_here("plan", "fraud-dev", "--check", "-C", "wrong", "-o", "json", cwd=tmp_path)
    known = run_here("plan", "fraud-dev", "--check", "-C", "known", cwd=tmp_path)
    late = run_here("plan", "fraud-dev", "--check", "--as-of", "2027-01-01", "-C", "known", cwd=tmp_path)

    assert [done.code for done in (shown, refused, known, late)] == [
        ExitCode.DONE, ExitCode.REFUSED, ExitCode.DONE, ExitCode.REFUSED,
    ]  # fmt: skip
    assert refused.out == shown.out
    assert "An error refuses the deployment." in refused.err
    assert "size-retired" not in refused.err, "the plan has it already"
    assert "  error  size-retired: cluster-old: Standard_NC6s_v3 was retired on" in refused.out
    assert "    in:  teams/fraud.yaml:5\n" in refused.out
    assert "  fraud-dev: size-retired: cluster-old: Standard_NC6s_v3 was retired on" in as_json.err
    assert "(teams/fraud.yaml:5)\n" in as_json.err


def test_diff_check_counts_each_error_once(tmp_path: Path) -> None:
    platform = """\
        organization: contoso
        location: westeurope
        tenant_id: 00000000-0000-0000-0000-00000000000a
        subscription_id: 00000000-0000-0000-0000-00000000000b
        environments: {dev: {ring: 0}}
        hub: {alert_emails: [ml@contoso.example]}
        """
    build_tree(tmp_path, {"platform.yaml": platform, "teams/fraud.yaml": RETIRED})
    git("init", "--quiet", cwd=tmp_path)
    git("add", "--all", cwd=tmp_path)
    git("commit", "--quiet", "--message", "Platform", cwd=tmp_path)

    done = run_here("diff", "HEAD", "fraud-dev", "--check", cwd=tmp_path)

    assert done.code == ExitCode.REFUSED
    assert "An error refuses the deployment." in done.err


def test_markdown_has_a_graph_and_counts(tmp_path: Path) -> None:
    done = run_here("plan", "hub", "-C", CONTOSO, "-o", "markdown", cwd=tmp_path)

    assert "```mermaid\nflowchart LR\n" in done.out
    assert "| machinelearningservices.Registry | 1 |" in done.out


def test_an_unknown_stack_is_refused_with_a_suggestion(tmp_path: Path) -> None:
    done = run_here("plan", "fraud-prd", "-C", CONTOSO, cwd=tmp_path)

    assert (done.code, done.out) == (ExitCode.INPUT, "")
    assert "Did you mean 'fraud-prod'?" in done.err


def test_unknown_stacks_are_named_at_once(tmp_path: Path) -> None:
    done = run_here("plan", "hub", "frud-dev", "visoin-dev", "-C", CONTOSO, cwd=tmp_path)

    assert (done.code, done.out) == (ExitCode.INPUT, "")
    assert "There are no stacks 'frud-dev', 'visoin-dev' in" in done.err
    assert "Did you mean 'fraud-dev'? Did you mean 'vision-dev'?" in done.err


@pytest.mark.parametrize(
    ("arguments", "step"),
    [
        ("plan --as-of 2026-13-01", "--as-of 2026-11-24"),
        ("plan --prices --currency EURO", "--currency EUR"),
        ("plan --observed nofile.json", "az resource show"),
        ("plan --all fraud-dev", "Leave out --all"),
        ("new tabular --data team", "mlops-bootstrap blueprint show"),
        ("new tabular --answers nofile.yml", "Correct the path"),
        ("platform link fraud/scoring dev --issuer http://a.b --subject x", "https://token.actions"),
    ],
)
def test_wrong_arguments_have_a_next_step(tmp_path: Path, arguments: str, step: str) -> None:
    done = run_cli(*shlex.split(arguments), "-C", CONTOSO, cwd=tmp_path)

    assert (done.code, done.out) == (ExitCode.INPUT, ""), done.err
    assert step in done.err.partition("  next: ")[2]


def test_plan_outside_of_a_platform_prints_the_next_step(tmp_path: Path) -> None:
    done = run_here("plan", cwd=tmp_path)

    assert done.code == ExitCode.MISSING
    assert "mlops-bootstrap platform init" in done.err


def test_broken_manifests_make_no_plan(tmp_path: Path) -> None:
    shutil.copytree(CONTOSO, tmp_path / "contoso")
    team = tmp_path / "contoso" / "teams" / "fraud.yaml"
    team.write_text(team.read_text().replace("budget: 500", "budgt: 500"))

    done = run_here("plan", "hub", "-C", "contoso", "-o", "json", cwd=tmp_path)

    assert (done.code, done.out) == (ExitCode.INPUT, "")
    assert "teams/fraud.yaml:10:5: unknown key 'budgt'. Did you mean 'budget'?" in done.err


def test_a_missing_extra_is_named(tmp_path: Path) -> None:
    """Stands in for an installation without Pulumi: the module is found here first, and says that it is not there."""
    missing = "raise ModuleNotFoundError('no', name='pulumi')\n"
    build_tree(tmp_path, {"site/pulumi/__init__.py": missing})

    done = run_cli(
        "plan",
        "--no-cache",
        "-C",
        CONTOSO,
        cwd=tmp_path,
        env={"PYTHONPATH": os.pathsep.join([str(tmp_path / "site"), str(ROOT)])},
    )

    assert done.code == ExitCode.MISSING
    assert "uv tool install 'mlops-bootstrap[infra]'" in done.err


def test_without_a_terminal_all_missing_values_are_named_at_once(tmp_path: Path) -> None:
    done = run_here("platform", "init", "acme", "--location", "westeurope", cwd=tmp_path)

    assert done.code == ExitCode.INPUT
    assert all(option in done.err for option in ("--organization", "--subscription", "--tenant", "--email"))
    assert "--location:" not in done.err
    assert tree(tmp_path) == []


@pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")
def test_terminal_prompts_until_the_answer_is_valid(tmp_path: Path) -> None:
    command = "platform init acme --organization acme --email ml@acme.example --output json"
    with on_a_terminal(command, cwd=tmp_path) as (process, terminal):
        for prompt, answer in (
            ("Azure location", "West Europe"),
            ("in lower case without spaces", "westeurope"),
            ("Id of the Azure subscription", "11111111-2222-3333-4444-555555555555"),
            ("Entra tenant", "66666666-7777-8888-9999-000000000000"),
        ):
            wait_for(terminal, prompt)
            os.write(terminal, f"{answer}\r".encode())
        out = finish(process, terminal)

    assert process.returncode == 0
    assert "platform.yaml" in json.loads(out)["files"]
    assert 'location: "westeurope"' in (tmp_path / "acme/platform.yaml").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", ['a"b', "a b", "ümlaut", "a" * 300])
def test_an_organization_that_no_azure_name_can_carry_is_refused(tmp_path: Path, name: str) -> None:
    done = run_here("platform", "init", "acme", "--defaults", "--organization", name, cwd=tmp_path)

    assert done.code == ExitCode.INPUT
    assert "--organization must be" in done.err
    assert tree(tmp_path) == []


def test_a_folder_with_other_files_is_a_conflict(tmp_path: Path) -> None:
    build_tree(tmp_path, {"acme/notes.txt": "mine"})

    done = run_here("platform", "init", "acme", "--defaults", cwd=tmp_path)

    assert done.code == ExitCode.CONFLICT
    assert tree(tmp_path) == ["acme/notes.txt"]


def test_shown_settings_are_those_that_plain_pulumi_takes(tmp_path: Path) -> None:
    from infra.settings import from_json

    done = run_here("platform", "show", "fraud-dev", "-C", CONTOSO, "-o", "json", cwd=tmp_path)

    assert from_json(done.out).stack == "fraud-dev"


@pytest.mark.parametrize("stack", ["hub", "fraud-prod", "vision-dev"])
def test_shown_settings_are_yaml_equal_to_json(tmp_path: Path, stack: str) -> None:
    shown = run_here("platform", "show", stack, "-C", CONTOSO, cwd=tmp_path).out
    document = run_here("platform", "show", stack, "-C", CONTOSO, "-o", "json", cwd=tmp_path).document

    assert parse(shown, Path("shown.yaml")).data == document
    assert shown.startswith("# State: azblob://state-contoso-hub")
    assert "# Secrets provider: azurekeyvault://kv-contoso-hub-" in shown


def test_shown_origins_spell_values_as_manifests_do(tmp_path: Path) -> None:
    rows = run_here("platform", "show", "fraud-prod", "--origin", "-C", CONTOSO, cwd=tmp_path).out.splitlines()

    values = {row.split()[0]: row.split()[1] for row in rows}
    assert (values["protect"], values["self_service"], values["tags.cost-center"]) == ("true", "true", "'1234'")


def test_completion_lists_stacks_without_heavy_imports(tmp_path: Path) -> None:
    code = """
import sys, types
from bootstrap.cli.command import complete_stack
print(*complete_stack(types.SimpleNamespace(params={"directory": sys.argv[1]}), "fraud-"))
heavy = {"pulumi", "pydantic", "rich", "copier"} & set(sys.modules)
assert not heavy, heavy
"""
    done = subprocess.run(
        [sys.executable, "-c", code, str(CONTOSO)], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["fraud-dev", "fraud-test", "fraud-prod"]


def test_completion_outside_of_a_platform_is_silent(tmp_path: Path) -> None:
    from types import SimpleNamespace
    from typing import Any, cast

    from bootstrap.cli.command import complete_stack

    assert complete_stack(cast("Any", SimpleNamespace(params={"directory": tmp_path})), "") == []


def test_schemas_accept_the_example(tmp_path: Path) -> None:
    """By a checker that is not ours: what editors show is what `platform validate` says."""
    manifests = {"platform": ["platform.yaml"], "team": ["teams/fraud.yaml"], "links": ["links.yaml"]}
    for name, files in manifests.items():
        schema = tmp_path / f"{name}.json"
        schema.write_text(run_here("platform", "schema", name, cwd=tmp_path).out)
        documents = [str(CONTOSO / file) for file in files]
        command = [sys.executable, "-m", "check_jsonschema", "--schemafile", str(schema), *documents]
        checked = subprocess.run(command, capture_output=True, text=True, check=False)
        assert checked.returncode == 0, checked.stdout
        assert json.loads(schema.read_text())["title"] == f"{name} manifest"


def test_an_interrupted_plan_prints_no_half_result(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("bootstrap.stack.plan.program.create_resources", interrupt)

    assert execute(["plan", "hub", "--no-cache", "-C", str(CONTOSO)]) == ExitCode.INTERRUPTED
    assert capsys.readouterr().out == ""
