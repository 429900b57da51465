"""A new project: rendered from a blueprint, locked, committed, and only then moved to where it was asked for."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from bootstrap.blueprint.lock import relock
from bootstrap.blueprint.repository import Snapshot
from bootstrap.blueprint.template import BLUEPRINT_QUESTION, Question, Template, ask_on_terminal, opened
from bootstrap.errors import ConflictError, InputError, RefusedError, did_you_mean
from bootstrap.processes import git
from bootstrap.progress import Progress

PROJECT_QUESTION = "project_name"
"""The question whose answer names the project. Its default is the name of the folder that was asked for."""

_FALLBACK_IDENTITY = {
    "GIT_AUTHOR_NAME": "mlops-bootstrap",
    "GIT_AUTHOR_EMAIL": "new@mlops-bootstrap.invalid",
    "GIT_COMMITTER_NAME": "mlops-bootstrap",
    "GIT_COMMITTER_EMAIL": "new@mlops-bootstrap.invalid",
}


@dataclass(frozen=True)
class Order:
    """What was asked for.

    Attributes:
        directory: The folder that the command works in, absolute.
        destination: Where the project goes, absolute; None for a folder in `directory` named like the project.
        given: Answers by question; the blueprint's name is one of them, under `blueprint`.
        ask: Ask a person for the answers that are missing.
        defaults: Take the defaults for the answers that are missing.
        dry_run: Render, check, and write nothing.
    """

    directory: Path
    destination: Path | None = None
    given: Mapping[str, Any] = field(default_factory=dict)
    ask: bool = False
    defaults: bool = False
    dry_run: bool = False


@dataclass(frozen=True)
class Created:
    """A project that was made, or would be.

    Attributes:
        project: Its name.
        path: Its folder, absolute.
        blueprint: The blueprint that it was made from.
        commit: The blueprint's release or commit, as the project's answers file has it.
        files: The paths of its files, with forward slashes, sorted.
        relocked: Its uv.lock was made anew, for another package index.
        repository: It is a git repository of its own, with one commit; False when it lies in one.
        written: It is on disk.
    """

    project: str
    path: Path
    blueprint: str
    commit: str
    files: tuple[str, ...]
    relocked: bool
    repository: bool
    written: bool

    def document(self) -> dict[str, Any]:
        """The JSON document of `new`, version 1 (docs/new.md)."""
        return {
            "schema_version": 1,
            "project": self.project,
            "path": str(self.path),
            "blueprint": self.blueprint,
            "commit": self.commit,
            "files": list(self.files),
            "relocked": self.relocked,
        }


def create(order: Order, snapshot: Snapshot, progress: Progress) -> Created:
    """Make the project that was ordered. Nothing is left on disk unless all of it succeeded.

    Raises:
        InputError: Answers are wrong or missing, or the project cannot be written where it was asked for.
        ConflictError: There is something else already.
        MissingError: There is no git.
        RefusedError: The blueprint would run code, or write where it must not.
        RemoteError: The lock had to be made anew, and the package index did not answer.
    """
    if order.destination is not None:
        _check_destination(order.destination)
    git("version", cwd=order.directory)  # before anything else: without git there is no project
    with _staging(order) as staging:
        # The folder is named like the project's, because templates can see its name.
        name = order.destination.name if order.destination else "project"
        folder = staging / (name or "project")
        with opened(snapshot, folder) as template:
            answers = _answers(template, order)
            path = order.destination
            if path is None:
                path = order.directory / str(answers[PROJECT_QUESTION])
                _check_destination(path)
            progress.started("render")
            template.render()
            progress.finished("render")
            commit = template.commit
        files = _rendered_files(folder)
        relocked = not order.dry_run and relock(folder, path, progress)
        outer = _repository_around(path)
        if not order.dry_run:
            if outer is None:
                _commit(folder, f"Start from the blueprint {answers[BLUEPRINT_QUESTION]} at {commit}", progress)
            _move_into_place(folder, path)
    return Created(
        project=str(answers[PROJECT_QUESTION]),
        path=path,
        blueprint=str(answers[BLUEPRINT_QUESTION]),
        commit=commit,
        files=files,
        relocked=relocked,
        repository=outer is None,
        written=not order.dry_run,
    )


def _answers(template: Template, order: Order) -> dict[str, Any]:
    _refuse_unknown(template, order)
    suggested = {PROJECT_QUESTION: order.destination.name} if order.destination and order.destination.name else {}
    # What was given is checked before anybody is asked for the rest.
    interview = template.interview(order.given, suggested={} if order.ask else suggested)
    if order.ask and not interview.problems:
        interview = template.interview(order.given, suggested=suggested, ask=ask_on_terminal)
    if interview.problems:
        raise InputError(
            "An answer is wrong." if len(interview.problems) == 1 else f"{len(interview.problems)} answers are wrong.",
            details=interview.problems,
            hint="Give each as --data NAME=VALUE, or in the file of --answers.",
        )
    missing = {*interview.missing, *([] if order.ask or order.defaults else interview.defaulted)}
    if missing:
        questions = [question for question in template.questions(order.given) if question.name in missing]
        raise InputError(
            f"{len(missing)} {'answer is' if len(missing) == 1 else 'answers are'} missing.",
            why="There is no terminal to ask on." if not order.defaults else "These questions have no default.",
            details=[_described(question) for question in questions],
            hint="Give each as --data NAME=VALUE or in the file of --answers"
            + (", or take the defaults of the rest: --defaults" if not order.defaults else "."),
        )
    project = str(interview.answers[PROJECT_QUESTION])
    if Path(project).name != project:
        raise InputError(f"{PROJECT_QUESTION}: {project!r} is no name of a folder.")
    return interview.answers


def _refuse_unknown(template: Template, order: Order) -> None:
    """Complain about a blueprint, or about questions, that do not exist."""
    known = template.question_names()
    for name in (BLUEPRINT_QUESTION, PROJECT_QUESTION):
        if name not in known:
            raise InputError("The repository holds no blueprints.", why=f"Its copier.yml has no question {name!r}.")
    blueprint, blueprints = order.given.get(BLUEPRINT_QUESTION), template.blueprints()
    if blueprint is not None and blueprint not in blueprints:
        raise InputError(f"There is no blueprint {blueprint!r}.", hint=did_you_mean(str(blueprint), blueprints))
    unknown = [name for name in order.given if name not in known]
    if unknown:
        raise InputError(
            f"The blueprints do not ask for {', '.join(map(repr, unknown))}.",
            details=[f"{name}: {did_you_mean(name, known)}" for name in unknown],
            hint="See what they ask for: mlops-bootstrap blueprint show BLUEPRINT",
        )


def _described(question: Question) -> str:
    """A question in one line: its name, what it asks for, what can be answered, and what the default is."""
    choices = f" One of {', '.join(question.choices)}." if question.choices else ""
    default = "" if question.required else f" [default: {question.default}]"
    return f"{question.name}: {' '.join(question.help.split())}{choices}{default}"


def _check_destination(path: Path) -> None:
    """Raise ConflictError when there is something at `path` that a new project must not touch."""
    try:
        if path.is_dir():
            inside = next(path.iterdir(), None)
            if inside is None:
                return
            why = f"It has content already, for example {inside.name}."
        elif path.exists() or path.is_symlink():
            why = "It is a file, not a folder." if path.is_file() else "It is not a folder."
        else:
            return
    except (OSError, ValueError) as error:
        raise InputError(f"{path} cannot be used for a new project.", why=_words(error)) from error
    raise ConflictError(
        f"{path} is in the way of the new project.", why=why, hint="Choose another folder: nothing is overwritten."
    )


@contextmanager
def _staging(order: Order) -> Iterator[Path]:
    """A folder to make the project in, on the same disk as its destination; it vanishes in the end."""
    where = None
    if not order.dry_run:
        where = order.destination or order.directory
        while not where.exists():
            where = where.parent
    try:
        folder = TemporaryDirectory(prefix=".mlops-bootstrap-", dir=where)
    except OSError as error:
        raise InputError(
            f"No project can be made in {where}.", why=_words(error), hint="Choose a folder that you may write to."
        ) from error
    with folder as name:
        yield Path(name)


def _rendered_files(folder: Path) -> tuple[str, ...]:
    """The project's files. Raises RefusedError for those that would act on this machine, or reach out of the project.

    A blueprint could name a file `.git/hooks/post-commit` by an expression, and our own commit would run it.
    """
    found = sorted(path.relative_to(folder) for path in folder.rglob("*"))
    git_folders = [path.as_posix() for path in found if any(map(_is_gits_own, path.parts))]
    links = [path.as_posix() for path in found if (folder / path).is_symlink()]
    if git_folders or links:
        raise RefusedError(
            "This blueprint writes what a blueprint must not write.",
            details=[f"{path}: git's own folder" for path in git_folders] + [f"{path}: a link" for path in links],
            hint="Nothing was written. Use a blueprint without these files.",
        )
    files = tuple(sorted(path.as_posix() for path in found if (folder / path).is_file()))
    if not files:
        raise InputError("The blueprint rendered no file.")
    return files


def _is_gits_own(name: str) -> bool:
    """Whether a file of this name is `.git`, also where case does not count, or on NTFS, where it has more names.

    https://github.com/git/git/blob/master/path.c, `is_ntfs_dotgit`
    """
    name = name.casefold().split(":")[0].rstrip(". ")
    return name == ".git" or name.startswith("git~")


def _repository_around(path: Path) -> Path | None:
    """The work tree that `path` would lie in, if any: the nearest folder above it that has a `.git`, as git looks.

    A folder that the work tree ignores is no part of it: a project there becomes a repository of its own.
    """
    around = next((folder for folder in path.parents if (folder / ".git").exists()), None)
    return None if around is None or _is_ignored(path, around) else around


def _is_ignored(path: Path, work_tree: Path) -> bool:
    try:
        git("check-ignore", "--quiet", str(path), cwd=work_tree)
    except InputError:  # exit code 1: not ignored; 128: not a repository after all
        return False
    return True


def _commit(folder: Path, message: str, progress: Progress) -> None:
    """Make `folder` a git repository with one commit of everything in it."""
    git("init", "--quiet", "--initial-branch=main", cwd=folder)
    # What the user ignores everywhere may well be part of a project (*.lock); that is for the project's .gitignore.
    git("-c", "core.excludesFile=", "add", "--all", cwd=folder)
    # Neither the user's hooks nor their key know this commit, and nobody is there to type a passphrase.
    commit = ["-c", "commit.gpgSign=false", "commit", "--quiet", "--no-verify", "--message", message]
    try:
        git(*commit, cwd=folder)
    except InputError:
        if _identity(folder):
            raise
        git(*commit, cwd=folder, env=_FALLBACK_IDENTITY)
        progress.say(
            "git knows no name and address of yours, so the first commit is by mlops-bootstrap. "
            "Set them by: git config --global user.name ... and user.email ..."
        )


def _identity(folder: Path) -> bool:
    """Whether git knows who commits."""
    try:
        git("var", "GIT_AUTHOR_IDENT", cwd=folder)
        git("var", "GIT_COMMITTER_IDENT", cwd=folder)
    except InputError:
        return False
    return True


def _move_into_place(folder: Path, path: Path) -> None:
    """Move the finished project to `path`, all of it or nothing."""
    moved: list[Path] = []
    try:
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            folder.rename(path)
            return
        # An empty folder that somebody made: it stays the same folder, since a shell may be standing in it.
        for child in sorted(folder.iterdir()):
            child.rename(path / child.name)
            moved.append(child)
    except BaseException as error:
        for child in moved:
            (path / child.name).rename(child)
        if isinstance(error, OSError):
            raise InputError(f"The project cannot be moved to {path}.", why=_words(error)) from error
        raise


def _words(error: Exception) -> str:
    """What the system says, without the paths of our temporary folders."""
    return (isinstance(error, OSError) and error.strerror) or str(error)
