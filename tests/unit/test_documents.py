"""YAML that people write: strict reading, and mistakes told with their place."""

import itertools
import re
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent
from typing import Annotated, Any, Literal, get_args

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict

from bootstrap.errors import InputError, did_you_mean
from bootstrap.manifests.schema import LinksManifest, PlatformManifest, TeamManifest
from bootstrap.model import serve
from bootstrap.model.rules import Gate
from bootstrap.pipeline import schema
from bootstrap.project import ProjectManifest
from bootstrap.yaml import Document, as_yaml, check, parse, read, validated
from bootstrap.yaml.parse import MAX_NODES
from bootstrap.yaml.patterns import matching

PATH = Path("file.yaml")


class Compute(BaseModel):
    model_config = ConfigDict(extra="forbid")
    size: str
    nodes: int = 1


class Team(BaseModel):
    model_config = ConfigDict(extra="forbid")
    name: str
    compute: list[Compute] = []
    environments: dict[str, Compute | None] = {}
    mode: Literal["open", "closed"] = "open"
    which: str | int = 1
    one: Compute | str = ""
    limits: dict[Annotated[str, matching("a single letter", "[a-z]")], int] = {}


def mistakes(text: str) -> list[str]:
    value, problems = check(parse(dedent(text).lstrip("\n"), PATH), Team)
    assert value is None
    return [str(problem) for problem in problems]


def refusal(text: str) -> str:
    with pytest.raises(InputError) as caught:
        parse(text, PATH)
    return str(caught.value)


def test_a_valid_file_becomes_the_model(tmp_path: Path) -> None:
    path = tmp_path / "team.yaml"
    path.write_text("name: fraud\ncompute: [{size: small, nodes: 2}]\n", encoding="utf-8")
    assert validated(read(path), Team) == Team(name="fraud", compute=[Compute(size="small", nodes=2)])


def test_a_byte_order_mark_is_no_part_of_the_first_key(tmp_path: Path) -> None:
    path = tmp_path / "team.yaml"
    path.write_bytes(b"\xef\xbb\xbfname: fraud\r\n")
    assert validated(read(path), Team).name == "fraud"


def test_an_unknown_key_is_named_with_its_place_and_the_nearest_known_one() -> None:
    assert mistakes("""
        name: fraud
        compute:
          - size: small
            node: 3
        """) == ["file.yaml:4:5: unknown key 'node'. Did you mean 'nodes'?"]


def test_a_key_far_from_all_known_ones_gets_the_list() -> None:
    assert mistakes("name: fraud\nzzz: 1\n") == [
        "file.yaml:2:1: unknown key 'zzz'. Known: compute, environments, limits, mode, name, one, which."
    ]


def test_keys_are_suggested_inside_optional_values_of_mappings() -> None:
    assert mistakes("name: a\nenvironments: {dev: {size: s, noodes: 1}}\n") == [
        "file.yaml:2:31: unknown key 'noodes'. Did you mean 'nodes'?"
    ]


def test_a_wrong_value_is_shown_with_its_place() -> None:
    [mistake] = mistakes("name: a\ncompute:\n- size: s\n  nodes: many\n")
    assert mistake == "file.yaml:4:10: compute.0.nodes: must be a whole number (found 'many')."


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            "name: a\ncompute:\n",
            "2:9: compute: is empty, and must be a list. Write `compute: []` for an empty one",
        ),
        (
            "name: a\nenvironments:\n",
            "2:14: environments: is empty, and must be a mapping of keys to values. Write `environments: {}`",
        ),
        (
            "name: a\nenvironments: true\n",
            "2:15: environments: must be a mapping of keys to values (found true). Write `environments: {}` for an",
        ),
        ("name: 12\n", "1:7: name: must be text (found 12). Put it in quotes."),
        ("name: true\n", "1:7: name: must be text (found true). Put it in quotes."),
        ("name: a\ncompute: cpu\n", "2:10: compute: must be a list (found 'cpu'). Write `compute: [cpu]`."),
        ("name: a\ncompute: {size: b}\n", "2:10: compute: must be a list."),
        ("name: a\ncompute: [{}]\n", "2:11: compute.0.size: is missing."),
        ("name: a\nmode: opne\n", "2:7: mode: must be 'open' or 'closed' (found 'opne'). Did you mean 'open'?"),
        ("name: a\nmode: none\n", "2:7: mode: must be 'open' or 'closed' (found 'none')."),
        ("name: a\nwhich: [1]\n", "2:8: which: must be text or a whole number."),
        ("name: a\none: [1]\n", "2:6: one: must be a mapping of keys to values or text."),
        ("name: a\none: {size: s, noodes: 1}\n", "2:16: unknown key 'noodes'. Did you mean 'nodes'?"),
        ("name: a\none: {size: 1}\n", "2:13: one.size: must be text (found 1). Put it in quotes."),
        ("name: a\nlimits: {b-1: 1}\n", "2:10: limits.b-1: must be a single letter (found 'b-1')."),
    ],
)
def test_mistakes_use_the_terms_of_manifests(text: str, told: str) -> None:
    [mistake] = mistakes(text)
    assert mistake.startswith(f"file.yaml:{told}")


def test_key_and_value_that_are_wrong_are_two_mistakes() -> None:
    assert mistakes("name: a\nlimits: {b-1: x}\n") == [
        "file.yaml:2:10: limits.b-1: must be a single letter (found 'b-1').",
        "file.yaml:2:15: limits.b-1: must be a whole number (found 'x').",
    ]


def models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    """The models of a document: those that an annotation names, and those that they name."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
        for info in annotation.model_fields.values():
            yield from models_in(info.annotation)
    for argument in get_args(annotation):
        yield from models_in(argument)


DOCUMENTS = [
    model
    for root in (PlatformManifest, TeamManifest, LinksManifest, ProjectManifest, Gate)
    for model in dict.fromkeys(models_in(root))
]
DOCUMENTS += [schema.JobInputKeys, schema.OutputKeys, schema.CommandComponentKeys, schema.PipelineComponentKeys]
DOCUMENTS += [schema.CommandJobKeys, schema.ComponentJobKeys, schema.PipelineJobKeys, serve._Deployment]
WRONG: list[Any] = [
    None,
    True,
    0,
    -1,
    1.5,
    10**9,
    float("nan"),
    float("inf"),
    "",
    "x",
    "X y*",
    "x" * 700,
    [],
    {},
    "::",
    "9",
]
JARGON = [
    "Input should",
    "valid ",
    "instance of",
    "Value error",
    "function",
    "[key]",
    "Field required",
    "permitted",
    "None",
]


@pytest.mark.parametrize("model", DOCUMENTS, ids=lambda model: str(model.__name__))
def test_no_mistake_contains_terms_of_pydantic(model: type[BaseModel]) -> None:
    classes = re.compile(
        rf"\b(?:{'|'.join({one.__name__ for one in DOCUMENTS} - {'Group', 'Vnet', 'Hub', 'Kubernetes'})})\b"
    )
    fields = {info.alias or name for name, info in model.model_fields.items()}
    values = [*WRONG, *([value] for value in WRONG), *({"a": value} for value in WRONG), {"A b": "x"}, [[None]]]
    for field, value in itertools.product(fields, values):
        _, problems = check(Document(PATH, {field: value}), model)
        for problem in problems:
            assert not any(word in str(problem) for word in JARGON), problem
            assert not classes.search(str(problem)), problem
            assert re.search(r"(is missing|is empty|must|unknown key|is |says|the rule|newer)", problem.message), (
                problem
            )


def test_all_mistakes_are_reported_at_once() -> None:
    assert len(mistakes("compute: [{}]\nextra: 1\n")) == 3


def test_a_duplicate_key_is_refused() -> None:
    assert "file.yaml:2:1: the key 'a' is here twice." in refusal("a: 1\na: 2\n")


def test_an_empty_file_is_refused() -> None:
    assert "file.yaml:1:1: the file is empty." in refusal("# nothing but a comment\n")


def test_a_truncated_file_is_refused_with_the_place() -> None:
    assert "file.yaml:1:4: did not find expected ',' or ']', and the file ends here." in refusal("a: [1, 2")


def test_a_tab_is_refused_with_the_place() -> None:
    assert "file.yaml:2:1" in refusal("a:\n\tb: 1\n")


def test_bytes_that_are_not_utf8_are_refused(tmp_path: Path) -> None:
    (tmp_path / "latin.yaml").write_bytes("name: Zoë".encode("latin-1"))
    with pytest.raises(InputError, match="is not UTF-8 text"):
        read(tmp_path / "latin.yaml")


def test_a_folder_in_place_of_a_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="so it is not read"):
        read(tmp_path)


def test_a_tag_that_would_make_an_object_is_refused() -> None:
    for text in ("- !!python/object/apply:os.system [echo]\n", "- !!python/name:os.system\n", "- !mine {a: 1}\n"):
        assert "file.yaml:1:3: the tag" in refusal(text)


def test_an_alias_that_contains_itself_is_refused() -> None:
    assert "contains itself" in refusal("a: &x [*x]\n")


def test_aliases_that_multiply_are_refused() -> None:
    levels = "\n".join(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 9))
    assert f"more than {MAX_NODES} values" in refusal(f"a0: &a0 [x]\n{levels}\n")


def test_anchors_and_merge_keys_are_resolved() -> None:
    document = parse("base: &b {size: s, nodes: 1}\nbig: {<<: *b, nodes: 9}\n", PATH)
    assert document.data == {"base": {"size": "s", "nodes": 1}, "big": {"size": "s", "nodes": 9}}


def test_redefined_anchor_means_the_nearest_one() -> None:
    document = parse("a: &x 1\nb: *x\nc: &x 2\nd: *x\n", PATH)  # a warning fails a test
    assert document.data == {"a": 1, "b": 1, "c": 2, "d": 2}


@pytest.mark.parametrize("opening", ["[", "{a: ", "- "])
def test_too_deep_nesting_is_refused(opening: str) -> None:
    assert "nested too deeply" in refusal(opening * 100_000)


def test_many_lists_beside_each_other_are_not_deep() -> None:
    assert len(parse("a:\n" + "- [{b: [1]}]\n" * 5_000, PATH).data["a"]) == 5_000


@pytest.mark.parametrize("escape", [r"\0", r"\e[31m", r"\ud800", r"\x9b"])
@pytest.mark.parametrize("text", ['ab: "{}"\n', '"{}": ab\n'])
def test_characters_that_no_text_has_are_refused(text: str, escape: str) -> None:
    assert "is not allowed here." in refusal(text.format(f"x{escape}"))


def test_a_tag_for_dates_is_refused() -> None:
    assert "file.yaml:1:4: the tag tag:yaml.org,2002:timestamp is not allowed here." in refusal(
        "a: !!timestamp 2027-02-30\n"
    )


def test_long_values_are_shortened_in_messages() -> None:
    [mistake] = mistakes(f"name: a\ncompute: {'x' * 10_000}\n")
    assert len(mistake) < 300


def test_second_document_is_refused() -> None:
    assert "file.yaml:2:1: a second document begins here. Write one document in each file." in refusal(
        "a: 1\n--- \nb: 1\n"
    )


def test_yaml_1_2_words_and_dates_stay_text() -> None:
    document = parse("a: no\nb: 2026-01-31\nc: on\nd: true\n", PATH)
    assert document.data == {"a": "no", "b": "2026-01-31", "c": "on", "d": True}


SCALARS = st.none() | st.booleans() | st.integers() | st.text(st.characters(exclude_categories=["C"]))


@given(st.recursive(SCALARS, lambda inner: st.lists(inner) | st.dictionaries(st.text("abc-", min_size=1), inner)))
@example({"a": "no", "b": "1234", "c": "2026-01-31", "d": "", "e": " x", "f": "a: b", "g": "null", "h": "long " * 50})
def test_written_yaml_is_read_back(data: Any) -> None:
    assert parse(as_yaml({"a": data}), PATH).data == {"a": data}


@given(st.text())
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        document = parse(text, PATH)
        check(document, Team)
    except InputError:
        pass


@given(st.text(alphabet="name: compute[]{}-&*!|>?'\"#%\n\t ,size1.e", max_size=60))
def test_any_yaml_like_text_is_read_or_refused(text: str) -> None:
    try:
        document = parse(text, PATH)
        check(document, Team)
    except InputError:
        pass


@pytest.mark.parametrize("text", ['a: !!int ""', "a: !!int x", "a: !!float x", "a: !!timestamp x", "a: !!bool x"])
def test_a_tag_that_its_text_does_not_keep_is_a_mistake(text: str) -> None:
    assert "file.yaml:1:4:" in refusal(text)


_PIECES = st.sampled_from(
    ["a", "b c", "yes", "null", "1_0", "0x1f", "2026-01-01", "''", ": ", ":", "- ", "\n", "\n  ", "  ", "{",
     "}", "[", "]", ", ", "'", '"', "#", " #", "?", "|", ">", "!", "&x", "*x", "&", "*", "%", "@", "`", "---\n",
     "\t", "\\", "ü", "~", "=", "<<: ", "!!int ", "\\x07"]
)  # fmt: skip


@given(st.lists(_PIECES, max_size=25).map("".join))
def test_the_parser_in_c_and_the_one_in_python_read_the_same(text: str) -> None:
    def read_by(*, in_c: bool) -> object:
        with pytest.MonkeyPatch.context() as patch:
            if not in_c:
                patch.delattr("yaml.CSafeLoader")
            try:
                return parse(text, PATH).data
            except InputError:
                return "refused"

    in_c, in_python = read_by(in_c=True), read_by(in_c=False)

    # The one in C is stricter in places, such as a `?` within brackets; what both accept means the same.
    assert in_c == in_python or "refused" in (in_c, in_python)


def test_every_mistake_is_reported_without_libyaml_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr("yaml.CSafeLoader")

    assert "file.yaml:2:1: there is a tab. YAML is indented by spaces." in refusal("a:\n\tb: 1\n")
    assert "file.yaml:1:" in refusal("a: [1, 2")
    assert "file.yaml:2:1: a second document begins here." in refusal("a: 1\n--- \nb: 1\n")


CORE = {
    "null": None, "~": None, "": None, "true": True, "FALSE": False, "12": 12, "-7": -7, "+3": 3, "0o17": 15,
    "0x1F": 31, "012": 12, "1.5": 1.5, ".5": 0.5, "1e3": 1000.0, "-.inf": float("-inf"), "no": "no", "on": "on",
    "1_000": "1_000", "1:30": "1:30", "2026-01-31": "2026-01-31", "0b1": "0b1", "=": "=", "1.2.3": "1.2.3",
}  # fmt: skip


@pytest.mark.parametrize("word", list(CORE))
def test_plain_scalars_follow_the_core_schema_of_yaml_1_2(word: str) -> None:
    value = parse(f"a: {word}\n", PATH).data["a"]

    assert (type(value), value) == (type(CORE[word]), CORE[word])


@pytest.mark.parametrize(
    "word", ["no", "on", "y", "1_000", "0o17", "017", "1:30", "1e3", "1.5", ".inf", "~", "true", "x"]
)
def test_plain_scalars_of_azure_ml_files_follow_pyyaml(word: str) -> None:
    import yaml

    assert parse(f"a: {word}\n", PATH, yaml_1_1=True).data == yaml.safe_load(f"a: {word}\n")


def test_merge_key_keeps_positions_and_order() -> None:
    document = parse("base: &b {size: s, nodes: 1}\nbig:\n  <<: [*b, {extra: 1}]\n  nodes: 9\n", PATH)

    assert document.data["big"] == {"size": "s", "extra": 1, "nodes": 9}
    lines = {key: document.position(("big", key), of_key=True).line for key in document.data["big"]}
    assert lines == {"size": 1, "extra": 3, "nodes": 4}


def test_the_items_of_an_alias_have_the_positions_of_its_anchor() -> None:
    document = parse("a: &x\n  - {size: s}\nb: *x\n", PATH)

    assert (document.position(("b",)).line, document.position(("b", 0, "size")).line) == (1, 2)


def test_pipeline_files_are_read_as_azure_ai_ml_reads_them(tmp_path: Path) -> None:
    """`no` is text in YAML 1.2; azure-ai-ml reads YAML 1.1, where it is false."""
    utils = pytest.importorskip("azure.ai.ml._utils.utils")
    path = tmp_path / "component.yml"
    path.write_text("inputs:\n  strict: {type: boolean, default: no}\n  rows: {type: integer, default: 010}\n")

    assert read(path, yaml_1_1=True).data == utils.load_yaml(path)
    assert read(path).data != utils.load_yaml(path)


def test_names_are_compared_and_listed_within_limits() -> None:
    known = [f"name{number:04}" for number in range(2001)]

    assert did_you_mean("nme0007", known[:2000]) == "Did you mean 'name0007'?"
    assert did_you_mean("nme0007", known) == f"Known: {', '.join(known[:50])} and 1,951 more."
