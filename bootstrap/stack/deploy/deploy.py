"""Deploy the stacks of a platform: the work of `preview`, `up`, `drift`, `outputs` and `destroy`."""

import datetime as dt
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

from bootstrap.errors import BootstrapError, ConflictError, InputError, LockedError
from bootstrap.files import read_bounded, remove_tree, write_atomically
from bootstrap.lock import hold_lock
from bootstrap.manifests.platform import Platform
from bootstrap.processes import read_git, shell_line
from bootstrap.progress import Progress
from bootstrap.stack.deploy.backend import Backend, backend_of, place_of, use_place
from bootstrap.stack.deploy.copies import copies_of, keep_copy
from bootstrap.stack.deploy.engine import Engine
from bootstrap.stack.deploy.ledger import FOLDER as LEDGERS
from bootstrap.stack.deploy.ledger import Ledger, versions
from bootstrap.stack.deploy.move import Moved, move_state, require_stores
from bootstrap.stack.deploy.operations import EngineStack, Outcome, Preview, Watch, lost, not_deployed
from bootstrap.stack.deploy.recover import Repair, find_repairs, release_ended
from bootstrap.stack.deploy.rings import for_each, in_rings
from bootstrap.stack.diff.difference import StackDiff
from bootstrap.stack.plan.cache import Cache
from bootstrap.stack.plan.checks import collect_refusals, refuse
from bootstrap.stack.plan.model import StackPlan
from bootstrap.stack.plan.planner import plan_stacks
from infra.settings import HUB, StackSettings

T = TypeVar("T")

Change = Callable[[EngineStack, Watch], Outcome]

Consent = Callable[[Sequence[StackSettings]], None]
"""Asks whether stacks may be changed, and raises ConflictError if not, InputError if there is nobody to ask."""


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
        opened = self._opened(names)
        if gone := [
            name for name, stack in opened.items() if not stack.state and copies_of(self._backend(stack.settings))
        ]:
            raise ConflictError(
                f"The backend has no state of {', '.join(gone)}, and this machine has copies of one.",
                why=f"The backend is {self.backend}.",
                hint=f"Name the backend that has it (--backend), or restore it: "
                f"{shell_line('mlops-bootstrap', 'recover', *gone)}",
            )
        planned = self._planned(names, today)
        return self._work("preview", names, lambda stack: stack.preview(planned[stack.settings.stack], today), opened)

    def drift(self, names: Sequence[str]) -> dict[str, StackDiff]:
        """How Azure differs from the state of each stack.

        Raises:
            MissingError: A stack is not deployed.
            RemoteError: The engine, the backend or Azure fails.
        """
        opened = self._opened(names)
        if missing := [name for name, stack in opened.items() if not stack.resources()]:
            raise not_deployed(missing)
        planned = {stack.name: stack for stack in plan_stacks(self.platform, names, self.progress, None, Cache())}
        return self._work("look for drift", names, lambda stack: stack.drift(planned[stack.settings.stack]), opened)

    def outputs(self, name: str) -> dict[str, Any]:
        """The outputs of a stack's last deployment; secrets are masked. Raises MissingError and RemoteError."""
        return self._open(self.platform.selected([name])[0]).outputs()

    def preview_destroy(self, names: Sequence[str]) -> dict[str, Preview]:
        """What `destroy` would remove, of those stacks that are in the backend.

        Raises:
            MissingError: None of them is.
            ConflictError: The hub is named, and stacks that use it are deployed and are not named.
            RemoteError: The engine or the backend fails.
        """
        opened = self._opened(names)
        deployed = [name for name, stack in opened.items() if stack.state]
        if not deployed:
            raise not_deployed(names)
        for name in opened.keys() - {*deployed}:
            self.progress.say(f"{name} is not deployed.")
        if HUB in names:
            others = [name for name in self.platform.stacks if name not in names]
            if users := [name for name, stack in self._opened(others).items() if stack.resources()]:
                raise ConflictError(
                    "The hub is in use.",
                    why=f"These stacks are deployed: {', '.join(users)}.",
                    hint=f"Destroy them first, or with it: mlops-bootstrap destroy {HUB} {' '.join(users)}",
                )
        return self._work("preview", deployed, lambda stack: stack.preview_destroy(), opened)

    def up(
        self,
        previews: Mapping[str, Preview],
        consent: Consent,
        *,
        allowed: Sequence[str] = (),
        approved: Path | None = None,
        resumes: str | None = None,
    ) -> tuple[str, list[BootstrapError]]:
        """Deploy the stacks that were previewed, ring by ring. Returns the deployment's id and the errors of stacks.

        Args:
            consent: Is asked for the stacks that change.
            allowed: The URNs of resources that may lose their data or change for good.
            approved: The file with the changes that were approved; None: all are.
            resumes: The id of the deployment that this one continues.

        Raises:
            ConflictError: A change would lose data, or be one that Azure never reverts; or it is another one than was
                approved.
            InputError: A resource that is allowed does not change; the file was not written by `save`.
        """
        _refuse_losses(previews, allowed)
        if approved is not None:
            _check_approved(previews, approved)
        if changing := [name for name, one in previews.items() if one.diff.status != "unchanged"]:
            consent(self.platform.selected(changing))
        return self._deploy("up", previews, EngineStack.up, resumes)

    def destroy(self, previews: Mapping[str, Preview], consent: Consent) -> tuple[str, list[BootstrapError]]:
        """Remove the stacks that were previewed, the last ring first and the hub last. Returns what `up` does.

        Args:
            consent: Is asked for all of them.
        """
        consent(self.platform.selected(list(previews)))
        return self._deploy("destroy", previews, EngineStack.destroy, None)

    def states(self, names: Sequence[str]) -> dict[str, str]:
        """The states of those stacks that are in the backend, with their secrets in the clear. Raises RemoteError."""
        opened = self._opened(names)
        return self._work("read", [name for name in names if opened[name].state], EngineStack.decrypted, opened)

    def take_over(self, states: Mapping[str, str]) -> None:
        """Create stacks with the states that `states` read in another backend. Raises RemoteError."""
        self._work("copy the state of", list(states), lambda stack: stack.take_over(states[stack.settings.stack]))

    def move(self, to: str, consent: Callable[[Mapping[str, int]], None]) -> dict[str, Moved]:
        """Move the states of all stacks to another backend, which this machine uses from then on.

        Args:
            to: `file`, `hub` or a URL.
            consent: Is asked with the number of resources by stack, before the first state is moved.

        Raises:
            ConflictError: As `move_state`.
            LockedError: An operation on a stack is under way.
            MissingError: Nothing is deployed; or the hub has no place for a state.
            RemoteError: The engine or a backend fails.
        """
        there, names = replace(self, backend=to), list(self.platform.stacks)
        sources = self._opened(names)
        to_move = {name: len(stack.resources()) for name, stack in sources.items() if stack.state}
        if to == "hub" and HUB in to_move:
            require_stores(sources[HUB], self.platform.selected(list(to_move)))
        targets = there._opened(names)
        if not to_move and not any(stack.state for stack in targets.values()):
            raise not_deployed(names)
        if to_move:
            consent(to_move)

        def work(stack: EngineStack) -> Moved:
            with self._locked(stack.settings.stack):
                return move_state(stack, there._open(stack.settings), self._backend(stack.settings))

        # The hub comes last: until then, its state shows that the others have a place.
        moved: dict[str, Moved] = {}
        for some in ([name for name in names if name != HUB], [HUB]):
            moved |= self._work("move", some, work)
        use_place(self.folder, place_of(self.platform, to))
        return {name: moved[name] for name in names}

    def recover(
        self, names: Sequence[str], consent: Callable[[Mapping[str, Sequence[Repair]]], None]
    ) -> dict[str, list[Repair]]:
        """Repair the states of stacks after a deployment that was killed. Returns what was found, by stack.

        Args:
            consent: Is asked for all repairs together, before the first one.

        Raises:
            ConflictError: A state has changed while consent was asked for.
            LockedError: An operation on a stack is under way.
            RemoteError: The engine or the backend fails.
        """
        planned = {stack.name: stack for stack in plan_stacks(self.platform, names, self.progress, None, Cache())}

        def found(stack: EngineStack) -> list[Repair]:
            name = stack.settings.stack
            return find_repairs(stack, self._backend(stack.settings), {one.urn for one in planned[name].made})

        def look(stack: EngineStack) -> list[Repair]:
            with self._locked(stack.settings.stack):
                return found(stack)

        repairs = self._work("look at", names, look)
        if not (to_repair := [name for name, some in repairs.items() if any(one.apply for one in some)]):
            return repairs
        consent(repairs)
        for settings in self.platform.selected(to_repair):
            name = settings.stack
            with self._locked(name):
                # Somebody may have deployed while the user was asked: an older state must not replace the new one.
                again = found(self._open(settings))
                if [(one.found, one.step) for one in again] != [(one.found, one.step) for one in repairs[name]]:
                    raise ConflictError(
                        f"The state of {name} has changed since it was looked at.",
                        why="Another operation changed it in the meantime.",
                        hint="Run the command again: it looks at the new state.",
                    )
                for one in again:
                    if one.apply is not None:
                        one.apply()
        return repairs

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
        change: Change,
        resumes: str | None,
    ) -> tuple[str, list[BootstrapError]]:
        rings = list(in_rings(self.platform.selected(list(previews)), last_first=operation == "destroy"))
        names = [settings.stack for members in rings for settings in members]
        started = {
            "operation": operation, "versions": versions(), "commit": _commit(self.platform.root),
            "backend": self.backend, "stacks": names, "resumes": resumes,
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
                        outcome = self._change(ledger, settings, preview, change)
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

    def _change(self, ledger: Ledger, settings: StackSettings, preview: Preview, change: Change) -> Outcome:
        """Change a stack, if its state is still the one that was previewed. A copy of that state is kept."""
        stack = self._open(settings)
        if stack.digest != preview.state:
            raise ConflictError(
                f"The state of {settings.stack} has changed since it was previewed.",
                why="Another operation changed it in the meantime.",
                hint="Run the command again: it previews the new state.",
            )
        backend = self._backend(settings)
        if stack.state:
            keep_copy(backend, ledger.id, stack.state)
        destroys = change is EngineStack.destroy
        watch = _into(ledger, self.progress, "destroy" if destroys else "up", settings.stack)
        try:
            outcome = change(stack, watch)
        except LockedError:
            # Nobody else uses the states of the backend `file`, and this process has their locks of ours.
            if self.backend != "file" or not (released := release_ended(stack)):
                raise
            self.progress.say(f"A lock of {settings.stack} is removed, because its process has ended: {released}")
            outcome = change(stack, watch)
        if destroys:
            remove_tree(backend.copies)
            stack.remove()
        return outcome

    def _opened(self, names: Sequence[str]) -> dict[str, EngineStack]:
        """The stacks as they are in the backend. Before any longer work: it shows whether the backend can be used.

        Raises:
            InputError, MissingError: As `backend_of`; or the passphrase is wrong.
            RemoteError: The backend does not answer.
        """

        def opened(stack: EngineStack) -> EngineStack:
            stack.check_key()
            return stack

        return self._work("open", names, opened)

    def _work(
        self,
        verb: str,
        names: Sequence[str],
        work: Callable[[EngineStack], T],
        opened: Mapping[str, EngineStack] | None = None,
    ) -> dict[str, T]:
        """Do something with each stack that changes nothing. Raises the first error."""

        def watched(settings: StackSettings) -> T:
            task = f"{verb} {settings.stack}"
            self.progress.started(task)
            try:
                result = work(opened[settings.stack] if opened is not None else self._open(settings))
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
        return EngineStack(self.engine, self._backend(settings), settings, self.imports)

    def _backend(self, settings: StackSettings) -> Backend:
        return backend_of(self.folder, settings, self.backend, self.engine.environment)

    def _locked(self, name: str) -> Any:
        path = self.folder / "stacks" / name / "lock"
        return hold_lock(path, f"Another operation of this machine holds {name}.")


def _refuse_losses(previews: Mapping[str, Preview], allowed: Sequence[str]) -> None:
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
    """Write what was previewed to a file, for `Deployer.up`. Raises OSError."""
    stacks = {name: {"digest": one.digest, "changes": len(one.diff.resources)} for name, one in previews.items()}
    write_atomically(path, f"{json.dumps({'schema_version': 1, 'stacks': stacks}, indent=2)}\n")


def _check_approved(previews: Mapping[str, Preview], path: Path) -> None:
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


def _into(ledger: Ledger, progress: Progress, operation: str, stack: str) -> Watch:
    """Show each operation on a resource as a part of the stack's operation, and record its end."""
    whole = f"{operation} {stack}"

    def watch(step: Mapping[str, Any]) -> None:
        type_, name = step["urn"].rsplit("::", 2)[1:]
        part = f"{type_.rsplit(':', 1)[-1]} {name}"
        if "failed" not in step:
            progress.started(f"{whole}: {part}", whole)
            return
        progress.finished(f"{whole}: {part}", "failed" if step["failed"] else step["action"])
        ledger.write("resource", stack=stack, **step)

    return watch


def _commit(root: Path) -> str | None:
    """The commit of the platform repository; None where it is in none."""
    try:
        return read_git("rev-parse", "HEAD", cwd=root)
    except BootstrapError:
        return None
