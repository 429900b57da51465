"""Random edits of the example's manifests, as people make them, and what the command line answers.

`python -m tests.edits 10000` makes as many and prints the exit codes that came. Edit number 17 is the same on every
machine. An answer is right when its exit code is 0 or 2, no traceback is printed, and a plan is either whole or not
printed at all: what a reader of YAML that is not ours finds in the edited files is what was planned.
"""

import contextlib
import io
import json
import os
import re
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

from bootstrap.cli.main import execute
from bootstrap.errors import ExitCode
from tests.helpers import Done, run_cli

CONTOSO = Path(__file__).parents[1] / "examples" / "contoso"
TEAMS = ("forecasting", "fraud", "vision")
STACKS = ("hub", *(f"{team}-{environment}" for team in TEAMS for environment in ("dev", "test", "prod")))

_ORIGINAL = {
    path.relative_to(CONTOSO).as_posix(): path.read_text(encoding="utf-8")
    for path in (CONTOSO / "platform.yaml", CONTOSO / "links.yaml", *sorted((CONTOSO / "teams").glob("*.yaml")))
}

SCALARS = (
    "", "null", "~", "true", "no", "0", "-1", "1", "4.5", "1e400", ".inf", ".nan", "0x1F", "007", "9" * 20, "9" * 5000,
    "1" + "0" * 400, "[]", "{}", "[1, 2]", "{a: b}", "''", "'it''s'", r'"\0"', r'"\ud800"', r'"\e[31m"', "'", '"',
    "ümlaut", "名前", "\U0001f600", "a" * 300, "[" * 3000, "2026-13-45", "2026-11-01", "2027-02-30", "5%", "1_000",
    "10.40.1.0/24", "10.40.1.0/30", "10.40.1.7/24", "10.40.0.0/8", "0.0.0.0/0", "256.1.1.1/24", "::1/64",
    "11111111-1111-1111-1111-111111111111", "1" * 32, "'{11111111-1111-1111-1111-111111111111}'",
    "user@contoso.example", "Standard_D4ds_v55", "standard_d4ds_v5", "West Europe", "locked", "Managed", "prod",
    "*anchor", "&anchor x", "!!int x", "!!binary aGk=", "!!python/object/apply:os.system [id]", "<<", "|", ">-", "? a",
    "%TAG", "@x", "`x`", "- x", "a: b", "#", "# comment", "--- x", "...", "../../etc/passwd", "$(id)", "{{ x }}",
)  # fmt: skip
"""What people, and their tools, put where something else belongs."""

_LINES = (
    "", "\t", "  ", "---", "...", "%YAML 1.1", "schema_version: 2", "schema_version: 999", "schema_version: '1'",
    "schema_version: 1", "<<: {budget: 5}", "<<: *anchor", "  <<: 5", "x: &anchor {budget: 5}", "unknown: 1",
    "name: other", "network: locked", 'tool: "0.2.*"', "environments: {}", "environments: {dev: {}}", "compute: []",
    "projects: []", "  dev: {}", "  staging: {}", "tags: {a: b}", "\ufeff", "\x00", "\x85", "? [a, b]", ": ", "- a",
    "<<<<<<< HEAD", "=======", ">>>>>>> theirs",
)  # fmt: skip
"""Lines that stand where none belongs."""


@dataclass
class World:
    """The files of a platform as text, by path, and what was done to them."""

    files: dict[str, str] = field(default_factory=lambda: dict(_ORIGINAL))
    done: list[str] = field(default_factory=list)


def edited(number: int) -> World:
    """The example after one to three edits: the same for the same number."""
    random = Random(number)
    world = World()
    for _ in range(random.choice((1, 1, 1, 2, 3))):
        name = random.choice(sorted(_EDITS))
        path = random.choice(sorted(world.files))
        world.files[path] = _EDITS[name](random, world.files[path])
        world.done.append(f"{name} in {path}")
    if random.random() < 0.1:
        name = random.choice(sorted(_MOVES))
        _MOVES[name](random, world.files)
        world.done.append(name)
    return world


def write(world: World, root: Path) -> None:
    """Write the files, and remove those of another edit."""
    (root / "teams").mkdir(parents=True, exist_ok=True)
    for path in root.rglob("*.y*ml"):
        if path.relative_to(root).as_posix() not in world.files:
            path.unlink()
    for name, text in world.files.items():
        (root / name).write_bytes(text.encode("utf-8", "surrogateescape"))


class _Caught(io.TextIOWrapper):
    """What a command prints, with the encoding that a terminal has."""

    buffer: io.BytesIO


def answer(*arguments: str | Path) -> Done:
    """Run the command line in this process, with what it prints caught."""
    out, err = (_Caught(io.BytesIO(), encoding="utf-8", write_through=True) for _ in range(2))
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = execute([str(argument) for argument in arguments])
    return Done(code, *(stream.buffer.getvalue().decode("utf-8") for stream in (out, err)))


def wrong(world: World, root: Path, stack: str, run: Callable[..., Done] = answer) -> tuple[int, list[str]]:
    """The exit code of the plan of a stack of the world in `root`, and what is wrong with the answers."""
    validated = run("platform", "validate", "-q", "-o", "json", "-C", root)
    planned = run("plan", stack, "-q", "-o", "json", "-C", root)
    said = [*_of_answer("validate", validated), *_of_answer("plan", planned)]
    if validated.code == ExitCode.DONE:
        found, expected = set(validated.document["stacks"]), _stacks(world)
        if found != expected:
            said.append(f"validate found {sorted(found)}, and the files say {expected and sorted(expected)}")
        if stack in found and planned.code != ExitCode.DONE:
            said.append("validate is content, and plan is not")
    if planned.code == ExitCode.DONE:
        if validated.code != ExitCode.DONE:
            said.append("plan is content, and validate is not")
        if (names := [one["name"] for one in planned.document["stacks"]]) != [stack]:
            said.append(f"planned is {names}")
        if stack != "hub":
            said += _left_out(world, planned.document["stacks"][0])
    return planned.code, said


def _of_answer(command: str, done: Done) -> Iterator[str]:
    if done.code not in (ExitCode.DONE, ExitCode.INPUT):
        yield f"{command}: exit code {done.code}: {done.err[-300:]}"
    if "Traceback" in done.err or "Warning" in done.err:
        yield f"{command}: printed {done.err[-300:]}"
    if (
        command == "validate"
        and done.code != ExitCode.DONE
        and (done.document["valid"] or not done.document["problems"])
    ):
        yield f"{command}: failed, and its document names no problem"
    if command != "validate" and done.code != ExitCode.DONE and done.out:
        yield f"{command}: failed, and printed {done.out[:100]}"
    if done.code != ExitCode.DONE and not re.match(r"error: .+", done.err):
        yield f"{command}: failed without a word: {done.err[-300:]}"


def _stacks(world: World) -> set[str] | None:
    """The stacks that the files describe to a reader that is not ours; None where it cannot read one."""
    stacks = {"hub"}
    for path, text in world.files.items():
        if path.startswith("teams/"):
            data = _read(text)
            if not isinstance(data, dict) or not isinstance(data.get("environments"), dict):
                return None
            stacks |= {f"{Path(path).stem}-{name}" for name in data["environments"]}
    return stacks


def _left_out(world: World, stack: Mapping[str, Any]) -> Iterator[str]:
    """What the files say of an environment, by a reader that is not ours, and the plan does not hold."""
    team, environment = stack["name"].rsplit("-", 1)
    organization, own = _read(world.files["platform.yaml"]), _read(world.files[f"teams/{team}.yaml"])
    layers = (own["environments"][environment] or {}, own, organization["environments"][environment], organization)
    compute: list[dict[str, Any]] = next((layer["compute"] for layer in layers if layer.get("compute") is not None), [])
    wanted = {
        "Compute": {cluster["name"] for cluster in compute},
        "UserAssignedIdentity": {project["name"] for project in own.get("projects") or []},
    }
    for kind, names in wanted.items():
        made = {
            one["name"].removeprefix("cluster-").removeprefix("ci-")
            for one in stack["resources"]
            if one["type"].endswith(f":{kind}")
        }
        if missing := names - made:
            yield f"{stack['name']}: the files say {sorted(missing)}, and the plan has no {kind} for it"


def _read(text: str) -> Any:
    import warnings

    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    yaml = YAML(typ="safe", pure=True)
    with warnings.catch_warnings(), contextlib.suppress(YAMLError, ValueError, RecursionError):
        warnings.simplefilter("ignore")
        return yaml.load(text.removeprefix("\ufeff"))
    return None


# Edits of one file.

Edit = Callable[[Random, str], str]


def _on_lines(change: Callable[[Random, list[str], int], None]) -> Edit:
    """An edit at one of the lines."""

    def edit(random: Random, text: str) -> str:
        lines = text.split("\n")
        change(random, lines, random.randrange(len(lines)))
        return "\n".join(lines)

    return edit


def _delete_line(_random: Random, lines: list[str], at: int) -> None:
    del lines[at]


def _repeat_line(_random: Random, lines: list[str], at: int) -> None:
    lines.insert(at, lines[at])


def _repeat_block(random: Random, lines: list[str], at: int) -> None:
    block = lines[at : at + random.randint(2, 8)]
    lines[at:at] = block


def _swap_lines(random: Random, lines: list[str], at: int) -> None:
    other = random.randrange(len(lines))
    lines[at], lines[other] = lines[other], lines[at]


def _indent(random: Random, lines: list[str], at: int) -> None:
    lines[at] = random.choice((" ", "  ", "    ", "\t", " \t", "\u00a0")) + lines[at]


def _outdent(random: Random, lines: list[str], at: int) -> None:
    lines[at] = lines[at][random.randint(1, 3) :] if lines[at].startswith(" ") else lines[at].strip()


def _add_line(random: Random, lines: list[str], at: int) -> None:
    indent = re.match(r" *", lines[at])
    lines.insert(at, (indent.group() if indent and random.random() < 0.7 else "") + random.choice(_LINES))


def _comment_out(_random: Random, lines: list[str], at: int) -> None:
    lines[at] = "# " + lines[at]


def _set_value(random: Random, lines: list[str], at: int) -> None:
    key, colon, _ = lines[at].partition(":")
    lines[at] = f"{key}{colon} {random.choice(SCALARS)}"


def _set_inner_value(random: Random, lines: list[str], at: int) -> None:
    """In a flow mapping: `{name: cpu, max_nodes: 4}`."""
    found = list(re.finditer(r"(?<=: )[^,{}\[\]\s]+", lines[at]))
    if found:
        one = random.choice(found)
        lines[at] = lines[at][: one.start()] + random.choice(SCALARS) + lines[at][one.end() :]


def _anchor(random: Random, lines: list[str], at: int) -> None:
    key, colon, value = lines[at].partition(": ")
    lines[at] = f"{key}{colon}&anchor {value}"
    following = random.randrange(at, len(lines))
    key, colon, _ = lines[following].partition(": ")
    if following > at and colon:
        lines[following] = random.choice((f"{key}: *anchor", f"{key}: {{<<: *anchor}}", f"{key}:\n    <<: *anchor"))


def _typo(random: Random, text: str) -> str:
    words = list(re.finditer(r"[A-Za-z_]{2,}", text))
    if not words:
        return text
    word = random.choice(words)
    letters = list(word.group())
    at = random.randrange(len(letters) - 1)
    kind = random.randrange(4)
    if kind == 0:
        letters[at], letters[at + 1] = letters[at + 1], letters[at]
    elif kind == 1:
        del letters[at]
    elif kind == 2:
        letters.insert(at, letters[at])
    else:
        letters[at] = letters[at].swapcase()
    return text[: word.start()] + "".join(letters) + text[word.end() :]


def _digit(random: Random, text: str) -> str:
    digits = list(re.finditer(r"\d", text))
    if not digits:
        return text
    one = random.choice(digits)
    return text[: one.start()] + random.choice(("", "0", "3", "9", "99", "x", "-", ".")) + text[one.end() :]


def _delete_character(random: Random, text: str) -> str:
    at = random.randrange(len(text) + 1)
    return text[:at] + text[at + 1 :]


def _add_character(random: Random, text: str) -> str:
    at = random.randrange(len(text) + 1)
    return text[:at] + random.choice(":-{}[],&*#?|>!%@`'\"\\ \t\r\n\x00\x07\x85\u2028\ufeff\ufffeé\udce9") + text[at:]


def _cut(random: Random, text: str) -> str:
    return text[: random.randrange(len(text) + 1)]


def _structure(random: Random, text: str) -> str:
    """The same document with one value changed, written anew as JSON, which is YAML."""
    data = _read(text)
    places = list(_places(data))
    if not places:
        return text
    holder, key = random.choice(places)
    value = holder[key]
    kind = random.randrange(6)
    if kind == 0:
        del holder[key]
    elif kind == 1:
        holder[key] = [value]
    elif kind == 2:
        holder[key] = {"value": value}
    elif kind == 3:
        holder[key] = random.choice((None, True, -1, 0, 1e308, 10**30, "", " ", "x", [], {}, [None], {"": 1}, "\u0000"))
    elif kind == 4:
        other, elsewhere = random.choice(places)
        holder[key] = json.loads(
            json.dumps(other.get(elsewhere) if isinstance(other, dict) else other[-1:], default=str)
        )
    elif isinstance(holder, dict):
        holder[f"{key}{random.choice(('s', '_', ' ', '-2', ''))}"] = holder.pop(key)
    else:
        holder.append(value)
    return json.dumps(data, indent=random.choice((None, 1)), ensure_ascii=random.random() < 0.5, default=str)


def _places(data: Any) -> Iterator[tuple[Any, Any]]:
    """Each value in a document, as what holds it and its key or index."""
    for key, value in (
        list(data.items()) if isinstance(data, dict) else enumerate(data if isinstance(data, list) else ())
    ):
        yield data, key
        yield from _places(value)


_EDITS: dict[str, Edit] = {
    "a line deleted": _on_lines(_delete_line),
    "a line twice": _on_lines(_repeat_line),
    "a block twice": _on_lines(_repeat_block),
    "two lines swapped": _on_lines(_swap_lines),
    "a line indented": _on_lines(_indent),
    "a line outdented": _on_lines(_outdent),
    "a line added": _on_lines(_add_line),
    "a line commented out": _on_lines(_comment_out),
    "a value set": _on_lines(_set_value),
    "an inner value set": _on_lines(_set_inner_value),
    "an anchor and its alias": _on_lines(_anchor),
    "a typing error": _typo,
    "a digit changed": _digit,
    "a character deleted": _delete_character,
    "a character added": _add_character,
    "cut off": _cut,
    "a value changed in structure": _structure,
    "emptied": lambda random, _: random.choice(("", "\n", "# nothing\n", "---\n", "null\n", "{}\n", "[]\n", "text\n")),
    "a byte order mark": lambda _, text: "\ufeff" + text,
    "line ends of Windows": lambda _, text: text.replace("\n", "\r\n"),
    "line ends of old": lambda _, text: text.replace("\n", "\r"),
    "tabs": lambda _, text: text.replace("  ", "\t"),
    "UTF-16": lambda _, text: text.encode("utf-16", "surrogatepass").decode("utf-8", "surrogateescape"),
}
"""The edits of one file, by name."""


# Edits of several files.


def _copy_team(random: Random, files: dict[str, str]) -> None:
    """A team's file copied without renaming what is in it."""
    files[f"teams/{random.choice(('other', 'fraud-2', 'Fraud', 'churn copy'))}.yaml"] = files["teams/fraud.yaml"]


def _copy_and_rename(random: Random, files: dict[str, str]) -> None:
    team = random.choice(TEAMS)
    files["teams/other.yaml"] = files[f"teams/{team}.yaml"].replace(f"name: {team}", "name: other")


def _exchange(random: Random, files: dict[str, str]) -> None:
    one, other = random.sample(sorted(files), 2)
    files[one], files[other] = files[other], files[one]


def _remove(random: Random, files: dict[str, str]) -> None:
    del files[random.choice([path for path in sorted(files) if path != "platform.yaml"])]


def _rename(random: Random, files: dict[str, str]) -> None:
    team = random.choice([path for path in sorted(files) if path.startswith("teams/")])
    files[random.choice((team.replace(".yaml", ".yml"), "teams/renamed.yaml", "teams/.yaml"))] = files.pop(team)


_MOVES: dict[str, Callable[[Random, dict[str, str]], None]] = {
    "a team copied": _copy_team,
    "a team copied and renamed": _copy_and_rename,
    "two files exchanged": _exchange,
    "a file removed": _remove,
    "a file renamed": _rename,
}
"""The edits of several files, by name."""


def main(count: int, first: int = 0) -> int:
    """Make edits, print what came of them, and return 1 when an answer was wrong."""
    codes: Counter[int] = Counter()
    mistakes = 0
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        os.environ |= {"XDG_CACHE_HOME": f"{folder}/cache", "XDG_STATE_HOME": f"{folder}/state"}
        for number in range(first, first + count):
            world = edited(number)
            write(world, Path(folder, "platform"))
            stack = STACKS[number % len(STACKS)]
            code, said = wrong(world, Path(folder, "platform"), stack)
            if number % 500 == 0:  # a sample, as real processes
                outside, more = wrong(
                    world, Path(folder, "platform"), stack, lambda *words: run_cli(*words, cwd=Path(folder))
                )
                said += [*more, *[f"a process of its own ends with {outside}, not {code}"] * (outside != code)]
            codes[code] += 1
            mistakes += bool(said)
            for sentence in said:
                print(f"edit {number} ({', '.join(world.done)}), {stack}: {sentence}", flush=True)
    counts = ", ".join(f"{codes[code]:,} with exit code {code}" for code in sorted(codes))
    print(f"{count:,} edits in {time.monotonic() - started:.0f} s: {counts}; {mistakes:,} wrong answers")
    return 1 if mistakes else 0


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:] or ["10000"])))
