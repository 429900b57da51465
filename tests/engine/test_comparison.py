"""The comparison of plan and engine, on small states."""

from typing import Any

import pytest

from infra.rules.rule import UNKNOWN
from tests.engine.comparison import described, differences, unsafe_references, wrong_predictions

GROUP = "/subscriptions/0/resourceGroups/rg"
STORAGE = f"{GROUP}/providers/Microsoft.Storage/storageAccounts/st"


def resource(id_: str, *, needs: tuple[str, ...] = (), **inputs: Any) -> dict[str, Any]:
    type_ = "azure-native:resources:ResourceGroup" if id_ == GROUP else "azure-native:other:Thing"
    return {"type": type_, "custom": True, "parent": "stack", "id": id_, "dependencies": list(needs), "inputs": inputs}


def state(**others: dict[str, Any]) -> dict[str, dict[str, Any]]:
    stack = {"type": "pulumi:pulumi:Stack", "custom": False}
    return {"stack": stack, "group": resource(GROUP), "storage": resource(STORAGE, needs=("group",)), **others}


@pytest.mark.parametrize(
    "target",
    [
        STORAGE,
        STORAGE.upper().replace("/SUBSCRIPTIONS", "/subscriptions"),
        f"{STORAGE}/blobServices/default",
        f"{STORAGE}/blobServices/default/containers/c",
        "/subscriptions/0/resourceGroups/another/providers/Microsoft.Storage/storageAccounts/theirs",
    ],
)
def test_reference_to_a_dependency_is_valid(target: str) -> None:
    assert unsafe_references(state(user=resource("/user", needs=("storage",), nested=[{"id": target}]))) == {}


def test_reference_to_an_unknown_id_is_reported() -> None:
    typo = STORAGE.replace("storageAccounts", "storageAccount")

    assert unsafe_references(state(user=resource("/user", needs=("storage",), id=typo))) == {"user": [typo.lower()]}


def test_reference_without_dependency_is_reported() -> None:
    assert unsafe_references(state(user=resource("/user", needs=("group",), id=STORAGE))) == {"user": [STORAGE.lower()]}


def test_indirect_dependency_counts() -> None:
    between = resource("/between", needs=("storage",))

    assert unsafe_references(state(between=between, user=resource("/user", needs=("between",), id=STORAGE))) == {}


@pytest.mark.parametrize(
    ("planned", "real", "is_wrong"),
    [
        ({"a": UNKNOWN}, {"a": "known"}, False),
        ({"a": [UNKNOWN, 1]}, {"a": ["known", 1]}, False),
        ({"a": UNKNOWN}, {"a": UNKNOWN}, True),
        ({"a": 1}, {"a": 2}, True),
        ({"a": 1}, {"a": 1, "b": 2}, True),
        ({"a": [1]}, {"a": [1, 1]}, True),
    ],
)
def test_wrong_prediction_is_reported(planned: Any, real: Any, is_wrong: bool) -> None:
    assert bool(wrong_predictions({"urn": {"inputs": planned}}, {"urn": {"inputs": real}})) is is_wrong


def test_resource_of_one_side_only_is_a_difference() -> None:
    resources = described(state())

    assert differences(resources, resources) == {}
    assert differences({}, resources).keys() == {"group", "storage"}
    assert differences({**resources, "group": {}}, resources).keys() == {"group"}
