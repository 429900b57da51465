"""The definitions are fetched from a server on loopback that has the layout of the owners' repositories."""

import http.server
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bootstrap.simulator.kinds import KINDS
from infra.tables.azure_policies import LEGACY_MODE, POLICIES
from tests.conformance import fetch
from tests.conformance.arm import FILE, definitions

BUDGET = "azure-native:consumption:Budget"
NAME = "Microsoft.Consumption/budgets@2024-08-01"
TYPES = [
    {"$type": "StringType"},
    {"$type": "StringLiteralType", "value": "unused"},
    {"$type": "ObjectType", "name": "budgets", "properties": {"amount": {"flags": 1, "type": {"$ref": "#/3"}}}},
    {"$type": "IntegerType"},
]


@pytest.fixture
def owner(tmp_path: Path) -> Iterator[str]:
    """A server with one ARM type and all policies, as the repositories of Azure have them."""
    root = tmp_path / "served"
    files: dict[str, Any] = {
        f"{fetch.TYPES}/index.json": {"resources": {NAME: {"$ref": "consumption/types.json#/2"}}},
        f"{fetch.TYPES}/consumption/types.json": TYPES,
    }
    ids = [LEGACY_MODE, *(policy.id for policy in POLICIES)]
    folder = fetch.POLICY_FILES.replace("%20", " ")
    files |= {f"{folder}/{file}": {"name": id_} for file, id_ in zip(fetch.POLICY_NAMES, ids, strict=True)}
    for name, content in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(json.dumps(content), encoding="utf-8")

    class Files(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *arguments: object) -> None:
            super().__init__(*arguments, directory=str(root))  # type: ignore[arg-type]

        def log_message(self, *_arguments: object) -> None:
            return

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Files) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_fetched_types_are_those_that_a_type_refers_to(
    owner: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetch, "wanted_types", lambda: iter([(BUDGET, NAME)]))

    fetch.fetch(tmp_path, owner)

    content = json.loads((tmp_path / FILE).read_text())
    assert [one["$type"] for one in content["types"]] == ["ObjectType", "IntegerType"]
    assert definitions(tmp_path / FILE).wrong(BUDGET, {"amount": "five"}) == [".amount: 'five' is not a number"]
    assert len(list((tmp_path / "policies").iterdir())) == len(POLICIES) + 1


def test_missing_policy_is_an_error(owner: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetch, "wanted_types", lambda: iter([(BUDGET, NAME)]))
    monkeypatch.setattr(fetch, "POLICY_NAMES", fetch.POLICY_NAMES[1:])

    with pytest.raises(LookupError, match="no file has the policies"):
        fetch.fetch(tmp_path, owner)


def test_every_type_of_the_simulator_has_an_api_version_of_the_sdk() -> None:
    names = [name for _, name in fetch.wanted_types()]

    assert len(names) == len(KINDS)
    assert "Microsoft.MachineLearningServices/workspaces@2025-12-01" in names
