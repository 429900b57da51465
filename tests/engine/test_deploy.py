"""The commands that deploy, with the real engine and a simulated Azure in the place of the provider.

The simulation keeps its resources in a file, so each test sees what is really there, whatever the states say.
"""

import errno
import json
import os
import re
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from bootstrap.stack.deploy.ledger import Ledger
from tests.engine.estate import STACKS, Estate, estate, new_estate
from tests.helpers import git, started
from tests.worlds import PLATFORM, TEAM, changed, world

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("engine_on_path")]


def test_up_deploys_the_hub_before_environments(original: Estate) -> None:
    [path] = (original.root / ".mlops" / "deployments").glob("*.jsonl")
    lines = [json.loads(line) for line in path.read_text().splitlines()]

    order = [(line["event"], line["stack"]) for line in lines if line["event"].startswith("stack-")]
    assert order == [(event, stack) for stack in STACKS for event in ("stack-started", "stack-ended")]
    assert lines[0] == {**lines[0], "event": "started", "backend": "file"}
    assert lines[-1] == {**lines[-1], "event": "ended", "result": "done"}


def test_ledger_has_every_resource_that_azure_has(original: Estate) -> None:
    done = original.run("deployments", "show", "-o", "json").document

    added = sum(stack["counts"]["add"] for stack in done["stacks"].values())
    assert added == len(original.azure.ids)
    assert done["operation"] == "up"


def test_second_up_changes_nothing(deployed: Estate) -> None:
    before = deployed.azure.ids

    done = deployed.up(*STACKS)

    assert done.code == 0, done.err
    assert {name: stack["result"] for name, stack in done.document["stacks"].items()} == dict.fromkeys(
        STACKS, "unchanged"
    )
    assert deployed.azure.ids == before


def test_outputs_are_those_of_azure(original: Estate) -> None:
    outputs = original.run("outputs", "fraud-dev", "-o", "json").document["outputs"]

    assert outputs["workspace_id"] in original.azure.ids


def test_change_of_a_manifest_is_previewed_with_its_line_and_deployed(deployed: Estate) -> None:
    world(deployed.root, changed(PLATFORM, ("organization:", "tags: {cost-center: a1}\norganization:")))

    preview = deployed.run("preview", "fraud-dev", "-o", "json").document
    workspace = next(one for one in preview["stacks"][0]["resources"] if one["type"].endswith(":Workspace"))
    done = deployed.up("fraud-dev")

    assert workspace["action"] == "change"
    assert workspace["manifest"].startswith("teams/fraud.yaml:")
    assert [one["at"] for one in workspace["changed"]] == ["tags.cost-center"]
    assert done.code == 0, done.err
    inputs = deployed.azure.get(deployed.id_of("workspaces/mlw-contoso-fraud-dev"))
    assert inputs is not None
    assert inputs["tags"]["cost-center"] == "a1"


def test_drift_is_found_and_nothing_is_changed(deployed: Estate) -> None:
    group = deployed.id_of("resourceGroups/rg-contoso-fraud-dev")
    deployed.change_behind_its_back(group)

    first, second = (deployed.run("drift", *STACKS, "--check") for _ in range(2))

    assert (first.code, second.code) == (5, 5)
    assert "resources.ResourceGroup  group  (teams/fraud.yaml:" in first.out
    assert "1 to change" in first.out
    assert second.out == first.out
    assert deployed.azure.get(group) == {**(deployed.azure.get(group) or {}), "tags": {"by": "hand"}}


def test_loss_of_data_stops_the_deployment_unless_it_is_allowed_by_name(deployed: Estate) -> None:
    """`generation: 2` gives the workspace and the vault new names."""
    world(deployed.root, team=changed(TEAM, ("dev: {}", "dev: {generation: 2}")))
    before = deployed.azure.ids

    refused = deployed.up("fraud-dev")

    assert refused.code == 4
    assert "change-replaces-data" in refused.err
    assert deployed.azure.ids == before
    preview = deployed.run("preview", "fraud-dev", "-o", "json").document["stacks"][0]
    urns = {one["urn"] for one in preview["resources"] if one["loses_data"]}
    some = deployed.up("fraud-dev", "--allow-replace", min(urns))
    assert some.code == 4
    allowed = deployed.up("fraud-dev", *(word for urn in sorted(urns) for word in ("--allow-replace", urn)))
    assert allowed.code == 0, allowed.err
    assert any(id_.endswith("workspaces/mlw-contoso-fraud-dev-2") for id_ in deployed.azure.ids)


def test_approved_changes_are_refused_when_the_state_has_changed_since(deployed: Estate) -> None:
    world(deployed.root, changed(PLATFORM, ("organization:", "tags: {cost-center: a1}\norganization:")))
    assert deployed.run("preview", "fraud-dev", "--save", "approved.json").code == 0
    world(deployed.root, changed(PLATFORM, ("organization:", "tags: {cost-center: b2}\norganization:")))
    assert deployed.up("fraud-dev").code == 0
    world(deployed.root, changed(PLATFORM, ("organization:", "tags: {cost-center: a1}\norganization:")))

    done = deployed.up("fraud-dev", "--approved", "approved.json")

    assert done.code == 4
    assert "otherwise than it was approved" in done.err


def test_approved_changes_are_made(deployed: Estate) -> None:
    world(deployed.root, changed(PLATFORM, ("organization:", "tags: {cost-center: a1}\norganization:")))
    assert deployed.run("preview", "fraud-dev", "--save", "approved.json").code == 0

    assert deployed.up("fraud-dev", "--approved", "approved.json").code == 0


def test_failed_stack_stops_the_next_ring_and_is_resumed(tmp_path: Path) -> None:
    """A resource that exists already is refused, as by the real provider."""
    new = new_estate(tmp_path)
    alerts = f"{GROUP}/microsoft.insights/actionGroups/ag-contoso-hub"
    new.azure.put(alerts, {})

    failed = new.up("--all")

    assert failed.code == 6
    assert "already exist" in failed.err
    results = {name: stack["result"] for name, stack in failed.document["stacks"].items()}
    assert results == {"hub": "failed", "fraud-dev": "waiting"}
    new.azure.delete(alerts)
    assert new.up("--resume", "latest", "--backend", tmp_path.as_uri()).code == 2, "that is another backend"
    done = new.up("--resume", "latest")
    assert done.code == 0, done.err
    assert {name: stack["result"] for name, stack in done.document["stacks"].items()} == dict.fromkeys(STACKS, "done")
    assert done.document["resumes"] == failed.document["id"]


def test_resource_that_no_state_has_is_imported_by_name(deployed: Estate) -> None:
    """A deployment that was killed between Azure's answer and the record of it leaves such a resource."""
    world(
        deployed.root,
        team=changed(TEAM, ("dev: {}", "dev:\n    compute: [{name: cpu, size: Standard_D4ds_v5, max_nodes: 1}]")),
    )
    workspace = deployed.id_of("workspaces/mlw-contoso-fraud-dev")
    group, name = workspace.split("/")[4], workspace.rsplit("/", 1)[-1]
    existing = {"computeName": "cpu", "location": "westeurope", "resourceGroupName": group, "workspaceName": name}
    deployed.azure.put(f"{workspace}/computes/cpu", existing)

    failed = deployed.up("fraud-dev")

    assert failed.code == 6
    assert "cannot create already existing resource" in failed.err
    option = failed.err.split("--import '")[1].split("'")[0]
    assert option.endswith(f"::cluster-cpu={workspace}/computes/cpu")
    preview = deployed.run("preview", "fraud-dev", "--import", option)
    assert "→ machinelearningservices.Compute  cluster-cpu" in preview.out
    done = deployed.up("fraud-dev", "--import", option)
    assert done.code == 0, done.err
    assert deployed.up("fraud-dev").document["stacks"]["fraud-dev"]["result"] == "unchanged"


def test_protected_environment_is_changed_only_when_its_name_is_confirmed(deployed: Estate) -> None:
    refused = deployed.up("fraud-prod")

    assert refused.code == 2
    assert "--confirm prod" in refused.err
    done = deployed.up("fraud-prod", "--confirm", "prod")
    assert done.code == 0, done.err
    gone = deployed.run("destroy", "fraud-prod", "--yes", "--confirm", "prod")
    assert gone.code == 0, gone.err
    assert not [id_ for id_ in deployed.azure.ids if "fraud-prod" in id_]


def test_hub_is_not_destroyed_while_environments_use_it(deployed: Estate) -> None:
    refused = deployed.run("destroy", "hub", "--yes")

    assert refused.code == 4
    assert "fraud-dev" in refused.err
    done = deployed.run("destroy", *STACKS, "--yes", "--confirm", "hub", "-o", "json")
    assert done.code == 0, done.err
    assert list(done.document["stacks"]) == ["fraud-dev", "hub"]
    assert deployed.azure.ids == []


def test_nothing_is_changed_without_consent(deployed: Estate) -> None:
    world(deployed.root, changed(PLATFORM, ("organization:", "tags: {cost-center: a1}\norganization:")))
    group = deployed.id_of("resourceGroups/rg-contoso-fraud-dev")
    before = deployed.azure.get(group)

    done = deployed.run("up", "fraud-dev")

    assert done.code == 2
    assert "--yes" in done.err
    assert deployed.azure.get(group) == before


def test_interrupted_deployment_is_resumed(tmp_path: Path) -> None:
    new = new_estate(tmp_path)
    arguments = ("-m", "bootstrap", "up", "--all", "--yes", "--confirm", "hub")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", str(new.root.parent / "bin"), prepend=os.pathsep)
        for name, value in new.env.items():
            patch.setenv(name, value)
        with started(*arguments, cwd=new.root) as process:
            deadline = time.monotonic() + 120
            while not new.azure.ids and time.monotonic() < deadline:
                time.sleep(0.05)
            for _ in range(2):
                process.send_signal(signal.SIGINT)
                time.sleep(0.5)
            _, err = process.communicate(timeout=120)

    assert process.returncode == 130, err
    assert "up --resume latest" in err
    latest = new.run("deployments", "show", "-o", "json").document
    assert latest["result"] == "interrupted"
    assert latest["stacks"]["fraud-dev"]["result"] == "waiting"
    done = new.up("--resume", "latest")
    assert done.code == 0, done.err
    assert len(new.azure.ids) == len(set(new.azure.ids))
    assert new.run("drift", "--all", "--check").code == 0


def test_ledger_that_cannot_be_written_during_a_deployment_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = Ledger.write

    def on_a_full_disk(ledger: Ledger, event: str, **values: Any) -> None:
        if event == "resource":
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "ledger")
        write(ledger, event, **values)

    monkeypatch.setattr(Ledger, "write", on_a_full_disk)

    done = new_estate(tmp_path).run("up", "hub", "--yes", "--confirm", "hub")

    assert done.code == 2
    assert "No space left on device" in done.err
    assert "engine event" not in done.err


def test_stack_that_another_operation_holds_is_named_with_its_holder(deployed: Estate) -> None:
    """The lock of the engine's own backend, as another machine would hold it."""
    world(deployed.root, changed(PLATFORM, ("organization:", "tags: {cost-center: a1}\norganization:")))
    locks = deployed.root / ".mlops/state/.pulumi/locks/organization/mlops-bootstrap/fraud-dev"
    locks.mkdir(parents=True, exist_ok=True)
    (locks / "5a0b6e5e-0000-4000-8000-000000000000.json").write_text(
        json.dumps({"pid": 4711, "username": "anna", "hostname": "laptop", "timestamp": "2026-11-24T10:00:00Z"})
    )

    done = deployed.up("fraud-dev")

    assert done.code == 7
    assert "anna@laptop" in done.err


@pytest.mark.parametrize(
    ("arguments", "env", "code", "words"),
    [
        (("up",), {}, 2, "Which stacks?"),
        (("up", "fraud-dev", "--all"), {}, 2, "selected in two ways"),
        (("up", "--ring", "7"), {}, 2, "no stack with ring 7"),
        (("up", "fraud-tset"), {}, 2, "fraud-test"),
        (("up", "hub", "--backend", "somewhere"), {}, 2, "is no backend"),
        (("up", "--resume", "20200101-000000-0000"), {}, 2, "There is no deployment"),
        (("preview", "fraud-dev"), {"PATH": "/nowhere"}, 3, "no pulumi on PATH"),
    ],
)
def test_mistakes_are_explained(
    tmp_path: Path, arguments: tuple[str, ...], env: dict[str, str], code: int, words: str
) -> None:
    team = changed(TEAM, ("dev: {}", "dev: {}\n  test: {}"))
    world(tmp_path / "platform", changed(PLATFORM, ("  prod:", "  test: {ring: 0}\n  prod:")), team)

    done = estate(tmp_path).run(*arguments, **env)

    assert done.code == code, done.err
    assert words in done.err


def test_state_needs_a_passphrase(tmp_path: Path) -> None:
    new = new_estate(tmp_path)
    del new.env["PULUMI_CONFIG_PASSPHRASE"]

    done = new.run("preview", "hub")

    assert done.code == 3
    assert "PULUMI_CONFIG_PASSPHRASE" in done.err


@pytest.mark.parametrize("command", ["drift", "outputs", "destroy"])
def test_stack_that_is_not_deployed_is_missing(tmp_path: Path, command: str) -> None:
    new = new_estate(tmp_path)

    done = new.run(command, "fraud-dev")

    assert done.code == 3
    assert "fraud-dev is not deployed" in done.err
    assert not list((new.root / ".mlops").rglob("fraud-dev.json"))
    assert (new.root / ".mlops" / ".gitignore").read_text() == "*\n"


def test_preview_creates_no_stack_and_its_approval_holds_for_the_first_deployment(tmp_path: Path) -> None:
    new = new_estate(tmp_path)

    previewed = new.run("preview", "hub", "--save", "approved.json")

    assert previewed.code == 0, previewed.err
    assert not list((new.root / ".mlops").rglob("hub.json"))
    done = new.up("hub", "--approved", "approved.json")
    assert done.code == 0, done.err
    assert re.search(r"  up hub: ResourceGroup \S+: add in ", done.err), "a line for each resource"
    assert done.document["stacks"]["hub"]["counts"]["add"] == len(new.azure.ids)


def test_destroy_continues_with_what_is_left(deployed: Estate) -> None:
    done = deployed.run("destroy", "fraud-dev", "fraud-prod", "--yes", "--confirm", "prod", "-o", "json")

    assert done.code == 0, done.err
    assert "fraud-prod is not deployed" in done.err
    assert list(done.document["stacks"]) == ["fraud-dev"]


@pytest.mark.parametrize(
    ("options", "env", "code"),
    [
        ((), {"PULUMI_CONFIG_PASSPHRASE": "another"}, 3),
        (("--backend", "file:///nowhere/at/all"), {}, 6),
        (("--backend", "somewhere"), {}, 2),
    ],
)
@pytest.mark.parametrize("command", ["preview", "up", "drift"])
def test_backend_and_passphrase_are_checked_before_the_plan(
    deployed: Estate,
    monkeypatch: pytest.MonkeyPatch,
    command: str,
    options: tuple[str, ...],
    env: dict[str, str],
    code: int,
) -> None:
    monkeypatch.setattr("bootstrap.stack.deploy.deploy.plan_stacks", None)

    assert deployed.run(command, "fraud-dev", *options, **env).code == code


def test_backend_of_the_manifest_is_used_and_the_option_replaces_it(tmp_path: Path) -> None:
    new = new_estate(tmp_path)
    world(new.root, changed(PLATFORM, ("organization:", "state: file:///nowhere/at/all\norganization:")))
    (new.root / ".mlops").mkdir()
    (new.root / ".mlops/backend").write_text("file:///nowhere/at/all\n")

    by_manifest, by_option = new.run("drift", "hub"), new.run("drift", "hub", "--backend", "file")

    assert (by_manifest.code, by_option.code) == (6, 3)
    assert "/nowhere/at/all" in by_manifest.err
    world(new.root, changed(PLATFORM, ("organization:", "state: https://states.example\norganization:")))
    assert "must be file, hub, file:///FOLDER, or azblob://" in new.run("drift", "hub").err


def test_deployment_stops_when_the_state_changes_after_the_preview(
    deployed: Estate, monkeypatch: pytest.MonkeyPatch
) -> None:
    world(deployed.root, changed(PLATFORM, ("organization:", "tags: {cost-center: a1}\norganization:")))
    state = deployed.root / ".mlops/state/.pulumi/stacks/mlops-bootstrap/fraud-dev.json"

    def another_operation(*_: object) -> None:
        document = json.loads(state.read_text())
        document["checkpoint"]["latest"]["manifest"]["time"] = "2026-11-24T10:00:00Z"
        state.write_text(json.dumps(document))

    monkeypatch.setattr("bootstrap.cli.up.consent", lambda *_, **__: another_operation)

    done = deployed.up("fraud-dev")

    assert done.code == 4
    assert "has changed since it was previewed" in done.err
    assert "cost-center" not in str(deployed.azure.get(deployed.id_of("workspaces/mlw-contoso-fraud-dev")))


def test_wrong_passphrase_is_named(deployed: Estate) -> None:
    done = deployed.run("preview", "fraud-dev", PULUMI_CONFIG_PASSPHRASE="another")

    assert done.code == 3
    assert "The passphrase does not open the state of fraud-dev" in done.err


GROUP = "/subscriptions/00000000-0000-0000-0000-00000000000b/resourceGroups/rg-contoso-hub/providers"


def test_diff_distinguishes_what_is_deployed_from_what_was_only_committed(deployed: Estate) -> None:
    for words in (
        ["init", "--quiet"],
        ["add", "--all", "--", "platform.yaml", "teams"],
        ["commit", "--quiet", "-m", "all"],
    ):
        git(*words, cwd=deployed.root)
    team = deployed.root / "teams" / "fraud.yaml"
    team.write_text(changed(team.read_text(encoding="utf-8"), ("\n  prod: {}", "")), encoding="utf-8")
    check = ("diff", "HEAD", "--check", "-o", "json")

    committed = deployed.run(*check)
    without_prod = deployed.run(*check, "--deployed", ".mlops/state")
    team.write_text(TEAM.replace("dev", "prod"), encoding="utf-8")
    without_dev = deployed.run(*check, "--deployed", ".mlops/state")
    states = deployed.root / ".mlops" / "state"
    workspace = {"PULUMI_BACKEND_URL": states.as_uri(), **deployed.env}
    command = ["pulumi", "stack", "export", "--stack", "organization/mlops-bootstrap/fraud-dev"]
    export = subprocess.run(
        command, cwd=deployed.root.parent, env={**os.environ, **workspace}, capture_output=True, check=True
    )
    (deployed.root / "fraud-dev.json").write_bytes(export.stdout)
    by_export = deployed.run(*check, "--deployed", "fraud-dev.json")

    assert [done.code for done in (committed, without_prod, without_dev, by_export)] == [5, 0, 5, 5]
    status = {stack["name"]: stack["status"] for stack in without_prod.document["stacks"]}
    assert (status["fraud-dev"], status["fraud-prod"]) == ("unchanged", "removed")
    refused = {stack["name"]: bool(stack["refusals"]) for stack in without_dev.document["stacks"]}
    assert refused == {"hub": False, "fraud-dev": True, "fraud-prod": False}
    assert without_dev.document["against"]["deployed"] == ".mlops/state"


def test_team_is_removed_when_it_is_destroyed(deployed: Estate) -> None:
    refused = deployed.run("platform", "team", "remove", "fraud")
    destroyed = deployed.run("destroy", "fraud-dev", "--yes")
    removed = deployed.run("platform", "team", "remove", "fraud")

    assert [done.code for done in (refused, destroyed, removed)] == [4, 0, 0], removed.err
    assert "The states on this machine have resources of fraud-dev." in refused.err
