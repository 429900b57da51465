"""Odd environments as data: what a machine can do to a command, from a closed stream to a full disk."""

import functools
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any


class ImpossibleHereError(Exception):
    """This machine, or this user, cannot make an environment; the message says which one, and why."""


def unprivileged() -> list[str]:
    """The prefix of a command that root runs as the user `nobody`; empty where the user has no rights of root.

    `nobody` may read everything, because the interpreter often lies in root's own home, and write only what is its own.
    """
    if os.geteuid() != 0:
        return []
    user = ["--reuid=nobody", "--regid=nogroup", "--clear-groups"]
    reads = ["--inh-caps=-all,+dac_read_search", "--ambient-caps=-all,+dac_read_search"]
    return _possible(
        "the user nobody", ["setpriv", *user, *reads, "--bounding-set=-all,+dac_read_search", "--no-new-privs"]
    )


def prefix(environment: Mapping[str, Any], root: Path) -> list[str]:
    """The words before a command that give it an environment.

    Keys: `user` (nobody), `network` (none), `full_disk` and `read_only` (lists of folders, relative to the world; `..`
    leads to its `home` and `tmp`), `closed` (numbers of streams), `streams` (devices in place of streams, by number),
    `file_size` (the largest file, in units of 512 bytes), `variables` (null removes one).

    Raises:
        ImpossibleHereError: This machine does not have one of them.
    """
    words: list[str] = []
    namespaces = ["--net"] if environment.get("network") == "none" else []
    mounts = [f"mount -t tmpfs -o size=64k tmpfs {_quoted(root / one)}" for one in environment.get("full_disk", ())]
    mounts += [
        f"dd if=/dev/zero of={_quoted(root / one / '.filler')} bs=4k status=none 2>/dev/null || :"
        for one in environment.get("full_disk", ())
    ]
    for one in environment.get("read_only", ()):
        mounts += [f"mount --bind {_quoted(root / one)} {_quoted(root / one)}"]
        mounts += [f"mount -o remount,ro,bind {_quoted(root / one)}"]
    namespaces += ["--mount"] if mounts else []
    if namespaces:
        rights = [] if os.geteuid() == 0 else ["--map-root-user"]
        words += _possible(" and ".join(namespaces), ["unshare", *namespaces, *rights])
    if mounts:
        words += ["sh", "-ec", f'{"; ".join(mounts)}; exec "$@"', "sh"]
    if environment.get("user") == "nobody":
        if os.geteuid() != 0:
            raise ImpossibleHereError("the world is this user's own; only root has another one")
        words += unprivileged()
    if "file_size" in environment:
        words += ["sh", "-c", f'ulimit -f {environment["file_size"]}; exec "$@"', "sh"]
    streams = [f"{'<' if number == 0 else f'{number}>'}&-" for number in environment.get("closed", ())]
    streams += [f"{number}>{device}" for number, device in environment.get("streams", {}).items()]
    if streams:
        words += ["sh", "-c", f'exec "$@" {" ".join(streams)}', "sh"]
    return words


def variables(environment: Mapping[str, Any], sandbox: Path) -> dict[str, str]:
    """The environment variables of a command whose home and temporary folder lie in a sandbox."""
    mine = {name: value for name, value in os.environ.items() if not name.startswith("XDG_")}
    mine |= {"XDG_CACHE_HOME": _caches(), "HOME": str(sandbox / "home"), "TMPDIR": str(sandbox / "tmp")}
    changed = {name: value and value.replace("{sandbox}", str(sandbox)) for name, value in _given(environment)}
    return {name: value for name, value in {**mine, **changed}.items() if value is not None}


def _given(environment: Mapping[str, Any]) -> list[tuple[str, str | None]]:
    return list(environment.get("variables", {}).items())


@functools.cache
def _caches() -> str:
    """The machine's own caches: with empty ones, packages would be downloaded and plans made again each time."""
    return os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")


def _quoted(path: Path) -> str:
    return "'" + str(path).replace("'", "'\\''") + "'"


def _possible(what: str, words: Sequence[str]) -> list[str]:
    """`words`, when our interpreter can be run with them. Raises ImpossibleHereError."""
    if why := _failure(tuple(words)):
        raise ImpossibleHereError(f"no {what} on this machine: {why}")
    return list(words)


@functools.cache
def _failure(words: tuple[str, ...]) -> str:
    if shutil.which(words[0]) is None:
        return f"{words[0]} is not installed"
    tried = subprocess.run([*words, sys.executable, "-c", ""], capture_output=True, text=True, check=False)
    return tried.stderr.strip() or f"exit code {tried.returncode}" if tried.returncode else ""
