"""The example platform."""

import pytest

from bootstrap.manifests.platform import Platform, load_platform
from tests.helpers import CONTOSO


@pytest.fixture(scope="session")
def contoso() -> Platform:
    return load_platform(CONTOSO)
