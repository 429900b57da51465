"""Runs a command, and kills all that it started when it has ended, or when the process that started the guard has.

`python guard.py [--read-only=PATH...] [--writable=PATH...] COMMAND...`, run by `bootstrap.processes.guarded_child`. Its
standard input is a pipe of that process: the system closes it when the process ends, also when it is killed. Needs the
standard library only.
"""

import contextlib
import os
import signal
import subprocess
import sys
import threading

TYPE_CHECKING = False  # as in `typing`, which takes a while to load
if TYPE_CHECKING:
    import ctypes
    from collections.abc import Callable

_GRACE_SECONDS = 4
"""The time that the command has to end after SIGTERM: less than the one that the guard itself has."""

_SUBREAPER = 36
"""PR_SET_CHILD_SUBREAPER: what daemons start becomes a child of the guard.
https://www.man7.org/linux/man-pages/man2/PR_SET_CHILD_SUBREAPER.2const.html"""

_USER_AND_MOUNTS = 0x10000000 | 0x00020000
"""CLONE_NEWUSER | CLONE_NEWNS."""

_RDONLY, _REMOUNT, _BIND, _REC, _PRIVATE = 0x1, 0x20, 0x1000, 0x4000, 0x40000
_KEPT = 0x2 | 0x4 | 0x8
"""The flags of mounts that a user cannot take away: nosuid, nodev, noexec.
https://www.man7.org/linux/man-pages/man2/mount.2.html"""


def main(arguments: list[str]) -> int:
    """Run the command and return its exit code; 128 and the signal's number when a signal ended it, as shells do."""
    read_only: list[str] = []
    writable: list[str] = []
    while arguments[0].startswith(("--read-only=", "--writable=")):
        option, _, path = arguments.pop(0).partition("=")
        (read_only if option == "--read-only" else writable).append(path)
    started: list[subprocess.Popen[bytes]] = []

    def kill(*_: object) -> None:
        for process in started:
            process.kill()

    # Signals to the group reach the command too; the guard waits for what it does then, and kills it if it goes on.
    signal.signal(signal.SIGINT, lambda *_: None)
    if sys.platform == "win32":
        signal.signal(signal.SIGTERM, lambda *_: None)
    else:
        signal.signal(signal.SIGTERM, lambda *_: signal.alarm(_GRACE_SECONDS))
        signal.signal(signal.SIGALRM, kill)
    if sys.platform == "linux":
        import ctypes

        libc = ctypes.CDLL(None, use_errno=True)
        libc.mount.argtypes = (ctypes.c_char_p, ctypes.c_char_p, ctypes.c_char_p, ctypes.c_ulong, ctypes.c_char_p)
        libc.prctl(_SUBREAPER, *(ctypes.c_ulong(one) for one in (1, 0, 0, 0)))
        if read_only and os.geteuid() != 0 and _in_child(libc, read_only, writable):
            _protect(libc, read_only, writable)
    try:
        process = subprocess.Popen(arguments, stdin=subprocess.DEVNULL)
    except OSError as error:
        sys.stderr.write(f"{arguments[0]} cannot be run: {error.strerror}\n")
        return 126
    started.append(process)
    threading.Thread(target=_end_with_owner, args=(process,), daemon=True).start()
    code = process.wait()
    _kill_children()
    return code if code >= 0 else 128 - code


def _in_child(libc: "ctypes.CDLL", read_only: list[str], writable: list[str]) -> bool:
    """Whether the system allows it: tried in a child, because half of it would leave us without our user."""
    child = os.fork()
    if child == 0:
        with contextlib.suppress(OSError):
            _protect(libc, read_only, writable)
            os._exit(0)
        os._exit(1)
    return os.waitpid(child, 0)[1] == 0


def _protect(libc: "ctypes.CDLL", read_only: list[str], writable: list[str]) -> None:
    """Mount files and folders read-only for us and our children, in namespaces of their own.

    The command has no right to undo it: as another user than root it loses all rights when it starts.
    https://www.man7.org/linux/man-pages/man7/user_namespaces.7.html
    """
    user, group = os.geteuid(), os.getegid()
    _call(libc.unshare, _USER_AND_MOUNTS)
    for name, line in (("setgroups", "deny"), ("uid_map", f"{user} {user} 1"), ("gid_map", f"{group} {group} 1")):
        with open(f"/proc/self/{name}", "w", encoding="utf-8") as file:  # noqa: PTH123 - pathlib takes a while to load
            file.write(line)
    _mount(libc, "/", _REC | _PRIVATE)
    for path in writable:
        _mount(libc, path, _BIND)
    for path in read_only:
        _mount(libc, path, _BIND | _REC)
        _mount(libc, path, _BIND | _REMOUNT | _RDONLY | os.statvfs(path).f_flag & _KEPT)


def _mount(libc: "ctypes.CDLL", path: str, flags: int) -> None:
    place = os.fsencode(path)
    _call(libc.mount, place, place, None, flags, None)


def _call(function: "Callable[..., int]", *arguments: object) -> None:
    import ctypes

    if function(*arguments) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def _kill_children() -> None:
    """Kill what the command has started and left: as children of ours, because they have lost their parents."""
    if sys.platform == "win32":
        return
    refused: set[int] = set()
    while children := _children() - refused:
        for child in children:
            try:
                os.kill(child, signal.SIGKILL)
                os.waitpid(child, 0)
            except OSError:  # of another user, or already gone
                refused.add(child)


def _children() -> set[int]:
    with contextlib.suppress(OSError), open(f"/proc/self/task/{os.getpid()}/children") as file:  # noqa: PTH123
        return {int(child) for child in file.read().split()}
    return set()


def _end_with_owner(process: "subprocess.Popen[bytes]") -> None:
    os.read(0, 1)  # until the owner has ended: it writes nothing
    if sys.platform == "win32":
        subprocess.run(["taskkill", "/T", "/F", "/PID", str(process.pid)], capture_output=True, check=False)
    else:
        _kill_children()
        os.killpg(0, signal.SIGKILL)  # the guard leads the group


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
