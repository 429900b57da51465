"""What Azure publishes, where it is here."""

import os
from pathlib import Path

import pytest

from tests.conformance.arm import FILE, VARIABLE, Definitions, definitions, folder


@pytest.fixture(scope="session")
def published() -> tuple[Path, Definitions]:
    """The folder and its types. Without them a test is skipped; where a folder is named without them, it fails."""
    found = folder()
    if found is not None:
        return found, definitions(found / FILE)
    if os.environ.get(VARIABLE):
        pytest.fail(f"{VARIABLE} names a folder without {FILE}")
    pytest.skip(f"the definitions of Azure are not here: {VARIABLE} can name their folder")


@pytest.fixture(scope="session")
def azure(published: tuple[Path, Definitions]) -> Definitions:
    """The published types."""
    return published[1]
