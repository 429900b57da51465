"""Commands started at the same time, several times, on the same files: each result is one that some order gives."""

import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from tests.attacks.environment import variables
from tests.attacks.world import Answer, hang_seconds, problems
from tests.kills.commands import (
    AUTHOR,
    PIPELINE,
    copy_of_contoso,
    files,
    new,
    nothing_in,
    project,
    registered,
    to_register,
)


@dataclass(frozen=True)
class Race:
    """Commands that are started at once.

    Attributes:
        name: What races.
        commands: Their command lines.
        build: Makes their world.
        codes: How many may end with which exit code: `{0: (1, 1), 4: (5, 5)}`.
        wrong: What is wrong with the world afterwards.
    """

    name: str
    commands: Sequence[Sequence[str]]
    build: Callable[[Path], object]
    codes: Mapping[int, tuple[int, int]]
    wrong: Callable[[Path], Iterator[str]]


def run(race: Race, root: Path) -> list[Answer]:
    """Make the world, start all commands, wait for all; what is wrong with the world is with the last answer."""
    race.build(root)
    for folder in (root.parent / "home", root.parent / "tmp"):
        folder.mkdir(exist_ok=True)
    own = {"PYTHONPATH": str(Path(__file__).parents[2]), **AUTHOR}
    env = variables({"variables": own}, root.parent)
    words = [sys.executable, "-P", "-m", "bootstrap"]
    pipe = subprocess.PIPE
    started = [
        subprocess.Popen([*words, *one], cwd=root, env=env, stdin=subprocess.DEVNULL, stdout=pipe, stderr=pipe)
        for one in race.commands
    ]
    began = time.monotonic()
    answers = [_answer(process, began) for process in started]
    counts = Counter(answer.code for answer in answers)
    wrong = [
        f"unexpected: {counts[code]} of {len(answers)} exited {code}: {[answer.err[-300:] for answer in answers]}"
        for code, (least, most) in race.codes.items()
        if not least <= counts[code] <= most
    ]
    wrong += [f"unexpected: exit code {code}" for code in counts if code not in race.codes]
    wrong += [f"unexpected: {one}" for one in race.wrong(root)]
    wrong += [f"unexpected: left behind: {path.name}" for path in root.rglob(".mlops-bootstrap-*")]
    return [*answers[:-1], replace(answers[-1], wrong=(*answers[-1].wrong, *wrong))]


def _answer(process: "subprocess.Popen[bytes]", began: float) -> Answer:
    try:
        out, err = process.communicate(timeout=6 * hang_seconds())  # six commands share the processors
        code: int | None = process.returncode
    except subprocess.TimeoutExpired:
        process.kill()
        out, err = process.communicate()
        code = None
    seconds = time.monotonic() - began
    answer = Answer(code, out.decode("utf-8", "replace"), err.decode("utf-8", "replace"), seconds)
    return replace(answer, wrong=tuple(problems(answer)))


def _link(number: int) -> list[str]:
    environments = ("dev", "test", "prod")
    forge, project_ = "https://token.actions.githubusercontent.com", ("fraud/churn", "vision/defects")[number // 3]
    environment = environments[number % 3]
    subject = f"repo:contoso@1001/race@{number}:environment:{environment}"
    return ["platform", "link", project_, environment, "--issuer", forge, "--subject", subject]


def _six_links(root: Path) -> Iterator[str]:
    text = (root / "links.yaml").read_text(encoding="utf-8")
    for number in range(6):
        if f"race@{number}:" not in text:
            yield f"the link {number} is lost"


def _one_project(root: Path) -> Iterator[str]:
    found = files(root)
    for path in ("churn/README.md", "churn/mlops.yaml", "churn/.git/HEAD", "churn/uv.lock"):
        if path not in found:
            yield f"{path} is missing"


def _one_organization(root: Path) -> Iterator[str]:
    text = (root / "p/platform.yaml").read_text(encoding="utf-8")
    if len(found := [name for name in ("alpha", "beta") if f'organization: "{name}"' in text]) != 1:
        yield f"organizations: {found}"
    for path in ("links.yaml", ".github/workflows/platform.yml", ".git/HEAD"):
        if not (root / "p" / path).is_file():
            yield f"{path} is missing"


def _add(number: int) -> list[str]:
    return ["platform", "team", "add", f"race-{number}", "--environment", "dev", "--network", "open"]


def _four_teams_and_a_link(root: Path) -> Iterator[str]:
    for number in range(4):
        if not (root / f"teams/race-{number}.yaml").is_file():
            yield f"the team race-{number} is lost"
    if "race@0:" not in (root / "links.yaml").read_text(encoding="utf-8"):
        yield "the link is lost"


def _one_environment(root: Path) -> Iterator[str]:
    text = (root / "teams/churn.yaml").read_text(encoding="utf-8")
    if text.count("prod:") != 1:
        yield f"the environment: {text}"


def _one_team(root: Path) -> None:
    copy_of_contoso(root)
    (root / "teams/churn.yaml").write_text("name: churn\nenvironments:\n  dev: {}\n", encoding="utf-8")


def _one_version(root: Path) -> Iterator[str]:
    versions = registered(root)
    if len(versions) != 2:
        yield f"versions of the registry and of MLflow: {versions}"


def _whole_steps(root: Path) -> Iterator[str]:
    steps = sorted(path.name.split("-")[0] for path in (root / ".mlops/steps").iterdir())
    if steps != ["fast", "slow"]:
        yield f"steps: {steps}"


RACES = (
    Race("six platform links", [_link(number) for number in range(6)], copy_of_contoso, {0: (6, 6)}, _six_links),
    Race(
        "four teams and a link",
        [*(_add(number) for number in range(4)), _link(0)],
        copy_of_contoso,
        {0: (5, 5)},
        _four_teams_and_a_link,
    ),
    Race(
        "two environments of one name",
        [["platform", "environment", "add", "churn", "prod", "--budget", amount] for amount in ("500", "600")],
        _one_team,
        {0: (1, 1), 4: (1, 1)},
        _one_environment,
    ),
    Race("four projects in one folder", [new("churn")] * 4, nothing_in(), {0: (1, 1), 4: (3, 3)}, _one_project),
    Race(
        "four projects in one existing folder",
        [new("churn")] * 4,
        nothing_in("churn"),
        {0: (1, 1), 4: (3, 3)},
        _one_project,
    ),
    Race(
        "two platforms in one folder",
        [["platform", "init", "p", "--organization", name, "--defaults"] for name in ("alpha", "beta")],
        nothing_in(),
        {0: (1, 1), 4: (1, 1)},
        _one_organization,
    ),
    Race(
        "two platforms in one existing folder",
        [["platform", "init", "p", "--organization", name, "--defaults"] for name in ("alpha", "beta")],
        nothing_in("p"),
        {0: (1, 1), 4: (1, 1)},
        _one_organization,
    ),
    Race(
        "three equal platforms",
        [["platform", "init", "p", "--defaults"]] * 3,
        nothing_in(),
        {0: (3, 3)},
        lambda _: iter(()),
    ),
    Race("three runs", [["run"]] * 3, lambda root: project(root, PIPELINE), {0: (1, 3), 7: (0, 2)}, _whole_steps),
    Race("three registrations", [["model", "register"]] * 3, to_register, {0: (1, 3), 7: (0, 2)}, _one_version),
)
