"""A project's own locked Python environments, made with uv. We never import what is in them."""

import os
from pathlib import Path

from bootstrap.errors import BootstrapError, MissingError
from bootstrap.processes import uv
from bootstrap.project import Project


def project_python(project: Project, group: str | None = None) -> Path:
    """The Python of an environment of the project's lock, made or brought up to date when it has to be.

    Args:
        group: A dependency group that stands alone beside the development environment (the one that serves); None for
            the development environment itself, `.venv`, which is the one that a developer uses too.

    Raises:
        MissingError: The environment cannot be made from the lock; uv's own words are in `why`.
    """
    folder = project.root / ".venv" if group is None else project.state / "environments" / group
    selection = [] if group is None else ["--only-group", group]
    try:
        uv("sync", "--locked", *selection, cwd=project.root, env={"UV_PROJECT_ENVIRONMENT": str(folder)})
    except BootstrapError as error:
        raise MissingError(
            f"The environment of {project.manifest.name} cannot be made from its uv.lock.",
            why=error.why,
            hint="If pyproject.toml was changed, run `uv lock` in the project; offline, run `uv sync` once online.",
        ) from error
    return folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
