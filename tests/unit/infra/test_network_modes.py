"""A network mode is one row: no code compares the names of modes."""

import ast
import datetime as dt
from collections.abc import Iterator
from pathlib import Path
from typing import cast, get_args

import pytest

import bootstrap
import infra
from bootstrap.manifests.scaffold import init
from bootstrap.manifests.schema import LayerKeys
from bootstrap.progress import Progress
from infra.tables.network_modes import DEFAULT_MODE, MODES, SERVICES, Ci, HubNetwork, Mode, Network

SOURCES = [
    path
    for package in (bootstrap, infra)
    for path in Path(package.__path__[0]).rglob("*.py")
    if path.name != "network_modes.py"
]


def mode_names(tree: ast.AST) -> Iterator[ast.Constant]:
    """The names of modes in comparisons, match cases, dictionaries, sets, lists and tuples."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Compare | ast.MatchValue | ast.Dict | ast.Set | ast.List | ast.Tuple):
            for child in ast.iter_child_nodes(node):
                if isinstance(child, ast.Constant) and child.value in MODES:
                    yield child


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: "/".join(path.parts[-3:]))
def test_no_code_compares_the_names_of_network_modes(path: Path) -> None:
    tree = ast.parse(path.read_text())

    assert [node.lineno for node in mode_names(tree)] == []


@pytest.mark.parametrize("source", ['a == "locked"', 'a in ("open",)', 'match a:\n    case "managed": pass'])
def test_a_comparison_with_the_name_of_a_mode_is_found(source: str) -> None:
    assert [node.value for node in mode_names(ast.parse(source))]


def test_every_name_has_a_row() -> None:
    assert get_args(Network) == tuple(MODES)
    assert set(get_args(HubNetwork)) <= set(MODES)
    assert DEFAULT_MODE in MODES


def test_help_of_the_key_network_explains_every_mode() -> None:
    shown = LayerKeys.model_fields["network"].description or ""

    assert [part.partition(":")[0] for part in shown.split(". ")] == list(MODES)
    assert all(f"{name}: {mode.meaning}." in shown for name, mode in MODES.items())


def test_new_platform_names_every_mode(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(cast("dict[str, Mode]", MODES), "isolated", MODES["locked"])

    init(tmp_path / "platform", {}, dt.date(2026, 11, 24), Progress())

    assert "# one of open, managed, locked, isolated:" in (tmp_path / "platform" / "platform.yaml").read_text("utf-8")


@pytest.mark.parametrize("mode", MODES.values(), ids=MODES)
def test_each_place_of_ci_is_supported_or_refused_with_a_reason(mode: Mode) -> None:
    assert mode.default_ci in mode.public
    assert set(mode.public) | set(mode.refused_ci) == set(get_args(Ci))
    assert not set(mode.public) & set(mode.refused_ci)


def test_ip_rules_restrict_only_services_with_a_public_address() -> None:
    managed = MODES["managed"]
    ranges = ("203.0.113.0/24",)

    assert [managed.public_access(service, "public", ranges).allowed_ips for service in SERVICES] == [
        (), ranges, ranges, ranges,
    ]  # fmt: skip
    assert {managed.public_access(service, "private", ranges).allowed_ips for service in SERVICES} == {()}
