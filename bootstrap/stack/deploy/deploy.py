"""Deploy the stacks of a platform: the work of `preview`, `up`, `drift`, `outputs` and `destroy`."""

import datetime as dt
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from bootstrap.errors import BootstrapError, ConflictError, InputError
from bootstrap.files import read_bounded, write_atomically
from bootstrap.lock import hold_lock
from bootstrap.manifests.platform import Platform
from bootstrap.processes import read_git
from bootstrap.progress import Progress
from bootstrap.stack.deploy.backend import backend_of
from bootstrap.stack.deploy.engine import Engine
from bootstrap.stack.deploy.ledger import FOLDER as LEDGERS
from bootstrap.stack.deploy.ledger import Ledger, versions
from bootstrap.stack.deploy.operations import EngineStack, Outcome, Preview, Watch, lost
from bootstrap.stack.deploy.rings import for_each, in_rings
from bootstrap.stack.diff.difference import StackDiff
from bootstrap.stack.plan.cache import Cache
from bootstrap.stack.plan.checks import collect_refusals, refuse
from bootstrap.stack.plan.model import StackPlan
from bootstrap.stack.plan.planner import plan_stacks
from infra.settings import HUB, StackSettings

T = TypeVar("T")


@dataclass(frozen=True)
class DeployedState:
    """What is deployed, as the baseline of a report.

    Attributes:
        command: The command that reports it, such as `("preview",)`.
        backend: Where the states are: `file`, `hub` or a URL.
    """

    command: Sequence[str]
    backend: str

    def __str__(self) -> str:
        return f"what is deployed (state: {self.backend})"

    def document(self) -> dict[str, str]:
        """The baseline as JSON."""
        return {"state": self.backend}


@dataclass(frozen=True)
class Deployer:
    """The stacks of a platform under the engine.

    Attributes:
        folder: Where ledgers, locks and the states of the backend `file` are.
        backend: Where the states are: `file`, `hub` or a URL.
        parallel: How many stacks are worked on at once.
        max_failures: After so many failures no further stack starts.
        imports: The Azure ids of resources that exist and that no state has, by URN: they are imported.
    """

    platform: Platform
    folder: Path
    engine: Engine
    backend: str
    progress: Progress
    parallel: int = 4
    max_failures: int = 1
    imports: Mapping[str, str] = field(default_factory=dict)

    @property
    def ledgers(self) -> Path:
        """The folder of the ledgers."""
        return self.folder / LEDGERS

    def preview(self, names: Sequence[str]) -> dict[str, Preview]:
        """What `up` would change in each stack, in the order of deployment.

        Raises:
            RefusedError: The plan of a stack has errors.
            RemoteError: The engine, the backend or Azure fails.
        """
        today = dt.datetime.now(dt.UTC).date().isoformat()
        planned = self._planned(names, today)
        return self._work("preview", names, lambda stack: stack.preview(planned[stack.settings.stack], today))

    def drift(self, names: Sequence[str]) -> dict[str, StackDiff]:
        """How Azure differs from the state of each stack. Raises RemoteError."""
        planned = {stack.name: stack for stack in plan_stacks(self.platform, names, self.progress, None, Cache())}
        return self._work("look for drift", names, lambda stack: stack.drift(planned[stack.settings.stack]))

    def outputs(self, name: str) -> dict[str, Any]:
        """The outputs of a stack's last deployment; secrets are masked. Raises RemoteError."""
        return self._open(self.platform.selected([name])[0]).outputs()

    def preview_destroy(self, names: Sequence[str]) -> dict[str, Preview]:
        """What `destroy` would remove.

        Raises:
            ConflictError: The hub is named, and stacks that use it are deployed and are not named.
            RemoteError: The engine or the backend fails.
        """
        if HUB in names:
            others = [name for name in self.platform.stacks if name not in names]
            left = self._work("look for", others, lambda stack: stack.resources())
            if users := [name for name, found in left.items() if found]:
                raise ConflictError(
                    "The hub is in use.",
                    why=f"These stacks are deployed: {', '.join(users)}.",
                    hint=f"Destroy them first, or with it: mlops-bootstrap destroy {HUB} {' '.join(users)}",
                )
        return self._work("preview", names, lambda stack: stack.preview_destroy())

    def up(self, previews: Mapping[str, Preview], *, resumes: str | None = None) -> tuple[str, list[BootstrapError]]:
        """Deploy the stacks that were previewed, ring by ring. Returns the deployment's id and the errors of stacks.

        Args:
            resumes: The id of the deployment that this one continues.
        """
        return self._deploy("up", previews, EngineStack.up, resumes)

    def destroy(self, previews: Mapping[str, Preview]) -> tuple[str, list[BootstrapError]]:
        """Remove the stacks that were previewed, the last ring first and the hub last. Returns what `up` does."""
        return self._deploy("destroy", previews, EngineStack.destroy, None)

    def _planned(self, names: Sequence[str], today: str) -> dict[str, StackPlan]:
        refusals: list[str] = []
        stacks = plan_stacks(self.platform, names, self.progress, today, Cache())
        planned = {stack.name: stack for stack in collect_refusals(stacks, refusals)}
        refuse(refusals, printed=False)
        return planned

    def _deploy(
        self,
        operation: str,
        previews: Mapping[str, Preview],
        change: Callable[[EngineStack, Watch], Outcome],
        resumes: str | None,
    ) -> tuple[str, list[BootstrapError]]:
        rings = list(in_rings(self.platform.selected(list(previews)), last_first=operation == "destroy"))
        names = [settings.stack for members in rings for settings in members]
        started = {
            "operation": operation, "versions": versions(), "commit": _commit(self.platform.root), "stacks": names,
            "resumes": resumes,
        }  # fmt: skip
        with Ledger(self.ledgers, **started) as ledger:

            def work(settings: StackSettings) -> None:
                name, preview = settings.stack, previews[settings.stack]
                ledger.write("stack-started", stack=name, digest=preview.digest)
                if preview.diff.status == "unchanged" and operation == "up":
                    ledger.write("stack-ended", stack=name, result="unchanged", counts={}, seconds=0)
                    return
                self.progress.started(f"{operation} {name}")
                try:
                    with self._locked(name):
                        outcome = change(self._open(settings), _into(ledger, name))
                except BaseException as error:
                    self.progress.finished(f"{operation} {name}", "failed")
                    ledger.write("stack-ended", stack=name, result="failed", error=str(error))
                    raise
                counts = {key: outcome.counts[key] for key in sorted(outcome.counts)}
                ledger.write("stack-ended", stack=name, result="done", counts=counts, seconds=round(outcome.seconds, 1))
                words = ", ".join(f"{count} {action}" for action, count in counts.items())
                self.progress.finished(f"{operation} {name}", words or "done")

            _, errors = for_each(
                rings, work, engine=self.engine, progress=self.progress, parallel=self.parallel,
                max_failures=self.max_failures,
            )  # fmt: skip
            ledger.failed = bool(errors)
            return ledger.id, list(errors.values())

    def _work(self, verb: str, names: Sequence[str], work: Callable[[EngineStack], T]) -> dict[str, T]:
        """Do something with each stack that changes nothing. Raises the first error."""

        def watched(settings: StackSettings) -> T:
            task = f"{verb} {settings.stack}"
            self.progress.started(task)
            try:
                result = work(self._open(settings))
            except BaseException:
                self.progress.finished(task, "failed")
                raise
            self.progress.finished(task)
            return result

        stacks = self.platform.selected(list(names)) if names else []
        results, errors = for_each(
            [stacks], watched, engine=self.engine, progress=self.progress, parallel=self.parallel, max_failures=1
        )
        for error in errors.values():
            raise error
        return {settings.stack: results[settings.stack] for members in in_rings(stacks) for settings in members}

    def _open(self, settings: StackSettings) -> EngineStack:
        backend = backend_of(self.folder, settings, self.backend, self.engine.environment)
        return EngineStack(self.engine, backend, settings, self.imports)

    def _locked(self, name: str) -> Any:
        path = self.folder / "stacks" / name / "lock"
        return hold_lock(path, f"Another operation of this machine holds {name}.")


def refuse_losses(previews: Mapping[str, Preview], allowed: Sequence[str]) -> None:
    """Raise ConflictError when a change loses data, or is one that Azure refuses or never reverts.

    Args:
        allowed: The URNs of resources for which that is intended.
    """
    known = {one.urn for preview in previews.values() for one in preview.diff.resources}
    if unknown := [urn for urn in allowed if urn not in known]:
        raise InputError(
            "A resource that was allowed to be replaced does not change.",
            details=unknown,
            hint="Copy its URN from the preview: mlops-bootstrap preview STACK --output json",
        )
    reasons = [f"{name}: {why}" for name, preview in previews.items() for why in lost(preview.diff, allowed)]
    if reasons:
        changes = "A change" if len(reasons) == 1 else f"{len(reasons)} changes"
        raise ConflictError(
            f"{changes} would lose data, or can never be undone.",
            details=reasons,
            hint="Correct the manifests; or allow it for a resource by its URN: --allow-replace URN",
        )


def parse_imports(values: Sequence[str]) -> dict[str, str]:
    """The ids by URN of values `URN=ID`. Raises InputError."""
    pairs = [value.partition("=") for value in values]
    wrong = [
        "".join(pair)
        for pair in pairs
        if not re.match("urn:pulumi:.+::.+::.+::.", pair[0]) or not pair[2].startswith("/")
    ]
    if wrong:
        hint = "Write it as: --import 'urn:pulumi:…::NAME=/subscriptions/…'"
        raise InputError("--import takes a URN and an Azure id.", details=wrong, hint=hint)
    return {urn: id_ for urn, _, id_ in pairs}


def save(previews: Mapping[str, Preview], path: Path) -> None:
    """Write what was previewed to a file, for `check_approved`. Raises OSError."""
    stacks = {name: {"digest": one.digest, "changes": len(one.diff.resources)} for name, one in previews.items()}
    write_atomically(path, f"{json.dumps({'schema_version': 1, 'stacks': stacks}, indent=2)}\n")


def check_approved(previews: Mapping[str, Preview], path: Path) -> None:
    """Compare with what `save` wrote.

    Raises:
        ConflictError: A stack would be changed otherwise than it was approved.
        InputError: The file was not written by `preview --save`.
    """
    hint = "Write it: mlops-bootstrap preview STACK --save FILE"
    try:
        stacks = json.loads(read_bounded(path))["stacks"]
        approved = {name: stacks[name]["digest"] for name in stacks}
    except FileNotFoundError as error:
        raise InputError(f"There is no file {path}.", hint=hint) from error
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise InputError(f"{path} was not written by preview --save.", why=f"{error!r}.", hint=hint) from error
    others = [name for name, one in previews.items() if approved.get(name) != one.digest]
    if others:
        raise ConflictError(
            f"These stacks would be changed otherwise than it was approved: {', '.join(others)}.",
            why="The manifests, the tool or the state are others than at the time of the preview.",
            hint="Preview again, and have that approved: mlops-bootstrap preview STACK --save FILE",
        )


def _into(ledger: Ledger, stack: str) -> Watch:
    def watch(operation: Mapping[str, Any]) -> None:
        ledger.write("resource", stack=stack, **operation)

    return watch


def _commit(root: Path) -> str | None:
    """The commit of the platform repository; None where it is in none."""
    try:
        return read_git("rev-parse", "HEAD", cwd=root)
    except BootstrapError:
        return None


def selected(
    platform: Platform,
    names: Sequence[str],
    *,
    every: bool = False,
    ring: int | None = None,
    team: str | None = None,
    environment: str | None = None,
) -> Iterator[str]:
    """The names of the stacks that are named, or that are in a ring, of a team, and in an environment.

    Raises:
        InputError: Nothing is selected, or there is no such stack.
    """
    filters = {"ring": ring, "team": team, "environment": environment}
    wanted = {key: value for key, value in filters.items() if value is not None}
    if bool(names) + every + bool(wanted) != 1:
        raise InputError(
            "Which stacks?" if not (names or every or wanted) else "The stacks are selected in two ways.",
            hint="Name stacks; or write --all; or any of --ring, --team and --environment.",
        )
    found = [
        settings.stack
        for settings in platform.selected(list(names))
        if all(getattr(settings, key, None) == value for key, value in wanted.items())
    ]
    if not found:
        raise InputError(
            f"There is no stack with {', '.join(f'{key} {value}' for key, value in wanted.items())}.",
            why=f"Stacks: {', '.join(platform.stacks)}.",
        )
    yield from found
