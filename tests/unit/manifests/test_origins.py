"""`platform show --origin`: each value with the layer and the line that it comes from."""

from pathlib import Path

import pytest

from bootstrap.manifests.origins import Origin, find_origins
from bootstrap.manifests.schema import LayerKeys
from tests.helpers import build_tree

PLATFORM = """\
organization: contoso
location: westeurope
tenant_id: 00000000-0000-0000-0000-00000000000a
subscription_id: 00000000-0000-0000-0000-00000000000b
network: managed
tags: {cost-center: "1", stage: outer}
environments:
  dev: {ring: 0, protect: true, tags: {Stage: inner}}
hub:
  alert_emails: [ml@contoso.example]
"""
TEAM = """\
name: fraud
location: uksouth
compute:
  - {name: cpu, size: Standard_D4ds_v5, max_nodes: 4}
environments:
  dev:
    network: open
projects:
  - {name: churn, repository: github:contoso/churn}
"""
LINKS = "teams: {fraud: {churn: {dev: {issuer: https://forge.example, subject: a}}}}\n"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return build_tree(tmp_path, {"platform.yaml": PLATFORM, "teams/fraud.yaml": TEAM, "links.yaml": LINKS})


def by_key(root: Path, stack: str) -> dict[str, Origin]:
    return {origin.key: origin for origin in find_origins(root, stack)}


@pytest.mark.parametrize(
    ("key", "value", "layer", "source"),
    [
        ("organization", "contoso", "organization", "platform.yaml:1"),
        ("subscription_id", "00000000-0000-0000-0000-00000000000b", "organization", "platform.yaml:4"),
        ("ring", 0, "environment", "platform.yaml:8"),
        ("protect", True, "environment", "platform.yaml:8"),
        ("tags.Stage", "inner", "environment", "platform.yaml:8"),
        ("tags.cost-center", "1", "organization", "platform.yaml:6"),
        ("location", "uksouth", "team", "teams/fraud.yaml:2"),
        ("compute.0.size", "Standard_D4ds_v5", "team", "teams/fraud.yaml:4"),
        ("compute.0.low_priority", False, "built-in", None),
        ("network", "open", "team's environment", "teams/fraud.yaml:7"),
        ("projects.0.name", "churn", "team", "teams/fraud.yaml:9"),
        ("hub.alert_emails.0", "ml@contoso.example", "hub", "platform.yaml:10"),
        ("hub.log_retention_days", 90, "built-in", None),
        ("links.churn.issuer", "https://forge.example", "links", "links.yaml:1"),
    ],
)
def test_value_has_its_layer_and_line(root: Path, key: str, value: object, layer: str, source: str | None) -> None:
    assert by_key(root, "fraud-dev")[key] == Origin(key, value, layer, source)


@pytest.mark.parametrize("written", ["300", "300.5"])
def test_amount_is_shown_as_the_manifest_writes_it(root: Path, written: str) -> None:
    (root / "teams" / "fraud.yaml").write_text(f"{TEAM}budget: {written}\nbudget_start: 2026-01-01\n")

    assert str(by_key(root, "fraud-dev")["budget"].value) == written


def test_values_replaced_by_an_inner_layer_are_left_out(root: Path) -> None:
    found = find_origins(root, "fraud-dev")

    assert "tags.stage" not in by_key(root, "fraud-dev")
    assert len({origin.key for origin in found}) == len(found)


def test_values_that_no_layer_sets_are_built_in(root: Path) -> None:
    (root / "platform.yaml").write_text(PLATFORM.replace("network: managed\n", ""))
    (root / "teams" / "fraud.yaml").write_text(TEAM.replace("network: open", "protect: false"))

    assert by_key(root, "fraud-dev")["network"] == Origin("network", "open", "built-in", None)


def test_hub_has_origins(root: Path) -> None:
    found = by_key(root, "hub")

    assert found["location"] == Origin("location", "westeurope", "organization", "platform.yaml:2")
    assert found["organization"] == Origin("organization", "contoso", "organization", "platform.yaml:1")
    assert found["hub.alert_emails.0"] == Origin("hub.alert_emails.0", "ml@contoso.example", "hub", "platform.yaml:10")
    assert "protect" not in found


def test_origins_cover_the_keys_of_layers(root: Path) -> None:
    expected = {origin.key.split(".")[0] for origin in find_origins(root, "fraud-dev")}

    assert expected & set(LayerKeys.model_fields) >= {
        "location",
        "subscription_id",
        "network",
        "protect",
        "tags",
        "compute",
    }


def test_the_suppressions_of_all_layers_are_listed(root: Path) -> None:
    entry = "{rule: public-access, reason: closed later this year, until: 2027-03-31}"
    (root / "platform.yaml").write_text(f"{PLATFORM}suppress: [{entry}]\n")
    (root / "teams" / "fraud.yaml").write_text(f"{TEAM}suppress: [{entry}]\n")

    found = by_key(root, "fraud-dev")

    assert (found["suppress.0.rule"].layer, found["suppress.1.rule"].layer) == ("organization", "team")
