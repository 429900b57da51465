"""The catalogue of known errors, in `azure_errors.toml`, and which of them pass by themselves."""

import functools
import tomllib
from pathlib import Path
from typing import Any, Literal

Consumer = Literal["role assignment", "identity", "scoped resource"]
"""What fails while something is not effective yet: an assignment to a new identity or of a new role; a resource whose
identity has new roles; a resource that is added to a private link scope while another one is."""


@functools.cache
def catalogue() -> list[dict[str, Any]]:
    """The known errors. The file describes their keys."""
    with Path(__file__).with_suffix(".toml").open("rb") as file:
        return list(tomllib.load(file)["errors"])


def known_error(error: str) -> dict[str, Any] | None:
    """The entry of an error of the provider, if it is a known one."""
    return next((known for known in catalogue() if _text(known) in error), None)


def passes(error: str, consumer: Consumer) -> bool:
    """Whether an error of the provider can pass by itself: a role is not effective yet, or another change not finished.

    Args:
        error: As the provider reports it: `Status=403 Code="AuthorizationFailed" Message="..."`.
        consumer: What failed.
    """
    known = known_error(error)
    return known is not None and consumer in known.get("retried", ())


def _text(known: dict[str, Any]) -> str:
    """What an error contains if it is the known one."""
    return f'Code="{known["code"]}"' if "code" in known else str(known["message"])
