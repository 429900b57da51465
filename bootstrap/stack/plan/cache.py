"""The cache of planned stacks. The same settings, code and SDK give the same plan."""

import contextlib
import functools
import json
import os
import sys
import time
from importlib import metadata
from pathlib import Path

import bootstrap.stack
from bootstrap.digest import digest_text, digest_tree
from bootstrap.files import write_atomically
from bootstrap.stack.plan.model import CODE
from bootstrap.stack.plan.request import Request
from bootstrap.stack.plan.serialization import header

_SDK = ("pulumi", "pulumi-azure-native")
_KEPT_SECONDS = 30 * 24 * 3600
"""The time after its last use when an entry is removed."""


class Cache:
    """A folder of planned stacks. Damaged entries are ignored; entries that cannot be written are not kept.

    Args:
        folder: The folder; by default in the user's cache folder.
    """

    def __init__(self, folder: Path | None = None) -> None:
        if folder is None:
            from platformdirs import user_cache_path

            folder = user_cache_path("mlops-bootstrap", appauthor=False) / "plans"
        self.folder = folder

    def key(self, request: Request) -> str:
        """The name of a stack's entry, a digest of all inputs of its plan."""
        observed = json.dumps(request.observed, sort_keys=True)
        return digest_text("\n".join([request.settings.model_dump_json(), str(request.as_of), observed, *_versions()]))

    def __contains__(self, key: object) -> bool:
        return isinstance(key, str) and self._path(key).is_file()

    def find(self, key: str) -> bytes | None:
        """The packed plan of that name; None where there is none, or a damaged one."""
        path = self._path(key)
        try:
            packed = path.read_bytes()
            header(packed)
            os.utime(path)
        except (OSError, ValueError):
            return None
        return packed

    def keep(self, key: str, packed: bytes) -> None:
        """Keep a packed plan."""
        path = self._path(key)
        with contextlib.suppress(OSError):
            write_atomically(path, packed)

    def sweep(self) -> None:
        """Remove the entries that were not used for a month."""
        oldest = time.time() - _KEPT_SECONDS
        for path in self.folder.glob("*/*"):
            with contextlib.suppress(OSError):
                if path.stat().st_mtime < oldest:
                    path.unlink()

    def _path(self, key: str) -> Path:
        return self.folder / key[:2] / key[2:]


@functools.cache
def _versions() -> tuple[str, ...]:
    """What a plan depends on besides its request: our code, and the versions of Python and the SDK."""
    ours = (digest_tree(CODE), digest_tree(Path(bootstrap.stack.__file__).parent))
    return (*ours, sys.version, *(metadata.version(name) for name in _SDK if _is_installed(name)))


def _is_installed(name: str) -> bool:
    return next(iter(metadata.distributions(name=name)), None) is not None
