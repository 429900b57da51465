"""Serialization of planned stacks for the cache, for worker processes and for spooling.

The facts for the rules that compare stacks are in a header, which is read without the rest.
"""

import hashlib
import json
import struct
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from bootstrap.stack.plan.model import CODE, StackPlan, most_severe_first
from infra.rules.rule import Finding, Resource
from infra.settings import StackSettings, SuppressionSettings

_DIGEST = 32
_LENGTH = struct.Struct(">I")
_FRONT = _DIGEST + _LENGTH.size


def pack(stack: StackPlan) -> bytes:
    """Serialize a stack without its settings: the sha256 of the rest, the length of the header, header, body."""
    head = json.dumps({"made": len(stack.made), "facts": stack.facts}).encode()
    content = {
        "resources": [{**vars(resource), "code": _relative(resource)} for resource in stack.resources],
        "findings": [{**vars(one), "suppressed": _plain(one.suppressed)} for one in stack.findings],
    }
    body = zlib.compress(json.dumps(content, separators=(",", ":")).encode(), 1)
    data = _LENGTH.pack(len(head)) + head + body
    return hashlib.sha256(data).digest() + data


def header(packed: bytes) -> Mapping[str, Any]:
    """The number of resources that Azure would hold, `made`, and the stack's `facts`.

    Raises ValueError when the bytes are damaged.
    """
    if len(packed) < _FRONT or hashlib.sha256(packed[_DIGEST:]).digest() != packed[:_DIGEST]:
        raise ValueError("the digest does not match")
    found: Mapping[str, Any] = json.loads(packed[_FRONT : _end_of_header(packed)])
    return found


def unpack(packed: bytes, settings: StackSettings, more: Sequence[Finding] = ()) -> StackPlan:
    """The stack that was packed.

    Args:
        packed: Bytes that `header` accepts.
        more: Its findings by the rules that compare stacks.
    """
    content = json.loads(zlib.decompress(packed[_end_of_header(packed) :]))
    resources = [
        Resource(**{**one, "depends_on": tuple(one["depends_on"]), "code": _absolute(one["code"])})
        for one in content["resources"]
    ]
    findings = [*(Finding(**{**one, "suppressed": _made(one["suppressed"])}) for one in content["findings"])]
    origins = {resource.urn: resource.origin for resource in resources}
    findings += [replace(one, manifest=origins.get(one.resource or "") or one.manifest) for one in more]
    return StackPlan(settings, resources, most_severe_first(findings), header(packed)["facts"])


def _end_of_header(packed: bytes) -> int:
    (length,) = _LENGTH.unpack_from(packed, _DIGEST)
    return _FRONT + int(length)


def _plain(suppressed: SuppressionSettings | None) -> Any:
    return suppressed.model_dump() if suppressed is not None else None


def _made(suppressed: Any) -> SuppressionSettings | None:
    return SuppressionSettings(**suppressed) if suppressed is not None else None


def _relative(resource: Resource) -> tuple[str, int] | None:
    if resource.code is None:
        return None
    path, line = resource.code
    return path.relative_to(CODE).as_posix(), line


def _absolute(code: Any) -> tuple[Path, int] | None:
    return (CODE / code[0], code[1]) if code is not None else None
