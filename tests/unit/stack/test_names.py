"""Names that two stacks would both give: only where they share a resource group can words meet, and a rule tells."""

from pathlib import Path

from bootstrap.manifests.platform import load_platform
from bootstrap.progress import Progress
from tests.helpers import build_tree
from tests.plans import make_plan
from tests.worlds import PLATFORM

GROUP = "/subscriptions/00000000-0000-0000-0000-00000000000b/resourceGroups/rg-shared"


def platform(root: Path, said: str) -> Path:
    """A team whose project is called as an identity of the other one's environment."""
    return build_tree(
        root,
        {
            "platform.yaml": PLATFORM.replace("environments:\n", "environments:\n  ci: {ring: 0}\n"),
            "teams/ml.yaml": f"""\
                name: ml
                {said}
                environments: {{dev: {{}}}}
                projects: [{{name: workspace, repository: github:contoso/workspace}}]
                """,
            "teams/ml-dev.yaml": f"name: ml-dev\n{said}\nenvironments: {{ci: {{}}}}\n",
        },
    )


def clashes(root: Path) -> list[tuple[str, str]]:
    planned = make_plan(load_platform(root), [], Progress())
    return [(stack.name, one.message) for stack in planned.stacks for one in stack.findings if one.rule == "names-once"]


def test_two_identities_of_one_name_in_a_shared_group_are_told(tmp_path: Path) -> None:
    assert clashes(platform(tmp_path, f"resource_group_id: {GROUP}")) == [
        (
            "ml-dev-ci",
            "workspace-identity: ci-workspace of ml-dev is called id-contoso-ml-dev-ci-workspace already.",
        )
    ]


def test_groups_of_their_own_keep_them_apart(tmp_path: Path) -> None:
    assert clashes(platform(tmp_path, "network: open")) == []


def test_one_role_of_one_group_in_a_shared_group_is_told(tmp_path: Path) -> None:
    """Azure refuses the second assignment, whatever its name."""
    people = "99999999-9999-9999-9999-999999999999"
    root = platform(tmp_path, f"resource_group_id: {GROUP}")
    (root / "platform.yaml").write_text((root / "platform.yaml").read_text() + f"groups: {{platform: {people}}}\n")

    told = [message for stack, message in clashes(root) if "gives the same role" in message]

    assert "people-platform-contributor-on-resource-group of ml-dev gives the same role there already." in told[0]
