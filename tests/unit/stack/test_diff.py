"""Two commits of a platform compared: a real git history, and what Azure would make of each change."""

import json
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from bootstrap.errors import ExitCode, InputError, RefusedError, RemoteError
from bootstrap.manifests.platform import Platform, load_platform
from bootstrap.progress import Progress
from bootstrap.stack.diff.commits import compare, resolve
from bootstrap.stack.diff.deployed import read_deployed
from bootstrap.stack.diff.difference import Commit, ResourceDiff, StackDiff
from bootstrap.stack.plan.cache import Cache
from bootstrap.stack.plan.model import StackPlan
from bootstrap.stack.plan.planner import plan_stacks
from bootstrap.stack.report.markdown import LONGEST
from infra.rules.changes import Change
from infra.rules.rule import UNKNOWN
from tests import worlds
from tests.helpers import Done, build_tree, git, run_here, tree
from tests.unit.stack.reports import diff_as
from tests.unit.stack.test_adopt import ADOPT
from tests.worlds import changed

PLATFORM = changed(worlds.PLATFORM, ("  prod: {ring: 1, protect: true}\n", ""))
FRAUD = """\
name: fraud
network: managed
compute:
  - {name: cpu, size: Standard_D4ds_v5, max_nodes: 4}
environments:
  dev: {}
"""
CHURN = "name: churn\nenvironments: {dev: {}}\n"


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Cache:
    return Cache(tmp_path_factory.mktemp("cache") / "mlops-bootstrap" / "plans")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A platform in a folder of a repository, committed."""
    repository = tmp_path / "repository"
    platform = build_tree(
        repository / "platform", {"platform.yaml": PLATFORM, "teams/fraud.yaml": FRAUD, "teams/churn.yaml": CHURN}
    )
    git("init", "--quiet", "--initial-branch=main", cwd=repository)
    git("add", ".", cwd=repository)
    git("commit", "--quiet", "-m", "first", cwd=repository)
    return platform


def edit(root: Path, file: str, old: str, new: str) -> None:
    text = (root / file).read_text()
    assert old in text
    (root / file).write_text(text.replace(old, new))


def compared(root: Path, cache: Cache, names: Sequence[str] = ()) -> dict[str, StackDiff]:
    platform = load_platform(root)
    found = compare(platform, resolve(platform, "HEAD"), names, Progress(), cache=cache)
    return {stack.name: stack for stack in found}


def of_kind(stack: StackDiff, kind: str) -> ResourceDiff:
    [found] = [one for one in stack.resources if one.type.endswith(f":{kind}")]
    return found


def test_equal_manifests_have_no_differences(root: Path, cache: Cache) -> None:
    found = compared(root, cache)

    assert {name: stack.status for name, stack in found.items()} == dict.fromkeys(
        ["hub", "churn-dev", "fraud-dev"], "unchanged"
    )


def test_changed_property_is_reported_with_both_values(root: Path, cache: Cache) -> None:
    edit(root, "teams/fraud.yaml", "max_nodes: 4", "max_nodes: 8")

    found = compared(root, cache)
    cluster = of_kind(found["fraud-dev"], "Compute")

    assert found["hub"].status == found["churn-dev"].status == "unchanged"
    assert [(one.action, one.name) for one in found["fraud-dev"].resources] == [("change", cluster.name)]
    assert [(one.at, one.old, one.new) for one in cluster.changed] == [
        ("properties.properties.scaleSettings.maxNodeCount", 4, 8)
    ]
    assert cluster.manifest == "teams/fraud.yaml:4"
    assert not cluster.effects


def test_removed_protection_is_reported(root: Path, cache: Cache) -> None:
    edit(root, "teams/churn.yaml", "dev: {}", "dev: {protect: true}")
    git("commit", "--quiet", "-am", "protected", cwd=root)
    edit(root, "teams/churn.yaml", "dev: {protect: true}", "dev: {protect: false}")

    found = compared(root, cache)["churn-dev"]

    unprotected = {
        one.type.split(":", 1)[1]
        for one in found.resources
        if [(change.old, change.new) for change in one.changed if change.at == "protect"] == [(True, False)]
    }
    assert unprotected >= {
        "containerregistry:Registry",
        "keyvault:Vault",
        "machinelearningservices:Workspace",
        "resources:ResourceGroup",
        "storage:StorageAccount",
    }
    assert "protect: true → false" in diff_as("tree", [found])


def test_size_that_azure_cannot_change_in_place_is_reported(root: Path, cache: Cache) -> None:
    edit(root, "teams/fraud.yaml", "Standard_D4ds_v5", "Standard_D8ds_v5")

    cluster = of_kind(compared(root, cache)["fraud-dev"], "Compute")

    assert [(one.at, one.old, one.new) for one in cluster.effects] == [
        ("properties.properties.vmSize", "Standard_D4ds_v5", "Standard_D8ds_v5")
    ]


def test_a_removed_team_is_a_removed_stack_that_loses_data(root: Path, cache: Cache) -> None:
    (root / "teams" / "churn.yaml").unlink()

    found = compared(root, cache)

    assert found["churn-dev"].status == "removed"
    assert {one.action for one in found["churn-dev"].resources} == {"remove"}
    lost = {one.type.split(":", 1)[1] for one in found["churn-dev"].resources if one.loses_data}
    assert lost >= {
        "storage:StorageAccount",
        "keyvault:Vault",
        "containerregistry:Registry",
        "machinelearningservices:Workspace",
    }


def test_a_network_that_is_opened_again_is_one_way(root: Path, cache: Cache) -> None:
    edit(root, "teams/fraud.yaml", "network: managed", "network: open")

    workspace = of_kind(compared(root, cache)["fraud-dev"], "Workspace")

    assert [(one.at, one.effect) for one in workspace.effects] == [("managedNetwork.isolationMode", "one way")]


def test_renamed_organization_replaces_resources_with_its_name(root: Path, cache: Cache) -> None:
    edit(root, "platform.yaml", "organization: contoso", "organization: fabrikam")

    found = compared(root, cache, ["fraud-dev"])["fraud-dev"]
    workspace = of_kind(found, "Workspace")

    assert (workspace.action, workspace.loses_data) == ("replace", True)
    assert "workspaceName" in {one.at for one in workspace.effects}
    assert of_kind(found, "StorageAccount").loses_data


def test_a_renamed_team_is_one_stack_less_and_one_more(root: Path, cache: Cache) -> None:
    (root / "teams" / "churn.yaml").rename(root / "teams" / "leavers.yaml")
    edit(root, "teams/leavers.yaml", "name: churn", "name: leavers")

    found = compared(root, cache)

    assert (found["churn-dev"].status, found["leavers-dev"].status) == ("removed", "added")


def test_only_the_named_stacks_are_compared_also_those_that_are_gone(root: Path, cache: Cache) -> None:
    (root / "teams" / "churn.yaml").unlink()

    assert list(compared(root, cache, ["churn-dev"])) == ["churn-dev"]
    with pytest.raises(InputError, match="There is no stack 'nobody-dev'"):
        compared(root, cache, ["nobody-dev"])


def test_mistakes_of_the_earlier_commit_name_the_commit(root: Path, cache: Cache) -> None:
    edit(root, "teams/fraud.yaml", "network:", "netwrok:")
    git("commit", "--quiet", "-am", "broken", cwd=root)
    edit(root, "teams/fraud.yaml", "netwrok:", "network:")

    with pytest.raises(InputError, match=r"The manifests of HEAD \(\w{10}\) are not valid") as caught:
        compared(root, cache)

    assert caught.value.details == ("HEAD/teams/fraud.yaml:2:1: unknown key 'netwrok'. Did you mean 'network'?",)


def test_an_unknown_commit_and_a_platform_without_git_are_refused(root: Path, tmp_path: Path) -> None:
    alone = build_tree(tmp_path / "alone", {"platform.yaml": PLATFORM, "teams/churn.yaml": CHURN})

    with pytest.raises(InputError, match="There is no commit 'nowhere'"):
        resolve(load_platform(root), "nowhere")
    with pytest.raises(InputError, match="'hub' is a stack: mlops-bootstrap diff REF hub"):
        resolve(load_platform(root), "hub")
    with pytest.raises(InputError, match="There is no commit '--help'"):
        resolve(load_platform(root), "--help")
    with pytest.raises(InputError, match=r"is not in a git repository[\s\S]*git init"):
        resolve(load_platform(alone), "HEAD")


def test_commit_without_the_platform_is_refused(root: Path, cache: Cache) -> None:
    git("mv", "platform", "moved", cwd=root.parent)

    with pytest.raises(InputError, match=r"There is no moved/platform.yaml in HEAD"):
        compared(root.parent / "moved", cache)


def test_repository_whose_work_tree_is_elsewhere_is_refused(root: Path, cache: Cache, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    git("config", "core.worktree", str(tmp_path / "elsewhere"), cwd=root.parent)

    with pytest.raises(InputError, match="is not in the work tree of its repository"):
        compared(root, cache)


def test_check_refuses_data_loss_and_leaves_the_repository_unchanged(root: Path, cache: Cache) -> None:
    edit(root, "platform.yaml", "organization: contoso", "organization: fabrikam")
    (root / "untracked.txt").write_text("mine")
    before = (tree(root.parent), git("status", "--porcelain", cwd=root), git("worktree", "list", cwd=root))

    done = checked(root, cache, "hub", "-o", "json")

    assert done.code == ExitCode.REFUSED
    assert "hub: change-replaces-data: vault: its data is lost, since resourceGroupName goes from" in done.err
    assert done.document["against"] == {"ref": "HEAD", "commit": git("rev-parse", "HEAD", cwd=root)}
    assert {stack["name"]: stack["status"] for stack in done.document["stacks"]} == {"hub": "changed"}
    assert before == (tree(root.parent), git("status", "--porcelain", cwd=root), git("worktree", "list", cwd=root))


@pytest.fixture
def fake_uv(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """Stands in for uv and the version that it would install; test_pinned_version.py has real ones.

    The version prints a text. The file that is returned has the arguments of all calls.
    """

    def install(prints: str = "", digest: str = "a" * 64, code: int = 0) -> Path:
        asked = tmp_path / "asked"
        python = f'#!/bin/sh\necho "$@" >> {asked}\ncat {tmp_path}/printed\n'
        build_tree(tmp_path, {"printed": prints, "python": python})
        (tmp_path / "lock").write_text(f"mlops-bootstrap==0.0.7 \\\n    --hash=sha256:{digest}\n")
        program = f"""\
            #!/bin/sh
            echo "$@" >> {asked}
            case "$2" in
            compile) for last; do :; done; cat "$last" >> {asked}; cp {tmp_path}/lock "$(dirname "$last")/tool.txt" ;;
            -q) for last; do :; done; mkdir -p "$last/bin"; cp {tmp_path}/python "$last/bin/python"
                chmod +x "$last/bin/python" ;;
            esac
            exit {code}
            """
        build_tree(tmp_path, {"uv": program})
        (tmp_path / "uv").chmod(0o755)
        monkeypatch.setattr("bootstrap.processes.uv_executable", lambda: str(tmp_path / "uv"))
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home-cache"))
        return asked

    return install


def pin(root: Path, keys: str) -> Platform:
    """The platform as it is, after a commit that pins a version."""
    platform = load_platform(root)
    edit(root, "platform.yaml", "location", f"{keys}\nlocation")
    git("commit", "--quiet", "-am", "pinned", cwd=root)
    edit(root, "platform.yaml", f"{keys}\n", "")
    return platform


PRINTED = json.dumps({"schema_version": 1, "stacks": [{"name": "churn-dev", "resources": [], "findings": []}]})


def test_plans_in_a_newer_form_are_not_read(root: Path, fake_uv: Callable[..., Path]) -> None:
    platform = pin(root, 'tool: "0.0.*"')
    fake_uv('{"schema_version": 2, "environments": []}')

    with pytest.raises(InputError, match="prints a newer format"):
        list(compare(platform, resolve(platform, "HEAD"), [], Progress()))


def checked(root: Path, cache: Cache, *more: str) -> Done:
    """The check against the last commit, by the command line."""
    env = {"XDG_CACHE_HOME": str(cache.folder.parents[1])}
    return run_here("diff", "HEAD", *more, "--check", "-C", root, cwd=root, env=env)


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        (
            "network: managed",
            "network: open",
            "fraud-dev: change-one-way: workspace: managedNetwork.isolationMode goes",
        ),
        ("D4ds_v5", "D8ds_v5", "fraud-dev: change-refused: cluster-cpu: properties.properties.vmSize goes"),
        ("D4ds_v5", "NC6s_v3", "fraud-dev: size-retired: cluster-cpu: Standard_NC6s_v3 was retired"),
        (
            "managed\n",
            "managed\nlocation: uksouth\n",
            "fraud-dev: change-replaces-data: storage: its data is lost",
        ),
    ],
    ids=["one way", "refused", "an error of the plan", "replaced"],
)
def test_check_refuses_changes_that_azure_refuses_and_errors(
    root: Path, cache: Cache, old: str, new: str, told: str
) -> None:
    edit(root, "teams/fraud.yaml", old, new)

    done = checked(root, cache, "fraud-dev")

    assert done.code == ExitCode.REFUSED
    assert done.err.endswith("docs/plan.md\n")
    assert told not in done.err, "the report has it already"
    assert "    in:  teams/fraud.yaml:" in done.out
    assert f"  error  {told.removeprefix('fraud-dev: ')}" in done.out


def test_check_refuses_removal_of_resources_with_data(root: Path, cache: Cache) -> None:
    (root / "teams" / "churn.yaml").unlink()

    done = checked(root, cache, "churn-dev")

    assert done.code == ExitCode.REFUSED
    assert "  error  change-removes-data: storage: it is removed, and its data is lost." in done.out


def test_new_warnings_are_reported_and_do_not_refuse(root: Path, cache: Cache) -> None:
    edit(root, "teams/churn.yaml", "dev: {}", "dev: {compute: [{name: cpu, size: Standard_D4ds_v77, max_nodes: 1}]}")
    git("commit", "--quiet", "-am", "an old warning", cwd=root)
    edit(
        root,
        "teams/fraud.yaml",
        "name: fraud",
        "name: fraud\nprojects: [{name: scores, repository: 'github:contoso/scores'}]",
    )

    found = compared(root, cache)
    done = checked(root, cache, "fraud-dev", "-o", "json")

    [new] = [one for one in found["fraud-dev"].findings if one.rule == "project-not-linked"]
    assert (new.severity, new.manifest) == ("warning", "teams/fraud.yaml:2")
    assert not found["churn-dev"].findings
    assert not found["hub"].findings
    assert done.code == ExitCode.DONE
    assert {"severity": "warning", "rule": new.rule, "resource": new.resource, "message": new.message}.items() <= next(
        one for one in done.document["stacks"][0]["findings"] if one["rule"] == new.rule
    ).items()
    for form in ("tree", "table", "markdown", "html"):
        text = diff_as(form, found.values())
        assert "project-not-linked" in text, form
        assert "Standard_D4ds_v77" not in text, form
    assert " new warning" in diff_as("tree", found.values())


def test_a_suppression_that_is_taken_out_brings_its_finding_back(root: Path, cache: Cache) -> None:
    edit(
        root,
        "teams/fraud.yaml",
        "name: fraud",
        "name: fraud\nprojects: [{name: scores, repository: 'github:contoso/scores'}]\n"
        "suppress: [{rule: project-not-linked, reason: it comes later, until: 2027-01-31}]",
    )
    git("commit", "--quiet", "-am", "suppressed", cwd=root)
    same = compared(root, cache, ["fraud-dev"])["fraud-dev"]
    edit(root, "teams/fraud.yaml", "suppress: [{rule: project-not-linked,", "suppress: [{rule: size-retired,")
    found = compared(root, cache, ["fraud-dev"])["fraud-dev"]

    assert not same.findings
    assert found.status == "unchanged"
    assert {one.rule for one in found.findings} == {"project-not-linked", "suppression-unused"}
    assert "project-not-linked" in diff_as("tree", [found])


def test_adopted_resources_are_imported_not_added(root: Path, cache: Cache) -> None:
    edit(root, "teams/churn.yaml", "dev: {}", "dev: {}, test: {adopt: " + json.dumps({**ADOPT, "mode": "manage"}) + "}")
    edit(root, "platform.yaml", "dev: {ring: 0}", "dev: {ring: 0}\n  test: {ring: 1}")

    found = compared(root, cache, ["churn-test"])["churn-test"]

    imported = {one.import_id for one in found.resources if one.action == "import"}
    assert imported == set(ADOPT.values())
    assert {one.action for one in found.resources} == {"add", "import"}
    commit = Commit("main", "0" * 40)
    text = diff_as("tree", [found], commit)
    assert f"{len(ADOPT)} to import" in text
    assert "  → machinelearningservices.Workspace  workspace" in text
    for form in ("tree", "table", "markdown", "html"):
        assert ADOPT["workspace_id"] in diff_as(form, [found]), form
    document = json.loads(diff_as("json", [found], commit))
    assert {one["import_id"] for one in document["stacks"][0]["resources"]} == {None, *imported}


def test_changed_lists_report_added_and_removed_entries(root: Path, cache: Cache) -> None:
    many = [f"20.1.{number}.0/24" for number in range(30)]
    edit(root, "teams/churn.yaml", "dev: {}", f"dev: {{allow_ips: {json.dumps(many)}}}")
    git("commit", "--quiet", "-am", "many ranges", cwd=root)
    edit(root, "teams/churn.yaml", '"20.1.29.0/24"', '"20.2.0.0/24", "20.3.0.0/24"')

    found = compared(root, cache, ["churn-dev"])["churn-dev"]

    for form in ("tree", "table", "markdown"):
        text = diff_as(form, [found])
        assert "20.1.28.0/24" not in text, form
        assert all(address in text for address in ("20.1.29.0/24", "20.2.0.0/24", "20.3.0.0/24")), form
    tree = diff_as("tree", [found])
    assert "Rules: - {value: 20.1.29.0/24} + {value: 20.2.0.0/24}, {value: 20.3.0.0/24}\n" in tree


def test_long_lists_report_the_number_of_hidden_entries() -> None:
    changed = Change("ranges", [], list(range(25)))
    found = StackDiff("hub", "changed", [ResourceDiff("change", "urn", "a:b:C", "it", "x.yaml:1", [changed], [])])

    assert "19, and 5 more\n" in diff_as("tree", [found])


def test_unknown_values_are_reported_in_words() -> None:
    changed = [Change("id", "a", UNKNOWN), Change("scope", f"/subscriptions/{UNKNOWN}/x", None)]
    found = StackDiff("hub", "changed", [ResourceDiff("change", "urn", "a:b:C", "it", "x.yaml:1", changed, [])])

    for form in ("tree", "table", "markdown", "html"):
        text = diff_as(form, [found])
        assert text.count("(known after deployment)") == 2, form
        assert UNKNOWN not in text, form


def test_lines_of_removed_resources_name_the_commit(root: Path, cache: Cache) -> None:
    edit(root, "teams/fraud.yaml", "  - {name: cpu, size: Standard_D4ds_v5, max_nodes: 4}\n", "  []\n")
    (root / "teams" / "churn.yaml").unlink()

    found = compared(root, cache)
    done = checked(root, cache, "churn-dev")

    [cluster] = [one for one in found["fraud-dev"].resources if one.type.endswith(":Compute")]
    assert (cluster.action, cluster.manifest) == ("remove", "HEAD: teams/fraud.yaml:4")
    assert {one.manifest.rpartition(":")[0] for one in found["churn-dev"].resources} == {"HEAD: teams/churn.yaml"}
    assert "and its data is lost.\n    in:  HEAD: teams/churn.yaml:2\n" in done.out
    assert "(HEAD: teams/churn.yaml:2)  [loses data]" in done.out


VAULT = "/subscriptions/00000000-0000-0000-0000-00000000000b/resourceGroups/rg-keys/providers/Microsoft.KeyVault"
KEY = "https://kv-keys.vault.azure.net/keys/ml/0123456789abcdef0123456789abcdef"


def test_customer_key_added_later_is_refused_where_azure_needs_it_at_creation(root: Path, cache: Cache) -> None:
    edit(
        root, "teams/churn.yaml", "dev: {}", f"dev: {{customer_key: {{vault_id: {VAULT}/vaults/kv-keys, key: {KEY}}}}}"
    )

    found = compared(root, cache, ["churn-dev"])["churn-dev"]

    assert {
        (one.name, effect.at) for one in found.resources for effect in one.effects if effect.effect == "refused"
    } >= {
        ("images", "encryption.status"),
        ("workspace", "encryption.status"),
        ("storage", "encryption.services.queue.keyType"),
        ("storage", "encryption.services.table.keyType"),
    }


def test_ranges_that_are_in_use_are_refused(root: Path, cache: Cache) -> None:
    edit(root, "platform.yaml", "hub:", "hub:\n  vnet: {address_space: 10.0.0.0/24}")
    git("commit", "--quiet", "-am", "a network", cwd=root)
    edit(root, "platform.yaml", "10.0.0.0/24", "10.9.0.0/24")

    found = compared(root, cache, ["hub"])["hub"]

    refused = {refusal.message.split(" goes", 1)[0] for refusal in found.refusals if refusal.rule == "change-refused"}
    assert refused == {"network: addressSpace.addressPrefixes", "network-endpoints: addressPrefix"}


AGREED = "suppress: [{rule: change-removes-data, reason: nobody needs it any more, until: 2027-01-31}]\n"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("organization:", f"{AGREED}organization:"),
        ("dev: {ring: 0}", f"dev:\n    ring: 0\n    {AGREED}"),
    ],
    ids=["the organization's", "the environment's"],
)
def test_the_loss_of_a_team_is_agreed_to_in_the_platforms_file(root: Path, cache: Cache, old: str, new: str) -> None:
    (root / "teams" / "churn.yaml").unlink()
    edit(root, "platform.yaml", old, new)

    found = compared(root, cache, ["churn-dev"])["churn-dev"]

    assert found.status == "removed"
    assert any(one.loses_data for one in found.resources)
    assert not found.refusals


def test_the_loss_of_an_environment_is_agreed_to_in_the_teams_file(root: Path, cache: Cache) -> None:
    edit(root, "platform.yaml", "dev: {ring: 0}", "dev: {ring: 0}\n  test: {ring: 1}")
    edit(root, "teams/churn.yaml", "{dev: {}}", "{dev: {}, test: {}}")
    git("commit", "--quiet", "-am", "two environments", cwd=root)
    edit(root, "platform.yaml", "\n  test: {ring: 1}", "")
    edit(root, "teams/churn.yaml", "{dev: {}, test: {}}", "{dev: {}}")
    refused = compared(root, cache, ["churn-test"])["churn-test"]
    edit(root, "teams/churn.yaml", "environments:", f"{AGREED}environments:")
    agreed = compared(root, cache, ["churn-test"])["churn-test"]

    assert {one.rule for one in refused.refusals} == {"change-removes-data"}
    assert agreed.status == "removed"
    assert not agreed.refusals


def test_agreeing_to_a_loss_ends_on_its_day(root: Path, cache: Cache) -> None:
    (root / "teams" / "churn.yaml").unlink()
    edit(root, "platform.yaml", "organization:", f"{AGREED}organization:")
    platform = load_platform(root)

    [found] = compare(platform, resolve(platform, "HEAD"), ["churn-dev"], Progress(), "2027-02-01", cache)

    assert {one.rule for one in found.refusals} == {"change-removes-data"}


def test_check_accepts_changes_in_place_and_suppressed_findings(root: Path, cache: Cache) -> None:
    edit(root, "teams/fraud.yaml", "max_nodes: 4", "max_nodes: 8")
    harmless = checked(root, cache, "fraud-dev")
    edit(root, "teams/fraud.yaml", "D4ds_v5", "D8ds_v5")
    edit(
        root,
        "teams/fraud.yaml",
        "environments:",
        "suppress: [{rule: change-refused, resource: cluster-cpu, reason: made anew by hand, until: 2027-01-31}]\n"
        "environments:",
    )
    suppressed = checked(root, cache, "fraud-dev")

    assert (harmless.code, suppressed.code) == (ExitCode.DONE, ExitCode.DONE)
    assert "properties.properties.vmSize: Standard_D4ds_v5 → Standard_D8ds_v5  [refused]" in suppressed.out


def test_plan_does_not_report_suppressions_of_changes_as_unused(root: Path) -> None:
    edit(
        root,
        "teams/fraud.yaml",
        "environments:",
        "suppress: [{rule: change-refused, reason: it is made anew by hand, until: 2027-01-31}]\nenvironments:",
    )

    assert "suppression-unused" not in run_here("plan", "--no-cache", "-C", root, cwd=root).out


def test_the_version_that_the_commit_pins_plans_it(root: Path, fake_uv: Callable[..., Path]) -> None:
    platform = pin(root, 'tool: "0.0.*"')
    asked = fake_uv(PRINTED)

    found = list(compare(platform, resolve(platform, "HEAD"), ["churn-dev"], Progress()))

    assert [(stack.name, stack.status) for stack in found] == [("churn-dev", "changed")]
    calls = asked.read_text().splitlines()
    assert [call.partition(" --")[0].partition(" -q")[0] for call in calls] == [
        "pip compile", "mlops-bootstrap[infra]==0.0.*venv", "pip install", "-I -m bootstrap plan churn-dev",
    ]  # fmt: skip
    assert "--generate-hashes" in calls[0]
    assert "--require-hashes" in calls[2]


def test_a_pinned_version_is_installed_once(root: Path, fake_uv: Callable[..., Path]) -> None:
    platform = pin(root, 'tool: "0.0.*"')
    asked = fake_uv(PRINTED)

    for _ in range(2):
        list(compare(platform, resolve(platform, "HEAD"), ["churn-dev"], Progress()))

    assert asked.read_text().count("pip install") == 1


def test_another_file_of_a_version_that_was_installed_is_refused(root: Path, fake_uv: Callable[..., Path]) -> None:
    platform = pin(root, 'tool: "0.0.*"')
    fake_uv(PRINTED)
    list(compare(platform, resolve(platform, "HEAD"), ["churn-dev"], Progress()))
    asked = fake_uv(PRINTED, digest="b" * 64)
    asked.unlink()

    with pytest.raises(RefusedError, match="has other files of mlops-bootstrap 0"):
        list(compare(platform, resolve(platform, "HEAD"), ["churn-dev"], Progress()))

    assert "install" not in asked.read_text()
    assert "bootstrap plan" not in asked.read_text()


def test_another_major_version_is_installed_only_if_the_user_agrees(root: Path, fake_uv: Callable[..., Path]) -> None:
    platform = pin(root, 'tool: "99.*"')
    asked = fake_uv(PRINTED)
    questions: list[str] = []

    def compare_if(answer: bool) -> list[StackDiff]:
        def trusted(question: str) -> bool:
            questions.append(question)
            return answer

        return list(compare(platform, resolve(platform, "HEAD"), ["churn-dev"], Progress(), trusted=trusted))

    with pytest.raises(RefusedError, match=r"pins mlops-bootstrap 99\.\*, and this is"):
        compare_if(False)
    assert not asked.exists()
    assert [stack.name for stack in compare_if(True)] == ["churn-dev"]
    assert len(questions) == 2


def test_without_a_terminal_another_major_version_needs_an_option(root: Path, fake_uv: Callable[..., Path]) -> None:
    pin(root, 'tool: "99.*"')
    asked = fake_uv(PRINTED)

    refused = run_here("diff", "HEAD", "churn-dev", cwd=root)
    assert refused.code == ExitCode.REFUSED
    assert "--trust-pins" in refused.err
    assert not asked.exists()

    assert run_here("diff", "HEAD", "churn-dev", "--trust-pins", cwd=root).code == ExitCode.DONE


def test_diff_plans_only_the_named_stacks_of_the_earlier_commit(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    edit(root, "teams/fraud.yaml", "dev: {}", "dev: {}\n  test: {}")
    edit(root, "platform.yaml", "dev: {ring: 0}", "dev: {ring: 0}\n  test: {ring: 1}")
    platform, progress = load_platform(root), Noted()
    seen: list[str] = []

    def planned(platform: Platform, names: Sequence[str], *more: Any) -> Iterator[StackPlan]:
        if platform.root != root:
            seen.extend(names)
        return plan_stacks(platform, names, *more)

    monkeypatch.setattr("bootstrap.stack.diff.commits.plan_stacks", planned)
    list(compare(platform, resolve(platform, "HEAD"), ["fraud-dev", "fraud-test"], progress))

    head = git("rev-parse", "HEAD", cwd=root)[:10]
    assert progress.tasks == [f"plan HEAD ({head})", "plan fraud-dev", "plan fraud-test"]
    assert seen == ["fraud-dev"]


class Noted(Progress):
    """Notes the tasks that were started."""

    def __init__(self) -> None:
        self.tasks: list[str] = []

    def started(self, task: str, within: str = "") -> None:
        self.tasks.append(task)


@pytest.mark.parametrize("attribute", ["export-ignore", "export-subst", "eol=crlf"])
def test_gitattributes_do_not_change_the_comparison(root: Path, cache: Cache, attribute: str) -> None:
    build_tree(root.parent, {".gitattributes": f"*.yaml text {attribute}\n"})
    edit(root, "teams/churn.yaml", "name: churn", "name: churn\ntags: {made-by: '$Format:%H$'}")
    git("add", ".", cwd=root.parent)
    git("commit", "--quiet", "-m", "with attributes", cwd=root)
    before = (git("status", "--porcelain", cwd=root), sorted(path.name for path in (root.parent / ".git").iterdir()))

    found = compared(root, cache, ["churn-dev"])

    assert {name: stack.status for name, stack in found.items()} == {"churn-dev": "unchanged"}
    assert before == (
        git("status", "--porcelain", cwd=root),
        sorted(path.name for path in (root.parent / ".git").iterdir()),
    )


def test_every_report_form_shows_the_differences(root: Path, cache: Cache) -> None:
    edit(root, "platform.yaml", "organization: contoso", "organization: fabrikam")
    commit = Commit("main", "0123456789abcdef")
    found = list(compared(root, cache, ["churn-dev"]).values())

    for form in ("tree", "table", "markdown", "html"):
        text = diff_as(form, found, commit)
        assert "workspaceName" in text, form
        assert "main (0123456789)" in text
    document = json.loads(diff_as("json", found, commit))
    assert document["stacks"][0]["name"] == "churn-dev"
    markdown = diff_as("markdown", found, commit)
    assert re.search(
        r"- \*\*error\*\* \[`change-replaces-data`\]\(https://\S+\) in `churn-dev` \(`[^`]+`\): workspace: its data",
        markdown,
    )
    assert all(one.fix in markdown for one in found[0].refusals)
    for form in ("tree", "html"):
        assert "change-replaces-data" in diff_as(form, found, commit)
    assert {one["rule"] for one in document["stacks"][0]["refusals"]} >= {"change-replaces-data"}


def test_a_comment_on_many_differences_stays_short_enough(root: Path, cache: Cache) -> None:
    edit(root, "platform.yaml", "organization: contoso", "organization: fabrikam")
    [one] = compared(root, cache, ["churn-dev"]).values()

    text = diff_as("markdown", [one] * 40)

    assert len(text) <= LONGEST
    assert "*Left out, since a comment holds 65,536 characters: " in text


HOSTILE = """\
from pathlib import Path
Path(__file__).with_name("executed").touch()
Path({marker!r}).touch()
"""


def test_diff_executes_no_program_of_the_commit_that_it_reads(root: Path, tmp_path: Path, cache: Cache) -> None:
    """The repository looks like a checkout of mlops-bootstrap, at the top and around the platform."""
    marker = tmp_path / "executed"
    program = HOSTILE.format(marker=str(marker))
    files = ("bootstrap/__init__.py", "bootstrap/__main__.py", "infra/programs/__init__.py", "sitecustomize.py")
    for folder in (root.parent, root):
        build_tree(folder, dict.fromkeys(files, program))
    git("add", ".", cwd=root.parent)
    git("commit", "--quiet", "-m", "hostile", cwd=root)
    edit(root, "teams/fraud.yaml", "max_nodes: 4", "max_nodes: 8")

    found = compared(root, cache)

    assert found["fraud-dev"].status == "changed"
    assert not marker.exists()


def test_diff_installs_nothing_from_the_source_that_the_commit_names(root: Path, fake_uv: Callable[..., Path]) -> None:
    wheel = "tools/mlops_bootstrap-0.0.7-py3-none-any.whl"
    platform = pin(root, f'tool: "0.0.*"\ntool_source: {wheel}')
    asked = fake_uv(code=1)

    with pytest.raises(RemoteError, match="cannot be installed") as caught:
        list(compare(platform, resolve(platform, "HEAD"), [], Progress()))

    assert "mlops-bootstrap[infra]==0.0.*" in asked.read_text()
    assert wheel not in asked.read_text()
    assert f"`tool_source`, {wheel}, is not used" in caught.value.why


def test_diff_in_a_checkout_of_the_tool_plans_by_the_programs_of_the_commit(
    root: Path, cache: Cache, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stands in for this program running from that repository: its own programs are those of the commit."""
    document = {"schema_version": 1, "stacks": [{"name": "churn-dev", "resources": [], "findings": []}]}
    program = f"print({json.dumps(document)!r})\n"
    build_tree(root.parent, {"bootstrap/__init__.py": "", "bootstrap/__main__.py": program})
    for folder in ("infra", "bootstrap/manifests", "bootstrap/stack"):
        build_tree(root.parent, {f"{folder}/__init__.py": ""})
    git("add", ".", cwd=root.parent)
    git("commit", "--quiet", "-m", "a checkout", cwd=root)
    build_tree(root.parent, {"infra/__init__.py": "# changed since\n"})
    monkeypatch.setattr("bootstrap.stack.diff.commits.CODE", root.parent / "infra")

    found = compared(root, cache, ["churn-dev"])

    assert found["churn-dev"].status == "changed"
    assert {one.action for one in found["churn-dev"].resources} == {"add"}


def state(root: Path, stacks: Sequence[StackPlan], without: str = "") -> Path:
    """The folder of states in which stacks are deployed, as the engine writes them; see tests/engine for a real one."""
    for stack in stacks:
        resources = [
            {"urn": one.urn, "type": one.type} for one in stack.resources if not one.urn.endswith(without or "!")
        ]
        text = json.dumps({"version": 3, "checkpoint": {"latest": {"resources": resources}}})
        build_tree(root, {f".mlops/state/.pulumi/stacks/mlops-bootstrap/{stack.name}.json": text})
    return root / ".mlops/state"


def compared_with_deployed(root: Path, cache: Cache, *sources: str) -> dict[str, StackDiff]:
    platform = load_platform(root)
    deployed = read_deployed(sources, root)
    found = compare(platform, resolve(platform, "HEAD"), (), Progress(), cache=cache, deployed=deployed)
    return {stack.name: stack for stack in found}


def planned_stacks(root: Path, cache: Cache) -> list[StackPlan]:
    return list(plan_stacks(load_platform(root), [], Progress(), None, cache))


def test_removing_what_was_never_deployed_loses_no_data(root: Path, cache: Cache) -> None:
    (root / "teams" / "churn.yaml").unlink()

    found = compared_with_deployed(root, cache, "never")

    churn = found["churn-dev"]
    assert (churn.status, churn.resources, churn.refusals) == ("removed", [], [])
    assert found["hub"].status == found["fraud-dev"].status == "added"


def test_correcting_a_size_that_was_never_deployed_is_no_refused_change(root: Path, cache: Cache) -> None:
    folder = state(root, planned_stacks(root, cache), without="::cluster-cpu")
    edit(root, "teams/fraud.yaml", "Standard_D4ds_v5", "Standard_D8ds_v5")

    committed = compared(root, cache)["fraud-dev"]
    deployed = compared_with_deployed(root, cache, str(folder))

    assert [one.rule for one in committed.refusals] == ["change-refused"]
    assert deployed["fraud-dev"].refusals == []
    assert of_kind(deployed["fraud-dev"], "Compute").action == "add"
    assert {one.action for one in deployed["fraud-dev"].resources if one.type.endswith(":Compute")} == {"add"}
    assert deployed["hub"].status == deployed["churn-dev"].status == "unchanged"


def test_removing_what_is_deployed_loses_data(root: Path, cache: Cache) -> None:
    folder = state(root, planned_stacks(root, cache))
    (root / "teams" / "churn.yaml").unlink()

    found = compared_with_deployed(root, cache, str(folder))["churn-dev"]

    assert {one.rule for one in found.refusals} == {"change-removes-data"}


def test_export_of_a_stack_tells_nothing_of_others(root: Path, cache: Cache) -> None:
    stacks = [stack for stack in planned_stacks(root, cache) if stack.name == "fraud-dev"]
    text = (state(root, stacks) / ".pulumi/stacks/mlops-bootstrap/fraud-dev.json").read_text()
    export = json.dumps({"version": 3, "deployment": json.loads(text)["checkpoint"]["latest"]})
    (root / "fraud.json").write_text(export)
    for team in ("churn", "fraud"):
        (root / "teams" / f"{team}.yaml").unlink()

    found = compared_with_deployed(root, cache, "fraud.json")

    assert all(found[name].refusals for name in ("fraud-dev", "churn-dev"))


def test_resource_that_an_interrupted_deployment_may_have_created_counts_as_deployed(root: Path) -> None:
    pending = {"resource": {"urn": "urn:pulumi:fraud-dev::p::t::storage"}, "type": "creating"}
    deployment = {"resources": [{"urn": "urn:pulumi:fraud-dev::p::t::group"}], "pending_operations": [pending]}
    (root / "fraud.json").write_text(json.dumps({"version": 3, "deployment": deployment}))

    deployed = read_deployed(["fraud.json"], root)("fraud-dev")

    assert deployed == {"urn:pulumi:fraud-dev::p::t::storage", "urn:pulumi:fraud-dev::p::t::group"}


@pytest.mark.parametrize(
    ("files", "sources", "expected"),
    [
        ({}, ["state"], "There is no file"),
        ({"state/x.txt": ""}, ["state"], "There is no deployed stack in"),
        ({"a.json": '{"version": 3, "deployment": {}}'}, ["a.json"], "There is no deployed stack in"),
        ({"a.json": '{"deployment": {"resources": [{"urn": 7}]}}'}, ["a.json"], "is no state of the engine"),
        ({"a.json": "urn"}, ["a.json"], "is no state of the engine"),
        ({"a.json": "{}"}, ["never", "a.json"], "never cannot be combined"),
        ({"s/.pulumi/stacks/p/fraud-dev.json.gz": "x"}, ["s"], "is no state of the engine"),
    ],
)
def test_wrong_states_are_refused(tmp_path: Path, files: dict[str, str], sources: list[str], expected: str) -> None:
    build_tree(tmp_path, files)

    with pytest.raises(InputError, match=expected):
        read_deployed(sources, tmp_path)


def test_reports_say_how_much_is_deployed(root: Path) -> None:
    text = run_here("diff", "HEAD", "hub", "--deployed", "never", "-C", root, cwd=root)
    document = run_here("diff", "HEAD", "hub", "--deployed", "never", "-o", "json", "-C", root, cwd=root).document

    assert re.match(r"compared with HEAD \([0-9a-f]{10}\), of which nothing is deployed\n", text.out)
    assert document["against"].keys() == {"ref", "commit", "deployed"}
    assert [stack["status"] for stack in document["stacks"]] == ["added"]
