"""What the engine does with one stack: preview, up, drift, outputs, destroy."""

import hashlib
import json
import re
import threading
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import url2pathname

import pulumi
import yaml
from pulumi import automation
from pulumi.automation.events import EngineEvent, OpType, StepEventMetadata

from bootstrap.errors import BootstrapError, InputError, LockedError, MissingError, RefusedError, RemoteError
from bootstrap.files import temporary_folder, write_atomically
from bootstrap.processes import shell_line
from bootstrap.stack.deploy.backend import Backend, temporary_backend
from bootstrap.stack.deploy.engine import Engine
from bootstrap.stack.diff.difference import Action, ResourceDiff, StackDiff
from bootstrap.stack.plan.checks import check_change
from bootstrap.stack.plan.model import StackPlan
from bootstrap.stack.plan.program import PROJECT
from bootstrap.stack.state import pending, read_state, resources
from infra.programs import create_resources
from infra.rules import PACK_FOLDER
from infra.rules.adopted import without_additions
from infra.rules.analyzer import serve
from infra.rules.changes import STATEFUL, differences, restricted
from infra.rules.pack import PORT, SETTINGS_KEY
from infra.settings import StackSettings
from infra.tables.azure_errors import known_error
from infra.tables.resource_types import LOCK, OUTBOUND_RULE, WORKSPACE

_ONE_PROGRAM = threading.Lock()
"""Held while a program declares its resources. The provider's modules load when they are first used, and a thread that
uses one which another thread is loading sees half of it."""

_EXISTS = re.compile("cannot create already existing resource '([^']+)'")
"""The provider's error for a resource that exists; the group is its id.

https://github.com/pulumi/pulumi-azure-native/blob/master/provider/pkg/provider/provider.go
"""

_REFUSED_FILE = re.compile(
    r"\b(?:open|mkdir|write|rename|remove|unlinkat|sync|close) \S+: "
    "(?:no space left on device|read-only file system|permission denied|disk quota exceeded|file too large)"
)
"""The error of a call of the file system, as the engine prints it."""
_UNREADABLE = ("failed to load checkpoint", "snapshot integrity failure")
"""Parts of the engine's errors about a damaged state.

https://github.com/pulumi/pulumi/blob/master/pkg/backend/diy/state.go
"""

_BACKEND_ERRORS: tuple[tuple[str, type[BootstrapError], str, str], ...] = (
    (
        r"failed to acquire a token",
        MissingError,
        "There is no login for the states.",
        "Log in: az login. In CI, set the variables AZURE_… of workload identity: those with ARM_ are the provider's.",
    ),
    (
        r"secrets \(code=PermissionDenied\)",
        MissingError,
        "The login may not use the key that encrypts the secrets of states.",
        "Ask for the role Key Vault Crypto User on the key. A new role takes up to ten minutes.",
    ),
    (
        r"ERROR CODE: Auth(?:orization|entication)",
        MissingError,
        "The login may not use the storage account of the states.",
        "Ask for the role Storage Blob Data Contributor on it; or use a machine in the network of the account.",
    ),
    (
        r"could not list bucket: .*?code=NotFound",
        MissingError,
        "There is no such blob container for states.",
        "Correct its name. The backend hub exists once the hub is deployed with another backend: docs/deploy.md",
    ),
    (
        r"AccountName is required",
        InputError,
        "The backend names no storage account.",
        "Write it as: azblob://CONTAINER?storage_account=NAME",
    ),
    (
        r"\(code=Unknown\): \w+ \"https?://",
        RemoteError,
        "The backend of the states cannot be reached.",
        "Check its name and the network of this machine. A private storage account is reached from its network only.",
    ),
)
"""What the engine prints when it cannot use a backend or its key, the error, what it means, and what to do.

https://github.com/google/go-cloud/blob/master/internal/gcerr/gcerr.go: the codes
https://github.com/Azure/azure-sdk-for-go/blob/main/sdk/azidentity/chained_token_credential.go: the login
"""

_ACTIONS: dict[OpType, Action] = {
    OpType.CREATE: "add",
    OpType.UPDATE: "change",
    OpType.DELETE: "remove",
    OpType.REPLACE: "replace",
    OpType.CREATE_REPLACEMENT: "replace",
    OpType.DELETE_REPLACED: "replace",
    OpType.IMPORT: "import",
    OpType.IMPORT_REPLACEMENT: "replace",
}
"""The engine's operations that change something: https://pkg.go.dev/github.com/pulumi/pulumi/sdk/v3/go/common/apitype"""

Watch = Callable[[Mapping[str, Any]], None]
"""Is called with each operation on a resource when it begins and when it ends: its `urn`, its `action`, and at the end
`failed`."""


@dataclass(frozen=True)
class Preview:
    """What an operation would do to a stack.

    Attributes:
        diff: The resources that differ from the state, and what refuses the change.
        digest: Of all operations with their inputs: equal digests mean equal changes of equal states.
        ids: The Azure ids of the resources in the state, by URN.
        state: The digest of that state; empty when the stack is not in the backend.
    """

    diff: StackDiff
    digest: str
    ids: Mapping[str, str]
    state: str


@dataclass(frozen=True)
class Outcome:
    """What an operation did to a stack.

    Attributes:
        counts: How many resources were added, changed, replaced and removed.
    """

    counts: Mapping[str, int]
    seconds: float


class EngineStack:
    """A stack under the engine. Only `up` creates it in the backend.

    Args:
        imports: The Azure ids of resources that exist and that the state does not have, by URN: they are imported.

    Every method raises LockedError when another operation on the stack is under way, and RemoteError when the engine,
    the backend or Azure fails.
    """

    def __init__(
        self, engine: Engine, backend: Backend, settings: StackSettings, imports: Mapping[str, str] | None = None
    ) -> None:
        self.settings = settings
        self._name = settings.stack
        self._engine = engine
        self._imports = {**(imports or {})}
        self._existing: dict[str, str] = {}
        self._settings_file = backend.folder / f"Pulumi.{settings.stack}.yaml"
        backend.folder.mkdir(parents=True, exist_ok=True)
        self._workspace = automation.LocalWorkspace(
            env_vars={
                "PULUMI_BACKEND_URL": backend.url,
                "PULUMI_SKIP_UPDATE_CHECK": "true",
                # A machine that uses the stack for the first time takes the encrypted key from the state.
                "PULUMI_FALLBACK_TO_STATE_SECRETS_MANAGER": "true",
                **backend.environment,
            },
            program=self._program,
            project_settings=automation.ProjectSettings(name=PROJECT, runtime="python"),
            pulumi_command=engine,
            secrets_provider=backend.secrets_provider,
            work_dir=str(backend.folder),
        )

    @cached_property
    def state(self) -> str:
        """The stack's state, as `pulumi stack export` prints it; empty when the stack is not in the backend."""
        with _Errors(self._name, "read the state of"):
            try:
                return self.command("stack", "export")
            except automation.StackNotFoundError:
                return ""

    def check_key(self) -> None:
        """Encrypt something with the passphrase or the key of the stack. Raises MissingError when it is another one.

        The engine tries it late.
        """
        if not self.state:
            return
        with _Errors(self._name, "open"), temporary_folder() as folder:
            copy = folder / self._settings_file.name
            copy.write_bytes(self._settings_file.read_bytes() if self._settings_file.exists() else b"")
            self.command("config", "set", "--secret", "key", "value", "--config-file", str(copy))

    def reread(self) -> None:
        """Have the state read again when it is next used."""
        self.__dict__.pop("state", None)

    @cached_property
    def _stack(self) -> automation.Stack:
        with _Errors(self._name, "open"):
            return automation.Stack.select(self._name, self._workspace)

    @property
    def digest(self) -> str:
        """The digest of the state; empty when the stack is not in the backend."""
        return hashlib.sha256(self.state.encode()).hexdigest() if self.state else ""

    @property
    def interrupted(self) -> list[Mapping[str, Any]]:
        """The operations that an earlier deployment began, and whose end is not recorded: `resource`, `type`."""
        return pending(read_state(self.state)) if self.state else []

    def _program(self) -> None:
        if self._imports:
            pulumi.runtime.register_stack_transformation(self._import)
        with _ONE_PROGRAM:
            create_resources(self.settings)

    def _import(self, args: pulumi.ResourceTransformationArgs) -> pulumi.ResourceTransformationResult:
        ids = {(_type(urn), _name(urn)): id_ for urn, id_ in self._imports.items()}
        if id_ := ids.get((args.type_, args.name)):
            args.opts.import_ = id_
        return pulumi.ResourceTransformationResult(args.props, args.opts)

    def preview(self, planned: StackPlan, as_of: str | None = None) -> Preview:
        """What `up` would change, judged by the rules on changes against the state.

        Args:
            planned: The plan of the stack; it has the manifest lines.
            as_of: The date for rules that depend on one.
        """
        if not self.state:
            # The engine previews what is in a backend only, and a preview changes no backend.
            with temporary_folder() as folder:
                new = EngineStack(self._engine, temporary_backend(folder), self.settings, self._imports)
                new.create()
                return replace(new.preview(planned, as_of), state="")
        steps = self._run("preview", lambda watch: self._stack.preview(on_event=watch))
        return _previewed(steps, planned, as_of, self._name, self.digest)

    @property
    def unrecorded(self) -> list[str]:
        """The URNs of resources whose creation was begun, and that the state does not have. Azure may have them."""
        present = {one["urn"] for one in self.resources()}
        begun = [one["resource"]["urn"] for one in self.interrupted if one["type"] == "creating"]
        return [urn for urn in begun if urn not in present]

    def create(self) -> None:
        """Create the stack in the backend, without resources."""
        with _Errors(self._name, "create"):
            automation.Stack.create(self._name, self._workspace)
        self.reread()

    def up(self, watch: Watch) -> Outcome:
        """Create, change and remove resources until Azure has what the program declares.

        A resource that exists already is imported if the state records that an earlier deployment began to create it:
        that one was interrupted before it recorded the end. The engine refuses the import if Azure has it otherwise.
        """
        if not self.state:
            self.create()
        begun, interrupted = {*self.unrecorded}, bool(self.interrupted)
        while True:
            try:
                outcome = self._up(watch)
                break
            except RemoteError:
                ours = {urn: id_ for urn, id_ in self._existing.items() if urn in begun}
                begun -= ours.keys()
                if not ours:
                    raise
                self._imports |= ours
        if interrupted and not self.unrecorded:
            self.forget()
        return outcome

    def _up(self, watch: Watch) -> Outcome:
        self._configure()
        changed: set[str] = set()

        def ended(end: Mapping[str, Any]) -> None:
            if end["action"] == "change" and "failed" in end:
                changed.add(_type(end["urn"]))
            watch(end)

        server, port = serve()
        self._workspace.env_vars = {**self._workspace.env_vars, PORT: str(port)}
        try:
            outcome = self._change(
                "up", lambda on_event: self._stack.up(on_event=on_event, policy_packs=[str(PACK_FOLDER)]), ended
            )
        finally:
            server.stop(0)
        return self._with_rules(outcome, watch) if WORKSPACE in changed else outcome

    def _configure(self) -> None:
        """Pass the stack's settings to the policy pack, whose suppressions are there, by the engine's configuration."""
        path = self._settings_file
        before = yaml.safe_load(path.read_text("utf-8")) if path.exists() else {}
        config = {SETTINGS_KEY: self.settings.model_dump_json()}
        write_atomically(path, yaml.safe_dump({**before, "config": config}))

    def _with_rules(self, outcome: Outcome, watch: Watch) -> Outcome:
        """Create the outbound rules again that Azure may have removed when the workspace was changed.

        Microsoft does not document what an update of a workspace without its rules does to them, and the state does not
        see it: only the rules are read again. https://github.com/Azure/terraform-provider-azapi/issues/453
        """
        rules = [one["urn"] for one in self.resources() if one["type"] == OUTBOUND_RULE]
        if not rules:
            return outcome
        created = self._change(
            "up", lambda on_event: self._stack.up(on_event=on_event, refresh=True, target=rules), watch
        )
        # The removal was Azure's.
        counts = Counter(outcome.counts) + Counter({**created.counts, "remove": 0})
        return Outcome(dict(counts), outcome.seconds + created.seconds)

    def drift(self, planned: StackPlan) -> StackDiff:
        """How Azure differs from the state. Nothing is changed, neither there nor in the state."""
        self._require_resources()
        steps = self._run("look for drift in", lambda watch: self._stack.preview_refresh(on_event=watch), done=True)
        manifests = {one.urn: planned.manifest(one) for one in planned.resources}
        rules = {
            str((step.old.inputs or {}).get("ruleName")) for step in steps if step.type == OUTBOUND_RULE and step.old
        }
        found = [one for step in steps if (one := _drifted(step, manifests, rules)) is not None]
        return StackDiff(self._name, "changed" if found else "unchanged", found)

    def preview_destroy(self) -> Preview:
        """What `destroy` would remove: all that the state has."""
        resources = self.resources()
        found = [
            ResourceDiff("remove", one["urn"], one["type"], _name(one["urn"]), "the state", (), ()) for one in resources
        ]
        ids = {one["urn"]: one.get("id", "") for one in resources}
        digest = hashlib.sha256(json.dumps(ids, sort_keys=True).encode()).hexdigest()
        return Preview(StackDiff(self._name, "removed" if found else "unchanged", found), digest, ids, self.digest)

    def destroy(self, watch: Watch) -> Outcome:
        """Remove all resources, protected ones too; the locks first, since Azure removes no role below a lock."""
        with _Errors(self._name, "destroy"):
            self.command("state", "unprotect", "--all", "--yes")
        locks = [one["urn"] for one in self.resources() if one["type"] == LOCK]
        unlocked = Outcome({}, 0)
        if locks:
            unlocked = self._change(
                "destroy", lambda on_event: self._stack.destroy(on_event=on_event, target=locks), watch
            )
        outcome = self._change("destroy", lambda on_event: self._stack.destroy(on_event=on_event), watch)
        counts = Counter(outcome.counts) + Counter(unlocked.counts)
        return Outcome(dict(counts), outcome.seconds + unlocked.seconds)

    def remove(self, *, force: bool = False) -> None:
        """Remove the stack from the backend, with its history.

        Args:
            force: Also if its state has resources, which stay in Azure.
        """
        with _Errors(self._name, "remove"):
            self._workspace.remove_stack(self._name, force=force)
        self.reread()

    def outputs(self) -> dict[str, Any]:
        """The outputs of the last deployment; secrets are masked."""
        self._require_resources()
        with _Errors(self._name, "read"):
            return _plain_outputs(self._stack.outputs())

    def _require_resources(self) -> None:
        if not self.resources():
            raise not_deployed([self._name])

    def resources(self) -> list[dict[str, Any]]:
        """The resources of Azure in the state, as the engine keeps them: `urn`, `type`, `id` and more."""
        found = resources(read_state(self.state)) if self.state else []
        return [one for one in found if one.get("custom") and not one["type"].startswith("pulumi:")]

    def damage(self) -> str:
        """Why the engine cannot read the state; empty when it can, and when the stack is not in the backend."""
        with _Errors(self._name, "read the state of"):
            try:
                self.command("stack", "export")
            except automation.StackNotFoundError:
                return ""
            except automation.CommandError as error:
                if _backend_error(str(error)) or not any(words in str(error) for words in _UNREADABLE):
                    raise
                return " ".join(_last_lines(str(error)))
        return ""

    def locks(self) -> list[str]:
        """The lines in which the engine describes the locks on the stack.

        The creation of a stack takes the lock before it finds that there is such a stack. No other command does that
        and changes nothing: https://github.com/pulumi/pulumi/blob/master/pkg/backend/diy/backend.go
        """
        with _Errors(self._name, "look for locks on"):
            try:
                self.command("stack", "init")
            except automation.StackAlreadyExistsError:
                return []
            except automation.ConcurrentUpdateError as error:
                return _holders(str(error))
            self._workspace.remove_stack(self._name)
        return []

    def release(self, locks: Sequence[str]) -> None:
        """Remove the locks on the stack.

        Args:
            locks: What `locks` returned.

        Raises:
            LockedError: Now there are others.
        """
        if self.locks() != [*locks]:
            raise LockedError(f"Another operation holds {self._name} now.", hint="Run the same command again.")
        with _Errors(self._name, "release"):
            try:
                self.command("cancel", "--yes")
            except automation.StackNotFoundError:  # it was locked while it was created
                for path in _files(locks):
                    path.unlink()

    def restore(self, state: str) -> None:
        """Replace the state by another one, such as a copy. The stack is created if it is not in the backend."""
        with _Errors(self._name, "restore"):
            try:
                self.command("stack", "import", text=state)
            except automation.StackNotFoundError:
                automation.Stack.create(self._name, self._workspace)
                self.command("stack", "import", text=state)
        self.reread()

    def decrypted(self) -> str:
        """The state with its secrets in the clear."""
        with _Errors(self._name, "read the state of"):
            return self.command("stack", "export", "--show-secrets")

    def take_over(self, state: str) -> None:
        """Give the stack a state that has its secrets in the clear; this backend's key encrypts them.

        The stack has no resources. It is created if it is not in the backend.
        """
        if self.state and "secrets_providers" not in read_state(self.state)["deployment"]:
            self.remove()  # its creation was interrupted
        if not self.state:
            self.create()
        document = json.loads(state)
        document["deployment"]["secrets_providers"] = read_state(self.state)["deployment"]["secrets_providers"]
        self.restore(json.dumps(document))

    def forget(self) -> None:
        """Remove the interrupted operations from the state.

        The engine keeps those that create until somebody has looked at them; an import removes all.
        https://github.com/pulumi/pulumi/blob/master/pkg/backend/snapshot.go
        """
        self.restore(self.state)

    def _change(self, verb: str, operation: Callable[[Any], Any], watch: Watch) -> Outcome:
        started = time.monotonic()
        done: Counter[str] = Counter()

        def ended(event: EngineEvent) -> None:
            begin = event.resource_pre_event
            if begin is not None and (step := _of_azure(begin.metadata)) is not None:
                watch({"urn": step.urn, "action": _ACTIONS[step.op]})
            end = event.res_outputs_event or event.res_op_failed_event
            if end is not None and (step := _of_azure(end.metadata)) is not None:
                failed = event.res_op_failed_event is not None
                # The three operations of a replacement count once.
                if not failed and step.op not in (OpType.REPLACE, OpType.DELETE_REPLACED):
                    done[_ACTIONS[step.op]] += 1
                watch({"urn": step.urn, "action": _ACTIONS[step.op], "failed": failed})

        try:
            self._run(verb, operation, ended)
        finally:
            self.reread()
        return Outcome(dict(done), time.monotonic() - started)

    def _run(
        self,
        verb: str,
        operation: Callable[[Any], Any],
        ended: Callable[[EngineEvent], None] | None = None,
        *,
        done: bool = False,
    ) -> list[StepEventMetadata]:
        """Run an operation and return its steps: as planned, or `done`, with what came out of each."""
        steps: list[StepEventMetadata] = []
        faults: list[Exception] = []
        self._existing = {}
        with _Errors(self._name, verb) as errors:

            def seen(event: EngineEvent) -> None:
                try:
                    read(event)
                except Exception as error:  # noqa: BLE001 - the Automation API would print the event and go on
                    faults.append(error)

            def read(event: EngineEvent) -> None:
                step = event.res_outputs_event if done else event.resource_pre_event
                if step is not None:
                    steps.append(step.metadata)
                if event.diagnostic_event is not None and event.diagnostic_event.severity == "error":
                    urn, message = event.diagnostic_event.urn or "", event.diagnostic_event.message
                    errors.add(urn, message)
                    if urn and (exists := _EXISTS.search(message)):
                        self._existing[urn] = exists[1]
                if (policy := event.policy_event) is not None and policy.enforcement_level == "mandatory":
                    errors.refused.append(f"{_name(policy.resource_urn or '')}: {policy.policy_name}: {policy.message}")
                if ended is not None:
                    ended(event)

            operation(seen)
            if faults:  # such as a ledger that cannot be written
                raise faults[0]
        return steps

    def command(self, *arguments: str, text: str | None = None) -> str:
        """Run a command that the Automation API has no call for, and return what it printed. Raises CommandError."""
        words = [*arguments, "--stack", self._name]
        workspace = self._workspace
        return self._engine.run(words, workspace.work_dir, workspace.env_vars, text=text).stdout


def not_deployed(names: Sequence[str]) -> MissingError:
    """The error for stacks that a backend does not have."""
    return MissingError(
        f"{', '.join(names)} {'is' if len(names) == 1 else 'are'} not deployed.",
        why="This backend has no state of it with resources.",
        hint=f"Name the backend that has it (--backend), or deploy it: {shell_line('mlops-bootstrap', 'up', *names)}",
    )


class _Errors:
    """Turns a failure of the engine into an error of ours, with the engine's messages about each resource."""

    def __init__(self, stack: str, verb: str) -> None:
        self._stack = stack
        self._verb = verb
        self._messages: dict[tuple[str, str], None] = {}
        self.refused: list[str] = []

    def add(self, urn: str, message: str) -> None:
        """Keep a message of the engine."""
        self._messages[urn, " ".join(message.split())] = None

    def _line(self, urn: str, message: str) -> str:
        return message if not urn or urn.endswith(f"::{PROJECT}-{self._stack}") else f"{_name(urn)}: {message}"

    def __enter__(self) -> "_Errors":
        return self

    def __exit__(self, _type: Any, error: BaseException | None, _trace: Any) -> None:
        if not isinstance(error, automation.CommandError):
            return
        printed = str(error)
        if isinstance(error, automation.ConcurrentUpdateError):
            raise self._locked(printed) from error
        if refused := _REFUSED_FILE.search(printed):
            raise InputError(
                f"The engine cannot use the state of {self._stack}.",
                why=f"{refused[0]}.",
                hint="Free some space on this disk, or get the right to write there, and run the same command again.",
            ) from error
        if "incorrect passphrase" in printed:
            raise MissingError(
                f"The passphrase does not open the state of {self._stack}.",
                why="It is another one than that with which the stack was created.",
                hint="Set PULUMI_CONFIG_PASSPHRASE, or the file that PULUMI_CONFIG_PASSPHRASE_FILE names, to that one.",
            ) from error
        if self.refused:
            raise RefusedError(
                f"The policy pack refuses to {self._verb} {self._stack}.",
                details=self.refused,
                hint="Correct the manifests, or suppress the rule there with a reason and a last day: docs/plan.md",
            ) from error
        if (unusable := _backend_error(printed)) is not None:
            raise unusable from error
        if any(words in printed for words in _UNREADABLE):
            raise RemoteError(
                f"The state of {self._stack} is damaged.",
                details=_last_lines(printed),
                hint=f"Restore it: mlops-bootstrap recover {self._stack}",
            ) from error
        raise RemoteError(
            f"The engine could not {self._verb} {self._stack}.",
            details=[self._line(*one) for one in self._messages] or _last_lines(printed),
            hint=self._next_step(),
        ) from error

    def _next_step(self) -> str:
        """What to do: import what exists, else the step of the catalogue of known errors, else correct the cause."""
        existing = [
            f"--import '{urn}={found[1]}'"
            for urn, message in self._messages
            if (found := _EXISTS.search(message)) and urn
        ]
        if not existing:
            known = next(filter(None, (known_error(message) for _, message in self._messages)), None)
            step = known["next"] if known is not None else "Correct the cause, and run the same command again."
            return f"{step} What was created is in the state."
        return (
            "These resources exist, and the state does not have them: an earlier deployment ended before it was "
            f"recorded, or they are another's. To take them over: mlops-bootstrap up {self._stack} {' '.join(existing)}"
        )

    def _locked(self, printed: str) -> BootstrapError:
        return LockedError(
            f"Another operation holds {self._stack}.",
            why="; ".join(_holders(printed)),
            hint="Wait until it has ended. If its process no longer runs, release its lock: mlops-bootstrap recover "
            f"{self._stack}",
        )


def _backend_error(printed: str) -> BootstrapError | None:
    """The error for what the engine prints when it cannot use a backend; None if it is something else."""
    for pattern, error, what, hint in _BACKEND_ERRORS:
        if re.search(pattern, printed):
            return error(what, details=_last_lines(printed), hint=hint)
    return None


def _holders(printed: str) -> list[str]:
    """The lines about locks in an error of the engine: `URL: created by USER@HOST (pid PID) at TIME`."""
    return sorted({line.strip() for line in printed.splitlines() if "created by" in line})


def _files(locks: Iterable[str]) -> list[Path]:
    """The files of locks, for a backend in a folder."""
    urls = [lock.split(": created by")[0] for lock in locks]
    return [Path(url2pathname(urlsplit(url).path)) for url in urls if url.startswith("file:")]


def _last_lines(printed: str) -> list[str]:
    marked = re.findall(r"^.*?error: (.+)$", printed, re.MULTILINE)
    return marked or [line.strip() for line in printed.splitlines() if line.strip()][-3:]


def _type(urn: str) -> str:
    return urn.split("::")[2].rsplit("$", 1)[-1]


def _name(urn: str) -> str:
    return urn.rsplit("::", 1)[-1]


def _of_azure(step: StepEventMetadata) -> StepEventMetadata | None:
    """The step, if it changes a resource of Azure; None for components and providers, and where nothing changes."""
    state = step.new or step.old
    custom = state is not None and state.custom and not step.type.startswith("pulumi:")
    return step if custom and step.op in _ACTIONS else None


def _previewed(
    steps: Iterable[StepEventMetadata], planned: StackPlan, as_of: str | None, name: str, state: str
) -> Preview:
    manifests = {one.urn: planned.manifest(one) for one in planned.resources}
    existing = {step.urn: step.old for step in steps if step.old is not None and step.old.custom}
    before = {urn: dict(old.inputs or {}) for urn, old in existing.items()}
    ids = {urn: old.id for urn, old in existing.items() if old.id and not old.type.startswith("pulumi:")}
    found: dict[str, ResourceDiff] = {}
    digested = []
    for step in steps:
        if (changing := _of_azure(step)) is None:
            continue
        sides = [dict(side.inputs or {}) if side is not None else None for side in (step.old, step.new)]
        digested.append([step.op.value, step.urn, *sides])
        # The first of a replacement's steps has both sides.
        found.setdefault(step.urn, _resource_diff(changing, manifests))
    digest = hashlib.sha256(json.dumps(sorted(digested, key=str), sort_keys=True).encode()).hexdigest()
    refusals = [
        replace(one, manifest=found[one.resource].manifest if one.resource in found else one.manifest)
        for one in check_change(name, planned, before, as_of)
        if one.refuses
    ]
    diff = StackDiff(name, "changed" if found else "unchanged", list(found.values()), refusals)
    return Preview(diff, digest, ids, state)


def _resource_diff(step: StepEventMetadata, manifests: Mapping[str, str]) -> ResourceDiff:
    old, new = (dict(side.inputs or {}) if side is not None else {} for side in (step.old, step.new))
    action = _ACTIONS[step.op]
    both = action in ("change", "replace")
    return ResourceDiff(
        action,
        step.urn,
        step.type,
        _name(step.urn),
        manifests.get(step.urn, "the state"),
        changed=list(differences(old, new)) if both else (),
        effects=list(restricted(step.type, old, new)) if both else (),
        import_id=step.new.id if action == "import" and step.new is not None else None,
    )


def _drifted(step: StepEventMetadata, manifests: Mapping[str, str], rules: Collection[str]) -> ResourceDiff | None:
    """A resource that Azure has otherwise than the state, or has no more.

    Args:
        rules: The names of the outbound rules of managed networks, which are resources of their own.
    """
    if (changing := _of_azure(step)) is None:
        return None
    if changing.op == OpType.DELETE or step.new is None:
        return _resource_diff(changing, manifests)
    old, new = (
        without_additions(side.outputs or {}, rules) if side is not None else {} for side in (step.old, step.new)
    )
    changed = list(differences(old, new))
    if not changed:
        return None
    name = _name(step.urn)
    return ResourceDiff("change", step.urn, step.type, name, manifests.get(step.urn, "the state"), changed, ())


def _plain_outputs(outputs: automation.OutputMap) -> dict[str, Any]:
    return {name: "[secret]" if one.secret else one.value for name, one in sorted(outputs.items())}


def lost(diff: StackDiff, allowed: Sequence[str]) -> list[str]:
    """Why a change must not be made: what it would lose, or cannot undo, beside the URNs that are allowed."""
    reasons = [f"{one.rule}: {one.message}" for one in diff.refusals if one.resource not in allowed]
    judged = {one.resource for one in diff.refusals}
    reasons += [
        f"{one.name}: the engine would {one.action} it, and its data would be lost: {one.urn}"
        for one in diff.resources
        if one.type in STATEFUL and one.loses_data and one.urn not in allowed and one.urn not in judged
    ]
    return reasons
