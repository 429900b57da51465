"""Digests of content: runs, decisions, registered models and caches identify files and folders by them.

Content without a digest is refused: a link to a folder, a link to nothing, a pipe, a socket, a device.
"""

import hashlib
import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path

from bootstrap.errors import InputError
from bootstrap.files import copy_file, open_regular

_BY_PRODUCT = re.compile(r"__pycache__|\.ipynb_checkpoints|\.(?:pytest|ruff|mypy)_cache|\.#.*|\.mlops")

_Stamp = tuple[int, ...]

_SAME_TIME = 10_000_000
"""Nanoseconds between the two times that the creation of a file sets in its folder."""


def digest_file(path: Path) -> str:
    """The sha256 of a file's bytes, in hexadecimal. Raises InputError for a folder, a pipe or a device."""
    with open_regular(path) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def digest_tree(path: Path, leave_out: Callable[[str], bool] | None = None) -> str:
    """The sha256, in hexadecimal, of a file or of a folder's whole content.

    A file's digest is that of its bytes. A folder's is that of a listing with one line per file, sorted by path:
    `<sha256>  <path, with forward slashes>` and a newline, as `sha256sum` prints it and can check it. Empty folders are
    left out; a link to a file counts as that file.

    Args:
        leave_out: As for `tree_files`. Whoever leaves something out must not read it either.

    Raises:
        InputError: The folder has something that is neither a file nor a folder.
    """
    return digest_files(tree_files(path, leave_out)) if path.is_dir() else digest_file(path)


def is_by_product(path: str) -> bool:
    """Whether tools create it beside code: compiled modules, checkpoints, caches, the locks of Emacs, our own state."""
    return _BY_PRODUCT.fullmatch(path.rstrip("/").rpartition("/")[2]) is not None


def digest_files(files: Mapping[str, Path]) -> str:
    """The digest of a folder with these files, by their paths in it: as `digest_tree` computes it."""
    return digest_text("".join(_line(digest_file(file), name) for name, file in sorted(files.items())))


def digest_text(text: str) -> str:
    """The sha256 of a text in UTF-8, in hexadecimal."""
    return digest_bytes(text.encode("utf-8", "surrogateescape"))


def digest_bytes(content: bytes) -> str:
    """The sha256 of bytes, in hexadecimal."""
    return hashlib.sha256(content).hexdigest()


def copy_tree(source: Path, target: Path) -> str:
    """Copy a folder into the new folder `target`; return the digest of the copy. Raises as `digest_tree` does."""
    return copy_files(tree_files(source), target)


def copy_files(files: Mapping[str, Path], target: Path) -> str:
    """Copy files into the new folder `target`, by their paths in it; return the digest of the copy."""
    target.mkdir(parents=True)
    for name, file in files.items():
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        copy_file(file, target / name)
    return digest_tree(target)


def stamps(path: Path, root: Path) -> dict[str, _Stamp]:
    """What identifies the last change of each file and folder of a tree, and where the tree is.

    It differs also if a change was undone: a write that restored content and times, a file that was created and
    removed, a folder that was moved away and back. The names of folders end with a slash.

    Args:
        root: Folders above the tree count as far as they do not contain `root`, too. Files may be created in them.
    """
    path, root = path.resolve(), root.resolve()
    tree = {"./": path, **_below(path)} if path.is_dir() else {path.name: path}
    links = [file.resolve() for file in tree.values() if file.is_symlink()]
    above = {folder for place in (path, *links) for folder in place.parents if not root.is_relative_to(folder)}
    return {name: _stamp(place.stat()) for name, place in tree.items()} | {
        f"{folder.as_posix()}/": _place(folder.stat()) for folder in above
    }


def _stamp(at: os.stat_result) -> _Stamp:
    return at.st_dev, at.st_ino, at.st_size, at.st_mtime_ns, at.st_ctime_ns


def _place(at: os.stat_result) -> _Stamp:
    """What identifies a folder whatever is created in it, which sets both times to the same; a rename sets only one.

    https://pubs.opengroup.org/onlinepubs/9799919799/functions/rename.html
    """
    return at.st_dev, at.st_ino, at.st_ctime_ns if at.st_ctime_ns - at.st_mtime_ns > _SAME_TIME else 0


def tree_files(folder: Path, leave_out: Callable[[str], bool] | None = None) -> dict[str, Path]:
    """The files of a folder by their paths in it, with forward slashes, sorted. Raises as `digest_tree` does.

    Args:
        leave_out: Whether a path in the folder does not count; those of folders end with a slash.
    """
    if folder.is_symlink():
        raise _without_digest(folder, "a link to a folder")
    return {name: path for name, path in sorted(_below(folder, leave_out).items()) if not name.endswith("/")}


def _below(folder: Path, leave_out: Callable[[str], bool] | None = None) -> dict[str, Path]:
    """The files and folders in a folder; the names of folders end with a slash."""
    found: dict[str, Path] = {}
    waiting = [(folder, "")]
    while waiting:
        inner, prefix = waiting.pop()
        with os.scandir(inner) as entries:
            for entry in entries:
                name, path = prefix + entry.name, Path(entry.path)
                is_folder = entry.is_dir(follow_symlinks=False)
                if leave_out is not None and leave_out(f"{name}/" if is_folder else name):
                    continue
                if is_folder:
                    waiting.append((path, f"{name}/"))
                    found[f"{name}/"] = path
                elif entry.is_file():
                    found[name] = path
                else:
                    link = "a link to a folder" if entry.is_dir() else "a link that leads nowhere"
                    raise _without_digest(path, link if entry.is_symlink() else "no file")
    return found


def _line(sha256: str, name: str) -> str:
    """A line of the listing; backslashes and line breaks are escaped as sha256sum does, so that lines are unambiguous.

    https://www.gnu.org/software/coreutils/manual/html_node/md5sum-invocation.html
    """
    escaped = name.replace("\\", "\\\\").replace("\n", "\\n").replace("\r", "\\r")
    return f"{'' if escaped == name else chr(92)}{sha256}  {escaped}\n"


def _without_digest(path: Path, what: str) -> InputError:
    return InputError(
        f"{path} is {what}, so its content has no digest.",
        hint="Put the files themselves there, or name another folder.",
    )
