"""Where a platform is and what its stacks are called. Shells complete by it, so it reads no more than that takes."""

from pathlib import Path

from bootstrap.errors import InputError, MissingError
from bootstrap.tool import other_version
from bootstrap.yaml import read

FILE_NAME = "platform.yaml"
TEAMS = "teams"
LINKS = "links.yaml"


def find_root(start: Path) -> Path:
    """The folder of the platform that `start` lies in: the nearest `platform.yaml` upwards.

    Raises:
        MissingError: There is none.
    """
    for folder in (start, *start.parents):
        if (folder / FILE_NAME).is_file():
            return folder
    raise MissingError(
        f"{start} is not in a platform repository.",
        why=f"Neither it nor a folder above it has a {FILE_NAME}.",
        hint="Go to your platform's folder (or use -C DIR), or make one: mlops-bootstrap platform init platform",
    )


def team_files(root: Path) -> list[Path]:
    """The manifests of the teams, sorted. Raises InputError when `teams` is something else than a folder in `root`."""
    folder = root / TEAMS
    if folder.exists() and not (folder.is_dir() and folder.resolve().is_relative_to(root.resolve())):
        raise InputError(f"{folder} is not a folder of this repository.", hint=f"Put a file per team into {TEAMS}/.")
    return sorted(folder.glob("*.yaml"))


def stack_names(start: Path) -> list[str]:
    """The names of the stacks that the manifests around `start` describe; what is wrong in them is not looked for.

    Raises:
        MissingError: `start` is in no platform.
        InputError: A team's manifest is not YAML.
    """
    names = ["hub"]
    for path in team_files(find_root(start)):
        data = read(path, within=path.parent.parent).data
        environments = data.get("environments") if isinstance(data, dict) else None
        names += [f"{path.stem}-{name}" for name in environments] if isinstance(environments, dict) else []
    return names


def pinned_tool(root: Path) -> tuple[str, str | None] | None:
    """`tool` and `tool_source` of the platform in `root`, when it pins another version than this one; else None."""
    try:
        return other_version(read(root / FILE_NAME, within=root).data)
    except InputError:
        return None  # reading the whole platform reports it
