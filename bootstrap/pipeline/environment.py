"""The environment that the commands of steps run in: the project's Python, and MLflow's variables."""

import os
import shutil
from pathlib import Path

from bootstrap.model.mlflow_store import mlflow_environment, store_uri
from bootstrap.pipeline.graph import Pipeline
from bootstrap.project import Project


def python_version(project: Project) -> str | None:
    """The Python version of the project's environment, from its pyvenv.cfg; None if there is no environment yet."""
    path = project.root / ".venv" / "pyvenv.cfg"
    if not path.is_file():
        return None
    lines = (line.partition("=") for line in path.read_text(encoding="utf-8").splitlines())
    return next((value.strip() for name, _, value in lines if name.strip() == "version_info"), None)


def program(name: str, interpreter: Path) -> str | None:
    """The program that a command starts: in the project's environment or on PATH; None if there is none."""
    if name in ("python", "python3"):
        return str(interpreter)
    return shutil.which(name, path=os.pathsep.join([str(interpreter.parent), os.environ.get("PATH", "")]))


def step_environment(project: Project, interpreter: Path, pipeline: Pipeline, run_id: str | None) -> dict[str, str]:
    """This process's environment variables, with the project's Python first, and MLflow's as Azure ML sets them."""
    environment = mlflow_environment(interpreter)
    environment["PATH"] = os.pathsep.join([str(interpreter.parent), environment.get("PATH", "")])
    environment["VIRTUAL_ENV"] = str(interpreter.parents[1])
    for name in ("PYTHONPATH", "PYTHONHOME", "MLFLOW_RUN_ID", "MLFLOW_EXPERIMENT_ID"):
        environment.pop(name, None)
    environment["PYTHONUNBUFFERED"] = "1"
    if run_id is not None:
        environment["MLFLOW_TRACKING_URI"] = store_uri(project)
        environment["MLFLOW_RUN_ID"] = run_id
        environment["MLFLOW_EXPERIMENT_NAME"] = pipeline.experiment or project.manifest.name
    return environment
