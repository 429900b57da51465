"""What others wrote (values, keys, names of files, exports, records) is shown as text and obeyed by nothing.

Every place that prints such text is reached by worlds in which each value is hostile. What is printed must have nothing
that a terminal, the runner of a CI job, a forge that renders Markdown, a browser or a shell would obey.
"""

import ast
import json
import re
from collections.abc import Callable, Iterator, Sequence
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
import yaml
from markdown_it import MarkdownIt

from tests.helpers import CONTOSO, ROOT, build_tree, git, run_here
from tests.unit.model.worlds import RUN, World, register_by_hand

LETTERS = (
    "<img src=x onerror=e> ![i](http://evil.example/i) [l](//evil.example) @octocat #7 www.evil.example `` ``` |"
    " ##vso[task.x]y ##[add-mask]z ::warning::w $(touch x)"
)
ESCAPES = "\x1b[2J\x9b\u202e\n::error::x\r\n# heading\n```\n<script>e</script>"

_OBEYED = re.compile(
    "\r(?!\n)|[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]"
)
"""As the documents of Unicode, and not our own code, list them."""


def obeyed(text: str, form: str) -> Iterator[str]:
    """What in an output would be obeyed."""
    yield from (f"the character {found[0]!r}" for found in _OBEYED.finditer(text))
    yield from (f"the command of a log {found[0]!r}" for found in re.finditer(r"##(?:vso)?\[[^\n]*", text))
    for line in text.splitlines():
        if line.lstrip().startswith("::") and not (
            form == "github" and re.match(r"::(error|warning) file=[^:,]*,line=\d+,col=\d+::", line)
        ):
            yield f"the command of a log {line!r}"
    if form == "markdown":
        yield from _obeyed_in_markdown(text)
    if form == "html":
        page = _Page()
        page.feed(text)
        yield from page.found


def _obeyed_in_markdown(text: str) -> Iterator[str]:
    # A comment that separates the parts of a mention or an address is left out by forges after they look for these.
    for token in MarkdownIt("commonmark", {"html": True}).enable("table").parse(text):
        if token.type == "html_block" and "evil" in token.content:
            yield f"HTML: {token.content!r}"
        for one in token.children or ():
            if one.type == "image" or (one.type == "link_open" and "evil" in str(one.attrs)):
                yield f"a link or an image: {one.attrs}"
            if one.type == "html_inline" and not re.fullmatch(r"</?(?:code|details|summary)>|<!-- -->", one.content):
                yield f"HTML: {one.content!r}"
            if one.type == "text" and (found := re.search(r"@octocat|www\.|://|#7|^# ", one.content)):
                yield f"what a forge makes a link of: {found[0]!r} in {one.content!r}"


class _Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self._in = ""

    def handle_starttag(self, tag: str, attrs: Sequence[tuple[str, str | None]]) -> None:
        self._in = tag
        if tag == "img" or any(name.startswith("on") or "evil" in (value or "") for name, value in attrs):
            self.found.append(f"the element {tag} {attrs}")

    def handle_endtag(self, tag: str) -> None:
        self._in = ""

    def handle_data(self, data: str) -> None:
        if self._in in ("script", "style") and "evil" in data:
            self.found.append(f"in a {self._in}: {data[:200]!r}")


def assert_harmless(root: Path, command: str, form: str = "") -> None:
    done = run_here(*command.split(), *(["-o", form] if form else []), cwd=root)

    assert done.code in (0, 2, 3, 4, 5), done.err
    assert "evil" in done.out + done.err, "the world's text is not reached"
    assert list(obeyed(done.out, form)) == []
    assert list(obeyed(done.err, "")) == []


@pytest.fixture(scope="module")
def accepted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The example with hostile text wherever manifests and exports may have any text, and a commit before that."""
    root = tmp_path_factory.mktemp("accepted")
    for path in CONTOSO.rglob("*"):
        if path.is_file():
            build_tree(root, {str(path.relative_to(CONTOSO)): path.read_text(encoding="utf-8")})
    git("init", "--quiet", cwd=root)
    git("add", "--all", cwd=root)
    git("commit", "--quiet", "--message", "first", cwd=root)
    git("branch", "evil`@octocat`$(touch-x)", cwd=root)
    for path in (root / "platform.yaml", root / "teams/forecasting.yaml"):
        data = yaml.safe_load(path.read_text(encoding="utf-8"))
        data.setdefault("tags", {})["evil ` @octocat | #7 ::a ##[b]"] = LETTERS[:256]
        _each(data, lambda key, value: LETTERS if key == "reason" else value)
        path.write_text(yaml.safe_dump(data), encoding="utf-8")
    path = root / "exports/forecasting-test.json"
    data = json.loads(path.read_text(encoding="utf-8"))
    _each(data, lambda key, value: value if key in ("id", "type") or value.startswith("/") else LETTERS + ESCAPES)
    for resource in data:
        resource["tags"] = {LETTERS + ESCAPES: LETTERS + ESCAPES}
    path.write_text(json.dumps(data), encoding="utf-8")
    return root


def _each(data: Any, change: Callable[[Any, str], Any]) -> None:
    """Change each text of plain data in its place."""
    for key, value in list(data.items() if isinstance(data, dict) else enumerate(data)):
        if isinstance(value, dict | list):
            _each(value, change)
        elif isinstance(value, str):
            data[key] = change(key, value)


FORMS = ("tree", "table", "markdown", "html", "json")


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    "command", ["plan forecasting-prod", "plan forecasting-test --observed exports/forecasting-test.json", "diff HEAD"]
)
def test_reports_show_texts_of_manifests_and_exports(accepted: Path, command: str, form: str) -> None:
    assert_harmless(accepted, command, form)


@pytest.mark.parametrize("form", FORMS)
def test_reports_show_the_name_of_a_branch(accepted: Path, form: str) -> None:
    assert_harmless(accepted, "diff evil`@octocat`$(touch-x) forecasting-prod", form)


@pytest.mark.parametrize("command", ["platform show forecasting-prod", "platform show forecasting-prod --origin"])
@pytest.mark.parametrize("form", ["text", "json"])
def test_settings_show_texts_of_manifests(accepted: Path, command: str, form: str) -> None:
    assert_harmless(accepted, command, form)


@pytest.mark.parametrize("form", ["text", "json", "github", "sarif"])
@pytest.mark.parametrize("part", ["values", "keys", "names of files"])
def test_mistakes_show_values_keys_and_names_of_files(tmp_path: Path, part: str, form: str) -> None:
    for path in CONTOSO.rglob("*.yaml"):
        data = yaml.safe_load(path.read_text(encoding="utf-8"))
        if part == "values":
            _each(data, lambda _key, _value: LETTERS)
        elif part == "keys":
            data = {LETTERS: 1, **data}
        build_tree(tmp_path, {str(path.relative_to(CONTOSO)): yaml.safe_dump(data)})
    if part == "names of files":
        name = f"evil {LETTERS.replace('/', '')[:100]}\x1b[2J\u202e\n::error::x"
        (tmp_path / "teams" / f"{name}.yaml").write_text("name: other\n", encoding="utf-8")

    assert_harmless(tmp_path, "platform validate", form)


def leaves(data: Any, at: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """The places of all texts in plain data."""
    for key, value in data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ():
        if isinstance(value, str):
            yield (*at, key)
        yield from leaves(value, (*at, key))


@pytest.mark.parametrize(
    ("command", "form"),
    [
        ("model gate", "text"), ("model gate", "json"), ("model gate", "markdown"),
        ("model list", "text"), ("model list", "json"), ("model show 1", "text"), ("model show 1", "json"),
    ],
)  # fmt: skip
def test_records_and_rules_are_shown_as_text(tmp_path: Path, command: str, form: str) -> None:
    """Each text of each file of a project is hostile once; what the command makes of the others stays harmless."""
    world = World(tmp_path)
    champion = register_by_hand(tmp_path)
    world.write()
    reached = 0
    [record] = (tmp_path / ".mlops/registry").rglob("version.json")
    document = json.loads(record.read_text(encoding="utf-8"))
    document["tags"] = {f"mlops.{LETTERS}": LETTERS + ESCAPES, "mlops.run": LETTERS + ESCAPES}
    record.write_text(json.dumps(document), encoding="utf-8")
    run = tmp_path / f".mlops/runs/{RUN}/run.json"
    evaluation = tmp_path / f".mlops/steps/train-{RUN}/evaluation/evaluation.json"
    for path in (run, evaluation, record, tmp_path / "gate.yml", tmp_path / "mlops.yaml"):
        text = path.read_text(encoding="utf-8")
        original = json.loads(text) if path.suffix == ".json" else yaml.safe_load(text)
        for *around, last in leaves(original):
            data = json.loads(json.dumps(original))
            inner = data
            for part in around:
                inner = inner[part]
            inner[last] = LETTERS + ("" if path.suffix != ".json" else ESCAPES)
            path.write_text(json.dumps(data), encoding="utf-8")
            done = run_here(*command.split(), "-o", form, cwd=tmp_path)
            assert done.code in (0, 2, 3, 4, 5), done.err
            assert list(obeyed(done.out, form)) == [], (path, last)
            assert list(obeyed(done.err, "")) == [], (path, last)
            reached += "evil" in done.out + done.err
        path.write_text(text, encoding="utf-8")
    assert champion.version == "1"
    assert reached > 1


def test_command_lines_in_messages_are_quoted_for_the_shell() -> None:
    """A message names a command with a value only by `shell_line`; names of stacks have no character to quote."""
    unquoted = []
    for path in sorted((ROOT / "bootstrap").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.JoinedStr):
                continue
            for before, value in zip(node.values, node.values[1:], strict=False):
                if (
                    isinstance(before, ast.Constant)
                    and re.search(r"\b(?:mlops-bootstrap|git|uvx?|az|pulumi|cd) [a-z][a-z -]*$", str(before.value))
                    and isinstance(value, ast.FormattedValue)
                    and not re.fullmatch(r"HUB|.*_?(?:stack|name)", ast.unparse(value.value))
                ):
                    unquoted.append(f"{path.relative_to(ROOT)}:{node.lineno}: {ast.unparse(node)}")
    assert unquoted == []
