"""A project: a repository made from a blueprint, described by its `mlops.yaml`.

The format is documented in docs/formats.md.
"""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, StringConstraints

from bootstrap import tool
from bootstrap.errors import BootstrapError, MissingError
from bootstrap.files import path_inside, relative_path
from bootstrap.processes import shell_line, uv
from bootstrap.yaml import read, validated
from bootstrap.yaml.patterns import matching

FILE_NAME = "mlops.yaml"
STATE_FOLDER = ".mlops"

PLATFORM = "a URL without user name and password, or a path relative to the project's folder"
PLATFORM_PATTERN = r"(?!https?://[^/]*@)[\w.~%+@:/ -]+"


RelativePath = Annotated[
    str,
    matching("a path inside the project, with forward slashes", r"(?!/)(?!(?:[^\\:]*/)?\.\.(?:/|$))[^\\:\0]+"),
]
"""A path below the project's folder, with forward slashes."""


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ModelSection(_Section):
    """The model that the project is about.

    Attributes:
        name: The name under which versions are registered, here and in Azure ML.
        gate: The rule file.
    """

    name: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,254}$")]
    gate: RelativePath


class PipelineSection(_Section):
    """The training pipeline, and which of its inputs and outputs mean what.

    Attributes:
        file: The Azure ML pipeline job (CLI v2 YAML).
        champion: The job and its optional input that receive the model which serves now: `evaluate.champion`. Pipeline
            jobs of Azure ML have no optional inputs of their own, so the file itself does not name it.
        model: The output that is the challenger: an MLflow model.
        evaluation: The output that holds `evaluation.json`.
        report: The output that people look at, if the pipeline makes one.
    """

    file: RelativePath
    champion: Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_]*\.[A-Za-z_][A-Za-z0-9_]*$")]
    model: str
    evaluation: str
    report: str | None = None


class ServeSection(_Section):
    """Where the online deployment and its sample request are, and the dependency group that serves."""

    deployment: RelativePath
    sample_request: RelativePath
    group: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9](?:[A-Za-z0-9._-]{0,98}[A-Za-z0-9])?$")]


class PlatformSection(_Section):
    """The platform repository that describes the project's environments.

    Attributes:
        repository: Its URL, or its path relative to the project's folder.
        team: The name of the project's team in it.
    """

    repository: Annotated[str, matching(PLATFORM, PLATFORM_PATTERN)]
    team: Annotated[str, StringConstraints(min_length=1)]


class EnvironmentSection(_Section):
    """An environment that the project's models are released to, and its Azure location."""

    location: Annotated[str, StringConstraints(pattern=r"^[a-z]+[0-9]?$")]


class ProjectManifest(_Section):
    """The content of `mlops.yaml`."""

    schema_version: Literal[1]
    tool: Annotated[str, matching(tool.VERSION, tool.VERSION_PATTERN)]
    tool_source: Annotated[str, matching(tool.SOURCE, tool.SOURCE_PATTERN)] | None = None
    name: str
    team: str
    model: ModelSection
    pipeline: PipelineSection
    serve: ServeSection
    platform: PlatformSection | None = None
    environments: dict[str, EnvironmentSection] = {}


@dataclass(frozen=True)
class Project:
    """A project on disk.

    Attributes:
        root: The folder that holds `mlops.yaml`, absolute.
        manifest: What `mlops.yaml` says.
    """

    root: Path
    manifest: ProjectManifest

    @property
    def state(self) -> Path:
        """The ignored folder that holds runs, step outputs, the MLflow store and the registry of this machine."""
        return self.path(STATE_FOLDER)

    def path(self, relative: str) -> Path:
        """The absolute path of something that the manifest or a record names.

        Raises InputError when it leads out of the project, by `..` or by a symbolic link.
        """
        return path_inside(self.root, relative, "project")

    def command(self, words: str) -> str:
        """A command of this tool for this project, as the user types it in their current folder: `-C` if needed."""
        here = Path.cwd()
        outside = "" if here.is_relative_to(self.root) else f" -C {shell_line(relative_path(self.root, here))}"
        return f"mlops-bootstrap {words}{outside}"

    def python(self, group: str | None = None) -> Path:
        """Create or update an environment of the project from its uv.lock, and return the path of its Python.

        Args:
            group: The dependency group of a separate environment; None for the development environment, `.venv`.

        Raises:
            MissingError: uv cannot create the environment from the lock; its message is in `why`.
        """
        folder = self.root / ".venv" if group is None else self.path(f"{STATE_FOLDER}/environments/{group}")
        selection = [] if group is None else ["--only-group", group]
        try:
            uv("sync", "--locked", *selection, cwd=self.root, env={"UV_PROJECT_ENVIRONMENT": str(folder)})
        except BootstrapError as error:
            raise MissingError(
                f"The environment of {self.manifest.name} cannot be created from its uv.lock.",
                why=error.why,
                hint="If you changed pyproject.toml, run `uv lock`. "
                "Without a network, run `uv sync` once with a network.",
            ) from error
        return folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def find_project(start: Path) -> Project:
    """The project that `start` lies in: the nearest `mlops.yaml` upwards.

    Raises:
        MissingError: There is none.
        InputError: `mlops.yaml` has mistakes, or pins another version of this tool.
    """
    for folder in (start, *start.parents):
        if (folder / FILE_NAME).is_file():
            document = read(folder / FILE_NAME, within=folder)
            tool.require_this_version(document.position(("tool",)), document.data)
            return Project(folder, validated(document, ProjectManifest))
    raise MissingError(
        f"{start} is not in a project.",
        why=f"Neither it nor a folder above it has a {FILE_NAME}.",
        hint="Go to a project's folder (or use -C DIR), or make one: mlops-bootstrap new",
    )
