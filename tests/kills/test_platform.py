"""`platform init` and `platform link`, killed at every change: as before or done, and done when called again."""

import shutil
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.helpers import CONTOSO
from tests.kills.harness import content, killed_at

KILLED = -9
LINK = [
    "platform", "link", "fraud/churn", "dev",
    "--issuer", "https://token.actions.githubusercontent.com",
    "--subject", "repo:contoso@1001/churn@2009:environment:dev",
]  # fmt: skip


@pytest.fixture(scope="module", autouse=True)
def _imported() -> None:
    """The forks run what this process has imported."""
    import bootstrap.manifests.links
    import bootstrap.manifests.platform
    import bootstrap.manifests.scaffold  # noqa: F401


@pytest.mark.parametrize("existing", [False, True])
def test_init_killed_anywhere_is_finished_by_the_next_call(tmp_path: Path, existing: bool) -> None:
    command = ["platform", "init", "platform", "--defaults"]
    undisturbed = _world(tmp_path / "whole", existing)
    assert killed_at(undisturbed, command, 0).code == 0
    expected = content(undisturbed)
    kills = 0
    for number in range(1, 1000):
        root = _world(tmp_path / str(number), existing)
        if killed_at(root, command, number).code != KILLED:
            break
        kills += 1
        assert set(_users(content(root)).items()) <= set(expected.items()), f"a half written file at change {number}"

        again = killed_at(root, command, 0)

        assert again.code == 0, f"change {number}: {again.err}"
        assert content(root) == expected, f"change {number}"
    assert kills > 5


def test_link_killed_anywhere_is_as_before_or_done(tmp_path: Path) -> None:
    undisturbed = _copy(tmp_path / "whole")
    before = _users(content(undisturbed))
    answer = killed_at(undisturbed, LINK, 0)
    assert answer.code == 0, answer.err
    after = _users(content(undisturbed))
    assert after != before
    kills = 0
    for number in range(1, 1000):
        root = _copy(tmp_path / str(number))
        if killed_at(root, LINK, number).code != KILLED:
            break
        kills += 1
        assert _users(content(root)) in (before, after), f"change {number}"

        again = killed_at(root, LINK, 0)

        assert again.code == 0, f"change {number}: {again.err}"
        assert _users(content(root)) == after, f"change {number}"
        assert [path for path in content(root) if ".mlops-bootstrap-" in path] == [], f"change {number}"
    assert kills > 0


def _world(root: Path, existing: bool) -> Path:
    root.mkdir()
    if existing:
        (root / "platform").mkdir()
    return root


def _copy(root: Path) -> Path:
    return Path(shutil.copytree(CONTOSO, root))


def _users(found: Mapping[str, bytes]) -> Mapping[str, bytes]:
    """Without what a killed command may leave: hidden temporary files, empty folders and locks."""
    return {
        path: data
        for path, data in found.items()
        if data != b"(an empty folder)" and ".mlops-bootstrap-" not in path and not path.startswith(".mlops/")
    }
