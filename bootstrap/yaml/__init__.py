"""YAML that people write: read strictly, checked, and written back; every mistake has its file, line and column."""

from bootstrap.yaml.parse import Document, Location, invalid, parse, read
from bootstrap.yaml.validate import check, validated
from bootstrap.yaml.write import as_yaml, as_yaml_line

__all__ = ["Document", "Location", "as_yaml", "as_yaml_line", "check", "invalid", "parse", "read", "validated"]
