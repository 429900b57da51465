"""The tour from the first command to the page, and what a user does next in the folders that it leaves."""

import csv
import random
import re
import shlex
import shutil
from html.parser import HTMLParser
from pathlib import Path

import pytest

from tests.chromium import WIDTHS, layout_mistakes, opened, start
from tests.helpers import Done, examples, run_cli

SECTIONS = {
    "cost",
    "access",
    "platform",
    "pipeline",
    "metrics",
    "gate",
    "registry",
    "serving",
    "commands",
    "next",
    "warnings",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the tour leaves, taken once for all tests here."""
    place = tmp_path_factory.mktemp("elsewhere") / "tour"
    (example,) = examples()["demo"]
    done = run_cli(*shlex.split(example)[1:], cwd=place.parent, timeout=900)
    assert done.code == 0, done.err
    assert str(place / "report.html") in done.out
    return place


class Page(HTMLParser):
    """The ids, texts and unclosed elements of a page, and what it would load from elsewhere."""

    VOID = frozenset({"meta", "link", "br", "img", "line", "circle", "rect", "path"})

    def __init__(self, text: str) -> None:
        super().__init__()
        self.ids: set[str] = set()
        self.open: list[str] = []
        self.loads: list[str] = []
        self.words: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.ids |= {value for name, value in attrs if name == "id" and value}
        self.loads += [str(given[name]) for name in ("src",) if name in given]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.ids |= {value for name, value in attrs if name == "id" and value}

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)


def test_demo_page_is_complete_and_self_contained(folder: Path) -> None:
    page = Page((folder / "report.html").read_text(encoding="utf-8"))
    assert page.open == []
    assert page.loads == []
    assert page.ids >= SECTIONS
    text = "".join(page.words)
    for said in ("mlops-bootstrap plan --all -C platform", "rmse", "passed", "model_sha256", "p95", "evaluate"):
        assert said in text


def test_the_page_begins_with_three_verdicts_and_ends_with_example_values(folder: Path) -> None:
    text = (folder / "report.html").read_text(encoding="utf-8")

    assert re.findall(r"<li><h2>(\w+): <span class=\"yes\">", text) == ["Platform", "Gate", "Serving"]
    assert re.findall(r"</span> ([a-z-]+) <span class=\"soft\">", text)[-1] == "example-value"
    assert '<details class="card" open' not in text


def test_the_page_fits_three_widths(folder: Path) -> None:
    with start() as browser:
        for width in WIDTHS:
            with opened(browser, folder / "report.html", width) as page:
                assert layout_mistakes(page) == []


def test_demo_refuses_a_folder_that_is_not_empty(tmp_path: Path) -> None:
    (tmp_path / "novel.txt").write_text("Chapter 1")
    done = run_cli("demo", ".", cwd=tmp_path)
    assert done.code == 4
    assert "novel.txt" in done.err
    assert [path.name for path in tmp_path.iterdir()] == ["novel.txt"]


def test_demo_checks_its_requirements_first(tmp_path: Path) -> None:
    done = run_cli("demo", "tour", cwd=tmp_path, env={"PATH": str(tmp_path)})
    assert done.code == 3
    assert "git is not installed" in done.err
    assert list(tmp_path.iterdir()) == []


def test_the_project_of_the_tour_is_a_repository_of_its_own(folder: Path) -> None:
    assert (folder / "disease-progression/.git").is_dir()


def test_a_model_that_learned_from_shuffled_labels_is_refused_and_cannot_be_registered(folder: Path) -> None:
    project = folder / "shuffled"
    shutil.copytree(folder / "disease-progression", project, symlinks=True)
    _shuffle(project / "data/diabetes.csv")

    assert _model(project, "run").code == 0
    judged = _model(project, "model", "gate", "--output", "json")
    registered = _model(project, "model", "register")

    assert judged.code == 5
    refused = {rule["rule"] for rule in judged.document["rules"] if not rule["passed"]}
    assert {"good enough", "beats the mean"} <= refused
    assert registered.code == 5
    versions = _model(project, "model", "list", "--output", "json").document["versions"]
    assert [version["version"] for version in versions] == ["1"]


def _model(project: Path, *arguments: str) -> Done:
    return run_cli(*arguments, "-C", project, cwd=project, timeout=600)


def _shuffle(path: Path) -> None:
    """Give each row of a table another row's label, which is its last column."""
    with path.open(encoding="utf-8", newline="") as file:
        head, *rows = csv.reader(file)
    labels = [row[-1] for row in rows]
    random.Random(1).shuffle(labels)
    with path.open("w", encoding="utf-8", newline="") as file:
        shuffled = [[*row[:-1], label] for row, label in zip(rows, labels, strict=True)]
        csv.writer(file, lineterminator="\n").writerows([head, *shuffled])
