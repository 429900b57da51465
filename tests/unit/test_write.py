"""Documents that a person wrote, with an entry added or changed: everything else stays as it was."""

import difflib
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from bootstrap.errors import InputError
from bootstrap.yaml import as_yaml, as_yaml_line, parse
from bootstrap.yaml.write import with_entry

PATH = Path("links.yaml")
LINK = {"issuer": "https://forge.example", "subject": "repo:contoso@1/churn@2:environment:dev"}
DEV = "          dev:\n            issuer: I\n            subject: S\n"
AT = ["teams", "fraud", "churn", "dev"]

NAMES = st.sampled_from(["fraud", "vision", "churn", "returns", "dev", "prod", "no"])
TEXTS = st.sampled_from(
    ["https://a.example", "repo:a/b:environment:dev", "plain", "it's", 'with "quotes"', "ü", "a # b"]
)
TREES = st.recursive(TEXTS, lambda inner: st.dictionaries(NAMES, inner, max_size=3), max_leaves=12)
DOCUMENTS = st.dictionaries(
    st.sampled_from(["platform", "teams"]), st.dictionaries(NAMES, TREES, max_size=3), max_size=2
)


class Writer:
    """Writes data as a person would: with comments and blank lines anywhere, in any of YAML's styles."""

    def __init__(self, draw: st.DrawFn) -> None:
        self.draw = draw
        self.comments = 0

    def comment(self) -> str:
        self.comments += 1
        return f"# comment {self.comments} of Anna's: {{}} [x] 'y'"

    def between(self, indent: int) -> Iterator[str]:
        for kind in self.draw(st.lists(st.sampled_from(["blank", "comment", "comment at the left"]), max_size=2)):
            yield "" if kind == "blank" else (" " * indent if kind == "comment" else "") + self.comment()

    def end_of_line(self) -> str:
        return self.draw(st.sampled_from(["", "", " ", "   "])) + self.comment() if self.draw(st.booleans()) else ""

    def scalar(self, text: str) -> str:
        single = "'" + text.replace("'", "''") + "'"
        plain = [text] if re.fullmatch(r"[A-Za-z][A-Za-z0-9:/.@]*", text) else []
        return self.draw(st.sampled_from([json.dumps(text, ensure_ascii=False), single, *plain]))

    def flow(self, value: Any) -> str:
        if isinstance(value, Mapping):
            space = self.draw(st.sampled_from(["", " "]))
            return "{" + space + ", ".join(f"{self.scalar(k)}: {self.flow(v)}" for k, v in value.items()) + space + "}"
        return self.scalar(value)

    def block(self, data: Mapping[str, Any], indent: int) -> Iterator[str]:
        step = self.draw(st.sampled_from([2, 4]))
        for key, value in data.items():
            yield from self.between(indent)
            head = " " * indent + self.scalar(key) + ":"
            end = self.end_of_line()
            end = f" {end}" if end else ""
            if isinstance(value, Mapping) and value and self.draw(st.booleans()):
                yield head + end
                yield from self.block(value, indent + step)
            elif value == {} and self.draw(st.booleans()):
                yield head + end  # a key with nothing is null
            else:
                yield head + " " + self.flow(value) + end


@st.composite
def documents(draw: st.DrawFn) -> str:
    writer = Writer(draw)
    lines = [*writer.between(0), *writer.block({"schema_version": "1", **draw(DOCUMENTS)}, 0), *writer.between(0)]
    newline = draw(st.sampled_from(["\n", "\r\n"]))
    return newline.join(lines) + draw(st.sampled_from(["", newline]))


def entries(data: Any, at: tuple[str, ...] = ()) -> dict[tuple[str, ...], Any]:
    if not isinstance(data, dict):
        return {at: data}
    return {key: value for name, inner in data.items() for key, value in entries(inner, (*at, name)).items()}


@settings(max_examples=60, deadline=None)
@given(documents(), st.sampled_from([["platform", "dev"], AT, ["teams", "vision", "returns", "prod"]]))
def test_comments_order_blank_lines_and_quotes_stay_when_an_entry_is_added_or_changed(text: str, at: list[str]) -> None:
    before = entries(parse(text, PATH).data)
    try:
        changed = with_entry(text, PATH, at, LINK)
    except InputError:
        changed = ""
    # Text where a mapping should be is the user's: it is not replaced.
    assert (changed == "") == any(before.get(tuple(at[:length])) is not None for length in range(1, len(at) + 1))
    if not changed:
        return

    after = entries(parse(changed, PATH).data)
    link = {(*at, key): value for key, value in LINK.items()}
    others = {key: value for key, value in before.items() if key not in link and key != tuple(at[: len(key)])}
    assert after == {**others, **link}
    assert re.findall(r"# comment \d+ of[^\r\n]*", changed) == re.findall(r"# comment \d+ of[^\r\n]*", text)
    assert re.findall(r"\r?\n", changed)[: text.count("\n")] == re.findall(r"\r?\n", text)
    difference = list(difflib.unified_diff(text.splitlines(), changed.splitlines(), n=0, lineterm=""))[2:]
    removed = [line[1:] for line in difference if line.startswith("-")]
    assert "" not in removed
    assert len(removed) <= len(LINK)


@settings(max_examples=60, deadline=None)
@given(documents())
def test_a_document_that_has_the_entry_already_stays_byte_for_byte(text: str) -> None:
    try:
        once = with_entry(text, PATH, AT, LINK)
    except InputError:
        return

    assert with_entry(once, PATH, AT, LINK) == once


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", "teams:\n  fraud:\n    churn:\n      dev:\n        issuer: I\n        subject: S\n"),
        (
            "# only this\n",
            "# only this\nteams:\n  fraud:\n    churn:\n      dev:\n        issuer: I\n        subject: S\n",
        ),
        (
            "teams: {} # none yet\n# the end\n",
            "teams: # none yet\n  fraud:\n    churn:\n      dev:\n        issuer: I\n        subject: S\n# the end\n",
        ),
        (
            "teams: {fraud: {churn: {}}}\n",
            'teams: {fraud: {churn: {dev: {issuer: "I", subject: "S"}}}}\n',
        ),
        (
            "teams:\n  fraud:\n    churn:\n      dev: {issuer: 'old', subject: S} # Anna\n",
            'teams:\n  fraud:\n    churn:\n      dev: {issuer: "I", subject: S} # Anna\n',
        ),
        (
            "teams:\n  fraud:\n    churn:\n      dev: {issuer: I} # Anna\n",
            'teams:\n  fraud:\n    churn:\n      dev: {issuer: I, subject: "S"} # Anna\n',
        ),
        (
            "teams:\n  fraud:\n      churn:\n          prod: {}\n\n  vision: {}\n",
            f"teams:\n  fraud:\n      churn:\n          prod: {{}}\n{DEV}\n  vision: {{}}\n",
        ),
    ],
)
def test_an_entry_is_written_in_the_style_that_surrounds_it(before: str, after: str) -> None:
    assert with_entry(before, PATH, AT, {"issuer": "I", "subject": "S"}) == after


@pytest.mark.parametrize(
    ("before", "value", "after"),
    [
        ("environments: {dev: {}} # Anna\n", {}, "environments: {dev: {}, prod: {}} # Anna\n"),
        (
            "environments:\n  dev: {} # Anna\n\nprojects: []\n",
            {},
            "environments:\n  dev: {} # Anna\n  prod: {}\n\nprojects: []\n",
        ),
        (
            "environments:\n  dev:\n    budget: 5 # Anna\nprojects: []\n",
            {"budget": 500, "vnet": {"address_space": "10.0.0.0/24"}, "compute": [{"name": "cpu"}]},
            (
                "environments:\n  dev:\n    budget: 5 # Anna\n  prod:\n    budget: 500\n    vnet:\n"
                "      address_space: 10.0.0.0/24\n    compute:\n    - name: cpu\nprojects: []\n"
            ),
        ),
        (
            "environments: {dev: {budget: 5}}\n",
            {"budget": 500, "compute": [{"name": "cpu"}]},
            "environments: {dev: {budget: 5}, prod: {budget: 500, compute: [{name: cpu}]}}\n",
        ),
    ],
)
def test_an_entry_of_any_data_is_written_in_the_style_that_surrounds_it(
    before: str, value: Mapping[str, Any], after: str
) -> None:
    assert with_entry(before, PATH, ["environments", "prod"], value) == after


@pytest.mark.parametrize(
    "text",
    [
        "teams: &all {fraud: {churn: {prod: {a: b}}}}\nmore: *all\n",
        "teams: text\n",
        "teams: [fraud]\n",
        "- teams\n",
        "a: &x b\nc: &x d\n",
    ],
)
def test_a_document_that_cannot_be_changed_alone_is_refused_with_what_to_add(text: str) -> None:
    with pytest.raises(InputError) as caught:
        with_entry(text, PATH, AT, LINK)

    assert "cannot be changed without touching other entries" in caught.value.what
    assert as_yaml({"dev": LINK}).split("\n")[1].strip() in "\n".join(caught.value.details)


@pytest.mark.parametrize("text", ["a\nb", "a\n", "\n", "a\r\nb", "a\u2028b", "a\x85b", "x" * 2_000_000 + " y"])
def test_text_of_any_content_is_written_on_one_line(text: str) -> None:
    line = as_yaml_line({"a": [text]})

    assert len(line.splitlines()) == 1
    assert yaml.safe_load(line) == {"a": [text]}
