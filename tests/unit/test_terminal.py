"""The terminal: tables that fit it, colours, and neither of them elsewhere."""

import io
import json
import re
import sys
import time
from collections.abc import Iterator

import pytest
from markdown_it import MarkdownIt

from bootstrap.errors import InputError
from bootstrap.terminal.console import Console, print_error
from bootstrap.terminal.markdown import code, escaped, fenced
from bootstrap.terminal.table import table

HEADINGS = ["stack", "role", "why"]
ROWS = [
    ["fraud-dev", "AzureML Data Scientist", "experiments, data assets and jobs of the team, without its computes"],
    ["fraud-prod", "Reader", "see what runs"],
]


class Terminal(io.StringIO):
    """Standard output or standard error on a terminal."""

    def isatty(self) -> bool:
        return True


def on_terminal(monkeypatch: pytest.MonkeyPatch, columns: int = 80) -> Terminal:
    """Put a terminal of that width in the place of both streams."""
    stream = Terminal()
    monkeypatch.setenv("COLUMNS", str(columns))
    monkeypatch.setattr(sys, "stdout", stream)
    monkeypatch.setattr(sys, "stderr", stream)
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    return stream


def test_a_row_is_one_line_outside_of_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "40")

    lines = table(HEADINGS, ROWS).splitlines()

    assert lines[0].split() == HEADINGS
    assert [line.split("  ")[0].strip() for line in lines[2:]] == ["fraud-dev", "fraud-prod"]
    assert lines[2].endswith(ROWS[0][2])


@pytest.mark.parametrize("columns", [110, 60, 30])
def test_a_table_fits_the_terminal_and_keeps_every_word(monkeypatch: pytest.MonkeyPatch, columns: int) -> None:
    on_terminal(monkeypatch, columns)

    text = table(HEADINGS, ROWS)

    assert max(map(len, text.splitlines())) <= columns
    words = re.findall(r"[\w-]+", text)
    assert all(words.count(word) >= 1 for row in ROWS for cell in row for word in re.findall(r"[\w-]+", cell))


def test_a_row_is_a_block_where_columns_would_break_words(monkeypatch: pytest.MonkeyPatch) -> None:
    on_terminal(monkeypatch, 30)

    assert table(["stack", "role", "why"], [["fraud-production", "Contributor", "it deploys"], ["hub", "", "x"]]) == (
        "stack  fraud-production\nrole   Contributor\nwhy    it deploys\n\nstack  hub\nwhy    x"
    )


def test_text_in_brackets_is_no_markup(monkeypatch: pytest.MonkeyPatch) -> None:
    on_terminal(monkeypatch, 20)

    assert "[bold]" in table(["key", "value"], [["size", "one [bold] word of many words"]])


def test_errors_and_warnings_have_colours_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = on_terminal(monkeypatch)

    print_error(InputError("It broke.", why="It is glass."))
    Console().parts(["hub: 1 resource\n  warning  names: too long"])

    written = terminal.getvalue()
    assert "\x1b[1;31merror\x1b[0m: It broke.\n  why: It is glass.\n" in written
    assert "\x1b[33m  warning\x1b[0m  names: too long\n" in written


def test_no_color_is_respected(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = on_terminal(monkeypatch)
    monkeypatch.setenv("NO_COLOR", "1")

    print_error(InputError("It broke."))

    assert not re.search(r"\x1b\[[0-9;]*3[0-9]", terminal.getvalue())


def test_a_result_that_is_piped_has_no_colours(capsys: pytest.CaptureFixture[str]) -> None:
    Console().parts(["error  one\n", "two"])

    assert capsys.readouterr().out == "error  one\ntwo\n"


def test_a_result_is_printed_whole_or_not_at_all(capsys: pytest.CaptureFixture[str]) -> None:
    def parts() -> Iterator[str]:
        yield "one"
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        Console().parts(parts())

    assert capsys.readouterr().out == ""


def test_text_is_no_markup_in_markdown() -> None:
    reason = "![x](https://a.example/t.png) @contoso/admins [ok](www.a.example) `a` *b* _c_\n<i> a|b \\| & ~d~ #7 &#7;"

    assert escaped(reason) == (
        r"\!\[x\](https:<!-- -->//a.example/t.png) &#64;<!-- -->contoso/admins \[ok\](www<!-- -->.a.example) \`a\`"
        r" \*b\* \_c\_ &lt;i&gt; a\|b \\\| &amp; \~d\~ #<!-- -->7 &amp;#<!-- -->7;"
    )


def test_block_of_code_in_markdown_is_not_ended_by_its_lines() -> None:
    text = fenced("diff", ["+ a", "```", "````\n# heading"])

    assert [token.type for token in MarkdownIt().parse(text)] == ["fence"]
    assert text.startswith("`````diff\n+ a\n")


def test_code_in_markdown_cannot_be_left() -> None:
    assert code("teams/fraud.yaml:12") == "`teams/fraud.yaml:12`"
    assert code("a`b|c\n<d>") == r"<code>a\`b\|c &lt;d&gt;</code>"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[2J\x07\x9b\x7f", r"\u001b[2J\u0007\u009b\u007f"),
        ("a\u202eb\u2066", r"a\u202eb\u2066"),
        ("a\rb\r\n\tc\n", "a\\u000db\r\n\tc\n"),
        ("a ##vso[task.complete]b ##VSO[x] ##[error]c", r"a ##vso\u005btask.complete]b ##VSO\u005bx] ##\u005berror]c"),
        ("a::b\n  ::warning::c", "a::b\n  :\\u003awarning::c"),
        ("file-\udcff", r"file-\udcff"),
        ("plain: é → ±", "plain: é → ±"),
    ],
)
def test_nothing_is_printed_that_a_terminal_or_a_ci_job_obeys(
    capsys: pytest.CaptureFixture[str], text: str, shown: str
) -> None:
    Console().result(text, {})
    result = capsys.readouterr().out
    Console().parts([text])
    parts = capsys.readouterr().out
    Console().say(text)
    message = capsys.readouterr().err

    assert {part.removesuffix("\n") for part in (result, parts, message)} == {shown.removesuffix("\n")}


def test_json_keeps_characters_that_a_terminal_obeys(capsys: pytest.CaptureFixture[str]) -> None:
    document = {"a": "\x1b[2J \u202e \x9b ##vso[b] ::c"}

    Console(json_output=True).result("", document)

    out = capsys.readouterr().out
    assert json.loads(out) == document
    assert not [obeyed for obeyed in ("\x1b", "\u202e", "\x9b", "##vso[") if obeyed in out]


def test_an_error_shows_fifty_problems_at_most(capsys: pytest.CaptureFixture[str]) -> None:
    print_error(InputError("a", details=map(str, range(1234)), hint="b"))

    lines = capsys.readouterr().err.splitlines()
    assert lines == ["error: a", *(f"  {number}" for number in range(50)), "  and 1,184 more", "  next: b"]


def test_lines_within_an_error_do_not_look_like_ours(capsys: pytest.CaptureFixture[str]) -> None:
    print_error(InputError("a\nerror: b", details=["c\nd"], why="e\nf"))

    assert capsys.readouterr().err == "error: a\n    error: b\n  c\n    d\n  why: e\n    f\n"


def test_a_key_of_a_manifest_has_no_colour(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = on_terminal(monkeypatch)

    Console().result("errors: 1\nerror: 2\n", {})

    assert terminal.getvalue() == "errors: 1\nerror: 2\n"


def test_task_that_takes_long_has_a_line_each_minute(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("bootstrap.terminal.console._PULSE_SECONDS", 0.02)
    console = Console()

    console.started("up fraud-dev")
    console.started("up fraud-dev: Workspace mlw", "up fraud-dev")
    seen = ""
    while "still at work" not in seen:
        seen += capsys.readouterr().err
    console.finished("up fraud-dev: Workspace mlw", "add")
    console.finished("up fraud-dev")
    console.close()
    time.sleep(0.1)
    capsys.readouterr()
    time.sleep(0.1)

    assert seen.splitlines()[0] == "  up fraud-dev: still at work after 0 min: up fraud-dev: Workspace mlw"
    assert capsys.readouterr().err == ""


def steps(console: Console) -> None:
    for task in ("up a", "up b"):
        console.started(task)
    for task in ("up a", "up b"):
        console.started(f"{task}: Vault ::kv", task)
        console.finished(f"{task}: Vault ::kv", "add")
    console.finished("up b", "failed")
    console.finished("up a", "1 add")
    console.close()


def test_parts_of_a_task_have_lines_where_there_is_no_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("GITHUB_ACTIONS", "TF_BUILD"):
        monkeypatch.delenv(name, raising=False)

    steps(Console())

    lines = [re.sub(r"[\d.]+ s$", "", line) for line in capsys.readouterr().err.splitlines()]
    assert lines == [
        "  up a: Vault ::kv: add in ", "  up b: Vault ::kv: add in ", "  up b: failed in ", "  up a: 1 add in ",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("variable", "begin", "end"),
    [("GITHUB_ACTIONS", "::group::", "::endgroup::"), ("TF_BUILD", "##[group]", "##[endgroup]")],
)
def test_parts_of_a_task_are_a_group_in_the_log_of_a_job(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], variable: str, begin: str, end: str
) -> None:
    monkeypatch.setenv(variable, "true")
    monkeypatch.delenv({"GITHUB_ACTIONS": "TF_BUILD", "TF_BUILD": "GITHUB_ACTIONS"}[variable], raising=False)

    steps(Console())

    lines = [re.sub(r"[\d.]+ s$", "", line) for line in capsys.readouterr().err.splitlines()]
    assert lines == [
        f"{begin}up b: failed in ", "  up b: Vault ::kv: add in ", end,
        f"{begin}up a: 1 add in ", "  up a: Vault ::kv: add in ", end,
    ]  # fmt: skip


def test_parts_of_a_task_leave_no_lines_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = on_terminal(monkeypatch)

    steps(Console())

    written = terminal.getvalue()
    assert "up a: 1 add in" in written
    assert "Vault ::kv: add" not in written
