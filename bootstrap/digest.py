"""Digests of content: runs, decisions, registered models and caches identify files and folders by them."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

IGNORED_FOLDERS = frozenset({"__pycache__", ".ipynb_checkpoints", ".pytest_cache", ".ruff_cache", ".mypy_cache"})
"""Folders that tools create beside code and data, without effect on what the code does."""


def digest_file(path: Path) -> str:
    """The sha256 of a file's bytes, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def digest_tree(path: Path) -> str:
    """The sha256, in hexadecimal, of a file or of a folder's whole content.

    A file's digest is that of its bytes. A folder's is that of a listing with one line per file, sorted by path:
    `<sha256>  <path, with forward slashes>` and a newline, so that `sha256sum` can check it. Empty folders and
    `IGNORED_FOLDERS` are left out; a link counts as its target.
    """
    if path.is_file():
        return digest_file(path)
    listing = "".join(f"{digest_file(file)}  {file.relative_to(path).as_posix()}\n" for file in _files_below(path))
    return digest_text(listing)


def digest_text(text: str) -> str:
    """The sha256 of a text in UTF-8, in hexadecimal."""
    return hashlib.sha256(text.encode()).hexdigest()


def _files_below(folder: Path) -> Iterator[Path]:
    """The files of a folder without `IGNORED_FOLDERS`, in the order of their paths with forward slashes."""
    found = (file for file in folder.rglob("*") if file.is_file())
    counted = (file for file in found if IGNORED_FOLDERS.isdisjoint(file.relative_to(folder).parts[:-1]))
    yield from sorted(counted, key=lambda file: file.relative_to(folder).as_posix())
