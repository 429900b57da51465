"""The report of an exception that the product does not expect: enough to find the fault, without the user's data.

It has versions, names of commands and options, the types of the exceptions and the frames of their tracebacks. It has
no argument's value, no exception's message and no path of the user's machine: these could contain secrets.
"""

import json
import platform
import time
import traceback
from pathlib import Path

from bootstrap import __version__
from bootstrap.files import write_atomically

_LIBRARIES = ("typer", "copier", "pydantic", "pyyaml", "uv", "pulumi", "pulumi-azure-native", "azure-ai-ml")


def write_report(error: BaseException, arguments: list[str]) -> str:
    """Write the report of `error`, raised by the command line `arguments`.

    Returns:
        Its path; the report itself if it cannot be written.
    """
    from platformdirs import user_log_path

    report = json.dumps(_report(error, arguments), indent=2) + "\n"
    path = user_log_path("mlops-bootstrap", appauthor=False) / f"fault-{time.strftime('%Y%m%d-%H%M%S')}.json"
    try:
        write_atomically(path, report)
    except OSError:
        return report
    return str(path)


def _report(error: BaseException, arguments: list[str]) -> dict[str, object]:
    from importlib import metadata

    return {
        "mlops-bootstrap": __version__,
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "libraries": {one.name: one.version for name in _LIBRARIES for one in metadata.distributions(name=name)},
        "command": _own_words(arguments),
        "exceptions": [
            {
                "type": f"{type(one).__module__}.{type(one).__qualname__}",
                "frames": [
                    f"{_library_path(frame.filename)}:{frame.lineno} {frame.name}"
                    for frame in traceback.extract_tb(one.__traceback__)
                ],
            }
            for one in _chain(error)
        ],
    }


def _own_words(arguments: list[str]) -> list[str]:
    """The names of commands and options in the command line, never a value."""
    from bootstrap.cli.command import EXAMPLES

    ours = {word for words in EXAMPLES for word in words.split()}
    return [argument.split("=")[0] for argument in arguments if argument.startswith("--") or argument in ours]


def _chain(error: BaseException | None) -> list[BaseException]:
    """The exception, its cause, the cause of that, and so on; Python keeps such a chain free of cycles."""
    return [] if error is None else [error, *_chain(error.__cause__ or error.__context__)]


def _library_path(filename: str) -> str:
    """The path below `site-packages` or our checkout, without the folders of the user's machine."""
    parts = Path(filename).parts
    for root in ("site-packages", "bootstrap", "infra"):
        if root in parts:
            index = len(parts) - 1 - parts[::-1].index(root)
            return "/".join(parts[index:])
    return parts[-1]
