"""Writes YAML: plain data as a document."""

import io
from typing import Any


def as_yaml(data: Any) -> str:
    """Plain data as YAML, which `parse` reads back."""
    from ruamel.yaml import YAML

    yaml = YAML(typ="safe", pure=True, plug_ins=[])
    yaml.default_flow_style = False
    yaml.sort_base_mapping_type_on_output = False  # type: ignore[assignment]
    yaml.width = _NEVER_FOLDED
    stream = io.StringIO()
    yaml.dump(data, stream)
    return stream.getvalue().removesuffix("...\n").rstrip("\n")


_NEVER_FOLDED = 1_000_000
