"""A Copier template: its questions, the check of their answers, and its rendering.

The only module that imports Copier. Copier's public functions stop at the first wrong answer, so this module uses
Copier's internal worker and questions; therefore pyproject.toml pins Copier's minor version. Templates never run code:
tasks, migrations and Jinja extensions are refused, and Copier's list of trusted templates is not read.
"""

import contextlib
import os
import re
import sys
import tempfile
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from copier._main import Worker
from copier._settings import SettingsModel
from copier._types import MISSING, Phase
from copier._user_data import AnswersMap
from copier._user_data import Question as CopierQuestion
from plumbum import local

from bootstrap.blueprint.repository import Snapshot
from bootstrap.errors import BootstrapError, InputError, RefusedError, nearest
from bootstrap.files import temporary_folder
from bootstrap.processes import GIT_REPOSITORY_VARIABLES

_RUNS_CODE = ("_tasks", "_migrations", "_jinja_extensions")


@dataclass(frozen=True)
class Question:
    """A question of a template.

    Attributes:
        name: The key of its answer.
        type: The type of the answer in Copier: str, bool, int, float, yaml, json or path.
        help: The text of the prompt.
        default: The default answer; it may depend on the answers to earlier questions.
        required: There is no default.
        choices: The allowed answers with their labels; empty if all answers of the type are allowed.
    """

    name: str
    type: str
    help: str
    default: Any
    required: bool
    choices: Mapping[str, str]


@dataclass
class Answers:
    """The answers to a template's questions.

    Attributes:
        answers: The answer to each question that applies.
        defaulted: The names of the questions with the default as answer.
        missing: The names of the questions without an answer and without a default.
        problems: A sentence for each wrong answer, with the question, the value and the reason.
    """

    answers: dict[str, Any] = field(default_factory=dict)
    defaulted: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


class Template:
    """A template at one commit, opened by `open_template`."""

    def __init__(self, worker: Worker) -> None:
        self._worker = worker

    @property
    def commit(self) -> str:
        """The commit as the answers file records it: a tag, or the output of `git describe`."""
        return str(self._worker.template.commit)

    def answer(
        self,
        given: Mapping[str, Any],
        *,
        suggested: Mapping[str, Any],
        ask: Callable[[CopierQuestion], Any] | None = None,
    ) -> Answers:
        """Answer the questions in order, and check every answer.

        Args:
            given: Answers from the user.
            suggested: Values that replace the template's defaults.
            ask: Prompts for an answer; None uses the default.
        """
        result = Answers()
        worker = self._worker
        answers = AnswersMap(
            user_defaults=dict(suggested), metadata=worker.template.metadata, external=worker._external_data()
        )
        worker.answers = answers
        with Phase.use(Phase.PROMPT):
            for name in worker.template.questions_data:
                with _explained(f"The question {name} of the blueprint cannot be evaluated."):
                    question = CopierQuestion(
                        answers=answers,
                        context=worker._render_context(),
                        jinja_env=worker.jinja_env,
                        settings=worker.settings,
                        var_name=name,
                        **worker.template.questions_data[name],
                    )
                    applies = question.get_when()
                if not applies:
                    answers.hide(name)
                    if name in given:
                        result.problems.append(f"{name}: this question does not apply to your other answers.")
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
        """The questions that are open after the answers `given`, with their defaults."""
        questions: list[Question] = []

        def collect(question: CopierQuestion) -> Any:
            questions.append(_question(question))
            return question.get_default()

        self.answer(given, suggested={}, ask=collect)
        return questions

    def render(self) -> None:
        """Write the project into the template's folder, with the answers of the last call of `answer`.

        Raises:
            InputError: The template has a mistake, or the disk is full.
        """
        with _explained("The blueprint cannot be rendered."):
            self._worker.run_copy()

    def _default(self, question: CopierQuestion, result: Answers) -> Any:
        name = question.var_name
        try:
            answer = question.get_default()
        except Exception as error:  # noqa: BLE001 - a template's expressions can raise any exception
            # A default that depends on a wrong answer is wrong, too: only the first problem is reported.
            if not result.problems:
                value = question.answers.user_defaults.get(name, question.render_value(question.default))
                result.problems.append(f"{name}: {_shown(value)} {_problem(question, value) or error}")
            return MISSING
        if problem := _unprintable(answer):
            result.problems.append(f"{name}: {_shown(answer)} {problem}")
        return answer


@contextlib.contextmanager
def open_template(snapshot: Snapshot, folder: Path) -> Iterator[Template]:
    """Open the template at `snapshot` for rendering into `folder`.

    Raises:
        MissingError: There is no git.
        InputError: The repository cannot be read.
        RefusedError: The template would run code.
    """
    with (
        temporary_folder() as temporary,
        _environment(snapshot, temporary),
        Worker(
            src_path=snapshot.url,
            dst_path=folder,
            vcs_ref=snapshot.commit,
            settings=SettingsModel(),
            defaults=True,
            quiet=True,
            skip_tasks=True,
        ) as worker,
    ):
        worker._ask = lambda: None  # type: ignore[method-assign] # `Template.answer` has all answers already
        with _explained("The blueprints cannot be read."):
            found = [key for key in _RUNS_CODE if worker.template._raw_config.get(key)]
        if found:
            raise RefusedError(
                "This blueprint would run code on this machine.",
                why=f"Its copier.yml has {', '.join(found)}.",
                hint="Blueprints must not run code. Use one without these keys.",
            )
        yield Template(worker)


def ask_on_terminal(question: CopierQuestion) -> Any:
    """Prompt for the answer as Copier does, but on standard error: standard output is for results."""
    from prompt_toolkit.output import create_output
    from questionary import unsafe_prompt

    name, defaults = question.var_name, question.answers.user_defaults
    try:
        question.get_default()
    except Exception:  # noqa: BLE001 - the suggested default is not a valid answer
        if suggestion := _valid_name(question, defaults.pop(name, None)):
            defaults[name] = suggestion
    default = question.get_default()
    prompt = {**question.get_questionary_structure(), "qmark": "?", "output": create_output(stdout=sys.stderr)}
    if "validate" in prompt and not question.multiselect:
        prompt["validate"] = lambda value: _problem(question, value) or True
    answered = unsafe_prompt([prompt], answers={} if default is MISSING else {name: default})
    return answered[name]


@contextlib.contextmanager
def _environment(snapshot: Snapshot, temporary: Path) -> Iterator[None]:
    """Make Copier's git find `snapshot` under its URL, and Copier's mirrors and clones lie in a folder of ours.

    Copier runs git through plumbum, which has a separate environment; Copier reads its variable from this process's,
    and clones to where `tempfile` makes folders.
    """
    before, system = os.environ.get("COPIER_CACHE_DIR"), tempfile.tempdir
    os.environ["COPIER_CACHE_DIR"] = str(temporary / "mirrors")
    tempfile.tempdir = str(temporary)
    try:
        with local.env(**snapshot.environment()):
            for name in GIT_REPOSITORY_VARIABLES:
                local.env.pop(name, "")
            yield
    finally:
        tempfile.tempdir = system
        del os.environ["COPIER_CACHE_DIR"]
        if before is not None:
            os.environ["COPIER_CACHE_DIR"] = before


@contextlib.contextmanager
def _explained(what: str) -> Iterator[None]:
    """Convert exceptions of a template, or of the disk, to InputError."""
    try:
        yield
    except BootstrapError:
        raise
    except Exception as error:
        raise InputError(what, why=f"{type(error).__name__}: {error}") from error


def _question(question: CopierQuestion) -> Question:
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


def _problem(question: CopierQuestion, value: Any) -> str:
    """Why `value` is not a valid answer to `question`; empty if it is valid.

    Stricter than Copier, which converts "maybe" to true and 1.5 to the integer 1.
    """
    type_name = question.get_type_name()
    if problem := _unprintable(value) or ("" if question.multiselect else _wrong_type(type_name, value)):
        return problem
    try:
        answer = question.cast_answer(value)
    except Exception:  # noqa: BLE001 - Copier does not catch the errors of conversions
        return f"is not of the type {type_name}."
    choices = [choice.value for choice in question._formatted_choices if not choice.disabled]
    if choices and not question.multiselect and answer not in choices:
        meant = nearest(str(answer), map(str, choices))
        return f"is not one of {', '.join(map(str, choices))}." + (f" Did you mean {meant!r}?" if meant else "")
    try:
        question.validate_answer(question.parse_answer(value))
    except Exception as error:  # noqa: BLE001 - a template's expressions can raise any exception
        reason = str(error).removeprefix(f"Validation error for question '{question.var_name}': ")
        suggestion = _valid_name(question, value)
        return f"{reason.rstrip('.')}. Did you mean {suggestion!r}?" if suggestion else reason
    return ""


def _valid_name(question: CopierQuestion, value: Any) -> str:
    """`value` as lower-case words with hyphens (`Fraud_Score` becomes `fraud-score`), if that is a valid answer."""
    name = re.sub(r"[^a-z0-9]+", "-", str(value).lower()).strip("-")
    if not isinstance(value, str) or not name or question.get_type_name() != "str" or question.choices:
        return ""
    try:
        question.validate_answer(name)
    except Exception:  # noqa: BLE001 - a template's expressions can raise any exception
        return ""
    return name


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
    """Why a text would break the files that contain it; empty if it would not."""
    for character in value if isinstance(value, str) else "":
        if unicodedata.category(character) in {"Cc", "Cs", "Zl", "Zp"}:
            return f"contains a control character ({character!a})."
    return ""


def _shown(value: Any) -> str:
    text = ascii(value) if _unprintable(value) else repr(value)
    return text if len(text) <= _SHOWN_LENGTH else f"{text[:_SHOWN_LENGTH]}... ({len(text)} characters)"
