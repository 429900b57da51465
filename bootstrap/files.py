"""Files and folders that appear whole or not at all, and what an error of the file system means for the user.

What is under way lies in hidden files and folders whose names hold the machine and the process that own them. The next
process that writes in the same folder removes those of processes that were killed.
"""

import contextlib
import errno
import os
import re
import shutil
import stat
import sys
import tempfile
import time
import zlib
from collections.abc import Iterator
from io import BufferedReader
from pathlib import Path
from typing import BinaryIO

from bootstrap.errors import ConflictError, InputError

_NEXT_STEPS = {
    errno.EACCES: "Get the right to read and write it, or work in another folder (-C DIR).",
    errno.EPERM: "Get the right to read and write it, or work in another folder (-C DIR).",
    errno.EROFS: "Work in a folder that can be written (-C DIR), or mount this file system for writing.",
    errno.ENOSPC: "Free some space on this disk, and run the same command again.",
    errno.EDQUOT: "Your quota on this disk is used up: free some space, and run the same command again.",
    errno.ENAMETOOLONG: "Choose a shorter name, or a folder with a shorter path.",
    errno.ENOTDIR: "A part of this path is a file, not a folder: choose another path, or move the file away.",
    errno.EEXIST: "Something else has this path: choose another one, or move it away.",
    errno.EISDIR: "This path is a folder, not a file: choose another path, or move the folder away.",
    errno.ELOOP: "Symbolic links on this path lead in a circle: remove one of them.",
    errno.EFBIG: "The file is too large for this file system or your limits: use another disk.",
    errno.ENOEXEC: "It is no program for this machine: install it again, or take its folder off PATH.",
    errno.EIO: "The disk reports a failure: check it, and run the same command again.",
    errno.ETIMEDOUT: "Run the same command again. If it repeats, a file of git may be a pipe or a device, such as "
    ".git/HEAD or one that .git/config includes: work in a new clone.",
}
"""What to do about each error of the file system that the user can correct."""


MAX_BYTES = 10 * 2**20
"""The size of the largest file that people write and that is read whole."""


def modules_of(file: str) -> list[str]:
    """The names of the modules in the package of a module's file; `pkgutil` has them too, and takes 3 ms to import."""
    return sorted(path.stem for path in Path(file).parent.glob("[!_]*.py"))


def relative_path(path: Path, start: Path | None = None) -> str:
    """The path as seen from a folder, by default the current one; absolute where there is none: on another drive."""
    try:
        return os.path.relpath(path, start)
    except ValueError:
        return str(path.absolute())


def path_inside(root: Path, relative: str, of: str) -> Path:
    """The path of something below a folder.

    Args:
        of: What the folder is, for the error: `project`.

    Raises:
        InputError: It leads out of the folder, by `..` or by a symbolic link.
    """
    path = root / relative
    if not Path(os.path.realpath(path)).is_relative_to(os.path.realpath(root)):
        raise InputError(
            f"{path} leads out of the {of} {root}.",
            why="A symbolic link on this path, or the path itself, leads elsewhere.",
            hint=f"Put the file or folder itself into the {of}.",
        )
    return path


def read_bounded(path: Path, *, within: Path | None = None, most: int = MAX_BYTES) -> bytes:
    """Read a file whole, by default one that people write.

    Args:
        within: The repository that it belongs to: a symbolic link may lead elsewhere in it, and not out of it.
        most: Its largest size in bytes.

    Raises:
        FileNotFoundError: There is no such file.
        InputError: It is a device, a pipe or a folder, is larger than `most`, or lies outside `within`.
        OSError: It cannot be read.
    """
    if within is not None and not Path(os.path.realpath(path)).is_relative_to(os.path.realpath(within)):
        raise InputError(
            f"{path} is a symbolic link out of {within}, so it is not read.",
            hint="Put the file itself into the repository.",
        )
    with open_regular(path) as file:
        content = file.read(most + 1)
    if len(content) > most:
        raise InputError(f"{path} has more than {most // 2**20} MiB, so it is not read.")
    return content


def open_regular(path: Path) -> BufferedReader:
    """Open a file to read its bytes. Raises InputError when it is a device, a pipe or a folder."""
    # Opened without blocking, so that a pipe without a writer does not stop us; the check is on what was opened.
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise InputError(f"{path} is a device, a pipe or a folder, so it is not read.", hint="Write a file.")
    return open(descriptor, "rb")  # noqa: PTH123 - a descriptor, which the caller closes


def create_file(path: Path) -> BinaryIO:
    """Open a new file for writing, in place of what has its name: a link there is replaced, not followed."""
    path.unlink(missing_ok=True)
    return path.open("xb")


def copy_file(source: Path, target: Path) -> None:
    """Copy a file's content and permissions: as a reflink, which takes no space and no time, where the disk has them.

    https://www.man7.org/linux/man-pages/man2/ioctl_ficlone.2.html
    """
    if sys.platform == "linux":
        import fcntl

        with source.open("rb") as old, target.open("xb") as new, contextlib.suppress(OSError):
            fcntl.ioctl(new, _FICLONE, old.fileno())
            shutil.copymode(source, target)
            return
    shutil.copy(source, target)


_FICLONE = 0x40049409


def make_read_only(path: Path) -> None:
    """Take the right to write from a file, or from all files in a folder; folders stay writable."""
    for file in path.rglob("*") if path.is_dir() else [path]:
        if not file.is_dir() and not file.is_symlink():
            file.chmod(stat.S_IMODE(file.stat().st_mode) & ~0o222)


def remove_tree(path: Path) -> None:
    """Remove a folder with its content, also what is protected; of a link, only the link. There may be none."""
    if path.is_symlink():
        path.unlink()
    elif path.exists():
        try:
            shutil.rmtree(path)
        except PermissionError:
            path.chmod(stat.S_IRWXU)
            for inner, folders, files in os.walk(path):
                # Windows removes no read-only file; elsewhere the folder around it counts.
                for name in (*folders, *(files if sys.platform == "win32" else ())):
                    if not (place := Path(inner, name)).is_symlink():
                        place.chmod(stat.S_IRWXU)
            shutil.rmtree(path)


def write_atomically(path: Path, content: str | bytes) -> None:
    """Write a file so that a reader sees the old content or the new one, never a part; create its folder if needed.

    The content goes to a new file of a random name beside it, which then replaces it. An existing file keeps its
    permissions.

    Args:
        content: Bytes, or text to be written as UTF-8 with its newlines as they are.

    Raises:
        OSError: The file cannot be written; `filename` is `path`, and nothing is left beside it.
    """
    temporary = _temporary(path.parent)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        remove_leftovers(path.parent)
        try:
            with temporary.open("xb") as file:
                file.write(content.encode() if isinstance(content, str) else content)
            if path.exists():
                temporary.chmod(path.stat().st_mode)
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from error


@contextlib.contextmanager
def staging_folder(where: Path) -> Iterator[Path]:
    """A hidden folder in `where` to prepare something in, on the same disk; it is removed when the block ends.

    Raises:
        OSError: There can be none; `filename` is `where`.
    """
    remove_leftovers(where)
    folder = _temporary(where)
    try:
        folder.mkdir(mode=0o700)
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(where)) from error
    try:
        yield folder
    finally:
        with contextlib.suppress(OSError):  # the next command removes what is left
            remove_tree(folder)


@contextlib.contextmanager
def temporary_folder() -> Iterator[Path]:
    """A folder for what only this command needs: as `staging_folder`, in the system's folder for temporary files."""
    with staging_folder(Path(tempfile.gettempdir())) as folder:
        yield folder


def move_into_place(folder: Path, destination: Path) -> None:
    """Move a finished folder to `destination`, which does not exist or is empty: whole, or after an error nothing.

    Raises:
        FileExistsError: `destination` is not empty: another process was faster.
        OSError: It cannot be written.
    """
    destination.parent.mkdir(parents=True, exist_ok=True)
    existing = destination.is_dir()
    # An existing empty folder is kept, because it may be the current folder of a shell. The content comes into it as a
    # whole first; of a process that is killed then, `finish_moving` moves the rest.
    target = destination / _INCOMING if existing else destination
    try:
        folder.rename(target)
    except OSError as error:
        taken = error.errno in (errno.ENOTEMPTY, errno.EEXIST)
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(destination)) if taken else error from error
    if not existing:
        return
    if any(path != target for path in destination.iterdir()):
        target.rename(folder)
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(destination))
    finish_moving(destination)


def is_half_moved(destination: Path) -> bool:
    """Whether a process was killed while `move_into_place` was moving a folder here."""
    incoming = destination / _INCOMING
    return incoming.is_dir() and not incoming.is_symlink()


def finish_moving(destination: Path) -> bool:
    """Move the rest of what `move_into_place` was moving when its process was killed. Returns whether there was any."""
    incoming = destination / _INCOMING
    if not is_half_moved(destination):
        return False
    children = sorted(incoming.iterdir())
    if taken := next((child.name for child in children if os.path.lexists(destination / child.name)), None):
        raise ConflictError(
            f"{destination / taken} is in the way of a project that a killed command was moving.",
            hint=f"Move it away, or remove {incoming}, and run the command again.",
        )
    for child in children:
        with contextlib.suppress(FileNotFoundError):  # another process finishes it too
            child.rename(destination / child.name)
    with contextlib.suppress(FileNotFoundError):
        incoming.rmdir()
    return True


def remove_leftovers(where: Path) -> None:
    """Remove the temporary files and folders that killed processes of this user and machine left in a folder."""
    # Where another process is faster, or we have no right, they stay: the command does not depend on it.
    with contextlib.suppress(OSError):
        for path in [path for path in where.iterdir() if path.name.startswith(PREFIX)]:
            with contextlib.suppress(OSError):
                if is_leftover(path):
                    remove_tree(path) if path.is_dir() else path.unlink()


PREFIX = ".mlops-bootstrap-"
"""The start of the names of temporary files and folders."""

_INCOMING = f"{PREFIX}incoming"
"""The folder in an existing destination from which its content is moved into place; no process owns it."""

_OLD_SECONDS = 24 * 60 * 60


def _machine() -> str:
    """An identifier of the processes that we see: folders can be shared with other machines and containers."""
    namespace = ""
    with contextlib.suppress(OSError):  # Linux has it: containers with one host name have different namespaces
        namespace = os.readlink("/proc/self/ns/pid")  # noqa: PTH115 - not a path
    import platform  # compiles regular expressions, which `--help` does not need

    return f"{zlib.crc32(f'{platform.node()}{namespace}'.encode()):08x}"


def _temporary(where: Path) -> Path:
    return where / f"{PREFIX}{_machine()}-{os.getpid()}-{os.urandom(8).hex()}"


def is_leftover(path: Path) -> bool:
    """Whether a killed process of this user and machine left a file or folder."""
    owner = re.fullmatch(rf"{re.escape(PREFIX)}([0-9a-f]{{8}})-([0-9]{{1,9}})-[0-9a-f]{{16}}", path.name)
    if owner is None or owner.group(1) != _machine():
        return False
    if hasattr(os, "getuid") and path.lstat().st_uid != os.getuid():  # in a folder that users share
        return False
    if sys.platform == "win32":  # a signal 0 would end the process there
        return time.time() - path.lstat().st_mtime > _OLD_SECONDS
    try:
        os.kill(int(owner.group(2)), 0)
    except OSError as error:  # any other one: it runs, as another user
        return isinstance(error, ProcessLookupError)
    return False


def is_git_folder(name: str) -> bool:
    """Whether a file with this name is `.git`, also on file systems that ignore case, and with NTFS's other names.

    https://github.com/git/git/blob/master/path.c, `is_ntfs_dotgit`
    """
    name = name.casefold().split(":")[0].rstrip(". ")
    return name == ".git" or name.startswith("git~")


def file_error(error: OSError) -> InputError | None:
    """The error to show when the file system refuses something; None for errors that the user cannot correct."""
    hint = _NEXT_STEPS.get(error.errno or 0)
    if error.errno == errno.ENOENT and error.filename is None:
        hint = "Check that the current folder exists, and that the folder for temporary files (TMPDIR) can be written."
    if hint is None:
        return None
    return InputError(f"Cannot use {error.filename or 'a file or folder'}.", why=f"{error.strerror}.", hint=hint)
