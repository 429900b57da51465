"""Copier at work: a template's questions, the answers to them, and the files that it renders to.

The only module that imports Copier. Copier's public functions stop at the first wrong answer and ask while they
render, so this goes one level below them, to its worker and its questions; pyproject.toml therefore pins Copier's minor
version. Nothing of a template ever runs: one with tasks, migrations or Jinja extensions is refused, and the user's own
list of trusted templates is not read.
"""

import contextlib
import os
import sys
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from bootstrap.blueprint.repository import Snapshot
from bootstrap.errors import BootstrapError, InputError, RefusedError, nearest
from bootstrap.processes import GIT_REPOSITORY_VARIABLES

if TYPE_CHECKING:
    from copier._main import Worker
    from copier._user_data import Question as CopierQuestion

BLUEPRINT_QUESTION = "blueprint"
"""The question whose choices are the catalogue."""

_RUNS_CODE = ("_tasks", "_migrations", "_jinja_extensions")


@dataclass(frozen=True)
class Question:
    """One question of a template, under the answers that are given before it.

    Attributes:
        name: The key of its answer.
        type: Copier's name of the answer's type: str, bool, int, float, yaml, json or path.
        help: The sentence that is shown to the person who answers.
        default: The answer when none is given.
        required: There is no default.
        choices: The possible answers and their labels; empty when any answer of the type will do.
    """

    name: str
    type: str
    help: str
    default: Any
    required: bool
    choices: Mapping[str, str]


@dataclass
class Interview:
    """What came of asking a template's questions.

    Attributes:
        answers: The answer to every question that applies.
        defaulted: Names of the questions whose default was taken.
        missing: Names of the questions without an answer and without a default.
        problems: One sentence for each wrong answer, with the question, the value and the reason.
    """

    answers: dict[str, Any] = field(default_factory=dict)
    defaulted: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


class Template:
    """A template at one commit, made by `opened`."""

    def __init__(self, worker: "Worker") -> None:
        self._worker = worker

    @property
    def commit(self) -> str:
        """The commit as the answers file records it: a tag, or a commit described by the tag before it."""
        return str(self._worker.template.commit)

    def question_names(self) -> list[str]:
        """The names of all questions, also of those that do not apply to the answers given."""
        return list(self._worker.template.questions_data)

    def blueprints(self) -> dict[str, str]:
        """The catalogue: the name of each blueprint, and its description in a line."""
        question = self._question(BLUEPRINT_QUESTION)
        return {str(choice.value): str(choice.title) for choice in question._formatted_choices}

    def interview(
        self,
        given: Mapping[str, Any],
        *,
        suggested: Mapping[str, Any],
        ask: "Callable[[CopierQuestion], Any] | None" = None,
    ) -> Interview:
        """Go through the questions in order, and check every answer.

        Args:
            given: Answers that were given beforehand.
            suggested: Answers that take the place of the template's defaults.
            ask: Asks a person for the answer; None takes the default.
        """
        from copier._types import MISSING, Phase
        from copier._user_data import AnswersMap

        result = Interview()
        worker = self._worker
        answers = AnswersMap(
            user_defaults=dict(suggested), metadata=worker.template.metadata, external=worker._external_data()
        )
        worker.answers = answers
        with Phase.use(Phase.PROMPT):
            for name in self.question_names():
                with _explained(f"The blueprint's question {name} cannot be asked."):
                    question = self._question(name)
                    applies = question.get_when()
                if not applies:
                    answers.hide(name)
                    if name in given:
                        result.problems.append(f"{name}: {_shown(given[name])} is given, but not asked for here.")
                elif name in given and (problem := _problem(question, given[name])):
                    result.problems.append(f"{name}: {_shown(given[name])} {problem}")
                elif name in given:
                    answers.user[name] = question.parse_answer(given[name])
                    result.answers[name] = answers.user[name]
                    continue
                asked = applies and name not in given
                answer = ask(question) if asked and ask else self._default(question, result)
                if asked and not ask:
                    (result.missing if answer is MISSING else result.defaulted).append(name)
                if answer is not MISSING:
                    answers.user[name] = answer
                    result.answers |= {name: answer} if applies else {}
        return result

    def questions(self, given: Mapping[str, Any]) -> list[Question]:
        """The questions that are asked under the answers `given`, with their defaults."""
        asked: list[Question] = []

        def note(question: "CopierQuestion") -> Any:
            asked.append(_described(question))
            return question.get_default()

        self.interview(given, suggested={}, ask=note)
        return asked

    def render(self) -> None:
        """Write the project of the last interview into the folder that the template was opened for.

        Raises:
            InputError: The template has a mistake, or the disk is full.
        """
        with _explained("The blueprint cannot be rendered."):
            self._worker.run_copy()

    def refuse_code(self) -> None:
        """Raise RefusedError if the template would run code of its own."""
        found = [key for key in _RUNS_CODE if self._worker.template._raw_config.get(key)]
        if found:
            raise RefusedError(
                "This blueprint would run code of its own on this machine.",
                why=f"Its copier.yml has {', '.join(found)}.",
                hint="Blueprints are rendered, never run. Use one without these keys.",
            )

    def _question(self, name: str) -> "CopierQuestion":
        from copier._user_data import Question as CopierQuestion

        worker = self._worker
        return CopierQuestion(
            answers=worker.answers,
            context=worker._render_context(),
            jinja_env=worker.jinja_env,
            settings=worker.settings,
            var_name=name,
            **worker.template.questions_data[name],
        )

    def _default(self, question: "CopierQuestion", result: Interview) -> Any:
        from copier._types import MISSING

        name = question.var_name
        try:
            answer = question.get_default()
        except Exception as error:  # noqa: BLE001 - a template's expressions raise whatever they like
            # After a wrong answer, the defaults that are made from it are wrong as well: one complaint is enough.
            if not result.problems:
                value = question.answers.user_defaults.get(name, question.render_value(question.default))
                result.problems.append(f"{name}: {_shown(value)} {_problem(question, value) or error}")
            return MISSING
        if problem := _unprintable(answer):
            result.problems.append(f"{name}: {_shown(answer)} {problem}")
        return answer


@contextlib.contextmanager
def opened(snapshot: Snapshot, folder: Path) -> Iterator[Template]:
    """The template at `snapshot`, to be rendered into `folder`.

    Raises:
        MissingError: There is no git.
        InputError: The repository cannot be read.
        RefusedError: The template would run code of its own.
    """
    from copier._main import Worker
    from copier._settings import SettingsModel

    class Answered(Worker):
        def _ask(self) -> None:
            """Nothing is left to ask: what is rendered is what the interview checked."""

    with (
        TemporaryDirectory(prefix="mlops-bootstrap-") as mirrors,
        _environment(snapshot, Path(mirrors)),
        Answered(
            src_path=snapshot.url,
            dst_path=folder,
            vcs_ref=snapshot.commit,
            settings=SettingsModel(),
            defaults=True,
            quiet=True,
            skip_tasks=True,
        ) as worker,
    ):
        template = Template(worker)
        with _explained("The blueprints cannot be read."):
            template.refuse_code()
        yield template


def ask_on_terminal(question: "CopierQuestion") -> Any:
    """Ask the question as Copier does, but on standard error: standard output is for results."""
    from copier._types import MISSING
    from prompt_toolkit.output import create_output
    from questionary import unsafe_prompt

    try:
        question.get_default()
    except Exception:  # noqa: BLE001 - a suggestion that the template refuses is no suggestion
        question.answers.user_defaults.pop(question.var_name, None)
    default = question.get_default()
    answered = unsafe_prompt(
        [{**question.get_questionary_structure(), "qmark": "?", "output": create_output(stdout=sys.stderr)}],
        answers={} if default is MISSING else {question.var_name: default},
    )
    return answered[question.var_name]


@contextlib.contextmanager
def _environment(snapshot: Snapshot, mirrors: Path) -> Iterator[None]:
    """Let Copier's git find `snapshot` under its URL, and keep its mirrors out of the user's own Copier cache.

    Copier runs git through plumbum, which has an environment of its own; Copier reads its own variable from ours.
    """
    from plumbum import local

    before = os.environ.get("COPIER_CACHE_DIR")
    os.environ["COPIER_CACHE_DIR"] = str(mirrors)
    try:
        with local.env(**snapshot.environment()):
            for name in GIT_REPOSITORY_VARIABLES:
                local.env.pop(name, "")
            yield
    finally:
        del os.environ["COPIER_CACHE_DIR"]
        if before is not None:
            os.environ["COPIER_CACHE_DIR"] = before


@contextlib.contextmanager
def _explained(what: str) -> Iterator[None]:
    """Turn what a template (or the disk under it) raises into an InputError."""
    try:
        yield
    except BootstrapError:
        raise
    except Exception as error:
        raise InputError(what, why=f"{type(error).__name__}: {error}") from error


def _described(question: "CopierQuestion") -> Question:
    from copier._types import MISSING

    default = question.get_default()
    return Question(
        name=question.var_name,
        type=question.get_type_name(),
        help=str(question.render_value(question.help)).strip(),
        default=None if default is MISSING else default,
        required=default is MISSING,
        choices={str(choice.value): str(choice.title) for choice in question._formatted_choices},
    )


_SHOWN_LENGTH = 60
_BOOLEANS = frozenset({"y", "yes", "t", "true", "on", "1", "n", "no", "f", "false", "off", "0"})


def _problem(question: "CopierQuestion", value: Any) -> str:
    """Why `value` cannot be the answer to `question`; empty when it can.

    Stricter than Copier, for which "maybe" is true and 1.5 is the integer 1.
    """
    type_name = question.get_type_name()
    if problem := _unprintable(value) or ("" if question.multiselect else _wrong_type(type_name, value)):
        return problem
    try:
        answer = question.cast_answer(value)
    except Exception:  # noqa: BLE001 - Copier raises whatever the conversion raises
        return f"is not of the type {type_name}."
    choices = [choice.value for choice in question._formatted_choices if not choice.disabled]
    if choices and not question.multiselect and answer not in choices:
        meant = nearest(str(answer), map(str, choices))
        return f"is not one of {', '.join(map(str, choices))}." + (f" Did you mean {meant!r}?" if meant else "")
    try:
        question.validate_answer(question.parse_answer(value))
    except Exception as error:  # noqa: BLE001 - a template's expressions raise whatever they like
        return str(error).removeprefix(f"Validation error for question '{question.var_name}': ")
    return ""


def _wrong_type(type_name: str, value: Any) -> str:
    wrong = {
        "bool": str(value).strip().lower() not in _BOOLEANS,
        "int": isinstance(value, bool) or (isinstance(value, float) and not value.is_integer()),
        "float": isinstance(value, bool),
        "str": not isinstance(value, str | int | float) or isinstance(value, bool),
        "path": not isinstance(value, str),
    }
    return f"is not of the type {type_name}." if wrong.get(type_name) else ""


def _unprintable(value: Any) -> str:
    """Why a text would break the files that it is written into; empty when it would not."""
    for character in value if isinstance(value, str) else "":
        if unicodedata.category(character) in {"Cc", "Cs", "Zl", "Zp"}:
            return f"holds a character that no file should get from here ({character!a})."
    return ""


def _shown(value: Any) -> str:
    text = ascii(value) if _unprintable(value) else repr(value)
    return text if len(text) <= _SHOWN_LENGTH else f"{text[:_SHOWN_LENGTH]}... ({len(text)} characters)"
