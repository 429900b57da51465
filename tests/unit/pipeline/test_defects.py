"""Defects in job files and their components: each is one message with the file, the line and the column."""

from pathlib import Path

import pytest

from bootstrap.errors import InputError
from bootstrap.pipeline.read import load_pipeline
from tests.helpers import build_tree
from tests.unit.pipeline.test_forms import FILES

PIPELINE = """
    type: pipeline
    settings: {default_compute: azureml:cpu}
    inputs:
      raw: {type: uri_folder, path: data}
      rate: 0.2
    outputs:
      model: {type: mlflow_model}
    jobs:
      prepare:
        command: cp ${{inputs.raw}}/rows.csv ${{outputs.clean}}
        inputs: {raw: "${{parent.inputs.raw}}"}
        outputs: {clean: }
      train:
        type: command
        component: ./train.yml
        inputs:
          data: ${{parent.jobs.prepare.outputs.clean}}
          rate: ${{parent.inputs.rate}}
        outputs:
          model: ${{parent.outputs.model}}
      nested:
        type: pipeline
        component: ./inner.yml
        inputs: {raw: "${{parent.inputs.raw}}"}
      search:
        type: sweep
        trial: ./train.yml
        inputs: {data: "${{parent.inputs.raw}}"}
        search_space: {rate: {type: uniform, min_value: 0, max_value: 1}}
        objective: {goal: minimize, primary_metric: loss}
        limits: {max_total_trials: 3}
      batch:
        type: parallel
        inputs: {files: "${{parent.inputs.raw}}"}
        outputs: {rows: {type: uri_file}}
        input_data: ${{inputs.files}}
        task: {type: run_function, code: ., entry_script: score.py, append_row_to: "${{outputs.rows}}"}
    """

JOB, TRAIN, INNER = "job.yml", "train.yml", "inner.yml"

TYPES = (
    "must be 'uri_file', 'uri_folder', 'mltable', 'mlflow_model', 'custom_model', 'triton_model', 'string', 'number',"
    " 'integer' or 'boolean'"
)

DEFECTS = [
    (JOB, 'type: pipeline\n', 'type: pipelin\n',
     "job.yml:1:7: 'pipelin' is not a type of jobs. Did you mean 'pipeline'?"),
    (JOB, "inputs.raw}}/rows", "inputs.rwa}}/rows",
     "job.yml:10:14: the command refers to inputs.rwa, which is not declared. Did you mean 'raw'?"),
    (JOB, 'outputs.clean}}\n    inputs', 'outputs.claen}}\n    inputs',
     "job.yml:10:14: the command refers to outputs.claen, which is not declared. Did you mean 'clean'?"),
    (JOB, "path: data", "path: dta",
     "job.yml:4:33: dta does not exist."),
    (JOB, "uri_folder, path", "uri_file, path",
     "job.yml:4:31: data is a folder; the type uri_file needs a file."),
    (JOB, "uri_folder, path", "uri_foldr, path",
     "job.yml:4:15: type: " + TYPES + " (found 'uri_foldr'). Did you mean 'uri_folder'?"),
    (JOB, "rate: 0.2", "rate: [0.2]",
     "job.yml:5:9: the input 'rate' must be a value, or a mapping with type and path."),
    (JOB, "rate: 0.2", "rate: fast",
     "job.yml:5:9: 'fast' is not a number."),
    (JOB, "rate: 0.2", 'rate: 0.2\n  rate: 0.3',
     "job.yml:6:3: the key 'rate' is here twice."),
    (JOB, "model: {type: mlflow_model}", "modle: {type: mlflow_model}",
     "job.yml:20:14: the pipeline has no output 'model'. Did you mean 'modle'?"),
    (JOB, "jobs.prepare", "jobs.prepar",
     "job.yml:17:13: the pipeline has no job 'prepar'. Did you mean 'prepare'?"),
    (JOB, 'outputs.clean}}\n      rate', 'outputs.cleaned}}\n      rate',
     "job.yml:17:13: the job 'prepare' has no output 'cleaned'. Did you mean 'clean'?"),
    (JOB, "parent.inputs.rate", "parent.inputs.rat",
     "job.yml:18:13: the pipeline has no input 'rat'. Did you mean 'rate'?"),
    (JOB, "${{parent.inputs.rate}}", "${{inputs.rate}}",
     ("job.yml:18:13: ${{inputs.rate}} is not a valid expression for a job's input."
      " Write ${{parent.inputs.NAME}} or ${{parent.jobs.JOB.outputs.NAME}}.")),
    (JOB, "      data: ${{", "      dta: ${{",
     "job.yml:17:7: the component of 'train' has no input 'dta'. Did you mean 'data'?"),
    (JOB, './train.yml\n    inputs:\n', './tran.yml\n    inputs:\n',
     "job.yml:15:16: there is no file tran.yml."),
    (JOB, "component: ./train.yml", "component: ./inner.yml",
     "job.yml:14:11: the component of 'train' is of type 'pipeline'. Write `type: pipeline`."),
    (JOB, "      model: ${{parent", "      modle: ${{parent",
     "job.yml:20:7: the component of 'train' has no output 'modle'. Did you mean 'model'?"),
    (JOB, "${{parent.outputs.model}}", "${{parent.inputs.rate}}",
     ("job.yml:20:14: ${{parent.inputs.rate}} is not a valid expression for a job's output."
      " Write ${{parent.outputs.NAME}}.")),
    (JOB, "type: command", "type: comand",
     "job.yml:14:11: 'comand' is not a type of jobs. Did you mean 'command'?"),
    (JOB, 'jobs:\n', 'job:\n',
     "job.yml:8:1: unknown key 'job'. Did you mean 'jobs'?"),
    (JOB, '  nested:\n    type: pipeline\n', '  nested:\n',
     "job.yml:22:5: the component of 'nested' is of type 'pipeline'. Write `type: pipeline`."),
    (JOB, 'inputs: {raw: "${{parent.inputs.raw}}"}\n  search', 'inputs: {row: "${{parent.inputs.raw}}"}\n  search',
     "job.yml:24:14: the component of 'nested' has no input 'row'. Did you mean 'raw'?"),
    (JOB, "min_value: 0, max_value: 1", "min_value: 2, max_value: 1",
     "job.yml:29:26: search_space.rate: must not be empty: min_value is at most max_value, q and upper are positive."),
    (JOB, "{rate: {type: uniform", "{speed: {type: uniform",
     "job.yml:29:20: the trial has no input 'speed'. Known: data, kernel, rate."),
    (JOB, "goal: minimize", "goal: minimise",
     "job.yml:30:23: objective.goal: must be 'minimize' or 'maximize' (found 'minimise'). Did you mean 'minimize'?"),
    (JOB, "max_total_trials: 3", "max_trials: 3",
     "job.yml:31:14: unknown key 'max_trials'. Did you mean 'max_total_trials'?"),
    (JOB, "primary_metric: loss", "metric: loss",
     "job.yml:30:33: unknown key 'metric'. Did you mean 'primary_metric'?"),
    (JOB, "entry_script: score.py", "entry_script: scoer.py",
     "job.yml:37:55: there is no scoer.py in FOLDER. Did you mean 'score.py'?"),
    (JOB, "input_data: ${{inputs.files}}", "input_data: ${{inputs.file}}",
     "job.yml:37:11: the command refers to inputs.file, which is not declared. Did you mean 'files'?"),
    (JOB, "default_compute: azureml:cpu", "default_compute: azureml:cpu, continue_on_step_failure: maybe",
     "job.yml:2:68: settings.continue_on_step_failure: must be true or false (found 'maybe')."),
    (JOB, '    outputs: {clean: }\n', '    outputs: {clean: }\n    limits: {timeout: soon}\n',
     "job.yml:13:23: the timeout must be a number of seconds (found 'soon')."),
    (JOB, '    outputs: {clean: }\n', '\toutputs: {clean: }\n',
     "job.yml:12:1: there is a tab. YAML is indented by spaces."),
    (TRAIN, "name: train", "nam: train",
     "train.yml:2:1: unknown key 'nam'. Did you mean 'name'?"),
    (TRAIN, "type: number, default: 0.5", "type: number, default: half",
     "train.yml:5:33: 'half' is not a number."),
    (TRAIN, "type: number", "type: float",
     "train.yml:5:16: inputs.rate.type: " + TYPES + " (found 'float')."),
    (TRAIN, "code: .", "code: src",
     "train.yml:8:7: there is no folder src."),
    (TRAIN, "train.py", "tarin.py",
     "train.yml:9:10: there is no tarin.py in FOLDER. Did you mean 'train.py'?"),
    (TRAIN, "outputs.model}}", "outputs.mdoel}}",
     "train.yml:9:10: the command refers to outputs.mdoel, which is not declared. Did you mean 'model'?"),
    (TRAIN, "type: string, default: rbf", "type: string, optional: true",
     "train.yml:9:10: the optional input 'kernel' must be inside $[[ ]], because it may have no value."),
    (INNER, "parent.outputs.best", "parent.outputs.bset",
     "inner.yml:13:22: the pipeline has no output 'bset'. Did you mean 'best'?"),
    (INNER, 'data: "${{parent.inputs.raw}}"', 'data: "${{parent.inputs.note}}"',
     "inner.yml:12:20: the pipeline's input 'note' of type string does not fit uri_folder."),
    (INNER, "note: {type: string, optional: true}", "note: {type: string, optinal: true}",
     "inner.yml:6:24: unknown key 'optinal'. Did you mean 'optional'?"),
    (INNER, "component: ./train.yml", "component: azureml:train:1",
     "inner.yml:11:16: azureml:train:1 is in a workspace. Write the path of the component's file."),
]  # fmt: skip


def test_pipeline_without_defect_is_read(tmp_path: Path) -> None:
    build_tree(tmp_path, {**FILES, JOB: PIPELINE})

    pipeline = load_pipeline(tmp_path / JOB)

    assert pipeline.jobs.keys() == {"prepare", "train", "nested.train", "search", "batch"}
    assert pipeline.warnings == ()


@pytest.mark.parametrize(("file", "old", "new", "message"), DEFECTS)
def test_defect_is_one_message_with_its_place(tmp_path: Path, file: str, old: str, new: str, message: str) -> None:
    folder = build_tree(tmp_path, {**FILES, JOB: PIPELINE})
    text = (folder / file).read_text(encoding="utf-8")
    assert old in text
    (folder / file).write_text(text.replace(old, new, 1), encoding="utf-8")

    with pytest.raises(InputError) as raised:
        load_pipeline(folder / JOB)

    assert [line.replace(f"{folder}/", "").replace(str(folder), "FOLDER") for line in raised.value.details] == [message]
