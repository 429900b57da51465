"""The commit of a project, and whether its files differ from it. Nothing that the repository configures is run.

`git status` runs the filters of a repository (https://git-scm.com/docs/gitattributes#_filter), as do all commands that
compare files with the index (https://git-scm.com/docs/racy-git). Here git only lists, and we compare the files.
"""

import hashlib
import os
from pathlib import Path

from bootstrap.digest import digest_file
from bootstrap.errors import BootstrapError, InputError
from bootstrap.files import MAX_BYTES, open_regular, read_bounded
from bootstrap.model.records import GitState
from bootstrap.processes import committed_files, read_git


def git_state(root: Path) -> GitState:
    """The commit of the repository that `root` is in, and whether the files below `root` are other ones.

    A file is the same if git would write it from the commit byte by byte, with other line endings, or by Git LFS. What
    other filters convert differs, and so does a submodule.
    """
    try:
        prefix, _, commit = read_git("rev-parse", "--show-prefix", "HEAD", cwd=root).rpartition("\n")
    except BootstrapError:  # no git, no repository or no commit yet
        return GitState(commit=None, dirty=True)
    try:
        listed = read_git("ls-files", "--cached", "--others", "--exclude-standard", "-z", cwd=root)
        committed = committed_files(root, commit, prefix.rstrip("/"))
    except BootstrapError:  # a commit that cannot be read whole
        return GitState(commit=commit, dirty=True)
    dirty = {prefix + name for name in listed.split("\0") if name} != {path for _, _, path in committed} or not all(
        _is_same(root / path.removeprefix(prefix), id_, is_link=is_link) for is_link, id_, path in committed
    )
    return GitState(commit=commit, dirty=dirty)


def _is_same(path: Path, id_: str, *, is_link: bool) -> bool:
    try:
        if path.is_symlink():
            return is_link and _blob(os.fsencode(os.readlink(path)), id_) == id_  # noqa: PTH115 - as it is written
        with open_regular(path) as file:
            size = os.fstat(file.fileno()).st_size
            digest = _new(id_, size)
            while chunk := file.read(2**20):
                digest.update(chunk)
        if digest.hexdigest() == id_:
            return True
        # https://github.com/git-lfs/git-lfs/blob/main/docs/spec.md
        pointer = f"version https://git-lfs.github.com/spec/v1\noid sha256:{digest_file(path)}\nsize {size}\n"
        text = read_bounded(path).replace(b"\r\n", b"\n") if size <= MAX_BYTES else b""
    except (InputError, OSError):  # missing, a folder, a device, or without the right to read it
        return False
    return id_ in (_blob(pointer.encode(), id_), _blob(text, id_))


def _blob(content: bytes, id_: str) -> str:
    """The id that git gives to a file's content.

    https://git-scm.com/book/en/v2/Git-Internals-Git-Objects
    """
    digest = _new(id_, len(content))
    digest.update(content)
    return digest.hexdigest()


def _new(id_: str, size: int) -> "hashlib._Hash":
    """The digest of a blob of this size, before its content, by the algorithm that the id has the length of."""
    algorithm = "sha256" if len(id_) == hashlib.sha256().digest_size * 2 else "sha1"
    return hashlib.new(algorithm, b"blob %d\0" % size, usedforsecurity=False)
