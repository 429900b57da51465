"""The files of a step's code: what azure-ai-ml would upload."""

from pathlib import Path

import pytest

from bootstrap.errors import InputError
from bootstrap.model.code import code_files
from tests.helpers import build_tree


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return build_tree(
        tmp_path,
        {
            "job/step.py": "",
            "lib/helper.py": "",
            "lib/notes.md": "",
            "lib/deep/x.py": "",
            "one.py": "",
            "lib/.gitignore": "*.md\n",
        },
    )


def test_job_without_code_sees_nothing() -> None:
    assert code_files(None) == {}


def test_additional_includes_are_beside_the_code_under_their_own_names(root: Path) -> None:
    """https://learn.microsoft.com/azure/machine-learning/reference-yaml-component-command"""
    files = code_files(root / "job", [root / "lib", root / "one.py"])

    assert files == {
        "step.py": root / "job/step.py",
        "lib/.gitignore": root / "lib/.gitignore",
        "lib/helper.py": root / "lib/helper.py",
        "lib/deep/x.py": root / "lib/deep/x.py",
        "one.py": root / "one.py",
    }


def test_ignore_file_of_the_code_counts_for_includes_too(root: Path) -> None:
    build_tree(root, {"job/.amlignore": "deep/\n"})

    assert "lib/deep/x.py" not in code_files(root / "job", [root / "lib"])
    assert "lib/helper.py" in code_files(root / "job", [root / "lib"])


def test_include_in_the_place_of_a_file_of_the_code_is_refused(root: Path) -> None:
    build_tree(root, {"job/one.py": ""})

    with pytest.raises(InputError, match=r"one\.py cannot be included"):
        code_files(root / "job", [root / "one.py"])
