"""Rules that compare stacks: names that two stacks share, whichever of them are planned."""

from pathlib import Path

import pytest

from bootstrap.errors import ExitCode
from bootstrap.manifests.platform import load_platform
from bootstrap.progress import Progress
from bootstrap.stack.plan.cache import Cache
from tests.helpers import build_tree, run_cli
from tests.plans import make_plan
from tests.unit.stack.test_adopt import IDENTITY, MANAGE, STORAGE, team
from tests.unit.stack.test_network import PLATFORM as ADOPTING
from tests.worlds import PLATFORM

GROUP = "/subscriptions/00000000-0000-0000-0000-00000000000b/resourceGroups/rg-shared"


def platform(root: Path, setting: str) -> Path:
    """A team whose project has the name of an identity in the other team's environment."""
    return build_tree(
        root,
        {
            "platform.yaml": PLATFORM.replace("environments:\n", "environments:\n  ci: {ring: 0}\n"),
            "teams/ml.yaml": f"""\
                name: ml
                {setting}
                environments: {{dev: {{}}}}
                projects: [{{name: workspace, repository: github:contoso/workspace}}]
                """,
            "teams/ml-dev.yaml": f"name: ml-dev\n{setting}\nenvironments: {{ci: {{}}}}\n",
        },
    )


def clashes(root: Path, *names: str, cache: Cache | None = None) -> list[tuple[str, str]]:
    planned = make_plan(load_platform(root), names, Progress(), cache=cache)
    return [(stack.name, one.message) for stack in planned.stacks for one in stack.findings if one.rule == "names-once"]


def test_identities_with_one_name_in_a_shared_group_are_reported(tmp_path: Path) -> None:
    assert clashes(platform(tmp_path, f"resource_group_id: {GROUP}")) == [
        (
            "ml-dev-ci",
            "workspace-identity: ci-workspace of ml-dev has the same name id-contoso-ml-dev-ci-workspace.",
        )
    ]


def test_same_name_in_different_groups_is_allowed(tmp_path: Path) -> None:
    assert clashes(platform(tmp_path, "network: open")) == []


def test_same_role_assignment_in_a_shared_group_is_reported(tmp_path: Path) -> None:
    """Azure refuses the second assignment, also under another name."""
    people = "99999999-9999-9999-9999-999999999999"
    root = platform(tmp_path, f"resource_group_id: {GROUP}")
    (root / "platform.yaml").write_text((root / "platform.yaml").read_text() + f"groups: {{platform: {people}}}\n")

    messages = [message for stack, message in clashes(root) if "assigns the same role" in message]

    assert "people-platform-contributor-on-resource-group of ml-dev assigns the same role." in messages[0]


def test_plan_of_one_stack_reports_its_collision_with_an_unplanned_one(tmp_path: Path) -> None:
    root = platform(tmp_path, f"resource_group_id: {GROUP}")

    assert clashes(root, "ml-dev-ci") == clashes(root)
    assert clashes(root, "ml-dev") == []


@pytest.mark.parametrize("names", [[], ["ml-dev-ci"]], ids=["all stacks", "the stack"])
def test_check_refuses_the_collision_whichever_stacks_are_named(tmp_path: Path, names: list[str]) -> None:
    root = platform(tmp_path, f"resource_group_id: {GROUP}")

    done = run_cli("plan", *names, "--check", "-C", root, cwd=tmp_path)

    assert done.code == ExitCode.REFUSED, done.err
    assert "workspace-identity: ci-workspace of ml-dev has the same name" in done.out


def test_only_stacks_that_share_a_place_are_planned_too(tmp_path: Path) -> None:
    apart = platform(tmp_path / "apart", "network: open")
    shared = platform(tmp_path / "shared", f"resource_group_id: {GROUP}")

    assert planned_for(apart, "ml-dev-ci") == ["ml-dev-ci"]
    assert planned_for(shared, "ml-dev-ci") == ["ml-dev-ci", "ml-dev"]


@pytest.mark.parametrize(
    ("adopt", "shared"),
    [
        ({"identity_id": IDENTITY.upper()}, True),
        ({"identity_id": f"{IDENTITY}-2"}, False),
        ({"mode": "refer", "storage_id": STORAGE.replace("resourceGroups", "RESOURCEGROUPS")}, True),
        ({"mode": "refer"}, False),
    ],
)
def test_only_stacks_that_adopt_the_same_resource_are_planned_together(
    tmp_path: Path, adopt: dict[str, str], shared: bool
) -> None:
    elsewhere = {key: value.replace("rg-old", "rg-new") for key, value in MANAGE.items()}
    files = {
        "platform.yaml": ADOPTING,
        "teams/fraud.yaml": team({**MANAGE, "identity_id": IDENTITY}),
        "teams/risk.yaml": team({**elsewhere, **adopt}, name="risk"),
    }

    assert planned_for(build_tree(tmp_path, files), "fraud-dev") == ["fraud-dev", *(["risk-dev"] if shared else [])]


def test_facts_of_other_stacks_come_from_the_cache(tmp_path: Path) -> None:
    root = platform(tmp_path, f"resource_group_id: {GROUP}")
    cache = Cache(tmp_path / "cache")
    expected = clashes(root, cache=cache)
    recorder = Recorder()

    make_plan(load_platform(root), ["ml-dev-ci"], recorder, cache=cache)

    assert clashes(root, "ml-dev-ci", cache=cache) == expected
    assert set(recorder.outcomes) == {"cached"}


def test_teams_that_share_a_group_of_people_do_not_collide_on_the_hub(tmp_path: Path) -> None:
    root = platform(tmp_path, "groups: {data_scientists: 99999999-9999-9999-9999-999999999999}")

    assert clashes(root) == []


class Recorder(Progress):
    """The stacks that are planned, and how."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self.outcomes: list[str] = []

    def started(self, task: str, within: str = "") -> None:
        self.names.append(task.removeprefix("plan "))

    def finished(self, task: str, outcome: str = "done") -> None:
        self.outcomes.append(outcome)


def planned_for(root: Path, name: str) -> list[str]:
    """The stacks that a plan of one of them plans."""
    recorder = Recorder()
    make_plan(load_platform(root), [name], recorder)
    return recorder.names
