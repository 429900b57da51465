"""Whether a project's uv.lock identifies the content of all packages, so that records cover what steps import."""

import re
import tomllib
from typing import Any

from bootstrap.digest import digest_bytes
from bootstrap.errors import InputError, MissingError
from bootstrap.files import read_bounded
from bootstrap.project import Project

_PACKAGES = ("package", "distribution")
"""The names of the list of packages: uv still reads the older one.

https://github.com/astral-sh/uv/blob/main/crates/uv-resolver/src/lock/mod.rs, `LockWire`
"""

_IDENTIFIED_FILE = re.compile(
    rb'^ {4}\{ url = "[!#-\[\]-~]*", hash = "sha256:[0-9a-f]{64}"'
    rb'(?:, size = \d+)?(?:, upload-time = "[\dTZ:.-]*")? \},\n',
    re.MULTILINE,
)
"""A line of uv for a file with a hash. Most lines are such ones, and parsing them takes longer than the rest of a run
in which nothing has changed."""


def digest_of_lock(project: Project) -> str:
    """The digest of the project's uv.lock.

    Raises:
        MissingError: There is none.
        InputError: It is not valid, or it does not identify the content of a package.
    """
    path = project.path("uv.lock")
    if not path.is_file():
        raise MissingError(f"{project.root} has no uv.lock.", hint="Create it: uv lock")
    content = read_bounded(path)
    try:
        lock = tomllib.loads(_IDENTIFIED_FILE.sub(b"", content).decode())
        packages = [package for key in _PACKAGES for package in lock.get(key, [])]
        unidentified = [f"{package['name']}: {why}" for package in packages if (why := _unidentified(package))]
    except (ValueError, RecursionError, KeyError, TypeError, AttributeError) as error:
        raise InputError(f"{path} is not a lock of uv.", why=f"{error}.", hint="Create it again: uv lock") from error
    if unidentified:
        raise InputError(
            f"{path} does not identify the content of all packages, so a run cannot record what its steps import.",
            details=unidentified,
            hint="Move the code into the folder of the component that imports it, or depend on the package as a wheel"
            " or at a commit of git. If it is the project itself: package = false below [tool.uv] in pyproject.toml.",
        )
    return digest_bytes(content)


def _unidentified(package: dict[str, Any]) -> str:
    """Why the lock does not identify a package's content; empty if it does, or if the package is not installed.

    A package from an index, a URL or a path has files with hashes; one from git has a commit; a virtual one is not
    installed. https://github.com/astral-sh/uv/blob/main/crates/uv-resolver/src/lock/mod.rs, `Source`
    """
    source = package["source"]
    for kind in ("editable", "directory"):
        if kind in source:
            return f"it is installed from the folder {source[kind]}"
    if not source.keys().isdisjoint({"registry", "url", "path"}):
        files = [*package.get("wheels", []), *([package["sdist"]] if "sdist" in package else [])]
        return "" if all(file.get("hash") for file in files) else "not all of its files have a hash"
    return "" if not source.keys().isdisjoint({"git", "virtual"}) else "its source is unknown to this version"
