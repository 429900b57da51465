"""Mistakes in manifests, told by the command line as people make them: where, what, and what to write instead."""

from pathlib import Path

import pytest

from bootstrap.errors import ExitCode
from tests import worlds
from tests.helpers import build_tree, run_here
from tests.worlds import PLATFORM


def world(root: Path, team: str) -> Path:
    return worlds.world(root, team=team)


@pytest.mark.parametrize(
    ("team", "told"),
    [
        ("name: fraud\nenvironments:\n  dev:\n\tbudget: 5\n", ":4:1: there is a tab. YAML is indented by spaces."),
        (
            "name: fraud\ngroups: {engineers: 1111}\nenvironments: {dev: {}}\n",
            ":2:21: groups.engineers: must be text (found 1111). Put it in quotes.",
        ),
        (
            "name: fraud\ngroups: {engineers: ml-engineers}\nenvironments: {dev: {}}\n",
            ":2:21: groups.engineers: must be a GUID such as 11111111-2222-3333-4444-555555555555 (found",
        ),
        (
            "schema_version: 2\nname: fraud\nfrom_the_future: true\nenvironments: {dev: {}}\n",
            ":1:17: written for a newer mlops-bootstrap: it says 2, and this one reads 1. Update it: uv tool upgrade",
        ),
        (
            "name: fraud\nshared: &shared {tags: {a: b}}\nenvironments: {dev: *shared}\n",
            ":2:1: unknown key 'shared'.",
        ),
        (
            "name: fraud\nenvironments:\n  dev:\n",
            ":3:7: environments.dev: is empty, and must be a mapping of keys to values. Write `dev: {}` for an empty",
        ),
        ("name: fraud\nenvironments: {dev: *nowhere}\n", ":2:21: no anchor &nowhere is above the alias *nowhere."),
        (
            "name: fraud\nenvironments:\n  dev:\n    <<: {budgt: 5}\n",
            ": unknown key 'budgt'. Did you mean 'budget'?",
        ),
        ("name: fraud\nenvironments:\n  dev:\n    <<: 5\n", "fraud.yaml:"),
        (
            'name: fraud\nenvironments: {dev: {}}\ntags: {a: "\\uD800"}\n',
            ":3:14: the character of this escape code is not allowed",
        ),
        (
            "name: fraud\nenvironments: " + "[" * 100_000,
            "the document is nested too deeply: at most 100 levels are allowed.",
        ),
        (
            "name: fraud\nenvironments: {dev: {}}\nnetwork: locked\nvnet: {address_space: 10.1.0.0/28}\n",
            ":4:8: vnet.address_space: 10.1.0.0/28 is too small for the private endpoints: at least /27.",
        ),
        (
            "name: churn\nenvironments: {dev: {}}\n",
            ":1:1: the team 'churn' is in a file with the name 'fraud.yaml'.",
        ),
        ("name: fraud\nenvironments: &loop\n  dev: *loop\n", "fraud.yaml"),
    ],
    ids=[
        "tab",
        "number for an id",
        "name for an id",
        "newer",
        "anchor",
        "left empty",
        "no anchor",
        "merge",
        "merge of 5",
        "half a character",
        "deep",
        "small",
        "copied",
        "loop",
    ],
)
def test_mistakes_are_reported_with_position_and_no_plan_is_printed(tmp_path: Path, team: str, told: str) -> None:
    done = run_here("plan", "fraud-dev", "-o", "json", "-C", world(tmp_path, team), cwd=tmp_path)

    assert (done.code, done.out) == (ExitCode.INPUT, "")
    assert told in done.err


def test_anchors_and_merge_keys_within_a_key_are_resolved(tmp_path: Path) -> None:
    team = """\
        name: fraud
        environments:
          dev:
            tags: &tags {owner: fraud, purpose: scoring}
            compute:
              - &small {name: cpu, size: Standard_D4ds_v5, max_nodes: 2}
              - {<<: *small, name: more}
        """
    done = run_here("platform", "show", "fraud-dev", "-o", "json", "-C", world(tmp_path, team), cwd=tmp_path)

    assert [(one["name"], one["size"]) for one in done.document["clusters"]] == [
        ("cpu", "Standard_D4ds_v5"),
        ("more", "Standard_D4ds_v5"),
    ]


def test_one_subscription_in_two_spellings_is_one(tmp_path: Path) -> None:
    spelled = PLATFORM.replace("000b\n", "00ab\n").replace(
        "hub:\n", "hub:\n  subscription_id: 00000000-0000-0000-0000-0000000000AB\n"
    )
    root = build_tree(
        tmp_path, {"platform.yaml": spelled, "teams/fraud.yaml": "name: fraud\nenvironments: {dev: {}}\n"}
    )

    done = run_here("plan", "-o", "json", "-C", root, cwd=tmp_path)

    assert done.code == ExitCode.DONE, done.err
    assert "00000000-0000-0000-0000-0000000000AB" not in done.out
    assert "two resources" not in done.err


def test_a_size_that_is_not_known_is_a_warning_with_its_line_and_the_nearest_size(tmp_path: Path) -> None:
    team = """\
        name: fraud
        environments:
          dev:
            compute:
              - {name: cpu, size: Standard_D4ds_v55, max_nodes: 2}
              - {name: old, size: Standard_NC6s_v3, max_nodes: 2}
        """
    done = run_here("plan", "fraud-dev", "-C", world(tmp_path, team), cwd=tmp_path)

    said = "warning  size-known: cluster-cpu: the size 'Standard_D4ds_v55' is not in the table of 20"
    place = done.out.index(said)
    assert "Did you mean 'Standard_D4ds_v5'?\n    in:  teams/fraud.yaml:5" in done.out[place : place + 200]
    assert "size-retired: cluster-old: Standard_NC6s_v3 was retired on 2025-09-30; use NCads_A100_v4" in done.out
