"""`doctor` shows what deployments need. The programs on PATH are of these tests."""

import json
import os
from importlib.metadata import version
from pathlib import Path

import pytest

from bootstrap.stack.deploy.engine import MINIMUM
from tests.helpers import Done, run_here

pytestmark = pytest.mark.skipif(os.name == "nt", reason="the programs are scripts of a POSIX shell")


def doctor(folder: Path, **programs: str) -> Done:
    for name, script in programs.items():
        path = folder / name.replace("_", "-")
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o700)
    return run_here("doctor", "-o", "json", cwd=folder, env={"PATH": str(folder)})


def pulumi(*plugins: dict[str, str]) -> str:
    return f"case $* in *version*) echo v{MINIMUM};; *) echo '{json.dumps(plugins)}';; esac"


PROVIDER = {"name": "azure-native", "kind": "resource", "version": version("pulumi-azure-native")}


def test_everything_that_deployments_need_is_found(tmp_path: Path) -> None:
    done = doctor(tmp_path, pulumi=pulumi(PROVIDER))

    assert done.code == 0, done.err
    found = {one["name"]: one["found"] for one in done.document["prerequisites"]}
    assert found["engine"] == f"pulumi {MINIMUM}, {tmp_path / 'pulumi'}"
    assert found["provider"] == f"azure-native {PROVIDER['version']}"
    assert found["policy pack"].endswith("pulumi-analyzer-policy-mlops-bootstrap")


@pytest.mark.parametrize("plugins", [[], [{**PROVIDER, "version": "1.0.0"}]])
def test_missing_provider_has_the_command_that_installs_it(tmp_path: Path, plugins: list[dict[str, str]]) -> None:
    done = doctor(tmp_path, pulumi=pulumi(*plugins))

    assert done.code == 3
    assert "provider" in done.err
    [missing] = [one for one in done.document["prerequisites"] if one["found"] is None]
    assert f"pulumi plugin install resource azure-native {PROVIDER['version']}" in missing["next"]


def test_provider_on_the_path_comes_first(tmp_path: Path) -> None:
    done = doctor(tmp_path, pulumi=pulumi(), pulumi_resource_azure_native="")

    assert done.code == 0, done.err
    assert str(tmp_path / "pulumi-resource-azure-native") in done.out


@pytest.mark.parametrize(("programs", "words"), [({}, "no pulumi on PATH"), ({"pulumi": "echo v3.1.0"}, "is too old")])
def test_missing_engine_is_the_only_result(tmp_path: Path, programs: dict[str, str], words: str) -> None:
    done = doctor(tmp_path, **programs)

    assert done.code == 3
    [engine] = done.document["prerequisites"]
    assert engine["found"] is None
    assert words in engine["next"]
