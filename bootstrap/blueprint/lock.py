"""Creates a new project's uv.lock again if uv is configured for another package index than the lock names.

A blueprint contains the lock that its tests passed with; `uv sync --locked` refuses a lock for another index. uv is
started only if it is configured: by one of its variables for an index, or by a `uv.toml`.
"""

import os
import sys
from pathlib import Path

from platformdirs.unix import Unix
from platformdirs.windows import Windows

from bootstrap.errors import InputError, RemoteError
from bootstrap.processes import uv
from bootstrap.progress import Progress

_INDEX_VARIABLES = ("UV_DEFAULT_INDEX", "UV_INDEX", "UV_INDEX_URL", "UV_EXTRA_INDEX_URL")


def relock(project: Path, destination: Path, progress: Progress) -> bool:
    """Create the lock of `project` again if uv's configuration requires it. Returns whether it did.

    The versions in the lock do not change, if the index has them.

    Args:
        project: The current folder of the project.
        destination: Its later folder; uv.toml files above it apply.

    Raises:
        RemoteError: The index did not answer, or does not have all packages; uv's message is in `why`.
    """
    is_configured = any(os.environ.get(name) for name in _INDEX_VARIABLES) or any(
        file.is_file() for file in _configuration_files(destination)
    )
    if not is_configured or not (project / "uv.lock").is_file():
        return False
    # --no-build: locking must not run a build backend from a blueprint.
    try:
        uv("lock", "--check", "--no-build", cwd=project)
    except InputError:
        progress.started("lock for your package index")
        try:
            uv("lock", "--no-build", cwd=project)
        except InputError as error:
            progress.finished("lock for your package index", "failed")
            raise RemoteError(
                "The project's uv.lock cannot be created for your package index.",
                why=error.why,
                hint="Check the index in uv.toml or UV_DEFAULT_INDEX and your network, then run the command again.",
            ) from error
        progress.finished("lock for your package index")
        return True
    return False


def _configuration_files(destination: Path) -> list[Path]:
    """Uv's configuration files, which are also on macOS where XDG has them.

    https://docs.astral.sh/uv/concepts/configuration-files/
    """
    if chosen := os.environ.get("UV_CONFIG_FILE"):
        return [Path(chosen)]
    system = Windows if sys.platform == "win32" else Unix
    folders = system("uv", appauthor=False, roaming=True, multipath=True)
    below = [folders.user_config_dir, *folders.site_config_dir.split(os.pathsep), "/etc/uv"]
    return [folder / "uv.toml" for folder in (*destination.parents, *map(Path, below))]
