"""Values as the engine sends them, as plain ones."""

from collections.abc import Mapping
from typing import Any

from google.protobuf.struct_pb2 import Struct, Value
from pulumi.runtime import rpc

from infra.rules.rule import SECRET


def plain_inputs(inputs: Struct) -> dict[str, Any]:
    """A resource's inputs as JSON has them, sorted by name."""
    return {key: plain(value) for key, value in sorted(inputs.fields.items())}


def plain(value: Value) -> Any:
    """A value as JSON has it: whole numbers as integers, secrets as `SECRET`, unknowns as they are."""
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
    """What Pulumi marks with a signature: secrets, references to resources, assets."""
    if fields[rpc._special_sig_key].string_value == rpc._special_secret_sig:
        return SECRET
    return {key: plain(item) for key, item in sorted(fields.items()) if key != rpc._special_sig_key}
