"""Commands with the values in place of their expressions: what the shell makes of them, and what is reported before."""

import re
import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bootstrap.pipeline.expressions import command_text, open_quote, structure_changes

ECHO = "printf '<%s>' "
"""Prints each word that follows in `<>`."""


def words(text: str) -> str:
    return subprocess.run(["bash", "-c", ECHO + text], capture_output=True, check=True).stdout.decode("utf-8")


def test_values_are_put_into_the_text_as_azure_ai_ml_writes_them() -> None:
    command = "run ${{inputs.on}} ${{ inputs.rate }} ${{inputs.data}} > ${{outputs.made}}/log"

    text = command_text(command, {"on": True, "rate": 0.5, "data": Path("/data/rows.csv")}, {"made": Path("/made")})

    assert text == "run True 0.5 /data/rows.csv > /made/log"


def test_optional_section_needs_a_value_of_each_of_its_inputs() -> None:
    command = "run $[[--a ${{inputs.a}} --b ${{inputs.b}}]] end"

    assert command_text(command, {"a": 1}, {}) == "run  end"
    assert command_text(command, {"a": 1, "b": 2}, {}) == "run --a 1 --b 2 end"


@pytest.mark.parametrize(
    ("command", "value", "advice"),
    [
        ("x ${{inputs.v}}", "a;b", 'Write "${{inputs.v}}".'),
        ("x ${{inputs.v}}", "~/a", 'Write "${{inputs.v}}".'),
        ("x ${{inputs.v}}", "a\nb", 'Write "${{inputs.v}}".'),
        ("x ${{inputs.v}}", "$(a)", "Write '${{inputs.v}}'."),
        ('x "${{inputs.v}}"', 'say "a"', "Write '${{inputs.v}}'."),
        ("x '${{inputs.v}}'", "it's", 'Write "${{inputs.v}}".'),
        ("x '${{inputs.v}}'", "it's $1", "No quotes are safe for it: put it into a file."),
        ("x 'a' \"it's ${{inputs.v}}\"", "a`b", "Write '${{inputs.v}}'."),
        ("x # don't\ny '${{inputs.v}}'", "'", 'Write "${{inputs.v}}".'),
        ("x $[[--v ${{inputs.v}}]]", "a|b", 'Write "${{inputs.v}}".'),
        ("x \\' ${{inputs.v}}", "a*", 'Write "${{inputs.v}}".'),
    ],
)
def test_value_that_changes_the_command_is_reported_with_the_quotes_that_are_safe(
    command: str, value: str, advice: str
) -> None:
    assert list(structure_changes(command, {"v": value})) == [("v", advice)]


@pytest.mark.parametrize(
    ("command", "value"),
    [
        ("x ${{inputs.v}}", "several plain words --a=b/c_d.e:f,g+h@i%j~1"),
        ('x "${{inputs.v}}"', "a;b|c&d (e) 'f' *"),
        ("x '${{inputs.v}}'", 'a "b" $c `d` \\'),
        ("x 'don\\' \"${{inputs.v}}\"", "'"),
    ],
)
def test_value_that_the_shell_takes_as_text_is_not_reported(command: str, value: str) -> None:
    assert list(structure_changes(command, {"v": value})) == []


TEXTS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=12) | st.text(
    "ab '\"$`\\;|&()*?~#!\n", max_size=8
)


@settings(max_examples=60, deadline=None)
@given(value=TEXTS)
def test_advised_quotes_keep_every_value_as_one_word(value: str) -> None:
    for _, advice in structure_changes("x ${{inputs.v}}", {"v": value}):
        if quoted := re.fullmatch(r"Write (.*)\.", advice):
            assert words(command_text(quoted[1], {"v": value}, {})) == f"<{value}>"


@settings(max_examples=60, deadline=None)
@given(value=TEXTS)
def test_value_without_a_report_is_nothing_but_words(value: str) -> None:
    if not list(structure_changes("x ${{inputs.v}}", {"v": value})):
        expected = "".join(f"<{word}>" for word in re.split("[ \t]+", value.strip(" \t")) if word)
        assert words(command_text("${{inputs.v}}", {"v": value}, {})) == (expected or "<>")


@pytest.mark.parametrize(
    ("command", "quote"),
    [("x 'a", "'"), ("x \"a'", '"'), ("x \\' 'a'", ""), ("x # don't", ""), ("cat <<END\nit's\nEND", ""), ("", "")],
)
def test_quote_without_an_end_is_found(command: str, quote: str) -> None:
    assert open_quote(command) == quote
