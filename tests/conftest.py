"""Fixtures for all tests: golden files, rewritten by `pytest --rewrite-golden`."""

import signal
from collections.abc import Callable
from pathlib import Path

import hypothesis
import pytest

# A shell that starts us in the background lets us ignore Ctrl-C, and the commands that tests interrupt inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)

# A busy machine is slow, and that is no mistake: an example may take its time.
hypothesis.settings.register_profile("patient", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow])
hypothesis.settings.load_profile("patient")

SLOW = {
    "tests/blueprints/test_matrix.py": "every combination of answers renders; a few install, train and register",
    "tests/engine": "the real Pulumi engine previews, deploys and destroys what plans show",
    "tests/integration/model": "the real inference server and MLflow; interruptions leave nothing half done",
    "tests/integration/test_demo.py": "the whole tour, and what a user does next in its folders",
    "tests/integration/test_getting_started.py": "every command of the page prints what the page shows",
    "tests/integration/test_pinned_version.py": "uv finds, installs and runs another version of this tool",
    "tests/integration/test_run.py": "runs in real environments of projects, interrupted at each point",
    "tests/integration/test_run_mlflow.py": "a run lies in the MLflow of the project's own lock",
    "tests/integration/test_wheel.py": "the wheel alone, offline and in an empty folder, is enough",
    "tests/page": "pages in a real browser at three widths: no clipped text, no sideways scroll",
}
"""Files and folders whose tests take seconds each, and what they buy. They have the mark `slow`."""

Golden = Callable[[Path, str], None]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--rewrite-golden", action="store_true", help="Write golden files instead of comparing to them.")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        path = item.path.relative_to(item.config.rootpath)
        if any(path.is_relative_to(slow) for slow in SLOW):
            item.add_marker(pytest.mark.slow)


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Golden:
    """Compare a text to a file that is kept in the repository, or rewrite the file with `--rewrite-golden`."""

    def compare(path: Path, text: str) -> None:
        if request.config.getoption("--rewrite-golden"):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8", newline="\n")
        assert path.exists(), f"{path} is missing: pytest --rewrite-golden writes it"
        assert text == path.read_text(encoding="utf-8"), "pytest --rewrite-golden, then read the difference"

    return compare
