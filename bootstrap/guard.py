"""Runs a command, and kills all that it started when it has ended, or when the process that started the guard has.

`python guard.py [--read-only=PATH...] [--writable=PATH...] COMMAND...`, run by `bootstrap.processes.guarded_child`. Its
standard input is a pipe of that process: the system closes it when the process ends, also when it is killed. Needs the
standard library only, and little of it, because it starts with each step: `subprocess` alone takes as long as Python.
"""

import _thread
import os
import signal
import sys

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
    if sys.platform == "win32":
        return _run_on_windows(arguments)
    started: list[int] = []

    def kill(*_: object) -> None:
        for process in started:
            os.kill(process, signal.SIGKILL)

    # Signals to the group reach the command too; the guard waits for what it does then, and kills it if it goes on.
    signal.signal(signal.SIGINT, lambda *_: None)
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
        process = os.posix_spawnp(
            arguments[0], arguments, os.environ,
            file_actions=[(os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0)],
            setsigdef=[signal.SIGPIPE, signal.SIGXFSZ],  # which Python ignores
        )  # fmt: skip
    except OSError as error:
        return _not_started(arguments[0], error)
    started.append(process)
    _thread.start_new_thread(_end_with_owner, ())
    try:
        _, status = os.waitpid(process, 0)
    except ChildProcessError:  # the other thread has waited for it, because the owner has ended
        _end_with_owner()
        return 128 + signal.SIGKILL
    started.clear()
    _kill_children()
    code = os.waitstatus_to_exitcode(status)
    return code if code >= 0 else 128 - code


def _run_on_windows(arguments: list[str]) -> int:
    import subprocess

    def end_with_owner() -> None:
        os.read(0, 1)  # until the owner has ended: it writes nothing
        subprocess.run(["taskkill", "/T", "/F", "/PID", str(process.pid)], capture_output=True, check=False)

    signal.signal(signal.SIGINT, lambda *_: None)
    signal.signal(signal.SIGTERM, lambda *_: None)
    try:
        process = subprocess.Popen(arguments, stdin=subprocess.DEVNULL)
    except OSError as error:
        return _not_started(arguments[0], error)
    _thread.start_new_thread(end_with_owner, ())
    return process.wait()


def _not_started(program: str, error: OSError) -> int:
    sys.stderr.write(f"{program} cannot be run: {error.strerror}\n")
    return 126


def _in_child(libc: "ctypes.CDLL", read_only: list[str], writable: list[str]) -> bool:
    """Whether the system allows it: tried in a child, because half of it would leave us without our user."""
    child = os.fork()
    if child == 0:
        try:
            _protect(libc, read_only, writable)
        except OSError:
            os._exit(1)
        os._exit(0)
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
    refused: set[int] = set()
    while children := _children() - refused:
        for child in children:
            try:
                os.kill(child, signal.SIGKILL)
                os.waitpid(child, 0)
            except OSError:  # of another user, or already gone
                refused.add(child)


def _children() -> set[int]:
    try:
        with open(f"/proc/self/task/{os.getpid()}/children") as file:  # noqa: PTH123
            return {int(child) for child in file.read().split()}
    except OSError:  # not on Linux
        return set()


def _end_with_owner() -> None:
    os.read(0, 1)  # until the owner has ended: it writes nothing
    _kill_children()
    os.killpg(0, signal.SIGKILL)  # the guard leads the group


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
