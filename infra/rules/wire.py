"""Converts values of the engine's protocol to plain ones."""

from collections.abc import Mapping
from typing import Any

from google.protobuf.struct_pb2 import Struct, Value
from pulumi.runtime import rpc

from infra.rules.rule import SECRET


def plain_inputs(inputs: Struct) -> dict[str, Any]:
    """The inputs of a resource as in JSON, sorted by name."""
    return {key: plain(value) for key, value in sorted(inputs.fields.items())}


def plain(value: Value) -> Any:
    """A value as in JSON: whole numbers as integers, secrets as `SECRET`, the marker of unknown values unchanged."""
    kind = value.WhichOneof("kind")
    if kind == "struct_value":
        fields = value.struct_value.fields
        if rpc._special_sig_key in fields:
            return _special(fields)
        return {key: plain(item) for key, item in sorted(fields.items())}
    if kind == "list_value":
        return [plain(item) for item in value.list_value.values]
    if kind == "number_value":
        number = value.number_value
        return int(number) if number.is_integer() else number
    return getattr(value, kind) if kind in ("string_value", "bool_value") else None


def _special(fields: Mapping[str, Value]) -> Any:
    """A value that Pulumi marks with a signature: a secret, a reference to a resource, an asset."""
    if fields[rpc._special_sig_key].string_value == rpc._special_secret_sig:
        return SECRET
    return {key: plain(item) for key, item in sorted(fields.items()) if key != rpc._special_sig_key}
