"""Blueprints: catalogue, create, bundled repository."""

from bootstrap.blueprint.catalogue import catalogue
from bootstrap.blueprint.create import Created, Order, create
from bootstrap.blueprint.repository import URL, Snapshot, our_blueprints, snapshot_of, unpack
from bootstrap.blueprint.template import Question, Template, opened

__all__ = [
    "URL",
    "Created",
    "Order",
    "Question",
    "Snapshot",
    "Template",
    "catalogue",
    "create",
    "opened",
    "our_blueprints",
    "snapshot_of",
    "unpack",
]
