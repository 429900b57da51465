"""Checks documents against Pydantic models: every mistake is reported at once, with its line and column."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, TypeVar, get_args, get_origin

from bootstrap.errors import Problem, did_you_mean, nearest
from bootstrap.yaml.messages import UNKNOWN_KEY, in_words, shown
from bootstrap.yaml.parse import Document, Location, invalid

if TYPE_CHECKING:
    from pydantic import BaseModel
    from pydantic_core import ErrorDetails

    Model = TypeVar("Model", bound=BaseModel)

_SCHEMA_VERSION = 1
"""The version of all our documents."""


def validated(document: Document, model: "type[Model]") -> "Model":
    """The document as an instance of `model`. Raises InputError, with all mistakes in `details`."""
    value, problems = check(document, model)
    if value is None:
        raise invalid(document.path, problems)
    return value


def check(document: Document, model: "type[Model]") -> "tuple[Model | None, list[Problem]]":
    """The document as an instance of `model`, or None and every mistake in it."""
    from pydantic import ValidationError

    version = document.data.get("schema_version") if isinstance(document.data, dict) else None
    if "schema_version" in model.model_fields and isinstance(version, int) and version > _SCHEMA_VERSION:
        # Its other mistakes are only what this version does not know yet.
        return None, [
            Problem(
                document.position(("schema_version",)),
                f"written for a newer mlops-bootstrap: it says {version}, and this one reads {_SCHEMA_VERSION}.",
                "Update it: uv tool upgrade mlops-bootstrap",
            )
        ]
    try:
        return model.model_validate(document.data), []
    except ValidationError as error:
        return None, list(_problems(document, model, error.errors(include_url=False)))


def _problems(document: Document, model: "type[BaseModel]", items: "Sequence[ErrorDetails]") -> Iterator[Problem]:
    """Pydantic's errors as mistakes in the document: one for each value, however many things it could have been."""
    by_value: dict[tuple[Location, bool], list[ErrorDetails]] = {}
    for item in items:
        by_value.setdefault((_place(document, item), item["loc"][-1:] == (_KEY,)), []).append(item)
    misspelt = set()
    for (location, _), errors in by_value.items():
        if errors[0]["type"] == "extra_forbidden" and location:
            meant = nearest(str(location[-1]), _known_keys(model, errors[0]["loc"][:-1]))
            misspelt.add((*location[:-1], meant))
    around = {location[:length] for location, _ in by_value for length in range(len(location))}
    for (location, of_key), errors in by_value.items():
        first = errors[0]
        if first["type"] == "missing" and location in misspelt:
            continue  # its key is there, misspelt, and reported
        if location in around and first["type"].endswith("_type"):
            continue  # it could have been another thing, too; what is wrong within it says more
        key = location[-1] if location and isinstance(location[-1], str) else ""
        is_unknown = first["type"] == "extra_forbidden"
        if is_unknown:
            known = _known_keys(model, first["loc"][:-1])
            text, suggestion = UNKNOWN_KEY.format(shown(key)), did_you_mean(key, known)
        else:
            message, suggestion = in_words(errors, key)
            text = f"{'.'.join(map(str, location))}: {message}." if location else f"{message}."
        yield Problem(document.position(location, of_key=is_unknown or of_key), text, suggestion)


_KEY = "[key]"
"""How Pydantic says that it speaks of a key, and not of its value."""


def _place(document: Document, item: "ErrorDetails") -> Location:
    """Where in the document an error stands, without what else Pydantic puts into a path: types that it tried."""
    value = document.data
    place: Location = ()
    for part in item["loc"]:
        items = range(len(value)) if isinstance(value, list) else value if isinstance(value, dict) else ()
        if part in items:
            value = value[part]
            place += (part,)
    return (*place, item["loc"][-1]) if item["type"] == "missing" else place


def _known_keys(annotation: Any, location: Location) -> set[str]:
    """The keys of the mapping at `location` in a value of a type. Of a union, those of all its types."""
    from pydantic import BaseModel

    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        fields = {info.alias or name: info.annotation for name, info in annotation.model_fields.items()}
        if not location:
            return {name for name, inner in fields.items() if inner is not type(None)}  # the others are refused
        # A part that is no key is what Pydantic puts into a path for a union: the type that it tried.
        return _known_keys(fields.get(str(location[0]), annotation), location[1:])
    inner = location[1:] if get_origin(annotation) in (dict, list) else location
    return set().union(*(_known_keys(argument, inner) for argument in get_args(annotation)))
