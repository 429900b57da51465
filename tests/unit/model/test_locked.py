"""Tests of what a uv.lock must identify. tests/integration/test_run.py has locks that uv wrote."""

from pathlib import Path

import pytest

from bootstrap.digest import digest_file
from bootstrap.errors import InputError, MissingError
from bootstrap.model.locked import digest_of_lock
from bootstrap.project import find_project
from tests.helpers import build_tree
from tests.tiny import tiny

HASH = f'hash = "sha256:{"a" * 64}"'


def digest(root: Path, lock: str) -> str:
    return digest_of_lock(find_project(build_tree(root, tiny({"uv.lock": lock}))))


@pytest.mark.parametrize(
    "package",
    [
        'source = {virtual = "."}',
        'source = {git = "https://example.com/a.git?rev=main#' + "a" * 40 + '"}',
        f'source = {{registry = "https://pypi.org/simple"}}\nwheels = [{{url = "https://x", {HASH}}}]',
        f'source = {{registry = "https://pypi.org/simple"}}\nsdist = {{url = "https://x", {HASH}}}',
        f'source = {{registry = "r"}}\nwheels = [\n    {{ url = "a.whl", {HASH}, size = 1 }},\n]',
        f'source = {{url = "https://example.com/a.whl"}}\nwheels = [{{filename = "a.whl", {HASH}}}]',
        f'source = {{path = "dist/a.whl"}}\nwheels = [{{filename = "a.whl", {HASH}}}]',
    ],
)
def test_lock_with_identified_packages_has_its_own_digest(tmp_path: Path, package: str) -> None:
    found = digest(tmp_path, f'version = 1\n[[package]]\nname = "a"\nversion = "1"\n{package}\n')

    assert found == digest_file(tmp_path / "uv.lock")


@pytest.mark.parametrize(
    ("package", "words"),
    [
        ('source = {editable = "."}', r"helpers: it is installed from the folder \."),
        ('source = {editable = "../helpers", virtual = "."}', "from the folder ../helpers"),
        ('source = {directory = "libs/helpers"}', "helpers: it is installed from the folder libs/helpers"),
        ('[package.source]\n"edit\\u0061ble" = "."', "helpers: it is installed from the folder"),
        ('source = {registry = "wheels"}\nwheels = [{path = "a.whl"}]', "helpers: not all of its files have a hash"),
        (
            f'source = {{registry = "wheels"}}\nwheels = [{{path = "a.whl", {HASH}}}]\nsdist = {{path = "a.tar.gz"}}',
            "not all of its files have a hash",
        ),
        (
            f'source = {{registry = "r"}}\nwheels = [\n    {{ url = "a.whl", {HASH} }},\n    {{ url = "b.whl" }},\n]',
            "not all of its files have a hash",
        ),
        (
            f'source = {{registry = "r"}}\nwheels = [\n    {{ url = "a.whl", {HASH} }},\n]\nsdist = {{ url = "a" }}',
            "not all of its files have a hash",
        ),
        ('source = {moon = "a"}', "its source is unknown to this version"),
    ],
)
def test_lock_with_a_package_that_it_does_not_identify_is_refused(tmp_path: Path, package: str, words: str) -> None:
    known = f'[[package]]\nname = "known"\nsource = {{path = "a.whl"}}\nwheels = [{{{HASH}}}]\n'

    with pytest.raises(InputError, match=words) as caught:
        digest(tmp_path, f'version = 1\n{known}[[package]]\nname = "helpers"\nversion = "1"\n{package}\n')

    assert len(caught.value.details) == 1
    assert "package = false" in str(caught.value.hint)


def test_packages_below_the_older_key_of_uv_must_be_identified_too(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="helpers: it is installed from the folder libs/helpers"):
        digest(tmp_path, 'version = 1\n[[distribution]]\nname = "helpers"\nsource = {directory = "libs/helpers"}\n')


@pytest.mark.parametrize(
    "text",
    ["[", "package = 1", "[[package]]", "[[package]]\nname = 1\nsource = 2", "a = " + "[" * 10000, "\x00"],
)
def test_broken_lock_is_reported(tmp_path: Path, text: str) -> None:
    with pytest.raises(InputError, match="is not a lock of uv"):
        digest(tmp_path, text)


def test_lock_that_is_a_link_out_of_the_project_is_refused(tmp_path: Path) -> None:
    build_tree(tmp_path, tiny({}))
    (tmp_path / "uv.lock").symlink_to("/etc/hostname")

    with pytest.raises(InputError, match="leads out of the project"):
        digest_of_lock(find_project(tmp_path))


def test_missing_lock_names_the_command_that_creates_it(tmp_path: Path) -> None:
    build_tree(tmp_path, tiny({}))

    with pytest.raises(MissingError, match="uv lock"):
        digest_of_lock(find_project(tmp_path))
