"""References to assets of Azure ML find the files of the project that declare them, and the project's model."""

from pathlib import Path

import pytest

from bootstrap.errors import InputError
from bootstrap.pipeline.graph import Pipeline
from bootstrap.pipeline.read import load_pipeline
from bootstrap.project import find_project
from tests.helpers import build_tree
from tests.tiny import tiny
from tests.unit.model.worlds import World, register_by_hand

PIPELINE = """
    type: pipeline
    compute: serverless
    jobs:
      one:
        component: azureml:fit%s
        inputs: {rows: {type: uri_folder, path: azureml:rows%s}}
    """
FILES = {
    "components/fit.yml": """
        type: command
        name: fit
        version: 2
        inputs: {rows: {type: uri_folder}}
        command: ls ${{inputs.rows}}
        """,
    "assets/rows.yml": "name: rows  # cleaned\nversion: 1\ntype: uri_folder\npath: ../data\n",
    "assets/other.yml": "name: rows-of-others\ntype: uri_folder\npath: ../nowhere\n",
    ".hidden/rows.yml": "name: rows\nversion: 3\ntype: uri_folder\npath: ../nowhere\n",
    "data/a.csv": "a\n",
}


def load(folder: Path, component: str, data: str) -> Pipeline:
    root = build_tree(folder, tiny({**FILES, "job.yml": PIPELINE % (component, data)}))
    return load_pipeline(root / "job.yml", (), find_project(root))


@pytest.mark.parametrize(("component", "data"), [("@latest", "@latest"), (":2", ":1"), ("", "")])
def test_asset_that_a_file_declares_is_found_and_reported(tmp_path: Path, component: str, data: str) -> None:
    pipeline = load(tmp_path, component, data)

    assert pipeline.jobs["one"].component == tmp_path / "components/fit.yml"
    assert pipeline.inputs["one.rows"].path == tmp_path / "data"
    assert [str(one).replace(f"{tmp_path}/", "") for one in pipeline.warnings] == [
        f"job.yml:5:16: azureml:fit{component} is here components/fit.yml.",
        f"job.yml:6:45: azureml:rows{data} is here data.",
    ]


def test_other_version_of_an_asset_is_not_found(tmp_path: Path) -> None:
    with pytest.raises(InputError) as component:
        load(tmp_path, ":1", "")
    with pytest.raises(InputError) as data:
        load(tmp_path, "", ":3")

    assert "azureml:fit:1 is in a workspace." in str(component.value)
    assert "azureml:rows:3 is in Azure ML. Name a local copy: --set one.rows=PATH." in str(data.value)


def test_name_of_the_model_is_its_latest_registered_version(tmp_path: Path) -> None:
    project = World(tmp_path).write()
    name = project.manifest.model.name
    job = "command: ls ${{inputs.m}}\ninputs: {m: {type: custom_model, path: azureml:%s}}\n"
    build_tree(project.root, {"latest.yml": job % f"{name}@latest", "first.yml": job % f"{name}:1"})

    with pytest.raises(InputError, match=f"azureml:{name}@latest is in Azure ML"):
        load_pipeline(project.root / "latest.yml", (), project)
    for number in ("1", "2"):
        register_by_hand(project.root, number, number)

    found = [load_pipeline(project.root / file, (), project).inputs["m"].path for file in ("first.yml", "latest.yml")]
    assert [(path / "MLmodel").read_text() for path in found if path is not None] == ["1", "2"]
