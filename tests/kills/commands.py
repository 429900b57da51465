"""The commands that write, one row each: a world, the command line, what of its state a user has, and what may follow.

A new command that writes needs a row. Commands that only read have temporary folders, so that one of them is here too.
"""

import contextlib
import datetime as dt
import json
import math
import os
import re
import shutil
import socket
import sqlite3
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from bootstrap.digest import digest_tree
from bootstrap.files import PREFIX
from bootstrap.processes import uv_executable
from bootstrap.progress import Progress
from bootstrap.simulator.store import Store
from tests.attacks import deployed as under_engine
from tests.attacks.world import HANG_SECONDS, Answer
from tests.helpers import CONTOSO, build_tree, git, run_cli
from tests.kills.harness import changes, content, nothing, outlived, run
from tests.tiny import MLFLOW, tiny
from tests.unit.blueprint.worlds import blueprints
from tests.unit.model.worlds import RUN, World

State = Mapping[str, object]

_LINK = (
    "platform", "link", "fraud/churn", "dev",
    "--issuer", "https://token.actions.githubusercontent.com",
    "--subject", "repo:contoso@1001/churn@2009:environment:dev",
)  # fmt: skip


@dataclass(frozen=True)
class Command:
    """A command that writes.

    Attributes:
        name: Its name in the table.
        arguments: Its command line.
        build: Makes its world in a folder.
        state: What a user has of its result; the same after each undisturbed call.
        code: The exit code of an undisturbed call.
        done: The exit codes of a call that finds the result of an earlier one.
        under_way: The state may be between the one before and the one after, until the next call.
        prepare: Called in the process of the command.
        slow: Takes seconds, so that it is killed a few times only.
        seconds: How long a call may take.
        repeated: Takes so long that it is killed several times in one world, before it may end.
    """

    name: str
    arguments: tuple[str, ...]
    build: Callable[[Path], object]
    state: Callable[[Path], State]
    code: int = 0
    done: tuple[int, ...] = (0,)
    under_way: bool = False
    prepare: Callable[[Path], None] = nothing
    slow: bool = False
    seconds: float = HANG_SECONDS
    repeated: bool = False


@dataclass(frozen=True)
class Kill:
    """A command that was killed, and called again.

    Attributes:
        killed: False if it ended before it was killed.
        left: The state after the kill: "as before", "done" or "under way".
        leftovers: The number of temporary files and folders after the kill.
        answer: What the next call answered, and what is wrong.
    """

    killed: bool
    left: str
    leftovers: int
    answer: Answer


class Killing:
    """A command with its world, which is made once, and its state before and after an undisturbed call."""

    def __init__(self, command: Command, folder: Path) -> None:
        self.command, self._folder, self._count = command, folder, 0
        command.build(folder / "template")
        undisturbed = self._world()
        self._before = command.state(undisturbed)
        self.changes, self.answer = changes(undisturbed, command.arguments, command.prepare, command.seconds)
        self._after = command.state(undisturbed)
        if self.answer.code != command.code:
            raise RuntimeError(f"{command.name} exited {self.answer.code}: {self.answer.err[-2000:]}")

    def kill_at(self, change: int) -> Kill:
        """Kill the command at a change, call it again, and judge both."""
        at = self.changes[change - 1] if change <= len(self.changes) else "its end"
        root = self._world()
        killed = self._killed(root, f"before {at}", change=change)
        return self._called_again(root, [killed])[0]

    def kill_after(self, *seconds: float) -> list[Kill]:
        """Kill the command after a time, and in the same world again after each other one; call it again; judge all."""
        root = self._world()
        killed = [self._killed(root, f"after {one:.3f} s", seconds=one) for one in seconds]
        return self._called_again(root, killed)

    def _killed(self, root: Path, when: str, *, change: int = 0, seconds: float = math.inf) -> Kill:
        command = self.command
        first = run(root, command.arguments, command.prepare, command.seconds, change=change, killed_after=seconds)
        wrong = [f"unexpected: outlived the command: {process}" for process in outlived(root)]
        state = command.state(root)
        left = "as before" if state == self._before else "done" if state == self._after else "under way"
        if first.code not in (-9, self.answer.code, *command.done):
            wrong.append(f"unexpected: exit code {first.code} when it was killed")
        if left == "under way" and not command.under_way:
            wrong.append(f"unexpected: half a result: {_difference(state, self._after)}")
        wrong = [f"{one} (killed {when})" for one in wrong]
        return Kill(first.code == -9, left, len(_leftovers(root)), replace(first, wrong=tuple(wrong)))

    def _called_again(self, root: Path, kills: Sequence[Kill]) -> list[Kill]:
        """Call the command once more, after kills; what is wrong is with the last one of them."""
        command = self.command
        again = run(root, command.arguments, command.prepare, command.seconds)
        wrong = [*again.wrong]
        if again.code not in (self.answer.code, *command.done):
            wrong.append(f"unexpected: exit code {again.code} of the next call: {again.err[-1500:]}")
        if command.state(root) != self._after:
            wrong.append(f"unexpected: another result: {_difference(command.state(root), self._after)}")
        wrong += [f"unexpected: left behind: {path.relative_to(root.parent)}" for path in _leftovers(root)]
        shutil.rmtree(root.parent, ignore_errors=True)
        *others, last = kills
        return [*others, replace(last, answer=replace(again, wrong=(*last.answer.wrong, *wrong)))]

    def _world(self) -> Path:
        self._count += 1
        root = self._folder / str(self._count) / "world"
        shutil.copytree(self._folder / "template", root, symlinks=True, copy_function=_copy)
        return root


def _leftovers(root: Path) -> list[Path]:
    """The temporary files and folders of commands that have ended."""
    temporary = root.parent / "tmp"
    found = [path for folder in (root, temporary) for path in folder.rglob(f"{PREFIX}*")]
    return found + [path for path in temporary.iterdir() if not _OTHERS.fullmatch(path.name)]


def _copy(source: str, target: str) -> None:
    """Environments are large, and nobody changes their files in place."""
    if "/.venv/" in source:
        os.link(source, target, follow_symlinks=False)
    else:
        shutil.copy2(source, target)


def _difference(state: State, expected: State) -> str:
    keys = [key for key in {**state, **expected} if state.get(key) != expected.get(key)]
    return ", ".join(f"{key}: {str(state.get(key))[:80]} instead of {str(expected.get(key))[:80]}" for key in keys[:5])


_OTHERS = re.compile(r"uv-.*|[a-z0-9_]{8}|\.ses|\.mlops-bootstrap-.*")
"""Temporary files of others: uv's locks, the file by which Python's `tempfile` finds out whether it may write, and the
session of the packages of a project."""


def _hidden(path: str) -> bool:
    return any(part.startswith(PREFIX) for part in path.split("/")) or path.split("/", maxsplit=1)[0] == ".mlops"


def files(root: Path) -> State:
    """The files that a user sees, without the objects of git, whose names have the time in them."""
    found = content(root, _hidden)
    return {
        path: None if ".git/" in path else data
        for path, data in found.items()
        if data != b"(an empty folder)" and ".git/objects/" not in path and ".git/logs/" not in path
    }


def _small_blueprints(root: Path) -> None:
    """`new` from a small repository of blueprints; called in the process of the command."""
    from bootstrap.blueprint import repository

    repository._PACKAGE = root.parents[1] / "checkout" / "bootstrap"


def nothing_in(*folders: str) -> Callable[[Path], None]:
    """A world with nothing but empty folders."""

    def build(root: Path) -> None:
        for folder in ("", *folders):
            (root / folder).mkdir(parents=True, exist_ok=True)

    return build


def _with_blueprints(*folders: str) -> Callable[[Path], None]:
    def build(root: Path) -> None:
        nothing_in(*folders)(root)
        blueprints(root.parent / "checkout")
        (root.parent / "checkout" / "bootstrap").mkdir()

    return build


def new(destination: str) -> tuple[str, ...]:
    return ("new", "tabular", destination, "--data", "team=fraud", "--defaults")


def copy_of_contoso(root: Path) -> None:
    shutil.copytree(CONTOSO, root)


def _small_platform(root: Path) -> None:
    build_tree(
        root,
        {
            "platform.yaml": """
                organization: acme
                location: westeurope
                tenant_id: 00000000-0000-0000-0000-00000000000a
                subscription_id: 00000000-0000-0000-0000-00000000000b
                environments: {dev: {ring: 0}}
                hub: {alert_emails: [ml@acme.example]}
                """,
            "teams/fraud.yaml": "name: fraud\nenvironments: {dev: {}}\n",
        },
    )


def _with_two_environments(root: Path) -> None:
    _small_platform(root)
    path = root / "platform.yaml"
    path.write_text(path.read_text(encoding="utf-8").replace("{ring: 0}}", "{ring: 0}, prod: {ring: 1}}"), "utf-8")


def _plan_caches(root: Path) -> None:
    os.environ["XDG_CACHE_HOME"] = str(root / "cache")


def _cached_plans(root: Path) -> State:
    """The cached plans: their names, because their content has the order of sets in it."""
    return {path.relative_to(root).as_posix(): True for path in (root / "cache").rglob("*") if not _hidden(path.name)}


def _committed_contoso(root: Path) -> None:
    copy_of_contoso(root)
    for words in (["init", "--quiet"], ["add", "--all"], ["commit", "--quiet", "--message", "all"]):
        git(*words, cwd=root)


def project(root: Path, files: Mapping[str, str]) -> None:
    build_tree(root, files)
    for words in (["lock", "--quiet"], ["sync", "--quiet", "--compile-bytecode"]):
        subprocess.run([uv_executable(), *words], cwd=root, check=True, env=_outside_of_environments())


def _outside_of_environments() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name != "VIRTUAL_ENV"}


_STEPS = {
    "pipeline.yml": """
        type: pipeline
        inputs: {seconds: 0.5}
        jobs:
          fast: {component: step/component.yml, inputs: {seconds: 0.0}}
          slow: {component: step/component.yml, inputs: {seconds: "${{parent.inputs.seconds}}"}}
        """,
    "step/component.yml": """
        type: command
        name: step
        inputs: {seconds: {type: number}}
        outputs: {made: {type: uri_folder}}
        code: .
        command: python step.py ${{inputs.seconds}} ${{outputs.made}}
        """,
    "step/step.py": """
        import sys, time
        from pathlib import Path
        Path(sys.argv[2], "half.txt").write_text("made")
        time.sleep(float(sys.argv[1]))
        Path(sys.argv[2], "whole.txt").write_text("made")
        """,
}
"""A pipeline of two steps at once, one of which still runs when the other one's outputs are kept."""

PIPELINE = tiny(_STEPS)
_WITH_MLFLOW = tiny(_STEPS, dependencies=MLFLOW)


def _steps(root: Path) -> State:
    """The outputs of steps, and the runs that have not ended."""
    kept = {path.parent.name: digest_tree(path) for path in (root / ".mlops/steps").glob("[!.]*/made")}
    return {**kept, **_unfinished(root)}


def _several_runs(root: Path) -> None:
    project(root, PIPELINE)
    for seconds in ("0.0", "0.01", "0.02"):
        assert run_cli("run", "--set", f"seconds={seconds}", cwd=root).code == 0


def _recorded(root: Path) -> State:
    """The runs and steps that are there, by their digests."""
    folders = [*(root / ".mlops/runs").iterdir(), *(root / ".mlops/steps").glob("[!.]*")]
    return {path.name: digest_tree(path) for path in folders}


def _unfinished(project: Path) -> State:
    running = {str(one): "RUNNING" for (one,) in _rows(project, "select run_uuid from runs where status = 'RUNNING'")}
    markers = {path.parent.name: "running" for path in (project / ".mlops/runs").glob("*/running")}
    return {**running, **markers}


def _rows(root: Path, query: str) -> list[tuple[object, ...]]:
    path = root / ".mlops/mlflow.db"
    if not path.exists():
        return []
    with contextlib.closing(sqlite3.connect(path)) as store, contextlib.suppress(sqlite3.OperationalError):
        return store.execute(query).fetchall()
    return []  # there is no table yet


def _judged(root: Path) -> None:
    World(root).write()


def _decision(root: Path) -> State:
    path = root / f".mlops/runs/{RUN}/decision.json"
    return {"decision": path.exists() and '"passed": true' in path.read_text(encoding="utf-8")}


def to_register(root: Path) -> None:
    project(root, {"pyproject.toml": _WITH_MLFLOW["pyproject.toml"]})
    World(root, run={"mlflow_run_id": None}).write()
    done = run_cli("model", "gate", cwd=root)
    if done.code != 0:
        raise RuntimeError(done.err)


def registered(root: Path) -> State:
    """The versions of the registry, with the digest of their models, and those of MLflow."""
    registry = root / ".mlops/registry/churn"
    models = {path.parent.name: digest_tree(path.parent / "model") for path in registry.glob("*/version.json")}
    return {**models, **{f"MLflow {version}": True for (version,) in _rows(root, "select version from model_versions")}}


def _to_serve(root: Path) -> None:
    World(root).write()
    build_tree(
        root,
        {
            "endpoints/online/score.py": "",
            "endpoints/online/deployment.yml": "code_configuration: {code: ., scoring_script: score.py}\n",
        },
    )


@contextlib.contextmanager
def _used_port() -> Iterator[int]:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        yield int(taken.getsockname()[1])


_TAKEN = contextlib.ExitStack()
_PORT = _TAKEN.enter_context(_used_port())


def _tour_without_its_commands(_root: Path) -> None:
    """`demo` itself: what it writes between the commands that it runs, of which only the first one is run."""
    from bootstrap.demo import page, tour
    from bootstrap.manifests import scaffold

    def run(words: str, arguments: list[str], why: str, folder: Path, progress: Progress) -> tour.CommandResult:
        if words == "platform init":
            scaffold.init(folder / arguments[0], {}, dt.date(2026, 11, 24), progress)
        return tour.CommandResult(words, words, why, 0.0, {})

    tour._run = run
    page.render = lambda results, folder: "a page"


def _platform(*, deployed: bool) -> Callable[[Path], None]:
    def build(root: Path) -> None:
        root.mkdir(parents=True)
        under_engine.platform(root / "platform", deployed=deployed)

    return build


def _locked_platform(root: Path) -> None:
    """With the lock of an engine of another machine."""
    _platform(deployed=True)(root)
    locks = root / "platform/.mlops/state/.pulumi/locks/organization/mlops-bootstrap/hub"
    holder = {"pid": 4711, "username": "anna", "hostname": "laptop", "timestamp": "2026-11-24T10:00:00Z"}
    build_tree(locks, {"5a0b6e5e-0000-4000-8000-000000000000.json": json.dumps(holder)})


def _with_engine(root: Path) -> None:
    _plan_caches(root)
    under_engine.install_azure(root)
    os.environ.update(under_engine.variables(root))
    _plan_caches(root)


def _resources(root: Path) -> State:
    """The resources of Azure, and those of the hub's state."""
    path = root / "platform/.mlops/state/.pulumi/stacks/mlops-bootstrap/hub.json"
    latest = json.loads(path.read_text(encoding="utf-8"))["checkpoint"]["latest"] if path.exists() else {}
    resources = [one for one in latest.get("resources") or () if not one["type"].startswith("pulumi:")]
    urns = {one["urn"]: one.get("id") for one in resources}
    pending = {"pending": latest["pending_operations"]} if latest.get("pending_operations") else {}
    return dict.fromkeys(Store(root / under_engine.AZURE / "azure.sqlite").ids, "in Azure") | urns | pending


AUTHOR = {f"GIT_{who}_{what}": "anna@a.example" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}


def _with_author(_root: Path) -> None:
    """Git knows who commits, so that `platform init` creates a repository; called in the process of the command."""
    os.environ.update(AUTHOR)


def _few_trials(root: Path) -> None:
    """`demo` with its own commands, but its project tries two models instead of twenty."""
    from bootstrap.demo import tour

    _with_author(root)
    itinerary = tour._itinerary

    def shorter(folder: Path) -> Iterator[tuple[str, list[str], str]]:
        for words, arguments, why in itinerary(folder):
            yield words, [*arguments, *(["--set", "trials=2"] if words == "run" else [])], why

    tour._itinerary = shorter


def _tour(root: Path) -> State:
    """The files that a tour has made, the versions of its registry, and what it left running in MLflow."""
    visible = []
    for folder, folders, names in os.walk(root):
        folders[:] = [name for name in folders if name not in (".git", ".venv", ".mlops")]
        visible += [Path(folder, name).relative_to(root).as_posix() for name in names if not name.startswith(PREFIX)]
    project = root / "tour" / "disease-progression"
    registry = project / ".mlops/registry/disease-progression"
    versions = {f"version {number}": True for number, _ in enumerate(registry.glob("*/version.json"), start=1)}
    return {**dict.fromkeys(visible, True), **versions, **_unfinished(project)}


def _nothing_kept(_root: Path) -> State:
    return {}


COMMANDS = (
    Command("new", new("churn"), _with_blueprints(), files, done=(4,), prepare=_small_blueprints),
    Command(
        "new, existing folder",
        new("churn"),
        _with_blueprints("churn"),
        files,
        done=(4,),
        under_way=True,
        prepare=_small_blueprints,
    ),
    Command(
        "new, current folder",
        (*new("."), "-C", "churn"),
        _with_blueprints("churn"),
        files,
        done=(4,),
        under_way=True,
        prepare=_small_blueprints,
    ),
    Command("platform init", ("platform", "init", "p", "--defaults"), nothing_in(), files, prepare=_with_author),
    Command(
        "platform init, existing folder",
        ("platform", "init", "p", "--defaults"),
        nothing_in("p"),
        files,
        under_way=True,
        prepare=_with_author,
    ),
    Command("platform link", _LINK, copy_of_contoso, files),
    Command("platform team add", ("platform", "team", "add", "churn", "--budget", "500"), _small_platform, files),
    Command(
        "platform environment add",
        ("platform", "environment", "add", "fraud", "prod", "--budget", "500"),
        _with_two_environments,
        files,
    ),
    # The next call finds no team.
    Command("platform team remove", ("platform", "team", "remove", "fraud"), _small_platform, files, done=(2,)),
    Command(
        "demo, without its commands",
        ("demo", "tour"),
        nothing_in(),
        files,
        under_way=True,
        prepare=_tour_without_its_commands,
    ),
    Command(
        "demo",
        ("demo", "tour"),
        nothing_in(),
        _tour,
        under_way=True,
        prepare=_few_trials,
        slow=True,
        seconds=240.0,
        repeated=True,
    ),
    Command("run", ("run",), lambda root: project(root, PIPELINE), _steps, under_way=True),
    Command("runs clean", ("runs", "clean", "--keep", "1"), _several_runs, _recorded, under_way=True),
    Command("run, MLflow", ("run",), lambda root: project(root, _WITH_MLFLOW), _steps, under_way=True, slow=True),
    Command("model gate", ("model", "gate"), _judged, _decision),
    Command("model register", ("model", "register"), to_register, registered, under_way=True, slow=True),
    Command("model serve", ("model", "serve", "--run", RUN, "--port", str(_PORT)), _to_serve, _nothing_kept, code=4),
    Command(
        "plan, its cache",
        ("plan", "fraud-dev"),
        _small_platform,
        _cached_plans,
        under_way=True,
        prepare=_plan_caches,
        slow=True,
    ),
    Command("diff", ("diff", "HEAD", "hub"), _committed_contoso, _nothing_kept, slow=True),
    Command(
        "up",
        ("up", "hub", "--yes", "--confirm", "hub", "-C", "platform"),
        _platform(deployed=False),
        _resources,
        under_way=True,
        prepare=_with_engine,
        slow=True,
        seconds=60,
    ),
    Command(
        "destroy",
        ("destroy", "hub", "--yes", "--confirm", "hub", "-C", "platform"),
        _platform(deployed=True),
        _resources,
        under_way=True,
        prepare=_with_engine,
        slow=True,
        seconds=60,
    ),
    Command(
        "recover",
        ("recover", "hub", "--yes", "-C", "platform"),
        _locked_platform,
        _resources,
        prepare=_with_engine,
        slow=True,
    ),
    Command(
        "rehearse",
        ("rehearse", "hub", "-C", "platform"),
        _platform(deployed=False),
        _nothing_kept,
        prepare=_with_engine,
        slow=True,
        seconds=60,
    ),
    Command(
        "blueprint show", ("blueprint", "show", "tabular"), _with_blueprints(), _nothing_kept, prepare=_small_blueprints
    ),
)
