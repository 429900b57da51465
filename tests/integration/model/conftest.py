"""One project with a real lock and real environments for all tests of registering and serving."""

import itertools
import shutil
from collections.abc import Iterator

import pytest

from bootstrap.model.mlflow_store import MlflowStore
from bootstrap.processes import uv
from bootstrap.project import Project
from tests.helpers import build_tree
from tests.unit.model.worlds import World

_numbers = itertools.count()

PYPROJECT = """
    [project]
    name = "churn"
    version = "0"
    requires-python = ">=3.11"
    dependencies = ["mlflow-skinny==3.15.0", "sqlalchemy<3", "alembic<2"]

    [dependency-groups]
    serve = ["azureml-inference-server-http==1.5.1", "mlflow-skinny==3.15.0", "pandas==2.3.3"]

    [tool.uv]
    package = false
    """

# An MLflow model that answers with the sum of each row, and counts as "broken" what it is told to.
SUMS = {
    "MLmodel": """
        flavors:
          python_function:
            loader_module: sums
            code: code
            python_version: 3.11.0
        signature:
          inputs: '[{"type": "double", "name": "a"}, {"type": "double", "name": "b"}]'
          outputs: '[{"type": "double"}]'
        """,
    "code/sums.py": """
        class Sums:
            def predict(self, rows, params=None):
                return rows.sum(axis=1)


        def _load_pyfunc(path):
            return Sums()
        """,
}

SCORE = """
    import json
    import os
    from pathlib import Path

    import mlflow.pyfunc
    import pandas as pd
    from azureml_inference_server_http.api.aml_response import AMLResponse


    def init():
        global model
        [found] = Path(os.environ["AZUREML_MODEL_DIR"]).rglob("MLmodel")
        model = mlflow.pyfunc.load_model(str(found.parent))


    def run(request):
        try:
            table = json.loads(request)["input_data"]
            rows = pd.DataFrame(table["data"], columns=table["columns"]).astype("float64")
        except (ValueError, KeyError, TypeError) as error:
            return AMLResponse({"error": f"no table of numbers: {error}"}, 400, json_str=True)
        return (model.predict(rows) + float(os.environ.get("OFFSET", "0"))).tolist()
    """

DEPLOYMENT = """
    name: blue
    endpoint_name: fraud-churn
    model: azureml:churn@latest
    code_configuration: {code: ., scoring_script: score.py}
    environment: ../../environments/serve/environment.yml
    instance_type: Standard_D2as_v4
    instance_count: 1
    """

FILES = {
    "endpoints/online/score.py": SCORE,
    "endpoints/online/deployment.yml": DEPLOYMENT,
    "endpoints/online/sample-request.json": '{"input_data": {"columns": ["a", "b"], "data": [[1, 2], [0.5, 0.25]]}}\n',
}


@pytest.fixture(scope="session")
def shared_project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """The project with both environments."""
    world = World(build_tree(tmp_path_factory.mktemp("project"), {"pyproject.toml": PYPROJECT}))
    uv("lock", cwd=world.root)
    project = world.write()
    project.python()
    project.python("serve")
    return project


@pytest.fixture(scope="session")
def shared_store(shared_project: Project) -> Iterator[MlflowStore]:
    """The project's MLflow store, opened once: opening takes seconds. Tests register under names of their own."""
    with MlflowStore(shared_project) as store:
        yield store


@pytest.fixture
def world(shared_project: Project, monkeypatch: pytest.MonkeyPatch) -> World:
    """That project as if nothing had been run in it, and a run whose model, of the test's own name, answers sums."""
    # The environments are started many times; without bytecode each start would compile MLflow and pandas anew.
    monkeypatch.delenv("PYTHONDONTWRITEBYTECODE", raising=False)
    root = shared_project.root
    for path in shared_project.state.iterdir():
        if path.is_dir() and path.name != "environments":
            shutil.rmtree(path)
    for log in shared_project.state.glob("*.log"):
        log.unlink()
    made = World(build_tree(root, FILES), model=SUMS, name=f"m{next(_numbers)}")
    made.write()
    return made
