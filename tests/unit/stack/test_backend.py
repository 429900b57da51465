"""Where the states are: a commit alone does not change it."""

import os
from pathlib import Path

import pytest

from bootstrap.manifests.platform import load_platform
from bootstrap.stack.deploy.backend import backend_of
from tests.helpers import Done, finish, on_a_terminal, run_here, wait_for
from tests.worlds import PLATFORM, changed, world

FOREIGN = "azblob://states?storage_account=foreign"
NO_ENGINE = {"PATH": "/nowhere"}


def with_state(root: Path, backend: str, *edits: tuple[str, str]) -> None:
    world(root, changed(PLATFORM, ("organization:", f"state: {backend}\norganization:"), *edits))


def preview(root: Path, *options: str, **env: str) -> Done:
    """Exit code 3 means that the backend is accepted: then the engine is looked for, and there is none."""
    return run_here("preview", "fraud-dev", *options, cwd=root, env={**NO_ENGINE, **env})


def agree(root: Path, answer: str) -> int:
    with on_a_terminal("preview fraud-dev", cwd=root, env=NO_ENGINE) as (process, terminal):
        wait_for(terminal, "Type yes to use it from now on")
        os.write(terminal, f"{answer}\n".encode())
        finish(process, terminal)
    return process.returncode


def test_backend_that_a_commit_names_is_refused_where_nobody_can_be_asked(tmp_path: Path) -> None:
    world(tmp_path)
    assert preview(tmp_path).code == 3
    with_state(tmp_path, FOREIGN)

    done = preview(tmp_path)

    assert done.code == 4
    assert f"{FOREIGN}, not file" in done.err
    assert f"--backend '{FOREIGN}'" in done.err


def test_backend_of_the_option_or_the_environment_is_accepted(tmp_path: Path) -> None:
    with_state(tmp_path, FOREIGN)
    passphrase = {"PULUMI_CONFIG_PASSPHRASE": "for this test only"}

    assert preview(tmp_path, "--backend", FOREIGN, **passphrase).code == 3
    assert preview(tmp_path, MLOPS_BOOTSTRAP_BACKEND=FOREIGN, **passphrase).code == 3
    assert preview(tmp_path).code == 4, "an option holds for one command"


@pytest.mark.skipif(os.name == "nt", reason="there are no pseudo-terminals")
def test_backend_that_a_person_agreed_to_is_used_until_it_changes_again(tmp_path: Path) -> None:
    with_state(tmp_path, FOREIGN)

    assert agree(tmp_path, "no") == 4
    assert preview(tmp_path).code == 4
    assert agree(tmp_path, "yes") == 3
    assert preview(tmp_path).code == 3
    world(tmp_path)
    assert preview(tmp_path).code == 4


@pytest.mark.skipif(os.name == "nt", reason="there are no pseudo-terminals")
def test_hub_with_other_names_is_another_backend(tmp_path: Path) -> None:
    with_state(tmp_path, "hub")
    assert agree(tmp_path, "yes") == 3
    assert preview(tmp_path).code == 3

    with_state(tmp_path, "hub", ("contoso", "fabrikam"))

    assert preview(tmp_path).code == 4


def test_copies_of_states_are_found_in_a_platform_that_was_moved(tmp_path: Path) -> None:
    settings = load_platform(world(tmp_path / "here")).stacks["hub"]
    passphrase = {"PULUMI_CONFIG_PASSPHRASE": "for this test only"}

    here, there = (backend_of(tmp_path / name, settings, "file", passphrase) for name in ("here", "there"))
    others = {backend_of(tmp_path, settings, f"file:///{name}", passphrase).copies for name in ("a", "b", "no\udcff")}

    assert here.copies.relative_to(tmp_path / "here") == there.copies.relative_to(tmp_path / "there")
    assert here.url != there.url
    assert len(others) == 3


def test_providers_of_the_environment_are_refused(tmp_path: Path) -> None:
    done = run_here("up", "hub", cwd=world(tmp_path), env={"PULUMI_DEBUG_PROVIDERS": "azure-native:4711"})

    assert done.code == 2
    assert "PULUMI_DEBUG_PROVIDERS" in done.err
