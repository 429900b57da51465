"""YAML that people write: strict reading, and mistakes told with their place."""

from pathlib import Path
from textwrap import dedent

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict

from bootstrap.documents import MAX_NODES, check, load, parse, read
from bootstrap.errors import InputError

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
    assert load(path, Team) == Team(name="fraud", compute=[Compute(size="small", nodes=2)])


def test_a_byte_order_mark_is_no_part_of_the_first_key(tmp_path: Path) -> None:
    path = tmp_path / "team.yaml"
    path.write_bytes(b"\xef\xbb\xbfname: fraud\r\n")
    assert load(path, Team).name == "fraud"


def test_an_unknown_key_is_named_with_its_place_and_the_nearest_known_one() -> None:
    assert mistakes("""
        name: fraud
        compute:
          - size: small
            node: 3
        """) == ["file.yaml:4:5: unknown key 'node'. Did you mean 'nodes'?"]


def test_a_key_far_from_all_known_ones_gets_the_list() -> None:
    assert mistakes("name: fraud\nzzz: 1\n") == [
        "file.yaml:2:1: unknown key 'zzz'. Known: compute, environments, name."
    ]


def test_keys_are_suggested_inside_optional_values_of_mappings() -> None:
    assert mistakes("name: a\nenvironments: {dev: {size: s, noodes: 1}}\n") == [
        "file.yaml:2:31: unknown key 'noodes'. Did you mean 'nodes'?"
    ]


def test_a_wrong_value_is_shown_with_its_place() -> None:
    [mistake] = mistakes("name: a\ncompute:\n- size: s\n  nodes: many\n")
    assert mistake.startswith("file.yaml:4:10: compute.0.nodes: Input should be a valid integer")
    assert mistake.endswith("(found 'many').")


def test_all_mistakes_are_told_at_once() -> None:
    assert len(mistakes("compute: [{}]\nextra: 1\n")) == 3


def test_a_duplicate_key_is_refused() -> None:
    assert "file.yaml:2:1: the key 'a' is here twice." in refusal("a: 1\na: 2\n")


def test_an_empty_file_is_refused() -> None:
    assert "file.yaml is empty." in refusal("# nothing but a comment\n")


def test_a_truncated_file_is_refused_with_the_place() -> None:
    assert "file.yaml:1:" in refusal("a: [1, 2")


def test_a_tab_is_refused_with_the_place() -> None:
    assert "file.yaml:2:1" in refusal("a:\n\tb: 1\n")


def test_bytes_that_are_not_utf8_are_refused(tmp_path: Path) -> None:
    (tmp_path / "latin.yaml").write_bytes("name: Zoë".encode("latin-1"))
    with pytest.raises(InputError, match="is not UTF-8 text"):
        read(tmp_path / "latin.yaml")


def test_a_folder_in_place_of_a_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        read(tmp_path)


def test_a_tag_that_would_make_an_object_is_refused() -> None:
    for text in ("- !!python/object/apply:os.system [echo]\n", "- !!python/name:os.system\n", "- !mine {a: 1}\n"):
        assert "file.yaml:1:3: the tag" in refusal(text)


def test_an_alias_that_contains_itself_is_refused() -> None:
    assert "contains itself" in refusal("a: &x [*x]\n")


def test_aliases_that_multiply_are_refused() -> None:
    levels = "\n".join(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 9))
    assert f"more than {MAX_NODES} values" in refusal(f"a0: &a0 [x]\n{levels}\n")


def test_anchors_and_merge_keys_mean_what_they_mean() -> None:
    document = parse("base: &b {size: s, nodes: 1}\nbig: {<<: *b, nodes: 9}\n", PATH)
    assert document.data == {"base": {"size": "s", "nodes": 1}, "big": {"size": "s", "nodes": 9}}


def test_an_anchor_said_again_means_the_nearest_one_and_warns_nobody() -> None:
    document = parse("a: &x 1\nb: *x\nc: &x 2\nd: *x\n", PATH)  # a warning fails a test
    assert document.data == {"a": 1, "b": 1, "c": 2, "d": 2}


@pytest.mark.parametrize("opening", ["[", "{a: ", "- "])
def test_what_is_nested_too_deeply_is_refused(opening: str) -> None:
    """libyaml would end the process."""
    assert "It is nested too deeply." in refusal(opening * 100_000)


def test_many_lists_beside_each_other_are_not_deep() -> None:
    assert len(parse("a:\n" + "- [{b: [1]}]\n" * 5_000, PATH).data["a"]) == 5_000


@pytest.mark.parametrize("escape", [r"\0", r"\e[31m", r"\ud800", r"\x9b"])
@pytest.mark.parametrize("text", ['ab: "{}"\n', '"{}": ab\n'])
def test_characters_that_no_text_has_are_refused(text: str, escape: str) -> None:
    assert "is not allowed here." in refusal(text.format(f"x{escape}"))


def test_a_day_that_there_is_not_is_told_in_words() -> None:
    assert "file.yaml:1:4: '2027-02-30' is not a day." in refusal("a: 2027-02-30\n")


def test_long_values_are_told_in_short() -> None:
    [mistake] = mistakes(f"name: a\ncompute: {'x' * 10_000}\n")
    assert len(mistake) < 300


def test_a_second_document_is_told() -> None:
    assert "file.yaml:2:1: expected a single document in the stream, but found another document." in refusal(
        "a: 1\n--- \nb: 1\n"
    )


def test_yaml_1_2_words_and_dates_stay_text() -> None:
    document = parse("a: no\nb: 2026-01-31\nc: on\nd: true\n", PATH)
    assert document.data == {"a": "no", "b": "2026-01-31", "c": "on", "d": True}


@given(st.text())
def test_no_text_raises_anything_but_our_own_error(text: str) -> None:
    try:
        document = parse(text, PATH)
        check(document, Team)
    except InputError:
        pass


@given(st.text(alphabet="name: compute[]{}-&*!|>?'\"#%\n\t ,size1.e", max_size=60))
def test_no_yaml_like_text_raises_anything_but_our_own_error(text: str) -> None:
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
     "\t", "\\", "ü", "~", "="]
)  # fmt: skip


@given(st.lists(_PIECES, max_size=25).map("".join))
def test_what_libyaml_reads_is_what_ruamel_reads(text: str) -> None:
    """The quick reader may only be quicker. Where an empty value stands is the one thing in which they differ."""

    def read_by(quickly: bool) -> object:
        with pytest.MonkeyPatch.context() as patch:
            if not quickly:
                patch.setattr("bootstrap.composing._by_libyaml", lambda _: None)
            try:
                document = parse(text, PATH)
            except InputError as error:
                return str(error)
            return repr(document.data), document.keys

    assert read_by(quickly=True) == read_by(quickly=False)


def test_everyday_text_is_read_by_libyaml(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("read slowly")

    monkeypatch.setattr("ruamel.yaml.YAML.compose", refuse)
    contoso = Path(__file__).parents[2] / "examples" / "contoso"

    assert all(read(path).data for path in [*contoso.glob("*.yaml"), *contoso.glob("teams/*.yaml")])
