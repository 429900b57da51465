"""A planned stack as bytes, for the cache, the way between processes and the wait for others.

What was packed comes back equal. What the rules that judge stacks together have to know of it stands in front, so that
it is read without the rest.
"""

import hashlib
import json
import struct
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from bootstrap.stack.planned import CODE, Finding, Registration, StackPlan
from infra.settings import StackSettings, SuppressionSettings

_DIGEST = 32
_LENGTH = struct.Struct(">I")


@dataclass(frozen=True)
class Summary:
    """What is known of a packed stack without unpacking it.

    Attributes:
        made: How many resources Azure would hold.
        told: As `StackPlan.told`.
    """

    made: int
    told: Mapping[str, Any]


def pack(stack: StackPlan) -> bytes:
    """The stack without its settings: a sha256, and what it is of."""
    summary = json.dumps({"made": len(stack.made), "told": stack.told}).encode()
    content = {
        "resources": [{**vars(resource), "code": _relative(resource)} for resource in stack.resources],
        "findings": [asdict(finding) for finding in stack.findings],
    }
    body = zlib.compress(json.dumps(content, separators=(",", ":"), default=_plain).encode(), 1)
    data = _LENGTH.pack(len(summary)) + summary + body
    return hashlib.sha256(data).digest() + data


def summary(packed: bytes) -> Summary:
    """What stands in front. Raises ValueError when the bytes are not what was written."""
    if hashlib.sha256(packed[_DIGEST:]).digest() != packed[:_DIGEST]:
        raise ValueError("the digest is another one")
    return Summary(**json.loads(packed[_start(0) : _body(packed)]))


def unpack(packed: bytes, settings: StackSettings, more: Sequence[Finding] = ()) -> StackPlan:
    """The stack that was packed, which `summary` found whole. `more` are findings that stacks told together."""
    from bootstrap.stack.checks import in_order

    content = json.loads(zlib.decompress(packed[_body(packed) :]))
    resources = [
        Registration(**{**one, "depends_on": tuple(one["depends_on"]), "code": _absolute(one["code"])})
        for one in content["resources"]
    ]
    findings = [_finding(one) for one in content["findings"]]
    return StackPlan(settings, resources, in_order([*findings, *more]) if more else findings, summary(packed).told)
