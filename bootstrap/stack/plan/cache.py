"""Planned stacks of earlier runs, by content: of the same settings, code and SDK the same plan would come."""

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
from bootstrap.stack.plan.request import Order
from bootstrap.stack.plan.serialization import summary

_SDK = ("pulumi", "pulumi-azure-native")
_KEPT_SECONDS = 30 * 24 * 3600
"""How long an entry is kept after it was last used."""


class Cache:
    """A folder of planned stacks. What is broken in it counts as not there; what cannot be written is not kept.

    Args:
        folder: Where entries lie; that of this user when left out.
    """

    def __init__(self, folder: Path | None = None) -> None:
        if folder is None:
            from platformdirs import user_cache_path

            folder = user_cache_path("mlops-bootstrap", appauthor=False) / "plans"
        self.folder = folder

    def key(self, order: Order) -> str:
        """The name of a stack's plan: another one, when anything that it follows from is another one."""
        observed = json.dumps(order.observed, sort_keys=True)
        return digest_text("\n".join([order.settings.model_dump_json(), str(order.as_of), observed, *_versions()]))

    def __contains__(self, key: object) -> bool:
        return isinstance(key, str) and self._path(key).is_file()

    def find(self, key: str) -> bytes | None:
        """The packed plan of that name, if it is here and whole."""
        path = self._path(key)
        try:
            packed = path.read_bytes()
            summary(packed)
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
        """Remove what nobody used for a month."""
        oldest = time.time() - _KEPT_SECONDS
        for path in self.folder.glob("*/*"):
            with contextlib.suppress(OSError):
                if path.stat().st_mtime < oldest:
                    path.unlink()

    def _path(self, key: str) -> Path:
        return self.folder / key[:2] / key[2:]


@functools.cache
def _versions() -> tuple[str, ...]:
    """What a plan depends on besides its settings: our code, Python's version and the SDK's."""
    ours = (digest_tree(CODE), digest_tree(Path(bootstrap.stack.__file__).parent))
    return (*ours, sys.version, *(metadata.version(name) for name in _SDK if _is_installed(name)))


def _is_installed(name: str) -> bool:
    return next(iter(metadata.distributions(name=name)), None) is not None
