"""Copies of the same fact in the blueprint `tabular` agree: lock and names, lock and images, digests, data."""

import csv
import importlib.util
import subprocess
import tomllib
from pathlib import Path
from types import ModuleType

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bootstrap.blueprint.create import NewProject
from bootstrap.digest import digest_tree
from bootstrap.errors import InputError
from bootstrap.processes import uv_executable
from tests.blueprints.conftest import ROOT, Render

PARTIAL = ROOT / "blueprints/shared/locked-names.jinja"
PROBLEMS = ("regression", "classification")
# As the project's README tells people to make them.
EXPORTS = {
    "train": ["--no-default-groups", "--group", "azureml"],
    "serve": ["--only-group", "serve"],
}


@pytest.fixture(params=PROBLEMS)
def created(request: pytest.FixtureRequest, render: Render) -> NewProject:
    return render({"blueprint": "tabular", "problem": request.param})


def _locked(project: Path) -> set[str]:
    lock = tomllib.loads((project / "uv.lock").read_text(encoding="utf-8"))
    return {package["name"] for package in lock["package"]}


def _refused() -> set[str]:
    return {line.strip().strip("',") for line in PARTIAL.read_text(encoding="utf-8").splitlines() if "'," in line}


def test_refused_names_are_packages_of_lock(created: NewProject) -> None:
    assert _refused() == _locked(created.path) - {created.project}


@pytest.mark.parametrize("question", ["project_name", "package_name"])
@pytest.mark.parametrize("name", ["numpy", "mlflow-skinny"])
def test_project_name_that_is_package_of_lock_is_refused(question: str, name: str, render: Render) -> None:
    with pytest.raises(InputError) as refused:
        render({"blueprint": "tabular", question: name})
    assert any(detail.startswith(f"{question}: ") and "a package" in detail for detail in refused.value.details)


def test_all_answers_have_same_lock(render: Render) -> None:
    locks = {
        (render({"blueprint": "tabular", "problem": problem, "forge": forge}).path / "uv.lock").read_bytes()
        for problem in PROBLEMS
        for forge in ("github", "azure-devops")
    }
    assert len(locks) == 1


@pytest.mark.parametrize("image", EXPORTS)
def test_image_requirements_equal_lock(image: str, created: NewProject) -> None:
    format_options = ["--no-emit-project", "--no-header", "--no-annotate"]
    exported = subprocess.run(
        [uv_executable(), "export", "--locked", "--offline", "--quiet", *format_options, *EXPORTS[image]],
        cwd=created.path,
        check=True,
        capture_output=True,
        text=True,
    )
    assert (created.path / "environments" / image / "requirements.txt").read_text(encoding="utf-8") == exported.stdout


def test_steps_import_no_azure_package(created: NewProject) -> None:
    steps = [*(created.path / "components").rglob("*.py")]
    assert steps
    for step in steps:
        assert "azure" not in step.read_text(encoding="utf-8").lower(), step


@pytest.mark.parametrize(
    ("problem", "file", "rows", "features", "target"),
    [
        ("regression", "diabetes.csv", 442, 10, "progression"),
        ("classification", "breast_cancer.csv", 569, 30, "malignant"),
    ],
)
def test_sample_data_is_complete(problem: str, file: str, rows: int, features: int, target: str, render: Render) -> None:
    path = render({"blueprint": "tabular", "problem": problem}).path / "data" / file
    with path.open(encoding="utf-8", newline="") as lines:
        found = list(csv.DictReader(lines))
    assert len(found) == rows
    assert [len(row) for row in found] == [features + 1] * rows
    assert list(found[0])[-1] == target
    if problem == "regression":
        assert {row["sex"] for row in found} == {"1", "2"}  # raw, not scaled
        assert sum(int(row[target]) for row in found) == 67243
    else:
        assert sum(row[target] == "1" for row in found) == 212  # malignant; scikit-learn codes these 0


def test_target_is_header_of_sample_data(render: Render) -> None:
    path = render({"blueprint": "tabular", "target": "years"}).path
    assert (path / "data/diabetes.csv").read_text(encoding="utf-8").splitlines()[0].endswith(",years")


def test_code_owners_are_in_file(render: Render) -> None:
    named = render({"blueprint": "tabular", "code_owners": "@contoso/fraud @alice"}).path
    assert "*         @contoso/fraud @alice\n" in (named / "CODEOWNERS").read_text(encoding="utf-8")
    lines = (render({"blueprint": "tabular"}).path / "CODEOWNERS").read_text(encoding="utf-8").splitlines()
    assert all(line.startswith("#") for line in lines)


@pytest.mark.parametrize("owners", ["contoso", "@contoso/fraud,@alice", "@a\n* @b"])
def test_invalid_code_owners_are_refused(owners: str, render: Render) -> None:
    with pytest.raises(InputError) as refused:
        render({"blueprint": "tabular", "code_owners": owners})
    assert any(detail.startswith("code_owners: ") for detail in refused.value.details)


FILES = st.dictionaries(
    st.lists(st.sampled_from(["a", "a.b", "B", "ä", "__pycache__", ".cache"]), min_size=1, max_size=3).map("/".join),
    st.binary(max_size=8),
    max_size=6,
)


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(files=FILES)
def test_evaluate_step_and_gate_have_same_digest(
    files: dict[str, bytes], render: Render, tmp_path_factory: pytest.TempPathFactory
) -> None:
    step = _digest_of_the_step(render({"blueprint": "tabular"}).path)
    folder = tmp_path_factory.mktemp("model")
    for relative, content in files.items():
        path = folder / relative
        if any(parent.is_file() for parent in path.parents) or path.is_dir():
            continue  # a file cannot be a folder, too
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    assert step.digest_of(folder) == digest_tree(folder)


def _digest_of_the_step(project: Path) -> ModuleType:
    """The digest function of the step, without the imports of evaluate.py, which need the project's environment."""
    source = (project / "components/evaluate/evaluate.py").read_text(encoding="utf-8")
    function = source[source.index("def digest_of(") :].split("\n\n\n")[0]
    spec = importlib.util.spec_from_loader("digest_of_the_step", loader=None)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    exec(f"import hashlib\nfrom pathlib import Path\n\n{function}", module.__dict__)
    return module
