"""Blueprints: catalogue, create, bundled repository."""
