"""YAML that people write: composed, validated, and every mistake with its file, line and column."""
