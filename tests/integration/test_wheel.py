"""Tests of the wheel: built and installed by uv, and used offline in an empty folder."""

import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from bootstrap.blueprint.repository import URL
from tests.helpers import git
from tests.integration.wheels import ROOT, checkout, locked, uv
from tests.unit.blueprint.worlds import commit

BUNDLE = "bootstrap/_blueprints.bundle"
GIVEN = ["--data", "team=fraud", "--defaults"]


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkout of this repository with a release tag."""
    root = checkout(tmp_path_factory.mktemp("source"))
    git("tag", "v0.1.0", cwd=root)
    return root


@pytest.fixture(scope="module")
def built(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with an sdist built from the checkout, and a wheel built from that sdist, without git."""
    dist = tmp_path_factory.mktemp("dist")
    done = uv("build", "--quiet", "--out-dir", str(dist), cwd=source)
    assert done.returncode == 0, done.stderr
    return dist


@pytest.fixture(scope="module")
def installed(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The command of the wheel, installed with the locked versions of what it needs."""
    environment = tmp_path_factory.mktemp("installed") / "environment"
    (wheel,) = built.glob("*.whl")
    constraints = locked(environment.parent / "locked.txt")
    assert uv("venv", "--quiet", "--python", sys.executable, str(environment), cwd=built).returncode == 0
    python = environment / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    install = ["pip", "install", "--quiet", "--python", str(python), "-c", str(constraints)]
    done = uv(*install, str(wheel), cwd=built)
    assert done.returncode == 0, done.stderr
    return python.with_name("mlops-bootstrap")


def test_sdist_and_wheel_contain_history_and_tags(source: Path, built: Path, tmp_path: Path) -> None:
    (wheel,), (sdist,) = built.glob("*.whl"), built.glob("*.tar.gz")
    with zipfile.ZipFile(wheel) as archive:
        assert archive.namelist().count(BUNDLE) == 1
        carried = archive.read(BUNDLE)
    with tarfile.open(sdist) as archive_of_source:
        (name,) = [name for name in archive_of_source.getnames() if name.endswith(".bundle")]
        member = archive_of_source.extractfile(name)
        assert member is not None
        assert member.read() == carried

    (tmp_path / "blueprints.bundle").write_bytes(carried)
    heads = git("bundle", "list-heads", str(tmp_path / "blueprints.bundle"), cwd=source).splitlines()
    assert {head.split()[1] for head in heads} == {"HEAD", "refs/tags/v0.1.0"}
    assert heads[0].split()[0] == git("rev-parse", "HEAD", cwd=source)


def test_wheel_contains_queries(built: Path) -> None:
    (wheel,) = built.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        carried = {name for name in archive.namelist() if name.endswith(".kql")}

    assert (
        carried == {path.relative_to(ROOT).as_posix() for path in (ROOT / "infra" / "queries").glob("*.kql")} != set()
    )


def test_installed_wheel_renders_offline_and_copier_updates(source: Path, installed: Path, tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    env = {
        **os.environ,
        "XDG_CACHE_HOME": str(tmp_path / "cache"),
        "LOCALAPPDATA": str(tmp_path / "cache"),
        # Nothing but loopback, where nobody listens.
        "HTTPS_PROXY": "http://127.0.0.1:9",
        "HTTP_PROXY": "http://127.0.0.1:9",
    }

    for name in ("first", "second"):
        done = subprocess.run(
            [str(installed), "new", "tabular", name, *GIVEN],
            cwd=empty,
            env=env,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr

    answers = YAML(typ="safe").load(empty / "first/.copier-answers.yml")
    assert (answers["_src_path"], answers["_commit"]) == (URL, "v0.1.0")
    assert (empty / "second/second/__init__.py").is_file()

    (source / "blueprints/tabular/added.txt").write_text("later\n", encoding="utf-8")
    commit(source, "Later")
    git("tag", "v0.2.0", cwd=source)
    mapped = {
        "COPIER_CACHE_DIR": str(tmp_path / "mirrors"),
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": f"url.{source.as_posix()}.insteadOf",
        "GIT_CONFIG_VALUE_0": URL,
    }
    copier = [str(installed.with_name("copier")), "update", "--defaults", "--quiet"]
    subprocess.run(copier, cwd=empty / "first", env={**env, **mapped}, check=True, capture_output=True)

    assert (empty / "first/added.txt").read_text(encoding="utf-8") == "later\n"
    assert YAML(typ="safe").load(empty / "first/.copier-answers.yml")["_commit"] == "v0.2.0"


def test_build_without_git_and_bundle_is_explained(source: Path, tmp_path: Path) -> None:
    shutil.copytree(source, tmp_path / "exported", ignore=shutil.ignore_patterns(".git"))

    done = uv("build", "--wheel", "--out-dir", str(tmp_path / "dist"), cwd=tmp_path / "exported")

    assert done.returncode != 0
    assert "there are no blueprints to build in. Build from a clone" in done.stderr
    assert not list((tmp_path / "dist").glob("*.whl"))


def test_build_from_shallow_clone_is_explained(source: Path, tmp_path: Path) -> None:
    (source / "notes.txt").write_text("a second commit\n", encoding="utf-8")
    commit(source, "Notes")
    git("clone", "--quiet", "--depth", "1", source.as_uri(), str(tmp_path / "shallow"), cwd=tmp_path)

    done = uv("build", "--wheel", "--out-dir", str(tmp_path / "dist"), cwd=tmp_path / "shallow")

    assert done.returncode != 0
    assert "fetch-depth: 0" in done.stderr
