"""Finds assets of Azure ML (`azureml:NAME:VERSION`, `azureml:NAME@latest`) in a project: its files and its registry."""

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from bootstrap.errors import InputError
from bootstrap.model import registry
from bootstrap.pipeline.graph import DATA_TYPES
from bootstrap.project import Project
from bootstrap.yaml import read

AssetKind = Literal["data", "component"]

_REFERENCE = re.compile(r"azureml:(?P<name>[\w.-]+)(?::(?P<version>[\w.-]+)|@latest)?")
_MOST_FILES = 5000
"""How many files of a project are looked at."""


def find_asset(project: Project, kind: AssetKind, reference: str) -> Path | None:
    """The data or the component's file that a reference names; None if the project does not have it.

    A file of the project declares it (`name`, and `version` if the reference has one), or it is a version of the
    project's model in its registry.
    """
    found = _REFERENCE.fullmatch(reference)
    if found is None:
        return None
    name, version = found["name"], found["version"]
    if kind == "data" and name == project.manifest.model.name:
        versions = [one for one in registry.versions(project) if version in (None, one.version)]
        return project.path(versions[-1].model.path) if versions else None
    declared = re.compile(rf"^name:[ \t]*[\"']?{re.escape(name)}[\"']?[ \t]*(?:#.*)?$", re.MULTILINE)
    for path in _yaml_files(project.root):
        if declared.search(path.read_text(encoding="utf-8", errors="replace")):
            try:
                document = read(path, yaml_1_1=True).data
            except InputError:
                continue
            if not isinstance(document, dict) or (version is not None and str(document.get("version")) != version):
                continue
            if kind == "component" and any(key in document for key in ("command", "jobs", "task")):
                return path
            if kind == "data" and document.get("type") in DATA_TYPES and isinstance(document.get("path"), str):
                return Path(path.parent, document["path"]).resolve()
    return None


def _yaml_files(root: Path) -> Iterator[Path]:
    """The YAML files of a project, without hidden folders."""
    count = 0
    for folder, folders, files in os.walk(root):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(files):
            count += 1
            if count > _MOST_FILES:
                return
            if name.endswith((".yml", ".yaml")):
                yield Path(folder, name)
