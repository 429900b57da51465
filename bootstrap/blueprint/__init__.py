"""Blueprints: the catalogue, the repository that contains them, and the creation of projects."""

from bootstrap.blueprint.catalogue import catalogue, question_names
from bootstrap.blueprint.create import NewProject, create
from bootstrap.blueprint.repository import URL, Snapshot, installed_blueprints, snapshot_of_checkout
from bootstrap.blueprint.template import Question, Template, open_template

__all__ = [
    "URL",
    "NewProject",
    "Question",
    "Snapshot",
    "Template",
    "catalogue",
    "create",
    "installed_blueprints",
    "open_template",
    "question_names",
    "snapshot_of_checkout",
]
