"""Each form of an Azure ML job file becomes one flat pipeline: what runs, with which values, and what is warned about.

The meaning of each case is documented at https://learn.microsoft.com/azure/machine-learning/ + the page that it names.
"""

from pathlib import Path
from typing import Any

import pytest

from bootstrap.errors import InputError
from bootstrap.pipeline.graph import FromInput, FromJob, Pipeline, Port
from bootstrap.pipeline.read import load_pipeline
from tests.helpers import build_tree

TRAIN = """
    type: command
    name: train
    inputs:
      data: {type: uri_folder}
      rate: {type: number, default: 0.5}
      kernel: {type: string, default: rbf}
    outputs: {model: {type: mlflow_model}}
    code: .
    command: python train.py ${{inputs.data}} ${{inputs.rate}} ${{inputs.kernel}} ${{outputs.model}}
    """

INNER = """
    type: pipeline
    name: inner
    inputs:
      raw: {type: uri_folder}
      rate: {type: number, default: 0.1}
      note: {type: string, optional: true}
    outputs: {best: {type: mlflow_model}}
    jobs:
      train:
        type: command
        component: ./train.yml
        inputs: {data: "${{parent.inputs.raw}}", rate: "${{parent.inputs.rate}}"}
        outputs: {model: "${{parent.outputs.best}}"}
    """

FILES = {"data/rows.csv": "a\n1\n", "train.yml": TRAIN, "train.py": "", "inner.yml": INNER, "score.py": "", "lib/x": ""}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return build_tree(tmp_path, FILES)


def load(folder: Path, text: str, *given: str) -> Pipeline:
    build_tree(folder, {"job.yml": text})
    return load_pipeline(folder / "job.yml", given)


def refused(folder: Path, text: str, *given: str) -> list[str]:
    with pytest.raises(InputError) as raised:
        load(folder, text, *given)
    return [line.replace(f"{folder}/", "") for line in raised.value.details]


def warned(folder: Path, text: str) -> list[str]:
    return [str(one).replace(f"{folder}/", "") for one in load(folder, text).warnings]


def test_command_job_is_pipeline_of_one_job(folder: Path) -> None:
    """reference-yaml-job-command: `type` is optional; inputs are literals or data; `timeout` is in seconds."""
    pipeline = load(
        folder,
        """
        experiment_name: first
        command: |
          ls ${{inputs.rows}}
          echo ${{inputs.word}} > ${{outputs.result}}/word.txt
        inputs:
          rows: {type: uri_folder, path: data}
          word: hello
        outputs:
          result:
        environment: {image: library/python:latest}
        environment_variables: {A: 1}
        limits: {timeout: 60}
        """,
    )

    job = pipeline.jobs["job"]
    assert pipeline.experiment == "first"
    assert pipeline.inputs == {"rows": Port("uri_folder", path=folder / "data"), "word": Port(None, default="hello")}
    assert job.inputs == {"rows": FromInput("rows"), "word": FromInput("word")}
    assert (job.code, job.timeout, job.environment) == (None, 60, {"A": "1"})
    assert job.outputs == {"result": "uri_folder", "artifacts": "uri_folder"}
    assert pipeline.outputs == {"result": FromJob("job", "result"), "artifacts": FromJob("job", "artifacts")}


def test_jobs_of_pipeline_can_contain_their_command(folder: Path) -> None:
    """reference-yaml-job-pipeline: an output without a value is a folder; a bound one has the pipeline's type."""
    pipeline = load(
        folder,
        """
        type: pipeline
        settings: {default_compute: azureml:cpu, continue_on_step_failure: false, force_rerun: true}
        inputs: {word: hello}
        outputs: {text: {type: uri_file}}
        jobs:
          first:
            command: echo ${{inputs.word}} > ${{outputs.made}}/x
            inputs: {word: "${{parent.inputs.word}}"}
            outputs: {made: }
          second:
            type: command
            command: cat ${{inputs.made}}/x > ${{outputs.text}}
            inputs: {made: "${{parent.jobs.first.outputs.made}}"}
            outputs: {text: "${{parent.outputs.text}}"}
        """,
    )

    assert pipeline.jobs["first"].outputs == {"made": "uri_folder"}
    assert pipeline.jobs["second"].outputs == {"text": "uri_file"}
    assert pipeline.jobs["second"].inputs == {"made": FromJob("first", "made")}
    assert (pipeline.continue_on_failure, pipeline.force_rerun) == (False, True)


def test_component_can_stand_in_the_pipeline(folder: Path) -> None:
    """reference-yaml-job-pipeline: `component` is a file, or the component itself."""
    pipeline = load(
        folder,
        """
        type: pipeline
        compute: azureml:cpu
        jobs:
          one:
            component:
              type: command
              name: inline
              inputs: {n: {type: integer, default: 3}}
              code: .
              command: python train.py ${{inputs.n}}
            environment_variables: {A: b}
        """,
    )

    job = pipeline.jobs["one"]
    assert (job.component, job.code, job.ports["n"].default) == (folder / "job.yml", folder, 3)
    assert job.environment == {"A": "b"}


NESTED = """
    type: pipeline
    settings: {default_compute: azureml:cpu}
    inputs: {raw: {type: uri_folder, path: data}, rate: 0.2}
    outputs: {model: {type: mlflow_model}}
    jobs:
      a:
        type: pipeline
        component: ./inner.yml
        inputs: {raw: "${{parent.inputs.raw}}", rate: "${{parent.inputs.rate}}"}
        outputs: {best: "${{parent.outputs.model}}"}
      b:
        type: pipeline
        component: ./inner.yml
        inputs: {raw: "${{parent.inputs.raw}}"}
      compare:
        command: diff ${{inputs.one}} ${{inputs.two}}
        inputs: {one: "${{parent.jobs.a.outputs.best}}", two: "${{parent.jobs.b.outputs.best}}"}
    """


def test_jobs_of_pipeline_components_stand_beside_the_others(folder: Path) -> None:
    """how-to-use-pipeline-component: its inputs and outputs are bound like those of every job."""
    pipeline = load(folder, NESTED)

    assert pipeline.jobs.keys() == {"a.train", "b.train", "compare"}
    assert pipeline.jobs["a.train"].inputs == {"data": FromInput("raw"), "rate": FromInput("rate")}
    assert pipeline.jobs["b.train"].inputs == {"data": FromInput("raw"), "rate": 0.1}
    assert pipeline.jobs["compare"].after == ["a.train", "b.train"]
    assert pipeline.outputs == {"model": FromJob("a.train", "model")}


def test_pipeline_job_can_be_a_pipeline_component_with_values(folder: Path) -> None:
    pipeline = load(
        folder, "type: pipeline\ncomponent: ./inner.yml\ninputs: {raw: {type: uri_folder, path: data}, rate: 0.3}\n"
    )

    assert pipeline.jobs["train"].inputs == {"data": FromInput("raw"), "rate": FromInput("rate")}
    assert pipeline.outputs == {"best": FromJob("train", "model")}


def test_pipeline_component_that_contains_itself_is_refused(folder: Path) -> None:
    loop = "type: pipeline\nname: loop\njobs:\n  again: {type: pipeline, component: ./loop.yml}\n"
    build_tree(folder, {"loop.yml": loop})

    assert refused(folder, loop.replace("name: loop", "compute: azureml:cpu"))[-1].endswith("contains itself.")


def test_mistake_of_shared_component_is_reported_once_and_in_order_of_lines(folder: Path) -> None:
    build_tree(folder, {"inner.yml": INNER.replace("parent.inputs.raw", "parent.inputs.rwa")})

    found = refused(folder, NESTED.replace("rate: 0.2", "rate: much").replace("diff ", "diff ${{inputs.three}} "))

    assert [line.split(": ")[0] for line in found] == ["job.yml:3:53", "job.yml:16:14", "inner.yml:12:20"]


def test_data_of_a_job_is_an_input_that_can_be_set(folder: Path) -> None:
    """how-to-read-write-data-v2: a job's input is data by its type and path."""
    job = """
        type: pipeline
        compute: azureml:cpu
        jobs:
          one: {component: ./train.yml, type: command, inputs: {data: {type: uri_folder, path: %s, mode: ro_mount}}}
        """

    assert load(folder, job % "./data").inputs == {"one.data": Port("uri_folder", path=folder / "data")}
    assert load(folder, job % "azureml:rows@latest", "one.data").jobs["one"].inputs == {"data": FromInput("one.data")}
    [message] = refused(folder, job % "azureml:rows@latest")
    assert message == "job.yml:4:88: azureml:rows@latest is in Azure ML. Name a local copy: --set one.data=PATH."
    [message] = refused(folder, job % "https://example.com/a/")
    assert message.endswith("https://example.com/a/ is on the web. Name a local copy: --set one.data=PATH.")


def test_default_output_of_a_job_is_bound_without_a_declaration(folder: Path) -> None:
    """azureml-examples, hello-pipeline-default-artifacts.yml: `artifacts` contains what a job writes to ./outputs."""
    pipeline = load(
        folder,
        """
        type: pipeline
        compute: azureml:cpu
        jobs:
          one: {command: echo 1 > ./outputs/x}
          two:
            command: cat ${{inputs.a}}/outputs/x
            inputs: {a: "${{parent.jobs.one.outputs.artifacts}}"}
        """,
    )

    assert pipeline.jobs["one"].outputs == {"artifacts": "uri_folder"}


SWEEP = """
    type: sweep
    trial:
      code: .
      command: python train.py ${{inputs.rows}} ${{search_space.rate}} ${{search_space.kernel}}
      environment: azureml:x@latest
    inputs: {rows: {type: uri_folder, path: data}}
    sampling_algorithm: grid
    search_space:
      rate: {type: choice, values: [0.1, 0.2, 0.3]}
      kernel: {type: choice, values: [rbf, linear]}
    objective: {goal: maximize, primary_metric: accuracy}
    limits: {max_total_trials: 5, max_concurrent_trials: 2, timeout: 100, trial_timeout: 10}
    """


def test_grid_tries_combinations_in_order(folder: Path) -> None:
    """reference-yaml-job-sweep: grid sampling goes over every combination, up to `max_total_trials`."""
    job = load(folder, SWEEP).jobs["job"]

    assert job.sweep is not None
    assert [tuple(trial.values()) for trial in job.sweep.trials] == [
        (0.1, "rbf"), (0.1, "linear"), (0.2, "rbf"), (0.2, "linear"), (0.3, "rbf"),
    ]  # fmt: skip
    assert (job.sweep.metric, job.sweep.maximize, job.sweep.concurrent) == ("accuracy", True, 2)
    assert (job.sweep.timeout, job.timeout, job.inputs) == (100, 10, {"rows": FromInput("rows")})
    assert job.command == "python train.py ${{inputs.rows}} ${{inputs.rate}} ${{inputs.kernel}}"


@pytest.mark.parametrize(
    ("space", "low", "high", "step"),
    [
        ("{type: uniform, min_value: 2, max_value: 3}", 2, 3, 0),
        ("{type: quniform, min_value: 1, max_value: 9, q: 2}", 0, 10, 2),
        ("{type: loguniform, min_value: 0, max_value: 1}", 1, 2.72, 0),
        ("{type: qloguniform, min_value: 0, max_value: 2, q: 0.5}", 1, 7.5, 0.5),
        ("{type: randint, upper: 4}", 0, 3, 1),
        ("{type: normal, mu: 5, sigma: 0.1}", 4, 6, 0),
        ("{type: qnormal, mu: 5, sigma: 1, q: 1}", 0, 10, 1),
        ("{type: lognormal, mu: 0, sigma: 0.1}", 0.5, 2, 0),
        ("{type: qlognormal, mu: 0, sigma: 0.1, q: 1}", 1, 1, 1),
    ],
)
def test_random_samples_have_their_distribution_and_depend_on_the_seed(
    folder: Path, space: str, low: float, high: float, step: float
) -> None:
    """how-to-tune-hyperparameters#define-the-search-space."""

    def values(seed: int) -> list[Any]:
        text = SWEEP.replace("{type: choice, values: [0.1, 0.2, 0.3]}", space).replace(
            "total_trials: 5", "total_trials: 40"
        )
        text = text.replace("sampling_algorithm: grid", f"sampling_algorithm: {{type: random, seed: {seed}}}")
        sweep = load(folder, text).jobs["job"].sweep
        assert sweep is not None
        return [trial["rate"] for trial in sweep.trials]

    found = values(1)
    assert all(low <= value <= high for value in found)
    assert not step or all(abs(value / step - round(value / step)) < 1e-9 for value in found)
    assert found == values(1)
    assert low == high or found != values(2)


def test_sweep_of_component_supplies_its_inputs(folder: Path) -> None:
    """how-to-use-sweep-in-pipeline: parameters of the search space are inputs of the trial's component."""
    pipeline = load(
        folder,
        """
        type: pipeline
        compute: azureml:cpu
        jobs:
          search:
            type: sweep
            trial: ./train.yml
            inputs: {data: {type: uri_folder, path: data}}
            outputs: {model: }
            sampling_algorithm: random
            search_space: {rate: {type: uniform, min_value: 0, max_value: 1}}
            objective: {goal: minimize, primary_metric: loss}
            limits: {max_total_trials: 3}
          use:
            command: ls ${{inputs.model}}
            inputs: {model: "${{parent.jobs.search.outputs.model}}"}
        """,
    )

    search = pipeline.jobs["search"]
    assert search.sweep is not None
    assert (len(search.sweep.trials), search.outputs) == (3, {"model": "mlflow_model"})
    assert pipeline.jobs["use"].after == ["search"]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("[rbf, linear]", "[]", "must have at least one value"),
        ("{type: choice, values: [0.1, 0.2, 0.3]}", "{type: randint, upper: 3}", "grid sampling needs parameters of"),
        ("{type: choice, values: [0.1, 0.2, 0.3]}", "{type: uniform, min_value: 1}", "must have max_value"),
        ("inputs: {rows:", "inputs: {rate: 1, rows:", "'rate' is an input and a parameter of the search space"),
        ("search_space.kernel", "search_space.colour", "refers to inputs.colour, which is not declared"),
        ("maximize", "max", "must be 'minimize' or 'maximize'"),
        ("max_total_trials: 5", "max_total_trials: 0", "must be at least 1"),
    ],
)  # fmt: skip
def test_mistake_in_sweep_is_reported(folder: Path, old: str, new: str, message: str) -> None:
    assert old in SWEEP
    assert message in "\n".join(refused(folder, SWEEP.replace(old, new)))


PARALLEL = """
    type: pipeline
    settings: {default_compute: azureml:cpu}
    jobs:
      batch:
        type: parallel
        inputs: {files: {type: uri_folder, path: data, mode: download}, word: hello}
        outputs: {rows: {type: uri_file}}
        input_data: ${{inputs.files}}
        mini_batch_size: "2"
        max_concurrency_per_instance: 3
        mini_batch_error_threshold: 1
        retry_settings: {max_retries: 1, timeout: 5}
        resources: {instance_count: 2}
        task:
          type: run_function
          code: .
          entry_script: score.py
          program_arguments: >-
            --word ${{inputs.word}}
            --strict True
          append_row_to: ${{outputs.rows}}
    """


def test_parallel_job_is_command_that_runs_the_entry_script(folder: Path) -> None:
    """reference-yaml-job-parallel."""
    job = load(folder, PARALLEL).jobs["batch"]

    assert job.command.startswith('python "$MLOPS_PARALLEL" \'{"mini_batch_size": "2"')
    assert job.command.endswith(
        '"${{inputs.files}}" "${{outputs.rows}}" score.py --word ${{inputs.word}} --strict True'
    )
    assert Path(job.environment["MLOPS_PARALLEL"]).is_file()
    assert (job.code, job.outputs) == (folder, {"rows": "uri_file"})


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("score.py", "scroe.py", "there is no scroe.py in"),
        ("${{inputs.files}}\n", "files\n", "files is not an input. Write ${{inputs.NAME}}."),
        ("run_function", "model", "a task that only names a model is run by Azure ML"),
        ("outputs.rows}}\n", "outputs.row}}\n", "refers to outputs.row, which is not declared"),
        ('size: "2"', 'size: "2 files"', "job.yml:9:22: '2 files' is neither a number of files nor a size such as"),
    ],
)
def test_mistake_in_parallel_job_is_reported(folder: Path, old: str, new: str, message: str) -> None:
    assert old in PARALLEL
    assert message in "\n".join(refused(folder, PARALLEL.replace(old, new)))


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("automl", "an AutoML job"), ("spark", "a Spark job"), ("import", "an import of data"),
        ("if_else", "a condition"),
        ("do_while", "a loop"), ("parallel_for", "a loop over jobs"), ("data_transfer", "a data transfer"),
        ("finetuning", "a fine-tuning job"),
    ],
)  # fmt: skip
def test_what_only_azure_runs_is_named_with_the_command_that_submits_it(folder: Path, kind: str, words: str) -> None:
    submit = "Submit the file with: az ml job create --file job.yml"

    assert refused(folder, f"type: {kind}\n") == [f"job.yml:1:7: this is {words}: Azure ML runs it. {submit}"]
    assert refused(folder, f"type: pipeline\njobs:\n  one: {{type: {kind}}}\n") == [
        f"job.yml:3:15: the job 'one' is {words}: Azure ML runs it. {submit}"
    ]


def test_all_that_cannot_run_is_named_at_once(folder: Path) -> None:
    found = refused(
        folder,
        """
        type: pipeline
        jobs:
          a: {type: spark}
          b: {component: "azureml:train:1"}
          c: {command: ls, resources: {instance_count: 4}}
          d: {command: ls, distribution: {type: pytorch, process_count_per_instance: 2}}
        """,
    )

    assert [line.split(": ", 1)[0] for line in found] == [
        "job.yml:3:13",
        "job.yml:4:18",
        "job.yml:5:48",
        "job.yml:6:78",
    ]
    assert "needs 4 machines" in found[2]


def test_distribution_of_one_process_runs(folder: Path) -> None:
    job = "command: ls\ndistribution: {type: pytorch, process_count_per_instance: 1}\nresources: {instance_count: 1}\n"

    assert load(folder, job).jobs["job"].command == "ls"


def test_plain_words_have_the_value_of_yaml_1_1_with_a_warning(folder: Path) -> None:
    """azure-ai-ml reads YAML 1.1 (PyYAML): https://yaml.org/type/bool.html, https://yaml.org/type/int.html"""
    text = "command: echo ${{inputs.a}}\ninputs:\n  a: off\n  b: 010\n  c: 12:30:00\n  d: 'off'\n  e: 0.5\n  on: 1\n"

    pipeline = load(folder, text)

    assert {name: port.default for name, port in pipeline.inputs.items()} == {
        "a": False, "b": 8, "c": 45000, "d": "off", "e": 0.5, "on": 1,
    }  # fmt: skip
    assert [str(one).replace(f"{folder}/", "") for one in pipeline.warnings] == [
        "job.yml:3:6: Azure ML reads off as false (YAML 1.1); YAML 1.2 reads 'off'. Write false, or put it in quotes.",
        "job.yml:4:6: Azure ML reads 010 as 8 (YAML 1.1); YAML 1.2 reads 10. Write 8, or put it in quotes.",
        (
            "job.yml:5:6: Azure ML reads 12:30:00 as 45000 (YAML 1.1); YAML 1.2 reads '12:30:00'."
            " Write 45000, or put it in quotes."
        ),
        "job.yml:8:3: Azure ML reads on as true (YAML 1.1); YAML 1.2 reads 'on'. Put it in quotes.",
    ]


def test_what_azure_refuses_and_we_run_is_a_warning(folder: Path) -> None:
    """azure-ai-ml 1.35: `is_valid_node_name`, `_validate_compute_is_set`."""
    assert warned(folder, "type: pipeline\njobs:\n  Train: {command: ls}\n") == [
        "job.yml:3:3: Azure ML refuses the job's name 'Train': it must be in lower case. Write train.",
        (
            "job.yml:3:3: the job 'Train' has no compute: Azure ML refuses the file."
            " Write `settings: {default_compute: serverless}`."
        ),
    ]
    assert warned(folder, "type: pipeline\njobs:\n  train: {command: ls, compute: serverless}\n") == []


def test_path_of_output_is_ignored_with_a_warning(folder: Path) -> None:
    text = "command: ls\noutputs: {a: {type: uri_folder, path: 'azureml://datastores/x/paths/${{name}}/'}}\n"

    assert warned(folder, text) == [
        "job.yml:2:39: the path of an output is ignored here: `run` shows where it is.",
    ]


def test_additional_includes_are_files_beside_the_code(folder: Path) -> None:
    """reference-yaml-component-command: `additional_includes` adds files and folders of other places to the code."""
    build_tree(folder, {"sub/c.yml": TRAIN.replace("code: .", "code: ..\n    additional_includes: [../lib]")})
    text = "type: pipeline\ncompute: x\njobs:\n  a: {component: sub/c.yml, inputs: {data: {path: data}}}\n"

    assert load(folder, text).jobs["a"].includes == (folder / "lib",)


def test_optional_input_of_pipeline_component_needs_an_optional_input(folder: Path) -> None:
    build_tree(
        folder, {"inner.yml": INNER.replace('rate: "${{parent.inputs.rate}}"', 'kernel: "${{parent.inputs.note}}"')}
    )
    assert load(folder, NESTED).jobs["b.train"].inputs == {"data": FromInput("raw")}  # kernel has a default

    build_tree(folder, {"train.yml": TRAIN.replace(", default: rbf", "")})
    assert "'note' is optional, but the component requires a value." in "\n".join(refused(folder, NESTED))
