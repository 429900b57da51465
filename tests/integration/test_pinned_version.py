"""`diff` with a commit that pins another version of this tool: a real wheel of it, which uv finds and runs."""

import os
import shutil
from collections.abc import Mapping
from pathlib import Path

import pytest

from bootstrap.errors import ExitCode
from tests import worlds
from tests.helpers import build_tree, git, run_cli
from tests.integration.wheels import checkout, locked, uv

PLATFORM = 'tool: "0.0.*"\n' + worlds.PLATFORM
TEAM = """\
name: fraud
environments: {dev: {}}
compute: [{name: cpu, size: Standard_D4ds_v5, max_nodes: 4}]
"""


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, str]:
    """How uv finds a wheel of this checkout that says it is 0.0.7, and plans clusters of 2 nodes only."""
    root = checkout(tmp_path_factory.mktemp("source"))
    change(root / "pyproject.toml", 'version = "0.1.0"', 'version = "0.0.7"')
    change(root / "bootstrap/__init__.py", '"0.1.0"', '"0.0.7"')
    change(
        root / "bootstrap/manifests/compute.py",
        'exclude={"subnet_id"})',
        'exclude={"subnet_id", "max_nodes"}), max_nodes=2',
    )
    built = uv("build", "--wheel", "--quiet", "--out-dir", str(root / "dist"), cwd=root)
    assert built.returncode == 0, built.stderr
    return {
        "UV_FIND_LINKS": str(root / "dist"),
        "UV_CONSTRAINT": str(locked(root / "locked.txt")),
        "XDG_CACHE_HOME": str(root / "plans"),  # not of uv's packages
        "UV_CACHE_DIR": uv("cache", "dir", cwd=root).stdout.strip(),
    }


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A platform whose last commit pins 0.0.*, and whose files say this version."""
    root = build_tree(tmp_path / "platform", {"platform.yaml": PLATFORM, "teams/fraud.yaml": TEAM})
    git("init", "--quiet", "--initial-branch=main", cwd=root)
    git("add", ".", cwd=root)
    git("commit", "--quiet", "-m", "first", cwd=root)
    change(root / "platform.yaml", "0.0.*", "0.1.*")
    return root


def change(file: Path, old: str, new: str) -> None:
    text = file.read_text(encoding="utf-8")
    assert old in text
    file.write_text(text.replace(old, new), encoding="utf-8")


def test_the_pinned_version_plans_the_earlier_commit(root: Path, index: Mapping[str, str]) -> None:
    done = run_cli("diff", "HEAD", "-o", "json", cwd=root, env=index)

    assert done.code == ExitCode.DONE, done.err
    found = {stack["name"]: stack for stack in done.document["stacks"]}
    assert {name: stack["status"] for name, stack in found.items()} == {"hub": "unchanged", "fraud-dev": "changed"}
    [cluster] = found["fraud-dev"]["resources"]
    assert cluster["changed"] == [
        {"at": "properties.properties.scaleSettings.maxNodeCount", "old": 2, "new": 4}
    ]  # as the two versions plan the same manifests


def test_mistakes_found_by_the_pinned_version_name_the_earlier_commit(root: Path, index: Mapping[str, str]) -> None:
    change(root / "platform.yaml", "0.1.*", "0.0.*")
    change(root / "teams/fraud.yaml", "name:", "nmae:")
    git("commit", "--quiet", "-am", "broken", cwd=root)
    change(root / "platform.yaml", "0.0.*", "0.1.*")
    change(root / "teams/fraud.yaml", "nmae:", "name:")

    done = run_cli("diff", "HEAD", cwd=root, env=index)

    assert (done.code, done.out) == (ExitCode.INPUT, "")
    assert "error: The version that plans HEAD (" in done.err
    assert "HEAD/teams/fraud.yaml:1:1: unknown key 'nmae'. Did you mean 'name'?" in done.err


def test_unknown_pinned_version_is_refused(root: Path, index: Mapping[str, str]) -> None:
    change(root / "platform.yaml", "0.1.*", "0.0.99")
    git("commit", "--quiet", "-am", "pinned", cwd=root)
    change(root / "platform.yaml", "0.0.99", "0.1.*")

    done = run_cli("diff", "HEAD", cwd=root, env={**index, "UV_NO_INDEX": "1"})

    assert (done.code, done.out) == (ExitCode.REMOTE, "")
    assert "error: mlops-bootstrap 0.0.99, which HEAD (" in done.err
    assert "mlops-bootstrap[infra]==0.0.99" in done.err
    assert "\n  next: " in done.err


def test_missing_uv_is_reported(root: Path, tmp_path: Path) -> None:
    """Stands in for an installation that lost its uv: the package says so, and PATH has none."""
    missing = "def find_uv_bin():\n    raise FileNotFoundError('no uv')\n"
    build_tree(tmp_path, {"site/uv/__init__.py": missing})
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/git").symlink_to(str(shutil.which("git")))
    paths = os.pathsep.join([str(tmp_path / "site"), str(Path(__file__).parents[2])])

    env = {"PYTHONPATH": paths, "PATH": str(tmp_path / "bin")}
    done = run_cli("diff", "HEAD", cwd=root, env=env)

    assert (done.code, done.out) == (ExitCode.MISSING, "")
    assert "uv is not installed" in done.err


def test_a_wheel_in_the_earlier_commit_is_not_installed(root: Path, index: Mapping[str, str]) -> None:
    [wheel] = Path(index["UV_FIND_LINKS"]).glob("*.whl")
    (root / "tools").mkdir()
    shutil.copy(wheel, root / "tools")
    change(root / "platform.yaml", 'tool: "0.1.*"', f'tool: "0.0.*"\ntool_source: tools/{wheel.name}')
    git("add", ".", cwd=root)
    git("commit", "--quiet", "-m", "a wheel of our own", cwd=root)
    change(root / "platform.yaml", f'tool: "0.0.*"\ntool_source: tools/{wheel.name}', 'tool: "0.1.*"')
    without_index = {name: value for name, value in index.items() if name != "UV_FIND_LINKS"} | {"UV_NO_INDEX": "1"}

    refused = run_cli("diff", "HEAD", cwd=root, env=without_index)
    trusted = run_cli("diff", "HEAD", "-o", "json", cwd=root, env=index)

    assert (refused.code, refused.out) == (ExitCode.REMOTE, "")
    assert f"tools/{wheel.name}, is not used" in refused.err
    assert trusted.code == ExitCode.DONE, trusted.err
