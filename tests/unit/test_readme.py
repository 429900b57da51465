"""The links, make targets and commands of the README and of docs/ exist. The tour itself runs in test_demo.py."""

import re
import shlex
from pathlib import Path

import pytest

from bootstrap.cli.main import execute
from bootstrap.demo.tour import _itinerary
from tests.helpers import examples

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def commands(text: str) -> list[str]:
    """The lines of code blocks that begin with our command; of a session in a terminal, those with a prompt."""
    blocks = re.findall(r"^```(\w*)\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    lines = (
        line.partition("#")[0].strip().removeprefix("$ ")
        for language, block in blocks
        for line in block.replace("\\\n", " ").splitlines()
        if language != "console" or line.startswith("$ ")
    )
    return [line for line in lines if line.startswith("mlops-bootstrap ")]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\((?!https?:|#)([^)#]+)", page.read_text(encoding="utf-8")):
        assert (page.parent / target).exists(), target


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_commands_on_a_page_exist(page: Path) -> None:
    assert execute is not None  # importing it declares the commands
    for line in commands(page.read_text(encoding="utf-8")):
        words = shlex.split(line)[1:]
        known = words[0].startswith("-") or any(" ".join(words[:count]) in examples() for count in (1, 2, 3))
        assert known, line


def test_tour_of_the_readme_is_that_of_the_demo(tmp_path: Path) -> None:
    (tmp_path / "platform" / "teams").mkdir(parents=True)
    taken = [
        shlex.join(["mlops-bootstrap", *words.split(), *arguments]) for words, arguments, _ in _itinerary(tmp_path)
    ]
    assert list(dict.fromkeys(taken)) == commands(README.partition("## The tour")[2].partition("## Install")[0])


def test_readme_links_to_getting_started_first() -> None:
    assert re.findall(r"\]\((\S+?)\)", README)[0] == "docs/getting-started.md"


@pytest.mark.parametrize("page", PAGES[1:], ids=lambda page: str(page.relative_to(ROOT)))
def test_every_other_page_says_that_it_is_reference(page: Path) -> None:
    first = page.read_text(encoding="utf-8").split("\n\n")[1]
    assert first.startswith("*This page is reference.") == (page.name != "getting-started.md")


def test_make_targets_of_the_readme_exist() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for target in re.findall(r"^make (\w+)", README, re.MULTILINE):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE)
