"""What Azure refuses, replaces or takes time for: the checks over the tables in `facts.toml`.

Each check knows one table and no type of resource. Types are ARM's, from the ids.
"""

import functools
import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from bootstrap.simulator.ids import ancestors, arm_type, group_of, is_resource, parent_of
from bootstrap.simulator.store import Store

Row = Mapping[str, Any]
Inputs = Mapping[str, Any]

_SECONDS_A_DAY = 86_400


@functools.cache
def tables() -> dict[str, list[Row]]:
    """The rows of each table. The file describes their keys."""
    return tomllib.loads(Path(__file__).with_suffix(".toml").read_text("utf-8"))


def counts() -> dict[str, int]:
    """How many facts each table has: a row that lists properties has one for each of them."""
    return {name: sum(len(row.get("properties", ("",))) for row in rows) for name, rows in tables().items()}


def refused_creation(store: Store, id_: str, inputs: Inputs, now: float) -> str | None:
    """The provider's error when Azure refuses to create a resource; None when it is created."""
    checks = (
        _locked(store, id_, "create"),
        _name(store, id_, now),
        _missing(store, id_, inputs),
        _not_sent(id_, inputs),
        _within_limits(store, id_, inputs),
        _again(store, id_, inputs),
        _fitting(store, id_, inputs),
    )
    return next((error for check in checks for error in check), None)


def refused_update(store: Store, id_: str, old: Inputs, new: Inputs) -> str | None:
    """The provider's error when Azure refuses to change a resource; None when it is changed."""
    checks = (
        _locked(store, id_, "update"),
        _fixed(id_, old, new),
        _missing(store, id_, new),
        _fitting(store, id_, new),
    )
    return next((error for check in checks for error in check), None)


def refused_deletion(store: Store, id_: str) -> str | None:
    """The provider's error when Azure refuses to delete a resource; None when it is deleted."""
    return next((error for check in (_locked(store, id_, "delete"), _used(store, id_)) for error in check), None)


def replacing(type_: str, old: Inputs, new: Inputs) -> list[str]:
    """The inputs that differ and whose change replaces a resource of an ARM type."""
    names = {name for row in _rows("create_only", type_) for name in row["properties"]}
    return sorted(name for name in names if _comparable(name, old) != _comparable(name, new))


def exclusive(id_: str, inputs: Inputs) -> Iterator[tuple[str, Row]]:
    """The resources, by id in lower case, on which an operation must be the only one, with the row of the table."""
    for row in _rows("exclusive", arm_type(id_)):
        if "when" not in row or any(map(_is_set, _at(inputs, row["when"]))):
            targets = [parent_of(id_)] if row["on"] == "parent" else _at(inputs, row["on"])
            yield from ((str(target).lower(), row) for target in targets)


def throttled(store: Store, subscription: str, operation: str, now: float) -> float:
    """Take a request out of a subscription's bucket. Returns the seconds after which Azure accepts it."""
    [row] = (row for row in _rows("throttling", "*") if row["operation"] == operation)
    name = f"{operation} {subscription}"
    level, since = store.number(f"{name} left", row["bucket"]), store.number(f"{name} since", now)
    level = min(float(row["bucket"]), level + (now - since) * float(row["refill"]))
    wait = max(0.0, (1 - level) / float(row["refill"]))
    store.set_number(f"{name} left", level - 1)
    store.set_number(f"{name} since", now)
    return wait


def _rows(table: str, type_: str) -> list[Row]:
    return _by_type(table).get(type_, []) + (_by_type(table).get("*", []) if type_ != "*" else [])


@functools.cache
def _by_type(table: str) -> dict[str, list[Row]]:
    found: dict[str, list[Row]] = {}
    for row in tables()[table]:
        found.setdefault(row["type"].lower(), []).append(row)
    return found


def _at(value: Any, path: str) -> list[Any]:
    """The values at a path; none where something on the way is missing."""
    found = [value]
    for part in path.split("."):
        if part == "*":
            found = [item for one in found if isinstance(one, list) for item in one]
        else:
            found = [one[part] for one in found if isinstance(one, Mapping) and one.get(part) is not None]
    return found


def _is_set(value: Any) -> bool:
    return bool(value) and str(value).lower() != "disabled"


def _comparable(name: str, inputs: Inputs) -> Any:
    value = inputs.get(name)
    # https://github.com/pulumi/pulumi-azure-native/blob/master/provider/pkg/provider/diff.go
    return value.lower().replace(" ", "") if name == "location" and isinstance(value, str) else value


def _locked(store: Store, id_: str, operation: str) -> Iterator[str]:
    for lock, inputs in store.of_type("microsoft.authorization/locks"):
        scope = parent_of(lock).lower()
        # A lock does not protect itself.
        if lock.lower() == id_.lower() or not f"{id_.lower()}/".startswith(f"{scope}/"):
            continue
        for row in tables()["locks"]:
            if row["level"] == inputs.get("level") and operation in row["refuses"]:
                yield row["error"].format(user=lock)


def _name(store: Store, id_: str, now: float) -> Iterator[str]:
    type_, name = arm_type(id_), id_.rsplit("/", 1)[-1]
    everywhere = False
    for row in _rows("names", type_):
        shortest, longest = row["length"]
        if not shortest <= len(name) <= longest or not re.fullmatch(row["pattern"], name, re.ASCII):
            yield f'Status=400 Code="InvalidResourceName" Message="{name!r} is no name of {row["type"]}."'
        everywhere = row.get("unique") == "global"
        if everywhere and any(_named(other, name) for other, _ in store.of_type(type_) if other.lower() != id_.lower()):
            yield row["error"].format(name=name)
    for row in _rows("soft_deleted", type_):
        for deleted, since in store.deleted(type_):
            same = _named(deleted, name) if everywhere else deleted.lower() == id_.lower()
            if same and now - since < row["days"] * _SECONDS_A_DAY:
                yield row["error"]


def _named(id_: str, name: str) -> bool:
    return id_.rsplit("/", 1)[-1].lower() == name.lower()


def _missing(store: Store, id_: str, inputs: Inputs) -> Iterator[str]:
    """Resources that do not exist: what the resource is below, and what its inputs refer to.

    A rehearsal does not know what others have created: a resource group that no stack of it creates is assumed to have
    what is used in it.
    """
    for needed in (parent_of(id_), *_ids(inputs)):
        if not is_resource(needed) or needed.lower() == id_.lower() or _exists(store, needed):
            continue
        if store.get(group_of(needed)) is None:
            store.note(f"a resource that no rehearsed stack creates: {needed}")
        elif group_of(needed).lower() != needed.lower():
            code = "ParentResourceNotFound" if needed == parent_of(id_) else "ResourceNotFound"
            yield f'Status=404 Code="{code}" Message="The resource {needed!r} was not found."'


def _exists(store: Store, id_: str) -> bool:
    """Whether Azure has a resource. What is below one that exists may have been created with it."""
    return any(store.get(one) is not None for one in (id_, *ancestors(id_)) if one != group_of(id_) or one == id_)


def _ids(value: Any) -> Iterator[str]:
    if isinstance(value, str) and value.lower().startswith("/subscriptions/") and " " not in value:
        yield value
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from _ids(item)
    elif isinstance(value, list):
        for item in value:
            yield from _ids(item)


def _not_sent(id_: str, inputs: Inputs) -> Iterator[str]:
    for row in _rows("not_sent", arm_type(id_)):
        yield from (row["error"].format(path=name) for name in row["properties"] if name in inputs)


def _within_limits(store: Store, id_: str, inputs: Inputs) -> Iterator[str]:
    for row in _rows("limits", arm_type(id_)):
        if store.count(arm_type(id_)) < row["count"]:
            continue
        key = functools.partial(_scope, store, row["within"])
        here = key(id_, inputs)
        if sum(key(other, theirs) == here for other, theirs in store.of_type(arm_type(id_))) >= row["count"]:
            yield row["error"]


def _scope(store: Store, within: str, id_: str, inputs: Inputs) -> tuple[str, ...]:
    """What a limit counts within."""
    subscription = id_.lower().split("/")[2]
    return {
        "all": (),
        "parent": (parent_of(id_).lower(),),
        "subscription": (subscription,),
        "subscription and location": (subscription, _location(store, id_, inputs)),
    }[within]


def _again(store: Store, id_: str, inputs: Inputs) -> Iterator[str]:
    for row in _rows("once", arm_type(id_)):
        values = {path: value for path in row["paths"] for value in _at(inputs, path)}
        if len(values) == len(row["paths"]) and store.find(arm_type(id_), values):
            yield row["error"]


def _fitting(store: Store, id_: str, inputs: Inputs) -> Iterator[str]:
    """What creations and updates need: not too many entries, a location, other resources with certain values."""
    type_ = arm_type(id_)
    for row in _rows("entries", type_):
        if any(len(entries) > row["count"] for entries in _at(inputs, row["path"])):
            yield row["error"]
    here = _location(store, id_, inputs)
    for row in _rows("locations", type_):
        theirs = [_location(store, other, {}) for other in _at(inputs, row.get("same_as", ""))]
        if here and (here not in row.get("allowed", [here]) or any(one and one != here for one in theirs)):
            yield row["error"].format(location=here)
    for row in _rows("requires", type_):
        if "when" in row and not any(map(_is_set, _at(inputs, row["when"]))):
            continue
        for other in _required(store, row, id_, inputs):
            value = next(iter(_at(other, row["path"])), False)
            if value not in row["values"]:
                yield row["error"]


def _required(store: Store, row: Row, id_: str, inputs: Inputs) -> Iterator[Inputs]:
    """The resources that a row of `requires` is about, as far as they are known."""
    if row["of"] == "self":
        yield inputs
        return
    for other in [parent_of(id_)] if row["of"] == "parent" else _at(inputs, row["of"]):
        known = store.get(other)
        if known is not None and arm_type(other) == row.get("only", arm_type(other)).lower():
            yield known


def _location(store: Store, id_: str, inputs: Inputs) -> str:
    """Where a resource is: its own location, or that of what it is below. Empty where that is unknown."""
    for one in (inputs, *(store.get(above) or {} for above in (id_, *ancestors(id_)))):
        if one.get("location"):
            return str(one["location"]).lower().replace(" ", "")
    return ""


def _fixed(id_: str, old: Inputs, new: Inputs) -> Iterator[str]:
    for row in _rows("fixed", arm_type(id_)):
        for path in row["properties"]:
            was, will_be = (next(iter(_at(inputs, path)), None) for inputs in (old, new))
            if _forbidden(row, was, will_be):
                yield row["error"].format(path=path)


def _forbidden(row: Row, old: Any, new: Any) -> bool:
    if "order" in row:
        places = [row["order"].index(one) if one in row["order"] else 0 for one in (old, new)]
        return bool(places[0] > places[1])
    return (old or None) != (new or None) and not (old is None and row.get("addable", True))


def _used(store: Store, id_: str) -> Iterator[str]:
    for row in _rows("in_use", arm_type(id_)):
        for user, inputs in store.of_type(row["by"].lower()):
            uses = [parent_of(user)] if row["path"] == "nested" else _at(inputs, row["path"])
            if any(str(one).lower() == id_.lower() for one in uses):
                yield row["error"].format(user=user)
