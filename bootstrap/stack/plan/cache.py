"""The cache of planned stacks, and their packed form, which worker processes send too.

The same settings, code and SDK give the same plan.
"""

import contextlib
import functools
import hashlib
import json
import os
import sys
import time
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from importlib import metadata
from pathlib import Path
from typing import Any

import bootstrap.stack
from bootstrap.digest import digest_text, digest_tree, is_by_product
from bootstrap.files import write_atomically
from bootstrap.stack.plan.model import CODE, Request, StackPlan, most_severe_first
from infra.rules.rule import Finding, Resource
from infra.settings import StackSettings, SuppressionSettings

_SDK = ("pulumi", "pulumi-azure-native")
_KEPT_SECONDS = 30 * 24 * 3600
"""The time after its last use when an entry is removed."""

_DIGEST = 32


def pack(stack: StackPlan) -> bytes:
    """Pack a stack without its settings: the sha256 of the rest, a line with the header, the body.

    The facts for the rules that compare stacks are in the header, which is read without the rest.
    """
    head = json.dumps({"made": len(stack.made), "facts": stack.facts}).encode()
    content = {
        "resources": [vars(resource) for resource in stack.resources],
        "findings": [
            {**vars(one), "suppressed": one.suppressed and one.suppressed.model_dump()} for one in stack.findings
        ],
    }
    body = zlib.compress(json.dumps(content, separators=(",", ":")).encode(), 1)
    data = head + b"\n" + body
    return hashlib.sha256(data).digest() + data


def header(packed: bytes) -> Mapping[str, Any]:
    """The number of resources that Azure would hold, `made`, and the stack's `facts`.

    Raises ValueError when the bytes are damaged.
    """
    if hashlib.sha256(packed[_DIGEST:]).digest() != packed[:_DIGEST]:
        raise ValueError("the digest does not match")
    found: Mapping[str, Any] = json.loads(packed[_DIGEST : packed.index(b"\n", _DIGEST)])
    return found


def unpack(packed: bytes, settings: StackSettings, more: Sequence[Finding] = ()) -> StackPlan:
    """The stack that was packed.

    Args:
        packed: Bytes that `header` accepts.
        more: Its findings by the rules that compare stacks.
    """
    content = json.loads(zlib.decompress(packed[packed.index(b"\n", _DIGEST) + 1 :]))
    resources = [Resource(**{**one, "depends_on": tuple(one["depends_on"])}) for one in content["resources"]]
    origins = {resource.urn: resource.origin for resource in resources}
    findings = [
        *(
            Finding(**{**one, "suppressed": one["suppressed"] and SuppressionSettings(**one["suppressed"])})
            for one in content["findings"]
        ),
        *(replace(one, manifest=origins.get(one.resource or "") or one.manifest) for one in more),
    ]
    return StackPlan(settings, resources, most_severe_first(findings), header(packed)["facts"])


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

    def find(self, request: Request) -> bytes | None:
        """The packed plan; None where there is none, or a damaged one."""
        path = self._path(request)
        try:
            packed = path.read_bytes()
            header(packed)
            os.utime(path)
        except (OSError, ValueError):
            return None
        return packed

    def keep(self, request: Request, packed: bytes) -> None:
        """Keep a packed plan."""
        with contextlib.suppress(OSError):
            write_atomically(self._path(request), packed)

    def sweep(self) -> None:
        """Remove the entries that were not used for a month."""
        oldest = time.time() - _KEPT_SECONDS
        for path in self.folder.glob("*/*"):
            with contextlib.suppress(OSError):
                if path.stat().st_mtime < oldest:
                    path.unlink()

    def _path(self, request: Request) -> Path:
        key = self.key(request)
        return self.folder / key[:2] / key[2:]


@functools.cache
def _versions() -> tuple[str, ...]:
    """What a plan depends on besides its request: our code, and the versions of Python and the SDK."""
    ours = (digest_tree(CODE, is_by_product), digest_tree(Path(bootstrap.stack.__file__).parent, is_by_product))
    return (*ours, sys.version, *(found.version for name in _SDK for found in metadata.distributions(name=name)))
