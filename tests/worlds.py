"""The platforms that tests plan: the example, and a small one with a hub and one team.

A test changes the small platform with `changed`, or adds files: a world is a mapping of path to text.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

from bootstrap.manifests.platform import load_platform
from bootstrap.progress import Progress
from bootstrap.stack.plan.model import StackPlan
from tests.helpers import build_tree
from tests.plans import make_plan

PLATFORM = """\
organization: contoso
location: westeurope
tenant_id: 00000000-0000-0000-0000-00000000000a
subscription_id: 00000000-0000-0000-0000-00000000000b
environments:
  dev: {ring: 0}
  prod: {ring: 1, protect: true}
hub:
  alert_emails: [ml@contoso.example]
"""
TEAM = """\
name: fraud
environments:
  dev: {}
"""


def changed(text: str, *edits: tuple[str, str]) -> str:
    """The text with each old part replaced by its new one; the old part must be there."""
    for old, new in edits:
        assert old in text, old
        text = text.replace(old, new)
    return text


def world(
    root: Path,
    platform: str = PLATFORM,
    team: str = TEAM,
    links: str | None = None,
    more: Mapping[str, str] | None = None,
) -> Path:
    """Write the small platform, its team `fraud`, its links and more files; returns `root`."""
    files = {"platform.yaml": platform, "teams/fraud.yaml": team, "links.yaml": links, **(more or {})}
    return build_tree(root, {path: text for path, text in files.items() if text is not None})


def planned(root: Path, names: Sequence[str] = ()) -> dict[str, StackPlan]:
    """The stacks of the platform in a folder, by name: all, or those that are named."""
    return {stack.name: stack for stack in make_plan(load_platform(root), names, Progress()).stacks}
