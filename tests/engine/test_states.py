"""States in the hub's storage account, by the real engine: the move there and back, locks, and what can be wrong.

`tests/engine/azure.py` has the storage account and the vault; resources are those of the simulated Azure.
"""

import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bootstrap.simulator.provider import install
from tests.engine.azure import Azure, serving_azure
from tests.engine.estate import STACKS, Estate
from tests.engine.moves import (
    account,
    comparable,
    in_the_clear,
    kept_in,
    plant,
    prepare,
    stores,
    wrong_after,
)
from tests.helpers import examples
from tests.worlds import PLATFORM, TEAM, changed, world

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("engine_on_path")]

WITH_TAG = changed(PLATFORM, ("organization:", "tags: {cost-center: a1}\norganization:"))
TWO = changed(TEAM, ("dev: {}", "dev: {}\n  prod: {}"))
BOOTSTRAP, BACK = (shlex.split(example)[1:] for example in examples()["platform bootstrap-state"])


@pytest.fixture(scope="module")
def azure(original: Estate, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Azure]:
    with serving_azure(tmp_path_factory.mktemp("azure"), account(original)) as services:
        yield services


@pytest.fixture
def estate(azure: Azure, deployed: Estate) -> Iterator[Estate]:
    """A deployed platform whose states are on this machine, and hold a secret; the hub's containers are empty."""
    hosts = dict(azure.hosts)
    yield prepare(azure, deployed)
    azure.hosts |= hosts
    azure.denied.clear()


@pytest.fixture
def moved(estate: Estate) -> Estate:
    """The same with its states in the hub's storage account."""
    plant(estate, "fraud-dev")
    done = estate.run(*BOOTSTRAP)
    assert done.code == 0, done.err
    world(estate.root, with_state("hub"), TWO)
    return estate


def with_state(backend: str, platform: str = PLATFORM) -> str:
    return changed(platform, ("organization:", f"state: {backend}\norganization:"))


def on_another_machine(estate: Estate, folder: Path) -> Estate:
    """A clone of the platform repository, with another home of the engine, and without a passphrase."""
    shutil.copytree(estate.root, folder / "platform", ignore=shutil.ignore_patterns(".mlops"))
    install(folder / "bin", estate.root.parent / "azure.sqlite")
    env = {name: value for name, value in estate.env.items() if name != "PULUMI_CONFIG_PASSPHRASE"}
    return Estate(folder / "platform", estate.azure, {**env, "PULUMI_HOME": str(folder / "home")})


def results(estate: Estate, *arguments: str) -> dict[str, str]:
    done = estate.up(*arguments)
    assert done.code == 0, done.err
    return {name: stack["result"] for name, stack in done.document["stacks"].items()}


def test_states_are_moved_to_the_hub_and_another_machine_continues(
    azure: Azure, estate: Estate, tmp_path: Path
) -> None:
    plant(estate, "fraud-dev")
    states = comparable(estate, "file")

    done = estate.run(*BOOTSTRAP, "-o", "json")

    assert done.code == 0, done.err
    assert done.document["stacks"] == {"hub": "moved", "fraud-dev": "moved", "fraud-prod": "not deployed"}
    for name in STACKS:
        assert f"{stores(estate)[name]}/.pulumi/stacks/mlops-bootstrap/{name}.json" in kept_in(azure, estate)
    assert comparable(estate, "hub") == states
    assert comparable(estate, "file") == {}
    assert in_the_clear(estate, azure=azure) == []
    again = estate.run(*BOOTSTRAP, "-o", "json")
    assert again.document["stacks"] == {
        "hub": "moved before",
        "fraud-dev": "moved before",
        "fraud-prod": "not deployed",
    }

    world(estate.root, with_state("hub"), TWO)
    assert results(estate, *STACKS) == dict.fromkeys(STACKS, "unchanged")
    other = on_another_machine(estate, tmp_path / "other")
    world(other.root, with_state("hub", WITH_TAG), TWO)
    assert results(other, *STACKS, "--backend", "hub") == dict.fromkeys(STACKS, "done")
    world(estate.root, with_state("hub", WITH_TAG), TWO)
    assert results(estate, *STACKS) == dict.fromkeys(STACKS, "unchanged")
    assert estate.run("drift", *STACKS, "--check").code == 0


def test_states_are_moved_back_to_this_machine(azure: Azure, moved: Estate) -> None:
    states = comparable(moved, "hub")

    done = moved.run(*BACK, "-o", "json")

    assert done.code == 0, done.err
    world(moved.root, team=TWO)
    assert comparable(moved, "file") == states
    assert not [name for name in kept_in(azure, moved) if name.endswith("/mlops-bootstrap/fraud-dev.json")]
    assert in_the_clear(moved, azure=azure) == []
    assert results(moved, *STACKS) == dict.fromkeys(STACKS, "unchanged")


@pytest.mark.parametrize(("number", "moment"), [(14, "during")])
def test_move_that_is_killed_is_completed_by_another_one(
    azure: Azure, estate: Estate, number: int, moment: str
) -> None:
    """python -m tests.engine.moves kills it at all steps."""
    plant(estate, "fraud-dev")

    assert wrong_after(azure, estate, number, moment) == (True, [])


def test_second_operator_is_told_who_deploys_and_continues_when_that_one_was_killed(
    azure: Azure, moved: Estate, tmp_path: Path
) -> None:
    world(moved.root, with_state("hub", WITH_TAG), TWO)
    other = on_another_machine(moved, tmp_path / "other")
    path = os.pathsep.join([str(moved.root.parent / "bin"), os.environ["PATH"]])
    with subprocess.Popen(
        [sys.executable, "-m", "bootstrap", "up", "fraud-dev", "--yes"],
        cwd=moved.root, env={**os.environ, **moved.env, "PATH": path}, stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    ) as first:  # fmt: skip
        lock = lock_of(azure, moved, first)
        os.kill(lock["pid"], signal.SIGSTOP)
        try:
            second = other.run("up", "fraud-dev", "--yes", "--backend", "hub")
        finally:
            first.kill()
            os.kill(lock["pid"], signal.SIGKILL)

    assert second.code == 7, second.err
    assert f"created by {lock['username']}@{lock['hostname']} (pid {lock['pid']}) at 20" in second.err
    refused = other.run("up", "fraud-dev", "--yes", "--backend", "hub")
    assert refused.code == 7
    released = moved.run("recover", "fraud-dev", "--yes")
    assert released.code == 0, released.err
    assert f"pid {lock['pid']}" in released.out
    assert results(moved, "--resume", "latest") == {"fraud-dev": "done"}
    assert not [name for name in kept_in(azure, moved) if "/locks/" in name]


def lock_of(azure: Azure, estate: Estate, process: "subprocess.Popen[bytes]") -> dict[str, Any]:
    """The lock that a deployment of fraud-dev takes in the blob container."""
    deadline = time.monotonic() + 120
    container = stores(estate)["fraud-dev"]
    while process.poll() is None and time.monotonic() < deadline:
        for name, content in azure.blobs(account(estate), container).items():
            if "/locks/" in name and content.startswith(b"{"):
                return dict(json.loads(content))
        time.sleep(0.02)
    raise AssertionError("there was no lock")


@pytest.mark.parametrize(
    ("backend", "code", "words"),
    [
        ("azblob://nowhere?storage_account={account}", 3, "There is no such blob container"),
        ("azblob://state", 2, "azblob://CONTAINER?storage_account=NAME"),
    ],
)
def test_backend_that_cannot_be_used_is_explained(estate: Estate, backend: str, code: int, words: str) -> None:
    done = estate.run("preview", "fraud-dev", "--backend", backend.format(account=account(estate)))

    assert done.code == code, done.err
    assert words in done.err


def test_missing_login_is_explained(estate: Estate) -> None:
    del estate.env["IDENTITY_ENDPOINT"]

    done = estate.run("preview", "fraud-dev", "--backend", "hub", AZURE_TOKEN_CREDENTIALS="EnvironmentCredential")

    assert done.code == 3, done.err
    assert "az login" in done.err


def test_login_that_the_storage_account_refuses_is_explained(estate: Estate) -> None:
    estate.env["IDENTITY_ENDPOINT"] = estate.env["IDENTITY_ENDPOINT"].replace("/token", "/other")

    done = estate.run("preview", "fraud-dev", "--backend", "hub")

    assert done.code == 3, done.err
    assert "Storage Blob Data Contributor" in done.err


def test_storage_account_that_cannot_be_reached_is_not_taken_for_a_damaged_state(azure: Azure, estate: Estate) -> None:
    azure.hosts.pop(".blob.core.windows.net")

    done = estate.run("recover", "fraud-dev", "--backend", "hub")

    assert done.code == 6, done.err
    assert "cannot be reached" in done.err
    assert f"https://{account(estate)}.blob.core.windows.net" in done.err


def test_hub_that_has_no_place_for_the_states_yet_is_deployed_first(deployed: Estate) -> None:
    world(deployed.root, changed(PLATFORM, ("hub:\n", "hub:\n  generation: 2\n")), TWO)

    done = deployed.run(*BOOTSTRAP)

    assert done.code == 3, done.err
    assert "mlops-bootstrap up hub" in done.err
    assert comparable(deployed, "file").keys() == {*STACKS}


def test_key_that_may_not_be_used_is_explained_and_the_states_stay(azure: Azure, estate: Estate) -> None:
    azure.denied.add("key-contoso-hub-dev")
    states = comparable(estate, "file")

    done = estate.run(*BOOTSTRAP)

    assert done.code == 3, done.err
    assert "Key Vault Crypto User" in done.err
    assert comparable(estate, "file") == states


def test_two_states_that_differ_are_never_merged(deployed: Estate, tmp_path: Path) -> None:
    there = (tmp_path / "there").as_uri()
    (tmp_path / "there").mkdir()
    shutil.copytree(deployed.root / ".mlops/state/.pulumi", tmp_path / "there/.pulumi")

    same = deployed.run(*BOOTSTRAP, "--to", there)

    assert same.code == 4
    assert "Both backends have the same state of fraud-dev" in same.err
    assert comparable(deployed, "file") == comparable(deployed, there)


@pytest.mark.parametrize("to", ["file", "somewhere"])
def test_move_to_where_the_states_are_or_to_no_backend_is_refused(deployed: Estate, to: str) -> None:
    done = deployed.run(*BOOTSTRAP, "--to", to)

    assert done.code == 2
    assert comparable(deployed, "file").keys() == {*STACKS}
