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

Golden = Callable[[Path, str], None]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--rewrite-golden", action="store_true", help="Write golden files instead of comparing to them.")


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
