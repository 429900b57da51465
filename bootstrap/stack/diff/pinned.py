"""The version of this tool that an earlier commit pins, installed to plan that commit.

A commit chooses code here, and it may be anybody's. So nothing but the version comes from it: the package is
`mlops-bootstrap`, the index is the one that uv is configured for, the major version is the running one's unless the
user agrees, and a version never has other files than when it was first installed on this machine.
"""

import hashlib
import re
import sys
from collections.abc import Callable
from pathlib import Path

from bootstrap import __version__
from bootstrap.errors import InputError, RefusedError, RemoteError
from bootstrap.files import staging_folder, write_atomically
from bootstrap.processes import uv
from bootstrap.progress import Progress

_PYTHON = "Scripts/python.exe" if sys.platform == "win32" else "bin/python"


def install_pinned(
    version: str, source: str | None, commit: str, progress: Progress, trusted: Callable[[str], bool]
) -> list[str]:
    """Install the version of `tool`, unless it is installed, and return the command that starts it.

    Args:
        version: Such as "0.1.*".
        source: `tool_source` of the commit, which is not used: it could name any code.
        commit: For messages.
        trusted: Whether the user agrees to another major version, by what is asked.

    Raises:
        RefusedError: The user does not agree, or the index has other files than before.
        RemoteError: It cannot be installed.
    """
    from platformdirs import user_cache_path

    pins = f"{commit} pins mlops-bootstrap {version}"
    major, running = (int(one.split(".", 1)[0]) for one in (version, __version__))
    if major != running and not trusted(
        f"{pins}, and this is {__version__}. Install that version from your package index and run it?"
    ):
        raise RefusedError(
            f"{pins}, and this is {__version__}.",
            why="The commit decides which code is installed and run: another major version only if you agree.",
            hint="If you trust the commit, add --trust-pins; or compare with another commit.",
        )
    task = f"install mlops-bootstrap {version}"
    progress.started(task)
    folder = user_cache_path("mlops-bootstrap", appauthor=False) / "tools"
    folder.mkdir(parents=True, exist_ok=True)
    try:
        python = _installed(folder, version)
    except InputError as error:
        ignored = f" Its `tool_source`, {source}, is not used: no code is taken from a commit." if source else ""
        progress.finished(task, "failed")
        raise RemoteError(
            f"mlops-bootstrap {version}, which {commit} pins, cannot be installed.",
            details=error.why.splitlines()[-20:],
            why=f"`tool` in that commit asks for {_requirement(version)}.{ignored}",
            hint="Set UV_DEFAULT_INDEX to an index that has this version, or compare with another commit.",
        ) from error
    progress.finished(task)
    # Isolated: neither PYTHONPATH nor the current folder, which is the commit's, is searched for modules.
    return [str(python), "-I", "-m", "bootstrap"]


def _requirement(version: str) -> str:
    return f"mlops-bootstrap[infra]=={version}"


def _installed(folder: Path, version: str) -> Path:
    """The Python of an environment with a version and its dependencies, each with the hashes that the index gave.

    uv runs in our own folder: it reads settings in the current folder and in those above it.
    """
    with staging_folder(folder) as staging:
        (staging / "tool.in").write_text(_requirement(version), encoding="utf-8")
        lock = staging / "tool.txt"
        python = ["--python", sys.executable]
        plain = ["--quiet", "--no-header", "--no-annotate", "--output-file", str(lock)]
        uv("pip", "compile", *python, "--generate-hashes", *plain, str(staging / "tool.in"), cwd=folder)
        locked = lock.read_text(encoding="utf-8")
        _check_hashes(folder, locked)
        environment = folder / hashlib.sha256(f"{sys.version}\n{locked}".encode()).hexdigest()[:16]
        if not (environment / _PYTHON).exists():
            new = staging / "environment"
            uv("venv", "-q", *python, str(new), cwd=folder)
            uv("pip", "install", "-q", "--python", str(new), "--require-hashes", "-r", str(lock), cwd=folder)
            try:
                new.rename(environment)
            except OSError:
                if not environment.exists():  # else another process was faster
                    raise
    return environment / _PYTHON


def _check_hashes(folder: Path, locked: str) -> None:
    """Record the hashes of a version when it is first installed, and raise RefusedError when they are others later."""
    found = re.search(r"^mlops-bootstrap(?:\[\w+\])?==(\S+)((?: \\\n +--hash=\S+)+)", locked, re.MULTILINE)
    assert found, locked
    hashes = "\n".join(sorted(re.findall(r"--hash=(\S+)", found[2]))) + "\n"
    record = folder / f"{found[1]}.hashes"
    if not record.exists():
        write_atomically(record, hashes)
    elif record.read_text(encoding="utf-8") != hashes:
        raise RefusedError(
            f"The package index has other files of mlops-bootstrap {found[1]} than when it was first installed here.",
            details=[f"recorded: {record}", *(f"index: {one}" for one in hashes.split())],
            why="A published version does not change: somebody may have replaced it.",
            hint="Ask who runs the index. If the new files are right, delete the record.",
        )
