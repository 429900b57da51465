"""A planned stack as bytes, for the cache, the way between processes and the wait for others.

What was packed comes back equal. What the rules that judge stacks together have to know of it stands in front, so that
it is read without the rest.
"""

import hashlib
import json
import struct
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from bootstrap.stack.plan.model import CODE, StackPlan, most_severe_first
from infra.rules.rule import Finding, Resource
from infra.settings import StackSettings, SuppressionSettings

_DIGEST = 32
_LENGTH = struct.Struct(">I")
_FRONT = _DIGEST + _LENGTH.size


@dataclass(frozen=True)
class Summary:
    """What is known of a packed stack without unpacking it.

    Attributes:
        made: How many resources Azure would hold.
        facts: As `StackPlan.facts`.
    """

    made: int
    facts: Mapping[str, Any]


def pack(stack: StackPlan) -> bytes:
    """The stack without its settings: a sha256, and what it is of."""
    summary = json.dumps({"made": len(stack.made), "facts": stack.facts}).encode()
    content = {
        "resources": [{**vars(resource), "code": _relative(resource)} for resource in stack.resources],
        "findings": [{**vars(one), "suppressed": _plain(one.suppressed)} for one in stack.findings],
    }
    body = zlib.compress(json.dumps(content, separators=(",", ":")).encode(), 1)
    data = _LENGTH.pack(len(summary)) + summary + body
    return hashlib.sha256(data).digest() + data


def summary(packed: bytes) -> Summary:
    """What stands in front. Raises ValueError when the bytes are not what was written."""
    if len(packed) < _FRONT or hashlib.sha256(packed[_DIGEST:]).digest() != packed[:_DIGEST]:
        raise ValueError("the digest is another one")
    return Summary(**json.loads(packed[_FRONT : _end_of_summary(packed)]))


def unpack(packed: bytes, settings: StackSettings, more: Sequence[Finding] = ()) -> StackPlan:
    """The stack that was packed.

    Args:
        packed: What `summary` found whole.
        more: Findings that it has together with others.
    """
    content = json.loads(zlib.decompress(packed[_end_of_summary(packed) :]))
    resources = [
        Resource(**{**one, "depends_on": tuple(one["depends_on"]), "code": _absolute(one["code"])})
        for one in content["resources"]
    ]
    findings = [*(Finding(**{**one, "suppressed": _made(one["suppressed"])}) for one in content["findings"])]
    origins = {resource.urn: resource.origin for resource in resources}
    findings += [replace(one, manifest=origins.get(one.resource or "") or one.manifest) for one in more]
    return StackPlan(settings, resources, most_severe_first(findings), summary(packed).facts)


def _end_of_summary(packed: bytes) -> int:
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
