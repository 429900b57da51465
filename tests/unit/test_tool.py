"""`tool` and `tool_source`: which version is pinned, where it comes from, and the command that starts it."""

import re
import shlex
from pathlib import Path

import pytest

from bootstrap.errors import InputError, Position
from bootstrap.tool import SOURCE_PATTERN, other_version, require_this_version, uvx_arguments

COMMIT = "0123456789abcdef0123456789abcdef01234567"
GIT = f"git+https://github.com/contoso/mlops-bootstrap@{COMMIT}"
INDEX = "https://pkgs.contoso.example/simple/"
WHEEL = "tools/mlops_bootstrap-0.1.0-py3-none-any.whl"
WHEEL_URL = f"https://files.contoso.example/mlops_bootstrap-0.1.0-py3-none-any.whl#sha256={'a' * 64}"


@pytest.mark.parametrize(
    ("source", "command"),
    [
        (None, "--from 'mlops-bootstrap==0.1.*'"),
        ("pypi", "--from 'mlops-bootstrap==0.1.*'"),
        (INDEX, f"--default-index {INDEX} --from 'mlops-bootstrap==0.1.*'"),
        (GIT, f"--from 'mlops-bootstrap @ {GIT}'"),
        (WHEEL, f"--from ./{WHEEL}"),
        (WHEEL_URL, f"--from 'mlops-bootstrap @ {WHEEL_URL}'"),
    ],
)
def test_uvx_starts_the_tool_from_its_source(source: str | None, command: str) -> None:
    assert shlex.join(uvx_arguments("0.1.*", source)) == command


def test_uvx_installs_the_extra_from_every_source() -> None:
    commands = [uvx_arguments("0.1.*", source, extra="infra")[-1] for source in (None, INDEX, GIT, WHEEL, WHEEL_URL)]

    assert commands == [
        "mlops-bootstrap[infra]==0.1.*",
        "mlops-bootstrap[infra]==0.1.*",
        f"mlops-bootstrap[infra] @ {GIT}",
        f"./{WHEEL}[infra]",
        f"mlops-bootstrap[infra] @ {WHEEL_URL}",
    ]


@pytest.mark.parametrize("source", ["pypi", INDEX, GIT, WHEEL, WHEEL_URL, "https://localhost:8080"])
def test_a_source_of_every_kind_is_accepted(source: str) -> None:
    assert re.fullmatch(SOURCE_PATTERN, source)


@pytest.mark.parametrize(
    "source",
    [
        "http://pkgs.contoso.example/simple/",
        "https://user:secret@pkgs.contoso.example/simple/",
        "https://pkgs.contoso.example/simple/?token=secret",
        "git+https://secret@github.com/contoso/mlops-bootstrap@" + COMMIT,
        "git+https://github.com/contoso/mlops-bootstrap@main",
        "git+https://github.com/contoso/mlops-bootstrap@" + COMMIT[:10],
        "git+ssh://git@github.com/contoso/mlops-bootstrap@" + COMMIT,
        "https://files.contoso.example/mlops_bootstrap-0.1.0-py3-none-any.whl",
        "../mlops_bootstrap-0.1.0-py3-none-any.whl",
        "/tools/mlops_bootstrap-0.1.0-py3-none-any.whl",
        "tools/another-0.1.0-py3-none-any.whl",
        "--index-url",
        "https://pkgs.contoso.example/$(id)",
        'https://pkgs.contoso.example/"x',
        "",
    ],
)
def test_a_source_that_is_unsafe_or_not_pinned_is_refused(source: str) -> None:
    assert re.fullmatch(SOURCE_PATTERN, source) is None


def test_another_pinned_version_is_refused_with_the_command_that_starts_it() -> None:
    data = {"tool": "99.*", "tool_source": INDEX, "a key of that version": 1}

    with pytest.raises(InputError) as caught:
        require_this_version(Position(Path("mlops.yaml"), 2, 7), data)

    assert caught.value.what.startswith("mlops.yaml pins mlops-bootstrap 99.*; this is ")
    assert caught.value.hint.endswith(f"uvx --default-index {INDEX} --from 'mlops-bootstrap==99.*' mlops-bootstrap")


@pytest.mark.parametrize(
    "data",
    [
        {},
        None,
        {"tool": "0.1.*"},
        {"tool": "latest"},
        {"tool": 99},
        {"tool": "99.*", "tool_source": "http://x.example"},
    ],
)
def test_no_other_version_is_started_for_this_version_or_a_pin_that_is_not_valid(data: object) -> None:
    assert other_version(data) is None
