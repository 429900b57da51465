"""Which `pulumi` the tests take, on machines of the tests' own: a PATH with what it is given, and an empty cache."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.engine import executable
from tests.engine.conftest import found_or_skipped

PINNED = executable.pinned_version()


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The one folder of PATH, with nothing in it."""
    monkeypatch.setenv("PATH", str(tmp_path / "path"))
    monkeypatch.setattr(executable, "CACHE", tmp_path / "cache")
    (tmp_path / "path").mkdir()
    return tmp_path / "path"


def install(folder: Path, name: str, script: str) -> Path:
    program = folder / name
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    return program


@pytest.mark.parametrize("version", [f"v{PINNED}", f"v{PINNED.major}.{PINNED.minor + 1}.0"])
def test_compatible_engine_on_the_path_is_used(machine: Path, version: str) -> None:
    program = install(machine, "pulumi", f"echo {version}")

    assert executable.find_or_build() == program


@pytest.mark.parametrize("answer", ["echo v3.1.0", f"echo v{PINNED.major + 1}.0.0", "echo what", "exit 1"])
def test_incompatible_engine_on_the_path_is_ignored(machine: Path, answer: str) -> None:
    install(machine, "pulumi", answer)

    with pytest.raises(executable.NoEngineError, match="no Go"):
        executable.find_or_build()


def test_built_engine_is_used_from_the_cache(machine: Path) -> None:
    built = executable.built_path()
    built.parent.mkdir(parents=True)
    built.touch()

    assert executable.find_or_build() == built


def test_concurrent_requests_share_one_build(machine: Path) -> None:
    calls = machine / "calls"
    install(machine, "go", f'echo called >> {calls}; while [ "$1" != -o ]; do shift; done; : > "$2"')

    with ThreadPoolExecutor(4) as workers:
        found = set(workers.map(lambda _: executable.find_or_build(), range(4)))

    assert found == {executable.built_path()}
    assert calls.read_text() == "called\n"


def test_failed_build_leaves_no_file_and_reports_the_cause(machine: Path) -> None:
    install(machine, "go", "echo no network >&2; exit 1")

    with pytest.raises(executable.NoEngineError, match="no network"):
        executable.find_or_build()
    assert not executable.built_path().exists()


def test_without_an_engine_the_test_is_skipped_with_the_reason(machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CI", raising=False)

    with pytest.raises(pytest.skip.Exception, match="no Go"):
        found_or_skipped()


def test_without_an_engine_ci_fails(machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI", "true")

    with pytest.raises(executable.NoEngineError, match="no Go"):
        found_or_skipped()
