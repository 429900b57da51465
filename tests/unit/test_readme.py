"""What the README says exists: its links, its make targets, its commands. The tour itself runs in test_demo.py."""

import re
import shlex
from pathlib import Path

import pytest

from bootstrap.cli.command import EXAMPLES
from bootstrap.cli.main import execute
from bootstrap.demo.tour import _itinerary

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def commands(text: str) -> list[str]:
    """The lines of code blocks that begin with our command."""
    blocks = re.findall(r"^```\w*\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    lines = (line.partition("#")[0].strip() for block in blocks for line in block.splitlines())
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
        known = words[0].startswith("-") or words[0] in EXAMPLES or " ".join(words[:2]) in EXAMPLES
        assert known, line


def test_the_tour_in_the_readme_is_the_one_that_is_taken(tmp_path: Path) -> None:
    taken = [
        shlex.join(["mlops-bootstrap", *words.split(), *arguments]) for words, arguments, _ in _itinerary(tmp_path)
    ]
    assert list(dict.fromkeys(taken)) == commands(README.partition("## The tour")[2].partition("## Install")[0])


def test_make_targets_of_the_readme_exist() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for target in re.findall(r"^make (\w+)", README, re.MULTILINE):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE)
