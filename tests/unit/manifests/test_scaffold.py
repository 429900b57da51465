"""`platform init`: written whole, rerunnable, nothing of the user's overwritten."""

import datetime as dt
from collections.abc import Iterator
from pathlib import Path

import pytest

from bootstrap.errors import ConflictError, InputError
from bootstrap.manifests.platform import load_platform
from bootstrap.manifests.scaffold import EXAMPLE, QUESTIONS, init
from tests.helpers import tree

TODAY = dt.date(2026, 11, 24)
ANSWERS = {
    "organization": "null",
    "location": "northeurope",
    "subscription": "11111111-2222-3333-4444-555555555555",
    "tenant": "66666666-7777-8888-9999-000000000000",
    "email": "a@b.example",
}


def test_init_writes_a_valid_platform(tmp_path: Path) -> None:
    root = tmp_path / "parent" / "new"
    files = init(root, ANSWERS, TODAY, dry_run=False)

    hub = load_platform(root).stacks["hub"]
    assert tree(root) == files
    assert (hub.organization, hub.location, hub.tenant_id) == ("null", "northeurope", ANSWERS["tenant"])
    assert EXAMPLE not in (root / "platform.yaml").read_text()


def test_a_new_platform_pins_the_minor_version_of_the_tool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bootstrap.manifests.scaffold.__version__", "3.14.2")

    init(tmp_path / "new", {}, TODAY, dry_run=False)

    assert '\ntool: "3.14.*" ' in (tmp_path / "new" / "platform.yaml").read_text()


def test_example_values_are_marked(tmp_path: Path) -> None:
    init(tmp_path / "new", {}, TODAY, dry_run=False)

    text = (tmp_path / "new" / "platform.yaml").read_text()
    # The mail address stands twice: it hears of alerts, and owns what there is.
    assert text.count(EXAMPLE) == len(QUESTIONS) + 1
    assert list(load_platform(tmp_path / "new").stacks) == ["hub", "example-dev", "example-prod"]


def test_a_dry_run_writes_nothing(tmp_path: Path) -> None:
    files = init(tmp_path / "new", {}, TODAY, dry_run=True)

    assert "platform.yaml" in files
    assert list(tmp_path.iterdir()) == []


def test_init_again_writes_missing_files(tmp_path: Path) -> None:
    files = init(tmp_path / "new", {}, TODAY, dry_run=False)
    (tmp_path / "new" / "links.yaml").unlink()
    (tmp_path / "new" / ".git").mkdir()
    (tmp_path / "new" / ".git" / "HEAD").write_text("ref")

    init(tmp_path / "new", {}, TODAY, dry_run=False)

    assert tree(tmp_path / "new") == files


def test_another_file_in_the_folder_is_a_conflict(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")

    with pytest.raises(ConflictError) as caught:
        init(tmp_path, {}, TODAY, dry_run=False)

    assert caught.value.details == ()
    assert caught.value.why == "It has files that are not of a new platform, for example notes.txt."
    assert tree(tmp_path) == ["notes.txt"]


def test_another_folder_is_a_conflict_and_is_not_searched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".venv" / "lib").mkdir(parents=True)
    listed: list[Path] = []
    listing = Path.iterdir

    def iterdir(folder: Path) -> Iterator[Path]:
        listed.append(folder)
        return iter(listing(folder))

    monkeypatch.setattr(Path, "iterdir", iterdir)

    with pytest.raises(ConflictError, match=r"for example \.venv\."):
        init(tmp_path, {}, TODAY, dry_run=False)

    assert listed == [tmp_path]


def test_another_file_among_the_teams_is_a_conflict(tmp_path: Path) -> None:
    init(tmp_path, {}, TODAY, dry_run=False)
    (tmp_path / "teams" / "fraud.yaml").write_text("mine")

    with pytest.raises(ConflictError, match=r"for example teams/fraud\.yaml"):
        init(tmp_path, {}, TODAY, dry_run=False)


def test_an_edited_file_is_a_conflict(tmp_path: Path) -> None:
    init(tmp_path / "new", {}, TODAY, dry_run=False)
    (tmp_path / "new" / "platform.yaml").write_text("mine")

    with pytest.raises(ConflictError, match="files differ") as caught:
        init(tmp_path / "new", {}, TODAY, dry_run=False)

    assert caught.value.details == ("platform.yaml",)
    assert (tmp_path / "new" / "platform.yaml").read_text() == "mine"


def test_a_file_in_the_folders_place_is_a_conflict(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")

    with pytest.raises(ConflictError, match="is a file"):
        init(tmp_path / "file", {}, TODAY, dry_run=False)


@pytest.mark.parametrize(
    ("name", "answer"),
    [("organization", 'a"b'), ("organization", "a b"), ("organization", "ü" * 3), ("organization", "a" * 300),
     ("location", "West Europe"), ("subscription", "1234"), ("tenant", ""), ("email", "nobody")],
)  # fmt: skip
def test_wrong_answer_is_refused_and_nothing_is_written(tmp_path: Path, name: str, answer: str) -> None:
    with pytest.raises(InputError, match=f"{QUESTIONS[name].option} must be"):
        init(tmp_path / "new", {name: answer}, TODAY, dry_run=False)

    assert list(tmp_path.iterdir()) == []
