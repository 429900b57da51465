"""The report that a fault of ours leaves behind: what we need to find it, and nothing of the user's.

Only names that we or our libraries gave are kept: versions, the command's own words and option names, the exception's
type and the frames of its traceback. Values, messages and paths of the user's could hold data or secrets: left out.
"""

import json
import platform
import time
import traceback
from importlib import metadata
from pathlib import Path

from bootstrap import __version__

_LIBRARIES = ("typer", "copier", "pydantic", "ruamel.yaml", "uv", "pulumi", "pulumi-azure-native", "azure-ai-ml")


def write_report(error: BaseException, arguments: list[str]) -> Path:
    """Write the report of `error`, raised by the command line `arguments`, and return its path."""
    from platformdirs import user_log_path

    folder = user_log_path("mlops-bootstrap", appauthor=False, ensure_exists=True)
    path = folder / f"fault-{time.strftime('%Y%m%d-%H%M%S')}.json"
    path.write_text(json.dumps(_report(error, arguments), indent=2) + "\n", encoding="utf-8")
    return path


def _report(error: BaseException, arguments: list[str]) -> dict[str, object]:
    return {
        "mlops-bootstrap": __version__,
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "libraries": {name: version for name in _LIBRARIES if (version := _version(name))},
        "command": _own_words(arguments),
        "exceptions": [_exception(single) for single in _chain(error)],
    }


def _version(library: str) -> str | None:
    try:
        return metadata.version(library)
    except metadata.PackageNotFoundError:
        return None


def _own_words(arguments: list[str]) -> list[str]:
    """The words of the command line that are ours: command names and option names, never a value."""
    from bootstrap.cli.command import EXAMPLES

    ours = {word for words in EXAMPLES for word in words.split()}
    kept = (argument.split("=")[0] for argument in arguments if argument.startswith("--") or argument in ours)
    return list(kept)


def _chain(error: BaseException) -> list[BaseException]:
    chain: list[BaseException] = []
    following: BaseException | None = error
    while following is not None and following not in chain:
        chain.append(following)
        following = following.__cause__ or following.__context__
    return chain


def _exception(error: BaseException) -> dict[str, object]:
    frames = traceback.extract_tb(error.__traceback__)
    return {
        "type": f"{type(error).__module__}.{type(error).__qualname__}",
        "frames": [f"{_library_path(frame.filename)}:{frame.lineno} {frame.name}" for frame in frames],
    }


def _library_path(filename: str) -> str:
    """The path below `site-packages` or our checkout, without the folders of the user's machine."""
    parts = Path(filename).parts
    for root in ("site-packages", "bootstrap", "infra"):
        if root in parts:
            index = len(parts) - 1 - parts[::-1].index(root)
            return "/".join(parts[index:])
    return parts[-1]
