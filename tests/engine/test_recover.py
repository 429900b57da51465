"""`recover`: what a killed deployment leaves in a state is shown, and repaired with consent."""

import json
import os
import signal
import socket
from pathlib import Path

import pytest

from bootstrap.errors import ConflictError
from bootstrap.manifests.platform import load_platform
from bootstrap.progress import Progress
from bootstrap.stack.deploy.deploy import Deployer
from bootstrap.stack.deploy.engine import Engine
from tests.engine import faults
from tests.engine.disturbed import Disturbed
from tests.engine.estate import Estate, new_estate
from tests.engine.soak import KILLS, Soak
from tests.worlds import PLATFORM, changed, world

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("engine_on_path")]

STATE = ".mlops/state/.pulumi/stacks/mlops-bootstrap/fraud-dev.json"
LOCKS = ".mlops/state/.pulumi/locks/organization/mlops-bootstrap/fraud-dev"


def lock(estate: Estate, pid: int, host: str) -> Path:
    """Write the lock of an engine, as the engine does."""
    path = estate.root / LOCKS / "5a0b6e5e-0000-4000-8000-000000000000.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    holder = {"pid": pid, "username": "anna", "hostname": host, "timestamp": "2026-11-24T10:00:00Z"}
    path.write_text(json.dumps(holder))
    return path


def found(estate: Estate, *options: str) -> list[dict[str, object]]:
    done = estate.run("recover", "fraud-dev", *options, "-o", "json")
    assert done.code == 0, done.err
    [stack] = done.document["stacks"]
    return list(stack["found"])


def test_nothing_is_repaired_where_nothing_is_wrong(deployed: Estate) -> None:
    before = (deployed.root / STATE).read_bytes()

    assert found(deployed) == []
    assert (deployed.root / STATE).read_bytes() == before


def test_stack_that_is_not_deployed_stays_away(tmp_path: Path) -> None:
    new = new_estate(tmp_path)

    assert found(new) == []
    assert not (new.root / STATE).exists()


@pytest.mark.parametrize("host", ["laptop", socket.gethostname()])
def test_lock_is_released_with_consent(deployed: Estate, host: str) -> None:
    """Of another machine, whose processes nobody here can see; and of a process of this machine that has ended."""
    path = lock(deployed, 2**22 + 1, host)

    refused = deployed.run("recover", "fraud-dev")

    assert refused.code == 2
    assert f"anna@{host}" in refused.err
    assert "--yes" in refused.err
    assert path.exists()
    [repair] = found(deployed, "--yes")
    assert f"anna@{host} (pid 4194305)" in str(repair["found"])
    assert not path.exists()
    assert deployed.up("fraud-dev").code == 0


@pytest.mark.parametrize("command", ["up", "destroy"])
def test_lock_of_an_ended_process_of_this_machine_does_not_stop_the_next_call(deployed: Estate, command: str) -> None:
    world(deployed.root, changed(PLATFORM, ("organization:", "tags: {cost-center: a1}\norganization:")))
    path = lock(deployed, 2**22 + 1, "laptop")
    words = (command, "fraud-dev", "--yes")
    refused = deployed.run(*words)
    assert refused.code == 7
    assert "anna@laptop" in refused.err
    path.unlink()
    path = lock(deployed, 2**22 + 1, socket.gethostname())

    done = deployed.run(*words)

    assert done.code == 0, done.err
    assert f"its process has ended: {path.resolve().as_uri()}" in done.err
    assert not path.exists()


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="the commands of other processes are not known")
def test_lock_of_a_running_engine_is_kept(deployed: Estate, tmp_path: Path) -> None:
    (tmp_path / "pulumi").symlink_to("/bin/sleep")
    engine = os.spawnv(os.P_NOWAIT, tmp_path / "pulumi", ["pulumi", "60"])
    try:
        path = lock(deployed, engine, socket.gethostname())

        done = deployed.run("recover", "fraud-dev", "--yes")
    finally:
        os.kill(engine, signal.SIGKILL)

    assert done.code == 7
    assert f"pid {engine}" in done.err
    assert path.exists()
    assert found(deployed, "--yes"), "the ended process was not waited for, and no longer holds the lock"
    os.waitpid(engine, 0)


@pytest.mark.parametrize("damage", ["cut off", "missing"])
def test_state_is_restored_from_the_history_of_the_backend(deployed: Estate, damage: str) -> None:
    path = deployed.root / STATE
    before = deployed.run("outputs", "fraud-dev", "-o", "json").document
    if damage == "missing":
        path.unlink()
    else:
        path.write_bytes(path.read_bytes()[:5000])
        failed = deployed.run("preview", "fraud-dev")
        assert failed.code == 6
        assert "mlops-bootstrap recover fraud-dev" in failed.err

    [repair] = found(deployed, "--yes")

    assert "history" in str(repair["step"])
    assert deployed.run("outputs", "fraud-dev", "-o", "json").document == before
    assert deployed.up("fraud-dev").document["stacks"]["fraud-dev"]["result"] == "unchanged"


def test_state_stays_when_only_its_attributes_were_cut_off(deployed: Estate) -> None:
    """The engine writes them before it replaces the state; without them it reads it."""
    before = (deployed.root / STATE).read_bytes()
    attributes = deployed.root / f"{STATE}.attrs"
    attributes.write_bytes(b"")

    [removed] = found(deployed, "--yes")

    assert attributes.name in str(removed["found"])
    assert not attributes.exists()
    assert (deployed.root / STATE).read_bytes() == before
    assert found(deployed) == []


def test_state_that_changes_while_consent_is_asked_for_is_not_replaced(deployed: Estate) -> None:
    path = deployed.root / STATE
    before = path.read_bytes()
    path.write_bytes(before[:5000])
    path_of_programs = os.pathsep.join([str(deployed.root.parent / "bin"), os.environ["PATH"]])
    engine = Engine({**os.environ, **deployed.env, "PATH": path_of_programs})
    work = Deployer(load_platform(deployed.root), deployed.root / ".mlops", engine, "file", Progress())

    def deploy(_: object) -> None:
        path.write_bytes(before)

    with pytest.raises(ConflictError, match="has changed since it was looked at"):
        work.recover(["fraud-dev"], deploy)

    assert path.read_bytes() == before


def test_missing_state_is_restored_from_our_copy_and_is_not_taken_for_a_new_stack(deployed: Estate) -> None:
    world(deployed.root, changed(PLATFORM, ("organization:", "tags: {cost-center: a1}\norganization:")))
    assert deployed.up("fraud-dev").code == 0
    for path in (deployed.root / ".mlops/state/.pulumi").rglob("fraud-dev*"):
        if path.is_file():
            path.unlink()

    refused = deployed.up("fraud-dev")

    assert refused.code == 4
    assert "mlops-bootstrap recover fraud-dev" in refused.err
    [repair] = found(deployed, "--yes")
    assert "copies" in str(repair["step"])
    assert deployed.up("fraud-dev").document["stacks"]["fraud-dev"]["counts"]["change"] > 0


def test_damaged_state_without_a_copy_is_explained(deployed: Estate) -> None:
    for path in (deployed.root / ".mlops/state/.pulumi").rglob("fraud-dev*"):
        if path.is_file():
            path.write_text("{") if path.name == "fraud-dev.json" else path.unlink()

    [repair] = found(deployed)

    assert "damaged" in str(repair["found"])
    assert "backup" in str(repair["step"])
    assert repair["repaired"] is False


def test_creation_that_was_not_recorded_is_imported_by_the_next_up(tmp_path: Path) -> None:
    """The provider, and with it the engine, end after Azure has created the action group of the hub."""
    new = new_estate(tmp_path)
    faults.install(tmp_path / "bin", tmp_path / "azure.sqlite", "Deadly")
    assert new.up("hub").code == 6
    assert new.id_of("/actionGroups/ag-contoso-hub")

    interrupted = [one for one in found_of_hub(new) if "creating" in str(one["found"])]
    resumed = new.up("--resume", "latest")

    assert any(":ActionGroup::" in str(one["found"]) for one in interrupted)
    assert {str(one["step"]).partition(" the resource")[0] for one in interrupted} == {"The next up imports"}
    assert resumed.code == 0, resumed.err
    assert len(new.azure.ids) == len(set(new.azure.ids))
    assert found_of_hub(new) == []
    assert new.run("drift", "hub", "--check").code == 0


def found_of_hub(estate: Estate) -> list[dict[str, object]]:
    return list(estate.run("recover", "hub", "--yes", "-o", "json").document["stacks"][0]["found"])


@pytest.fixture(scope="module")
def disturbed(engine: Path, tmp_path_factory: pytest.TempPathFactory) -> Disturbed:
    return Disturbed(tmp_path_factory.mktemp("disturbed"), seed=7)


@pytest.mark.parametrize(("fault", "number"), [(fault, index) for index, fault in enumerate(faults.SEEDED)])
def test_deployment_with_faults_of_azure_is_completed_by_retries(disturbed: Disturbed, fault: str, number: int) -> None:
    assert disturbed.deploy(fault, number) == []
    assert disturbed.rows[fault].failed == 1


@pytest.fixture(scope="module")
def soak(engine: Path, tmp_path_factory: pytest.TempPathFactory) -> Soak:
    return Soak(tmp_path_factory.mktemp("soak"), seed=7)


@pytest.mark.parametrize("victim", KILLS)
def test_deployment_that_is_killed_is_completed(soak: Soak, victim: str) -> None:
    assert soak.wrong_after(victim, number=1) == []
