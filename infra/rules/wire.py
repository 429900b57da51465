"""Converts values of the engine's protocol to plain ones."""

from typing import Any

from google.protobuf.struct_pb2 import ListValue, Struct
from pulumi.runtime import rpc

from infra.rules.rule import SECRET


def plain(value: Any) -> Any:
    """A value as in JSON: objects sorted by name, whole numbers as integers, secrets as `SECRET`.

    The marker of unknown values stays. References to resources and assets lose Pulumi's signature.
    """
    if isinstance(value, Struct):
        items = dict(sorted(value.items()))
        if items.pop(rpc._special_sig_key, None) == rpc._special_secret_sig:
            return SECRET
        return {key: plain(item) for key, item in items.items()}
    if isinstance(value, ListValue):
        return [plain(item) for item in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value
