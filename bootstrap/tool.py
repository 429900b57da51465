"""The version of mlops-bootstrap that a repository pins, where it is installed from, and how `uvx` starts it.

`platform.yaml` and `mlops.yaml` have both keys: `tool` (a version such as "0.1.*") and `tool_source`.
"""

import re

from bootstrap import __version__
from bootstrap.errors import InputError, Position, Problem
from bootstrap.processes import shell_line

VERSION = 'a version such as "0.1.*"'
VERSION_PATTERN = r"[0-9]{1,9}(?:\.[0-9]{1,9}){0,5}(?:\.\*)?"

PYPI = "pypi"
SOURCE = (
    "pypi; the https address of an index; git+https://HOST/REPOSITORY@COMMIT with the whole commit id; the path of a "
    "wheel in the repository; or the https address of a wheel with #sha256=DIGEST. An address holds no user name and "
    "no password"
)
_HTTPS = r"https://[A-Za-z0-9.-]+(?::[0-9]{1,5})?(?:/[\w.~%+-]+)*"
_WHEEL = r"mlops_bootstrap-[\w.+]+-py3-none-any\.whl"
SOURCE_PATTERN = "|".join(
    (
        PYPI,
        rf"(?!.*\.whl$){_HTTPS}/?",
        rf"git\+{_HTTPS}@[0-9a-f]{{40}}",
        rf"(?:(?!\.{{1,2}}/)[\w.-]+/)*{_WHEEL}",
        rf"{_HTTPS}/{_WHEEL}#sha256=[0-9a-f]{{64}}",
    )
)
"""What `tool_source` must be; Python and JavaScript read the patterns alike."""


def uvx_arguments(version: str, source: str | None = None, *, extra: str = "") -> list[str]:
    """The arguments of `uvx` that come before the command's name.

    `uvx --from 'mlops-bootstrap==0.1.*' mlops-bootstrap run`, for example. A wheel's path is relative to the folder
    that the command starts in: the repository's.

    Args:
        version: The value of `tool`; a git commit and a wheel have one version, and are not asked for it.
        source: The value of `tool_source`; None means PyPI.
        extra: An extra of the package, such as `infra`.
    """
    package = f"mlops-bootstrap[{extra}]" if extra else "mlops-bootstrap"
    if source is None or source == PYPI:
        return ["--from", f"{package}=={version}"]
    if source.startswith("git+") or ".whl#" in source:
        return ["--from", f"{package} @ {source}"]
    if source.endswith(".whl"):
        return ["--from", f"./{source}[{extra}]" if extra else f"./{source}"]
    return ["--default-index", source, "--from", f"{package}=={version}"]


def other_version(data: object) -> tuple[str, str | None] | None:
    """`tool` and `tool_source` of a manifest, when it pins another version than the running one; else None.

    Args:
        data: The manifest's content, not validated yet: its other mistakes are for the pinned version to report.
    """
    from packaging.specifiers import SpecifierSet

    version, source = (data.get("tool"), data.get("tool_source")) if isinstance(data, dict) else (None, None)
    if not isinstance(version, str) or not re.fullmatch(VERSION_PATTERN, version, re.ASCII):
        return None
    if source is not None and not (isinstance(source, str) and re.fullmatch(SOURCE_PATTERN, source, re.ASCII)):
        return None
    return None if SpecifierSet(f"=={version}").contains(__version__, prereleases=True) else (version, source)


def require_this_version(position: Position, data: object, *, extra: str = "") -> None:
    """Raise InputError, with the command that starts the right version, when a manifest pins another one than this.

    Args:
        position: That of `tool` in the manifest.
        data: As for `other_version`.
        extra: As for `uvx_arguments`.
    """
    pinned = other_version(data)
    if pinned is not None:
        raise InputError(
            f"{position.path} pins mlops-bootstrap {pinned[0]}; this is {__version__}.",
            problems=[Problem(position, f"`tool` pins {pinned[0]}, and the running version is {__version__}.")],
            why="`tool` pins one version, so that everyone gets the same results.",
            hint=f"Run the pinned version: uvx {shell_line(*uvx_arguments(*pinned, extra=extra))} mlops-bootstrap",
        )
