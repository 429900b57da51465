"""The environment that the commands of steps run in: a shell, the project's Python, and the variables of Azure ML."""

import os
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path

from bootstrap.errors import MissingError
from bootstrap.model.mlflow_store import mlflow_environment, store_uri
from bootstrap.pipeline.expressions import value_text
from bootstrap.pipeline.graph import Pipeline
from bootstrap.project import Project

_NOT_INHERITED = ("PYTHONPATH", "PYTHONHOME", "MLFLOW_RUN_ID", "MLFLOW_EXPERIMENT_ID", "BASH_ENV", "ENV")


def python_version(project: Project) -> str | None:
    """The Python version of the project's environment, from its pyvenv.cfg; None if there is no environment yet."""
    path = project.root / ".venv" / "pyvenv.cfg"
    if not path.is_file():
        return None
    lines = (line.partition("=") for line in path.read_text(encoding="utf-8").splitlines())
    return next((value.strip() for name, _, value in lines if name.strip() == "version_info"), None)


def shell() -> str:
    """The bash that runs commands, as in Azure ML; on Windows git's: the one in System32 starts a Linux.

    Raises MissingError if there is none.
    """
    found = shutil.which("bash")
    if sys.platform == "win32":
        git = shutil.which("git")  # DIR/cmd/git.exe or DIR/mingw64/bin/git.exe
        folders = [*(Path(git).parents if git else ()), Path(os.environ.get("PROGRAMFILES", "C:/Program Files"), "Git")]
        inside = [folder / "bin/bash.exe" for folder in folders if (folder / "usr/bin").is_dir()]
        found = next((str(path) for path in inside if path.is_file()), None)
    if found is None:
        raise MissingError(
            "Steps are run by bash, as in Azure ML, and it is not installed.",
            hint="Install bash; on Windows install Git for Windows, which has one: https://gitforwindows.org",
        )
    return found


def step_environment(project: Project, interpreter: Path, pipeline: Pipeline, run_id: str | None) -> dict[str, str]:
    """This process's environment variables, with the project's Python first, and MLflow's as Azure ML sets them."""
    environment = {
        name: value for name, value in mlflow_environment(interpreter).items()
        if name not in _NOT_INHERITED and not name.startswith(("AZUREML_", "AZURE_ML_", "BASH_FUNC_"))
    }  # fmt: skip
    environment["PATH"] = os.pathsep.join([str(interpreter.parent), environment.get("PATH", "")])
    environment["VIRTUAL_ENV"] = str(interpreter.parents[1])
    environment["PYTHONUNBUFFERED"] = "1"
    environment["MSYS2_ARG_CONV_EXCL"] = "*"  # git's bash would change arguments that look like paths
    if run_id is not None:
        environment["MLFLOW_TRACKING_URI"] = store_uri(project)
        environment["MLFLOW_RUN_ID"] = run_id
        environment["MLFLOW_EXPERIMENT_NAME"] = pipeline.experiment or project.manifest.name
    return environment


def job_variables(run_id: str, inputs: Mapping[str, str | float | Path], outputs: Mapping[str, Path]) -> dict[str, str]:
    """The variables by which Azure ML tells a command its run, the paths of its data, and its literals.

    Data: https://learn.microsoft.com/azure/machine-learning/how-to-train-with-rest. Literals: the reference of
    `azure.ai.ml.entities.CommandJob`. The run:
    https://learn.microsoft.com/azure/machine-learning/how-to-use-mlflow-cli-runs
    """
    data = {name: value for name, value in inputs.items() if isinstance(value, Path)}
    return {
        "AZUREML_RUN_ID": run_id,
        **{f"AZURE_ML_INPUT_{name}": value_text(value) for name, value in data.items()},
        **{f"AZURE_ML_OUTPUT_{name}": value_text(value) for name, value in outputs.items()},
        **{f"AZUREML_PARAMETER_{name}": value_text(value) for name, value in inputs.items() if name not in data},
    }
