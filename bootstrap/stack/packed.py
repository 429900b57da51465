"""A planned stack as bytes, for the cache and for the way between processes. What was packed comes back equal."""

import hashlib
import json
import zlib
from pathlib import Path
from typing import Any

from bootstrap.stack.planned import CODE, Finding, Registration, StackPlan
from infra.settings import StackSettings

_DIGEST = 32


def pack(stack: StackPlan) -> bytes:
    """The stack without its settings: a sha256, and what it is of."""
    content = {
        "resources": [{**vars(resource), "code": _relative(resource)} for resource in stack.resources],
        "findings": [vars(finding) for finding in stack.findings],
    }
    data = zlib.compress(json.dumps(content, separators=(",", ":")).encode(), 1)
    return hashlib.sha256(data).digest() + data


def unpack(data: bytes, settings: StackSettings) -> StackPlan:
    """The stack that was packed. Raises ValueError when the bytes are not what was written."""
    if hashlib.sha256(data[_DIGEST:]).digest() != data[:_DIGEST]:
        raise ValueError("the digest is another one")
    content = json.loads(zlib.decompress(data[_DIGEST:]))
    resources = [
        Registration(**{**one, "depends_on": tuple(one["depends_on"]), "code": _absolute(one["code"])})
        for one in content["resources"]
    ]
    return StackPlan(settings, resources, [Finding(**one) for one in content["findings"]])


def _relative(resource: Registration) -> tuple[str, int] | None:
    if resource.code is None:
        return None
    path, line = resource.code
    return path.relative_to(CODE).as_posix(), line


def _absolute(code: Any) -> tuple[Path, int] | None:
    return (CODE / code[0], code[1]) if code is not None else None
