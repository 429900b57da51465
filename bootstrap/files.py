"""Files that are written whole or not at all, and what an error of the file system means for the user."""

import errno
import secrets
from pathlib import Path

from bootstrap.errors import InputError

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
    errno.EIO: "The disk reports a failure: check it, and run the same command again.",
}
"""What to do about each error of the file system that the user can correct."""


def write_atomically(path: Path, content: str | bytes) -> None:
    """Write a file so that a reader sees the old content or the new one, never a part; create its folder if needed.

    The content goes to a new file of a random name beside it, which then replaces it. An existing file keeps its
    permissions.

    Args:
        content: Bytes, or text to be written as UTF-8 with its newlines as they are.

    Raises:
        OSError: The file cannot be written; `filename` is `path`, and nothing is left beside it.
    """
    data = content.encode() if isinstance(content, str) else content
    temporary = path.with_name(f".{path.name[:32]}.{secrets.token_hex(8)}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with temporary.open("xb") as file:
                file.write(data)
            if path.exists():
                temporary.chmod(path.stat().st_mode)
            temporary.replace(path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from error


def file_error(error: OSError) -> InputError | None:
    """The error to show when the file system refuses something; None for errors that the user cannot correct."""
    hint = _NEXT_STEPS.get(error.errno or 0)
    if error.errno == errno.ENOENT and error.filename is None:
        hint = "Check that the current folder exists, and that the folder for temporary files (TMPDIR) can be written."
    if hint is None:
        return None
    return InputError(f"Cannot use {error.filename or 'a file or folder'}.", why=f"{error.strerror}.", hint=hint)
