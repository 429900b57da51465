"""The files of a step's code: what azure-ai-ml would upload."""

from collections.abc import Callable, Sequence
from pathlib import Path

from bootstrap.digest import is_by_product, tree_files
from bootstrap.errors import InputError
from bootstrap.files import read_bounded

_IGNORE_FILES = (".amlignore", ".gitignore")


def code_files(folder: Path | None, includes: Sequence[Path] = ()) -> dict[str, Path]:
    """The files that a step sees, by their paths in its working folder.

    Args:
        folder: The component's `code`; without it the working folder is empty.
        includes: Its `additional_includes`: each is in the working folder under its own name. The ignore file of
            `folder` counts for them, too, as if they were there.

    Raises:
        InputError: Something has no digest, an ignore file cannot be read, or two files have the same path.
    """
    ignored = _ignored(folder)
    found = {} if folder is None else tree_files(folder, ignored)
    for include in includes:
        own = _ignored(include if include.is_dir() else None)

        def left_out(name: str, own: Callable[[str], bool] = own, prefix: str = include.name) -> bool:
            return own(name) or ignored(f"{prefix}/{name}")

        inner = tree_files(include, left_out) if include.is_dir() else {"": include}
        files = {f"{include.name}/{name}".rstrip("/"): path for name, path in inner.items()}
        if twice := sorted(files.keys() & found.keys()):
            raise InputError(
                f"{files[twice[0]]} cannot be included: {found[twice[0]]} has the same place.",
                hint="Rename one of them, or take it out of additional_includes.",
            )
        found |= files
    return found


def _ignored(folder: Path | None) -> Callable[[str], bool]:
    """Whether a path is not uploaded: by its name, or by the folder's `.amlignore`, or else its `.gitignore`.

    The last pattern that matches a file counts. Ignore files in subfolders have no effect.
    https://learn.microsoft.com/azure/machine-learning/how-to-save-write-experiment-files#storage-limits-of-experiment-snapshots
    """
    path = next((folder / name for name in _IGNORE_FILES if (folder / name).exists()), None) if folder else None
    if path is None:
        return is_by_product
    from pathspec import PathSpec  # most folders have no such file

    try:
        lines = read_bounded(path).decode("utf-8").splitlines()
        patterns = PathSpec.from_lines("gitignore", lines)
    except ValueError as error:
        raise InputError(
            f"{path} cannot be read.", why=f"{error}.", hint="Write it in UTF-8, one pattern a line."
        ) from error
    # Azure ML matches files only: in an ignored folder a later `!` may name a file.
    prunes = not any(line.startswith("!") for line in lines)

    def ignored(name: str) -> bool:
        return is_by_product(name) or ((prunes or not name.endswith("/")) and patterns.match_file(name))

    return ignored
