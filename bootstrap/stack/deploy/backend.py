"""Where the states of stacks are, and how their secrets are encrypted.

https://www.pulumi.com/docs/iac/concepts/state-and-backends/
"""

import contextlib
import hashlib
import os
import secrets
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

from bootstrap.errors import BootstrapError, InputError, MissingError
from bootstrap.files import path_inside, read_bounded, write_atomically
from bootstrap.manifests.platform import Platform
from bootstrap.processes import read_git, shell_line
from infra.hub import state_store_of
from infra.settings import HUB, StackSettings

FOLDER = ".mlops"
"""The folder of a platform repository, ignored by git, that holds what belongs to this machine."""

PASSPHRASES = ("PULUMI_CONFIG_PASSPHRASE", "PULUMI_CONFIG_PASSPHRASE_FILE")
"""Environment variables with the passphrase of the file backend's secrets, or the file that holds it.

https://www.pulumi.com/docs/iac/cli/environment-variables/
"""


@dataclass(frozen=True)
class Backend:
    """The backend of one stack.

    Attributes:
        url: As `pulumi login` takes it: `file:///...`, `azblob://...`, `https://api.pulumi.com`.
        secrets_provider: The key that encrypts secrets; None for a passphrase.
        folder: What belongs to the stack in this backend, on this machine: the engine's settings with the encrypted
            key of its secrets, and copies of its states.
        environment: Environment variables of the engine, beside those that it has.
    """

    url: str
    secrets_provider: str | None
    folder: Path
    environment: Mapping[str, str] = field(default_factory=dict)

    @property
    def copies(self) -> Path:
        """The folder for copies of the stack's states."""
        return self.folder / "copies"


def state_folder(root: Path) -> Path:
    """The folder `FOLDER` of a platform repository.

    The engine downloads and runs the plugins that a state names, so the states must be those of this machine.

    Raises:
        InputError: git tracks files in it, so that a commit can change them; or it is or has a symbolic link, a device
            or a pipe.
    """
    folder = path_inside(root, FOLDER, "platform repository")
    # File systems of Windows and macOS ignore the case of names.
    if tracked := [path for path in _tracked(root) if path.partition("/")[0].casefold() == FOLDER]:
        raise _tracked_error(folder, tracked[0], str(root / tracked[0].partition("/")[0]))
    for around, folders, files in os.walk(folder):
        for path in (Path(around, name) for name in (*folders, *files)):
            if stat.S_IFMT(path.lstat().st_mode) not in (stat.S_IFREG, stat.S_IFDIR):
                raise InputError(f"{path} is a symbolic link, a device or a pipe: it is not used.", hint="Remove it.")
    return folder


def refuse_tracked(backend: str) -> None:
    """Raise InputError when a backend is a folder with files that git tracks, for the reason of `state_folder`."""
    path = Path(url2pathname(urlsplit(backend).path))
    if backend.startswith("file:") and path.is_dir() and (tracked := _tracked(path)):
        raise _tracked_error(path, tracked[0], str(path))


def _tracked(folder: Path) -> list[str]:
    """The files below a folder that git tracks, relative to it."""
    with contextlib.suppress(BootstrapError):  # no git, or no repository
        return [path for path in read_git("ls-files", "-z", cwd=folder).split("\0") if path]
    return []


def _tracked_error(folder: Path, file: str, to_remove: str) -> InputError:
    return InputError(
        f"{folder} has files that git tracks, so it is not used.",
        why=f"A commit could change what is deployed, and what the engine runs: {file}.",
        hint=f"Remove them from the repository: {shell_line('git', 'rm', '-r', '--cached', to_remove)}",
    )


def backend_of(folder: Path, settings: StackSettings, choice: str, environment: Mapping[str, str]) -> Backend:
    """The backend of a stack.

    Args:
        folder: Where states of the choice `file` are, and the engine's settings of all stacks.
        choice: `file`; `hub`: the hub's storage account; else a URL.
        environment: The environment variables of the engine.

    Raises:
        InputError: The choice is none of these.
        MissingError: The secrets of the state need a passphrase, and the environment has none.
    """

    def of(url: str, secrets_provider: str | None = None) -> Backend:
        # The URL of the default depends on where the folder is, which may be moved.
        name = "file" if choice == "file" else hashlib.sha256(os.fsencode(url)).hexdigest()[:16]
        return Backend(url, secrets_provider, folder / "stacks" / settings.stack / name)

    if choice == "hub":
        store = state_store_of(settings)
        return of(store.backend_url, store.secrets_provider)
    if choice != "file" and "://" not in choice:
        raise InputError(
            f"{choice!r} is no backend.",
            hint="Write file, hub, or a URL such as azblob://CONTAINER?storage_account=NAME",
        )
    if not any(name in environment for name in PASSPHRASES):
        raise MissingError(
            "The state needs a passphrase for its secrets.",
            why=f"{PASSPHRASES[0]} is not set.",
            hint=f"Set {PASSPHRASES[0]}, or {PASSPHRASES[1]} to the path of a file that holds it. Keep it: without it "
            "the state cannot be used.",
        )
    if choice != "file":
        return of(choice)
    state = states_in(folder)
    state.mkdir(parents=True, exist_ok=True)
    # States never go into the repository, whatever its own .gitignore has.
    if not (ignore := folder / ".gitignore").exists():
        write_atomically(ignore, "*\n")
    return of(state.resolve().as_uri())


_RECORD = "backend"
"""The file in `FOLDER` with the place of the states that this machine uses; without it, the backend is `file`."""


def place_of(platform: Platform, choice: str) -> str:
    """The place of the states: the choice itself; for `hub`, the hub's own states, whose names are the platform's."""
    return f"hub, {state_store_of(platform.stacks[HUB]).backend_url}" if choice == "hub" else choice


def used_place(folder: Path) -> str:
    """The place of the states that this machine uses, as `use_place` recorded it."""
    try:
        return read_bounded(folder / _RECORD).decode(errors="replace").strip()
    except FileNotFoundError:
        return "file"


def use_place(folder: Path, place: str) -> None:
    """Record that this machine uses the states of a place, as a person decided. Raises OSError."""
    write_atomically(folder / _RECORD, f"{place}\n")


def states_in(folder: Path) -> Path:
    """The folder of the states of the backend `file`."""
    return folder / "state"


def temporary_backend(folder: Path) -> Backend:
    """A backend in an empty folder, with a passphrase that nobody needs again."""
    state = states_in(folder)
    state.mkdir()
    return Backend(state.as_uri(), None, folder / "stack", {PASSPHRASES[0]: secrets.token_urlsafe()})
