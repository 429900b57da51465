"""Reading a pipeline file: what is bound to what, and every mistake with its place before anything runs."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bootstrap.errors import InputError
from bootstrap.pipeline.check import cast
from bootstrap.pipeline.graph import FromInput, FromJob, Pipeline, Port
from bootstrap.pipeline.read import load_pipeline, settings
from tests.helpers import build_tree

PIPELINE = """
    $schema: https://azuremlschemas.azureedge.net/latest/pipelineJob.schema.json
    type: pipeline
    experiment_name: churn
    settings: {default_compute: azureml:cpu}
    inputs:
      rows: {type: uri_file, path: ../data/rows.csv, mode: ro_mount}
      champion: {type: mlflow_model}
      rate: 0.5
    outputs:
      model: {type: mlflow_model}
    jobs:
      train:
        type: command
        component: ../train/component.yml
        compute: azureml:cpu
        comment: the step that learns
        environment_variables: {OMP_NUM_THREADS: 2}
        inputs:
          rows: ${{parent.inputs.rows}}
          rate: ${{parent.inputs.rate}}
        outputs:
          model: ${{parent.outputs.model}}
      judge:
        component: file:../judge/component.yml
        inputs:
          model: {path: "${{parent.jobs.train.outputs.model}}", mode: ro_mount}
          champion: ${{parent.inputs.champion}}
    """

PIPE, TRAIN = "pipelines/train.yml", "train/component.yml"

FILES = {
    "data/rows.csv": "a\n1\n",
    "pipelines/train.yml": PIPELINE,
    "train/component.yml": """
        type: command
        name: train
        inputs:
          rows: {type: uri_file}
          rate: {type: number, min: 0, max: 1}
          kind: {type: string, default: plain, enum: [plain, fancy]}
          folds: {type: integer, default: 5, enum: ["5", "10"]}
        outputs:
          model: {type: mlflow_model}
        code: .
        environment: azureml:anything:1
        command: >-
          python train.py --rows ${{inputs.rows}} --rate ${{ inputs.rate }} --kind '${{inputs.kind}}'
          --folds=${{inputs.folds}} --model ${{outputs.model}}
        """,
    "train/train.py": "",
    "judge/component.yml": """
        type: command
        name: judge
        code: .
        inputs:
          model: {type: mlflow_model}
          champion: {type: mlflow_model, optional: true}
          strict: {type: boolean, optional: true}
        outputs:
          verdict: {type: uri_file}
        command: |
          python judge.py ${{inputs.model}} \\
            $[[--champion ${{inputs.champion}}]] $[[--strict ${{inputs.strict}}]] ${{outputs.verdict}}
        """,
    "judge/judge.py": "",
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return build_tree(tmp_path, FILES)


def load(folder: Path, *given: str) -> Pipeline:
    return load_pipeline(folder / "pipelines/train.yml", given)


def alter(folder: Path, file: str, old: str, new: str) -> None:
    path = folder / file
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


def problems(folder: Path, *given: str) -> str:
    with pytest.raises(InputError) as raised:
        load(folder, *given)
    return "\n".join(raised.value.details)


def test_jobs_are_bound_and_sorted_by_dependency(folder: Path) -> None:
    pipeline = load(folder)

    assert list(pipeline.jobs) == ["train", "judge"]
    assert pipeline.jobs["train"].inputs == {"rows": FromInput("rows"), "rate": FromInput("rate")}
    assert pipeline.jobs["judge"].inputs["model"] == FromJob("train", "model")
    assert pipeline.jobs["judge"].after == ["train"]
    assert pipeline.outputs == {"model": FromJob("train", "model")}
    assert pipeline.inputs["rows"].path == folder / "data/rows.csv"
    assert pipeline.jobs["train"].environment == {"OMP_NUM_THREADS": "2"}


def test_azure_data_is_refused_without_local_path(folder: Path) -> None:
    alter(folder, "pipelines/train.yml", "../data/rows.csv", "azureml:rows:1")

    assert "azureml:rows:1 is in Azure ML. Name a local copy: --set rows=PATH." in problems(folder)
    assert load(folder, "rows").inputs["rows"].path is None


def test_input_without_value_fits_only_optional_input(folder: Path) -> None:
    alter(
        folder,
        "judge/component.yml",
        "champion: {type: mlflow_model, optional: true}",
        "champion: {type: mlflow_model}",
    )

    assert "'champion' has no value, but the component requires one" in problems(folder)
    assert load(folder, "champion").jobs["judge"].inputs["champion"] == FromInput("champion")


def test_all_mistakes_are_reported_at_once_with_positions(folder: Path) -> None:
    alter(folder, "pipelines/train.yml", "parent.inputs.rows", "parent.inputs.row")
    alter(folder, "pipelines/train.yml", "parent.outputs.model", "parent.outputs.modl")
    alter(folder, "judge/component.yml", "${{outputs.verdict}}", "${{outputs.verdit}} && pip install x")

    message = problems(folder)

    assert f"{folder / 'pipelines/train.yml'}:19:13: the pipeline has no input 'row'. Did you mean 'rows'?" in message
    assert "train.yml:22:14: the pipeline has no output 'modl'. Did you mean 'model'?" in message
    assert f"{folder / 'judge/component.yml'}:10:10: the command refers to outputs.verdit" in message
    assert "component.yml:10:10: the command installs packages (pip install x)" in message


@pytest.mark.parametrize(
    ("file", "old", "new", "message"),
    [
        (PIPE, "rate: 0.5", "rate: '${{parent.inputs.rows}}'", "cannot be an expression"),
        (PIPE, "rate: 0.5", "rate: [1, 2]", "must be a value, or a mapping"),
        (PIPE, "rate: 0.5", "rate: 1.5", "1.5 is above the maximum, 1"),
        (PIPE, "rate: 0.5", "rate: true", "True is not a number"),
        (PIPE, "rate: ${{parent.inputs.rate}}", "rate: .inf", "is not finite"),
        (PIPE, "rate: ${{parent.inputs.rate}}", "rate: x${{parent.inputs.rate}}", "is not a valid expression"),
        (PIPE, "rate: ${{parent.inputs.rate}}", "rate: ${{inputs.rate}}", "is not a valid expression"),
        (PIPE, "rate: ${{parent.inputs.rate}}", "kind: odd", "'odd' is not one of plain, fancy"),
        (PIPE, "rate: ${{parent.inputs.rate}}", "folds: 7", "7 is not one of 5, 10"),
        (PIPE, "rows: ${{parent.inputs.rows}}", "rows: 5", "cannot be the literal 5"),
        (PIPE, "rows: ${{parent.inputs.rows}}", "rate: 1", "the key 'rate' is here twice"),
        (PIPE, "uri_file, path: ../data/rows.csv", "uri_folder, path: ../data", "does not fit"),
        (PIPE, "path: ../data/rows.csv", "path: ../data", "is a folder; the type uri_file needs a file"),
        (PIPE, "champion: {type: mlflow_model}", "champion: {type: mlflow_model, path: ../data}", "MLmodel"),
        (PIPE, "champion: {type: mlflow_model}", "champion: {type: uri_folder}", "does not fit mlflow_model"),
        (PIPE, "model: {type: mlflow_model}", "model: {type: uri_file}", "output of type uri_file"),
        (PIPE, "model: {type: mlflow_model}", "model: {typ: uri_folder}", "unknown key 'typ'"),
        (PIPE, "model: ${{parent.outputs.model}}", "model: ${{parent.inputs.rate}}", "for a job's output"),
        (PIPE, "  judge:", "  ../judge:", "'../judge' is not a valid name"),
        (PIPE, "component: ../train/component.yml", "component: azureml:train:1", "azureml:train:1 is in a workspace"),
        (PIPE, "component: ../train/component.yml", "component: ../nowhere.yml", "there is no file"),
        (PIPE, "component: ../train/component.yml", "command: python x.py", "without `code` its working folder"),
        (PIPE, "type: command", "type: spark", "the job 'train' is a Spark job: Azure ML runs it. Submit"),
        (PIPE, "type: command", "type: comand", "'comand' is not a type of jobs. Did you mean 'command'?"),
        (PIPE, "comment: the step that learns", "distribution: {process_count_per_instance: 2}", "needs 2 processes"),
        (PIPE, "compute: azureml:cpu\n", "resources: {instance_count: 3}\n", "needs 3 machines"),
        (PIPE, "comment:", "coment:", "unknown key 'coment'. Did you mean 'comment'?"),
        (PIPE, "jobs.train.outputs.model", "jobs.judge.outputs.verdict", "cannot be an input of type"),
        (TRAIN, "name: train", "name: train\nis_determinstic: true", "Did you mean 'is_deterministic'?"),
        (TRAIN, "name: train", "name: train\nadditional_includes: [../shared]", "component.yml:3:23: there is no"),
        (TRAIN, "code: .\n", "", "without `code` its working folder is empty"),
        (TRAIN, "type: command", "type: automl", "this is an AutoML job: Azure ML runs it."),
        (TRAIN, "default: 5", "default: 6", "6 is not one of 5, 10"),
        (TRAIN, '["5", "10"]', "[five]", "'five' is not an integer"),
        (TRAIN, "code: .", "code: ./src", "there is no folder"),
        (TRAIN, "train.py", "trian.py", "there is no trian.py in"),
        (TRAIN, "'${{inputs.kind}}'", "'${{inputs.kind}}", "a quote (') of the command has no end"),
    ],
)  # fmt: skip
def test_mistake_is_reported(folder: Path, file: str, old: str, new: str, message: str) -> None:
    alter(folder, file, old, new)

    assert message in problems(folder)


def test_set_option_splits_at_first_equals_sign() -> None:
    assert settings(["a=1", "b=x=y", "c="]) == {"a": "1", "b": "x=y", "c": ""}
    with pytest.raises(InputError, match="NAME=VALUE"):
        settings(["=1"])


SCALARS = st.one_of(
    st.text(max_size=20), st.integers(), st.floats(), st.booleans(), st.sampled_from([10**400, "1e999"])
)


@given(value=SCALARS, type_=st.sampled_from(["string", "integer", "number", "boolean"]))
def test_cast_value_has_declared_type_and_cast_is_idempotent(value: object, type_: str) -> None:
    port = Port(type_)
    try:
        once = cast(value, port)
    except ValueError:
        return
    kinds: dict[str, tuple[type, ...]] = {
        "string": (str,), "integer": (int,), "number": (int, float), "boolean": (bool,),
    }  # fmt: skip
    assert isinstance(once, kinds[type_])
    assert isinstance(once, bool) == (type_ == "boolean")
    assert cast(once, port) == once
