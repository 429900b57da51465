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


MARKDOWN = ("bootstrap/cli/model.py", "bootstrap/stack/access.py", "bootstrap/stack/report/markdown.py")
"""The modules that write Markdown with values in it."""

MARKUP = ("bootstrap/stack/report/words.py", "bootstrap/terminal/markdown.py")
"""The modules that escape texts for Mermaid and for Markdown."""

ESCAPING = frozenset({"code", "escaped", "fenced"})

NO_TEXT_OF_OTHERS = frozenset(
    {
        # numbers and counts, with words of ours
        "len", "counted", "in_words", "findings_in_words", "severities_in_words", "count_assignments",
        "count", "n", "cost.count", "counts", "parts", "LONGEST", "MOST_ASSIGNMENTS",
        # words of ours
        "marks", "stack.status", "finding.severity", "finding.link", "heading",
    }
)  # fmt: skip
"""Functions, names and attributes of these modules whose text is ours: counts, and what the program calls things."""


def markdown_writers(path: str) -> list[ast.FunctionDef]:
    """The functions of a module that write Markdown: all of one that does nothing else."""
    functions = [node for node in ast.parse((ROOT / path).read_text("utf-8")).body if isinstance(node, ast.FunctionDef)]
    return [one for one in functions if path.endswith("/markdown.py") or "markdown" in one.name]


def unescaped(function: ast.FunctionDef, writers: frozenset[str]) -> Iterator[ast.expr]:
    """The values that a function puts into Markdown by an f-string or a join, and that may have text of others.

    Args:
        writers: Functions of the module, which are looked at themselves.
    """
    bound: dict[str, list[ast.expr]] = {}
    escaped_later: set[ast.AST] = set()
    for node in ast.walk(function):
        for target, value in _bindings(node):
            for name in ast.walk(target):
                if isinstance(name, ast.Name):
                    bound.setdefault(name.id, []).append(value)
        if isinstance(node, ast.Call) and ast.unparse(node.func) in ESCAPING:
            escaped_later.update(ast.walk(node))
    harmless = ESCAPING | NO_TEXT_OF_OTHERS | writers
    for node in ast.walk(function):
        if node not in escaped_later:
            yield from (value for value in _put_into_text(node) if not _is_harmless(value, bound, harmless))


def _put_into_text(node: ast.AST) -> Sequence[ast.expr]:
    if isinstance(node, ast.FormattedValue):
        return [node.value]
    return node.args if isinstance(node, ast.Call) and ast.unparse(node.func).endswith(".join") else []


def _is_harmless(
    node: ast.expr, bound: dict[str, list[ast.expr]], harmless: frozenset[str], seen: frozenset[str] = frozenset()
) -> bool:
    name = ast.unparse(node)
    if isinstance(node, ast.Call):
        name = ast.unparse(node.args[0] if ast.unparse(node.func) == "map" else node.func)
    if name in harmless or name in seen:
        return True
    parts = bound.get(name) if isinstance(node, ast.Name) else _parts(node)
    return parts is not None and all(_is_harmless(part, bound, harmless, seen | {name}) for part in parts)


def _parts(node: ast.expr) -> list[ast.expr] | None:
    """The expressions whose texts make up that of an expression; None where that is not known."""
    match node:
        case ast.Constant() | ast.JoinedStr():  # the values in an f-string are looked at themselves
            return []
        case ast.Call(func=ast.Attribute(value=value, attr="join" | "items"), args=arguments):
            return arguments or [value]
        case ast.Subscript(value=one) | ast.Starred(value=one) | ast.ListComp(elt=one) | ast.GeneratorExp(elt=one):
            return [one]
        case ast.List(elts=parts) | ast.Dict(values=parts):
            return parts
        case ast.IfExp(body=one, orelse=other) | ast.BinOp(left=one, right=other):
            return [one, other]
    return None


def _bindings(node: ast.AST) -> Iterator[tuple[ast.expr, ast.expr]]:
    if isinstance(node, ast.Assign):
        yield from ((target, node.value) for target in node.targets)
    elif isinstance(node, ast.AugAssign | ast.AnnAssign | ast.NamedExpr) and node.value is not None:
        yield node.target, node.value
    elif isinstance(node, ast.For | ast.comprehension):
        yield node.target, node.iter


@pytest.mark.parametrize("path", MARKDOWN)
def test_texts_of_others_are_escaped_in_markdown(path: str) -> None:
    functions = markdown_writers(path)
    writers = frozenset(function.name for function in functions)

    found = [
        f"{path}:{value.lineno}: {ast.unparse(value)}"
        for function in functions
        for value in unescaped(function, writers)
    ]

    assert functions != []
    assert found == []


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("return f'# {stack.name}'", "stack.name"),
        ("text = stack.name\n    return f'# {text}'", "text"),
        ("return '\\n'.join(['# Plan', *lines])", "['# Plan', *lines]"),
        ("return f'# {code(stack.name)} {len(stack.made):,}'", None),
        ("return '\\n'.join(['# Plan', *(escaped(one) for one in lines)])", None),
    ],
)
def test_text_that_is_not_escaped_in_markdown_is_found(line: str, found: str | None) -> None:
    [function] = ast.parse(f"def as_markdown(stack, lines):\n    {line}\n").body
    assert isinstance(function, ast.FunctionDef)

    assert [ast.unparse(one) for one in unescaped(function, frozenset())] == ([found] if found else [])


def test_no_other_module_writes_markdown_or_html() -> None:
    """Pages are templates that escape all values; texts without values may have any form."""
    writing = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path in sorted((ROOT / "bootstrap").rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.JoinedStr)
        and path.relative_to(ROOT).as_posix() not in (*MARKDOWN, *MARKUP)
        and any(isinstance(part, ast.FormattedValue) and not ast.unparse(part.value).isupper() for part in node.values)
        for part in node.values
        if isinstance(part, ast.Constant)
        and re.search(r"\| ?:?--|^```|^##+ |^- \*\*|</?[a-z]+[ >/]|!\[|\]\(", str(part.value), re.MULTILINE)
    ]
    templates = [
        path
        for path in (ROOT / "bootstrap").rglob("*.j2")
        if re.search(r"\|\s*safe\b|autoescape|Markup", path.read_text(encoding="utf-8"))
    ]

    assert writing == []
    assert templates == []
