"""Annotations for Pydantic models of documents: text that must match a pattern, and keys that are not offered."""

import re
from collections.abc import Callable

from pydantic import GetPydanticSchema
from pydantic_core import PydanticCustomError, core_schema

from bootstrap.yaml.messages import SECRET


def matching(
    wanted: str, pattern: str, normalize: Callable[[str], str] = str, error: str = "pattern"
) -> GetPydanticSchema:
    """An annotation of a `str` that must match a pattern as a whole.

    Args:
        wanted: What must be written, after "must be".
        pattern: A regular expression that Python and JavaScript read alike.
        normalize: Returns the one spelling that settings have, where Azure ignores case and we compare.
        error: The type of the error; `SECRET` where people may write a secret instead, which is not shown then.
    """
    matches = re.compile(pattern, re.ASCII).fullmatch

    def check(value: str) -> str:
        if not matches(value):
            words = re.sub(r"[\s_]+", "-", value.strip().lower())
            guess = error != SECRET and "/" not in value  # the names in a resource id or an address are not ours
            near = next((one for one in (words, words.replace("-", "")) if guess and matches(one)), None)
            suggestion = f"Did you mean {near!r}?" if near is not None else ""
            raise PydanticCustomError(error, "must be {wanted}", {"wanted": wanted, "suggestion": suggestion})
        return normalize(value)

    published = {"pattern": f"^(?:{pattern})$", "description": f"Must be {wanted}."}
    return GetPydanticSchema(
        lambda _source, handler: core_schema.no_info_after_validator_function(check, handler(str)),
        lambda schema, handler: {**handler(schema), **published},
    )


def not_offered(reason: str) -> GetPydanticSchema:
    """An annotation of a key that people look for and that is refused, with the reason."""

    def refuse(_value: object) -> None:
        raise ValueError(f"is not offered: {reason}")

    return GetPydanticSchema(
        lambda _source, _handler: core_schema.no_info_plain_validator_function(refuse),
        lambda _schema, _handler: {"not": {}, "description": f"Not offered: {reason}."},
    )
