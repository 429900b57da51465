"""Creates the Python environments of a project from its uv.lock, with uv."""

import os
from pathlib import Path

from bootstrap.errors import BootstrapError, MissingError
from bootstrap.processes import uv
from bootstrap.project import Project


def project_python(project: Project, group: str | None = None) -> Path:
    """Create or update an environment of the project, and return the path of its Python.

    Args:
        group: The dependency group of a separate environment; None for the development environment, `.venv`.

    Raises:
        MissingError: uv cannot create the environment from the lock; its message is in `why`.
    """
    folder = project.root / ".venv" if group is None else project.state / "environments" / group
    selection = [] if group is None else ["--only-group", group]
    try:
        uv("sync", "--locked", *selection, cwd=project.root, env={"UV_PROJECT_ENVIRONMENT": str(folder)})
    except BootstrapError as error:
        raise MissingError(
            f"The environment of {project.manifest.name} cannot be created from its uv.lock.",
            why=error.why,
            hint="If you changed pyproject.toml, run `uv lock`. Without a network, run `uv sync` once with a network.",
        ) from error
    return folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
