"""The platforms that benchmarks plan are right, whatever the example that they are made from comes to say."""

from pathlib import Path

from benchmarks.platforms import of_teams
from bootstrap.manifests.platform import load_platform
from bootstrap.progress import Progress
from tests.plans import make_plan


def test_a_platform_of_any_number_of_teams_is_right(tmp_path: Path) -> None:
    platform = load_platform(of_teams(tmp_path / "platform", 25))
    names = [name for name in platform.stacks if name.endswith(("-0000-test", "-0003-test", "-0001-dev", "-0002-prod"))]

    errors = [one.message for stack in make_plan(platform, names, Progress()).stacks for one in stack.findings
              if one.severity == "error" and one.suppressed is None]  # fmt: skip

    assert len(platform.stacks) == 1 + 3 * 25
    assert (len(names), errors) == (4, [])
