"""Creates a project: renders a blueprint, checks its lock, commits it, and moves it to its destination."""

import fnmatch
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bootstrap.blueprint.lock import relock
from bootstrap.blueprint.repository import Snapshot
from bootstrap.blueprint.template import Question, Template, ask_on_terminal, open_template
from bootstrap.errors import ConflictError, InputError, RefusedError, did_you_mean
from bootstrap.files import (
    finish_moving,
    is_git_folder,
    is_half_moved,
    is_leftover,
    move_into_place,
    remove_leftovers,
    staging_folder,
    temporary_folder,
)
from bootstrap.forge import FORGES
from bootstrap.processes import SET_IDENTITY, first_commit, git, repository_around
from bootstrap.progress import Progress

BLUEPRINT_QUESTION = "blueprint"
"""The question whose choices are the blueprints."""

PROJECT_QUESTION = "project_name"
"""The question for the project's name. Its default is the name of the destination folder."""

_FALLBACK_IDENTITY = {
    "GIT_AUTHOR_NAME": "mlops-bootstrap",
    "GIT_AUTHOR_EMAIL": "new@mlops-bootstrap.invalid",
    "GIT_COMMITTER_NAME": "mlops-bootstrap",
    "GIT_COMMITTER_EMAIL": "new@mlops-bootstrap.invalid",
}


@dataclass(frozen=True)
class NewProject:
    """A created project, or with `--dry-run` the project that would be created.

    Attributes:
        project: Its name.
        path: Its folder, absolute.
        blueprint: Its blueprint.
        commit: The blueprint's release or commit, as in the project's answers file.
        files: The paths of its files, with forward slashes, sorted.
        relocked: Its uv.lock was created again, for another package index.
        repository: It is a separate git repository with one commit; False inside another repository.
        written: It was created; False for a dry run.
    """

    project: str
    path: Path
    blueprint: str
    commit: str
    files: tuple[str, ...]
    relocked: bool
    repository: bool
    written: bool


def create(
    snapshot: Snapshot,
    given: Mapping[str, Any],
    progress: Progress,
    *,
    directory: Path,
    destination: Path | None = None,
    ask: bool = False,
    defaults: bool = False,
    dry_run: bool = False,
) -> NewProject:
    """Create a project. After an error nothing of it is left on disk.

    Args:
        snapshot: The blueprints.
        given: Answers by question; `blueprint` is the blueprint's name.
        directory: The working folder of the command, absolute.
        destination: The project's folder, absolute; None for a folder in `directory` with the project's name.
        ask: Prompt for missing answers.
        defaults: Use the defaults for missing answers.
        dry_run: Render and check, but create nothing.

    Raises:
        InputError: Answers are wrong or missing, or the destination cannot be written.
        ConflictError: The destination is in use.
        MissingError: There is no git.
        RefusedError: The blueprint would run code or write outside of the project.
        RemoteError: The lock had to be created again, and the package index did not answer.
    """
    if destination is not None:
        _check_destination(destination, dry_run=dry_run)
    git("version", cwd=directory)  # fails early where git is missing
    beside = _staging_place(destination or directory / PROJECT_QUESTION)
    with temporary_folder() if dry_run else staging_folder(beside) as staging:
        # The folder has the destination's name, because templates can read it.
        folder = staging / ((destination.name if destination else "") or "project")
        with open_template(snapshot, folder) as template:
            _refuse_unknown(snapshot, given)
            answers = _answers(template, given, destination.name if destination else "", ask=ask, defaults=defaults)
            path = destination
            if path is None:
                path = directory / str(answers[PROJECT_QUESTION])
                _check_destination(path, dry_run=dry_run)
            progress.started("render")
            template.render()
            progress.finished("render")
            commit = template.commit
        files = _rendered_files(folder)
        _refuse_missing_ci(files, answers)
        relocked = not dry_run and relock(folder, path, progress)
        outer = repository_around(path)
        if not dry_run:
            if outer is None:
                _commit(folder, f"Start from the blueprint {answers[BLUEPRINT_QUESTION]} at {commit}", progress)
            try:
                move_into_place(folder, path)
            except FileExistsError:
                _check_destination(path, dry_run=False)  # another process was faster
                raise
    return NewProject(
        project=str(answers[PROJECT_QUESTION]),
        path=path,
        blueprint=str(answers[BLUEPRINT_QUESTION]),
        commit=commit,
        files=files,
        relocked=relocked,
        repository=outer is None,
        written=not dry_run,
    )


def _answers(
    template: Template, given: Mapping[str, Any], folder_name: str, *, ask: bool, defaults: bool
) -> dict[str, Any]:
    """Answers to all questions. Raises InputError with all answers that are wrong, or with all that are missing."""
    suggested = {PROJECT_QUESTION: folder_name} if folder_name else {}
    # The given answers are checked before the first prompt.
    result = template.answer(given, suggested={} if ask else suggested)
    if ask and not result.problems:
        result = template.answer(given, suggested=suggested, ask=ask_on_terminal)
    if result.problems:
        raise InputError(
            "An answer is wrong." if len(result.problems) == 1 else f"{len(result.problems)} answers are wrong.",
            details=result.problems,
            hint="Set each with --data NAME=VALUE, or in the file of --answers.",
        )
    missing = {*result.missing, *([] if ask or defaults else result.defaulted)}
    if missing:
        questions = [question for question in template.questions(given) if question.name in missing]
        raise InputError(
            f"{len(missing)} {'answer is' if len(missing) == 1 else 'answers are'} missing.",
            why="These questions have no default." if defaults else "There is no terminal for prompts.",
            details=[_in_one_line(question) for question in questions],
            hint="Set each with --data NAME=VALUE or in the file of --answers"
            + ("." if defaults else ", or use the defaults for all of them: --defaults"),
        )
    project = str(result.answers[PROJECT_QUESTION])
    if Path(project).name != project:
        raise InputError(f"{PROJECT_QUESTION}: {project!r} is not a valid name of a folder.")
    return result.answers


def _refuse_unknown(snapshot: Snapshot, given: Mapping[str, Any]) -> None:
    """Raise InputError for an unknown blueprint or unknown questions."""
    blueprints, known = snapshot.blueprints(), snapshot.question_names()
    if PROJECT_QUESTION not in known:
        raise InputError("The repository has no blueprints.", why=f"Its copier.yml has no question {PROJECT_QUESTION}.")
    blueprint = given.get(BLUEPRINT_QUESTION)
    if blueprint is not None and blueprint not in blueprints:
        raise InputError(f"There is no blueprint {blueprint!r}.", hint=did_you_mean(str(blueprint), blueprints))
    unknown = [name for name in given if name not in known]
    if unknown:
        raise InputError(
            f"The blueprints have no question {', '.join(map(repr, unknown))}.",
            details=[f"{name}: {did_you_mean(name, known)}" for name in unknown],
            hint="List the questions: mlops-bootstrap blueprint show BLUEPRINT",
        )


def _in_one_line(question: Question) -> str:
    """The name of a question, its help, its choices and its default."""
    choices = f" One of {', '.join(question.choices)}." if question.choices else ""
    default = "" if question.required else f" [default: {question.default}]"
    return f"{question.name}: {' '.join(question.help.split())}{choices}{default}"


def _check_destination(path: Path, *, dry_run: bool) -> None:
    """Raise ConflictError if `path` exists, except for an empty folder. What a killed call left is removed or finished.

    Args:
        dry_run: Change nothing.
    """
    half_moved = is_half_moved(path)
    if not dry_run:
        finish_moving(path)
        for folder in (path, path.parent):
            remove_leftovers(folder)
    inside = next((one for one in path.iterdir() if not is_leftover(one)), None) if path.is_dir() else None
    why = "It is a file, not a folder." if path.is_file() else "It is not a folder."
    if half_moved:
        last = "without --dry-run its last files are moved" if dry_run else "its last files are in place now"
        why = f"It is the project of an earlier call that was killed; {last}."
    elif inside is not None:
        why = f"It is not empty; it contains, for example, {inside.name}."
    if inside is not None or (not path.is_dir() and (path.exists() or path.is_symlink())):
        raise ConflictError(
            f"{path} already exists.", why=why, hint="Choose another folder; existing files are never overwritten."
        )


def _staging_place(destination: Path) -> Path:
    """The folder in which a project is prepared: beside its destination, so that a killed command leaves that alone.

    An existing destination that is a disk of its own, or lies in a folder that cannot be written, is used itself.
    """
    beside = next(folder for folder in destination.parents if folder.exists())
    if destination.is_dir() and (destination.stat().st_dev != beside.stat().st_dev or not os.access(beside, os.W_OK)):
        return destination
    return beside


def _rendered_files(folder: Path) -> tuple[str, ...]:
    """The project's files. Raises RefusedError for files in `.git` and for links.

    A blueprint could create `.git/hooks/post-commit` with an expression as file name; the first commit would run it.
    """
    found = sorted(path.relative_to(folder) for path in folder.rglob("*"))
    git_folders = [path.as_posix() for path in found if any(map(is_git_folder, path.parts))]
    links = [path.as_posix() for path in found if (folder / path).is_symlink()]
    if git_folders or links:
        raise RefusedError(
            "This blueprint creates files that a blueprint must not create.",
            details=[f"{path}: git's own folder" for path in git_folders] + [f"{path}: a link" for path in links],
            hint="Nothing was created. Use a blueprint without these files.",
        )
    files = tuple(sorted(path.as_posix() for path in found if (folder / path).is_file()))
    if not files:
        raise InputError("The blueprint rendered no file.")
    return files


def _refuse_missing_ci(files: Sequence[str], answers: Mapping[str, Any]) -> None:
    """Raise InputError if the blueprint has no CI for the chosen forge."""
    patterns = [pattern for forge in FORGES if forge.name == answers.get("forge") for pattern in forge.ci_files]
    if missing := [pattern for pattern in patterns if not fnmatch.filter(files, pattern)]:
        raise InputError(
            f"The blueprint {answers[BLUEPRINT_QUESTION]} has no CI for {answers['forge']}.",
            why=f"It has no {' and no '.join(missing)}.",
            hint="Choose another forge: --data forge=NAME",
        )


def _commit(folder: Path, message: str, progress: Progress) -> None:
    """Make `folder` a git repository with one commit of everything in it."""
    if first_commit(folder, message) is None:
        progress.say(
            "git has no user.name and user.email, so the author of the first commit is mlops-bootstrap. "
            f"Set them: {SET_IDENTITY}"
        )
        first_commit(folder, message, _FALLBACK_IDENTITY)
