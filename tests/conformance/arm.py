"""ARM types as Azure publishes them (Azure/bicep-types-az), and what is wrong with a request body by them.

The definitions are not part of this repository. They are read from the folder that `MLOPS_BOOTSTRAP_ARM_TYPES` names,
else from `.tools/azure` (`make arm-types`), else from `shared/azure` beside the checkout.
"""

import functools
import json
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from enum import Enum
from pathlib import Path
from typing import Any

from bootstrap.simulator.kinds import KINDS
from infra.rules import sdk
from infra.rules.rule import SECRET, UNKNOWN
from infra.rules.sdk import RENAMED

VARIABLE = "MLOPS_BOOTSTRAP_ARM_TYPES"
FILE = "arm-types.json"

ArmType = Mapping[str, Any]

_READ_ONLY, _REQUIRED, _DEPLOY_TIME = 2, 1, 8
"""Flags of a property: https://github.com/Azure/bicep-types/blob/main/src/bicep-types/src/types.ts"""

SAME_TYPE = {
    "azure-native:authorization:ManagementLockByScope": "azure-native:authorization:ManagementLockAtResourceLevel",
}
"""Types of the SDK that are one ARM type, whose definition names another of them."""

SENT_BY_HAND = {
    # The provider sends a request of its own: custom_pim_eligibility.go, createPimEligibilitySchedule and inputsToSdk.
    "azure-native:authorization:PimRoleEligibilitySchedule": (
        "Microsoft.Authorization/roleEligibilityScheduleRequests@2020-10-01",
        {"requestType": "AdminAssign"},
    ),
}
"""Types whose requests the provider's own code makes: their ARM type and API version, and what that code adds.
https://github.com/pulumi/pulumi-azure-native/tree/master/provider/pkg/resources/customresources"""

BY_HAND = frozenset(
    {
        "azure-native:authorization:PimRoleEligibilitySchedule",
        "azure-native:authorization:PimRoleManagementPolicy",
        "azure-native:cdn:CustomDomain",
        "azure-native:dbforpostgresql:Configuration",
        "azure-native:keyvault:AccessPolicy",
        "azure-native:portal:Dashboard",
        "azure-native:recoveryservices:ProtectedItem",
        "azure-native:resources:TagAtScope",
        "azure-native:securityinsights:SourceControl",
        "azure-native:servicebus:Rule",
        "azure-native:storage:Blob",
        "azure-native:storage:BlobContainerLegalHold",
        "azure-native:storage:StorageAccountStaticWebsite",
        "azure-native:web:WebApp",
        "azure-native:web:WebAppSlot",
    }
)
"""All types that the provider creates or updates by code of its own, or whose inputs it changes: the files of that
folder (commit 183dec9). Containers (`BlobContainer`), vaults and role assignments are not among them. Of keys, only the
deletion is: it goes to the vault itself (custom_keyvault.go), so it needs the vault's network and a role on its data.
"""

NEWER: Mapping[str, frozenset[tuple[str, str]]] = {
    "azure-native:monitor:PrivateLinkScopedResource": frozenset(),
    "azure-native:network:FlowLog": frozenset({("network", "FlowLogFormatType"), ("network", "ResourceIdentityType")}),
    "azure-native:resources:DeploymentAtScope": frozenset({("resources", "DeploymentMode")}),
}
"""Types that a copy of the definitions can lack (`make arm-types` fetches all), and the enumerations that only their
inputs have, by module and name."""

_SENT = {
    "azure-native:authorization:PimRoleEligibilitySchedule": frozenset(
        {
            "scope", "principalId", "roleDefinitionId", "justification", "status", "scheduleInfo.startDateTime",
            "scheduleInfo.expiration.duration", "scheduleInfo.expiration.type", "ticketInfo.ticketNumber",
            "ticketInfo.ticketSystem",
        }
    ),
}  # fmt: skip
"""The inputs that this code sends. It drops all others silently: a plan that relies on one of them is wrong."""

_DOCUMENTATION = frozenset({"description"})
"""A property that our copy of the definitions lacks everywhere, since it was stripped like the texts of that name."""


def folder() -> Path | None:
    """Where the definitions are, if they are here."""
    named = os.environ.get(VARIABLE)
    checkout = Path(__file__).parents[2]
    places = [Path(named)] if named else [checkout / ".tools" / "azure", checkout.parent / "shared" / "azure"]
    return next((place for place in places if (place / FILE).is_file()), None)


class Definitions:
    """The published types, by the SDK's type tokens."""

    def __init__(self, file: Path) -> None:
        content = json.loads(file.read_bytes())
        self._types: list[ArmType] = content["types"]
        self._arm = {name: row["body"] for name, row in content["resources"].items()}
        self._sdk = {row["pulumi"]: row["body"] for row in content["resources"].values() if row["pulumi"]}

    def knows(self, token: str) -> bool:
        """Whether there is a definition for a type of the SDK."""
        return token in SENT_BY_HAND or SAME_TYPE.get(token, token) in self._sdk

    def wrong(self, token: str, inputs: Mapping[str, Any]) -> list[str]:
        """What Azure would refuse or ignore of a resource with these inputs: `path: what is wrong`.

        Args:
            token: The SDK's type, as `azure-native:storage:StorageAccount`.
            inputs: As the engine would send them to the provider.
        """
        return [*self._dropped(token, inputs), *self.problems(self.body(token, inputs), self._type_of(token))]

    def body(self, token: str, inputs: Mapping[str, Any]) -> dict[str, Any]:
        """The request body that the provider makes of a resource's inputs, without the parts of its id."""
        type_ = self._type_of(token)
        known = self._properties(type_)
        inner = self._properties(self._inner(type_)) if "properties" in known else {}
        in_id = KINDS[token].inputs_in_id
        sent = {
            key: value
            for key, value in inputs.items()
            if not (key in in_id and _writable(key, {**known, **inner}) is None)
        }
        if token in SENT_BY_HAND:
            sent |= SENT_BY_HAND[token][1]
        body: dict[str, Any] = self._translated(sent, type_)
        return body

    def enumerations(self, token: str) -> Iterator[tuple[type[Enum], str, set[str]]]:
        """The enumerations of the SDK in a type's inputs: the class, the path, and the values that Azure accepts there.

        Those for which Azure lists no values are left out.
        """
        arguments = sdk.arguments_of(token)
        if arguments is not None:
            yield from self._enumerations(arguments, [self._type_of(token)], "", frozenset())

    def _enumerations(
        self, arguments: type, objects: Sequence[ArmType], path: str, above: frozenset[type]
    ) -> Iterator[tuple[type[Enum], str, set[str]]]:
        for name, wanted in sdk.types_of(arguments).items():
            at, item = f"{path}.{name}".lstrip("."), sdk.items_in(wanted)
            found = [one for type_ in objects for one in self._named(type_, name)]
            if item is not None:
                found = [self._at(one["itemType"]) for one in found if "itemType" in one]
            choices = [one for type_ in found for one in (type_, *map(self._at, _elements(type_)))]
            accepted = {one["value"] for one in choices if one["$type"] == "StringLiteralType"}
            for member in sdk.members(item or wanted) if accepted else ():
                if isinstance(member, type) and issubclass(member, Enum):
                    yield member, at, accepted
            inner = [one for one in choices if one["$type"] in _OBJECTS]
            for class_ in sdk.classes_in(item or wanted):
                if class_ not in above:
                    yield from self._enumerations(class_, inner, at, above | {class_})

    def _named(self, type_: ArmType, name: str) -> Iterator[ArmType]:
        """The types of a property of the SDK in an ARM object, in each of its variants, and below its `properties`."""
        variants = type_["elements"].values() if type_["$type"] == "DiscriminatedObjectType" else ()
        for one in (type_, *map(self._at, variants)):
            known = {**one.get("properties", {}), **one.get("baseProperties", {})}
            if (own := _arm_name(name, known)) is not None:
                yield self._at(known[own]["type"])
            below = self._at(known["properties"]["type"]) if "properties" in known and name != "properties" else None
            if below is not None and below["$type"] in _OBJECTS:
                yield from self._named(below, name)

    def _dropped(self, token: str, inputs: Mapping[str, Any]) -> Iterator[str]:
        for path in _paths(inputs) if token in _SENT else ():
            if path not in _SENT[token]:
                yield f"{path}: the provider does not send it"

    def _type_of(self, token: str) -> ArmType:
        if token in SENT_BY_HAND:
            return self._at(self._arm[SENT_BY_HAND[token][0]])
        return self._at(self._sdk[SAME_TYPE.get(token, token)])

    def _at(self, reference: Mapping[str, str]) -> ArmType:
        return self._types[int(reference["$ref"].removeprefix("#/"))]

    def _properties(self, type_: ArmType) -> dict[str, Any]:
        """The properties of an object, with those of all its variants."""
        found = {**type_.get("properties", {}), **type_.get("baseProperties", {})}
        for variant in type_.get("elements", {}).values() if type_["$type"] == "DiscriminatedObjectType" else ():
            found |= self._at(variant)["properties"]
        return found

    def _inner(self, type_: ArmType) -> ArmType:
        return self._at(self._properties(type_)["properties"]["type"])

    def _translated(self, value: Any, type_: ArmType) -> Any:
        """A value of the SDK as ARM spells it."""
        if value in (UNKNOWN, SECRET):
            return value
        match type_["$type"]:
            case "ArrayType" if isinstance(value, list):
                return [self._translated(item, self._at(type_["itemType"])) for item in value]
            case "ObjectType" | "DiscriminatedObjectType" if isinstance(value, list):
                # The ids of identities go in as a list, and become the keys of a map.
                return {item: {} for item in value}
            case "ObjectType" | "DiscriminatedObjectType" if isinstance(value, dict):
                return self._object(value, type_)
            case "UnionType" if isinstance(value, dict):
                objects = [found for found in map(self._at, type_["elements"]) if "properties" in found]
                return self._object(value, objects[0]) if len(objects) == 1 else value
            case _:
                return value

    def _object(self, value: Mapping[str, Any], type_: ArmType) -> dict[str, Any]:
        known = self._properties(type_)
        has_inner = "properties" in known and self._at(known["properties"]["type"])["$type"] in _OBJECTS
        inner = self._properties(self._inner(type_)) if has_inner else {}
        result: dict[str, Any] = {}
        lifted: dict[str, Any] = {}
        for key, item in value.items():
            outside, inside = _arm_name(key, known), _arm_name(key, inner)
            if outside is not None and not (inside is not None and known[outside]["flags"] & _READ_ONLY):
                result[outside] = self._translated(item, self._at(known[outside]["type"]))
            elif inside is not None:
                lifted[key] = item
            elif "additionalProperties" in type_:
                result[key] = self._translated(item, self._at(type_["additionalProperties"]))
            else:
                result[key] = item
        if lifted:
            result["properties"] = {**result.get("properties", {}), **self._object(lifted, self._inner(type_))}
        return result

    def problems(self, value: Any, type_: ArmType, path: str = "") -> list[str]:
        """What is wrong with a part of a body."""
        if value in (UNKNOWN, SECRET):
            return []
        checks: Mapping[str, Callable[[Any, ArmType, str], list[str]]] = {
            "AnyType": lambda *_: [],
            "ArrayType": self._wrong_list,
            "BooleanType": _wrong_boolean,
            "DiscriminatedObjectType": self._wrong_object,
            "IntegerType": _wrong_number,
            "ObjectType": self._wrong_object,
            "StringLiteralType": _wrong_literal,
            "StringType": _wrong_text,
            "UnionType": self._wrong_union,
        }
        return checks[type_["$type"]](value, type_, path)

    def _wrong_list(self, value: Any, type_: ArmType, path: str) -> list[str]:
        if not isinstance(value, list):
            return [f"{path}: {value!r} is not a list"]
        found = _wrong_size(len(value), type_, path, "entries")
        item = self._at(type_["itemType"])
        return [*found, *(wrong for one in value for wrong in self.problems(one, item, f"{path}[]"))]

    def _wrong_union(self, value: Any, type_: ArmType, path: str) -> list[str]:
        choices = [self._at(element) for element in type_["elements"]]
        literals = [choice["value"] for choice in choices if choice["$type"] == "StringLiteralType"]
        if literals and isinstance(value, str):
            # Literals beside a plain string: what Azure accepts are the literals.
            return [] if value in literals else [f"{path}: {value!r} is not one of {', '.join(literals)}"]
        return min((self.problems(value, choice, path) for choice in choices), key=len)

    def _wrong_object(self, value: Any, type_: ArmType, path: str) -> list[str]:
        if not isinstance(value, dict):
            return [f"{path}: {value!r} is not an object"]
        known = dict(type_.get("properties", {}))
        if type_["$type"] == "DiscriminatedObjectType":
            named = type_["discriminator"]
            variant = type_["elements"].get(value.get(named))
            if variant is None:
                return [f"{path}.{named}: {value.get(named)!r} is not one of {', '.join(type_['elements'])}"]
            known = {**type_["baseProperties"], **self._at(variant)["properties"]}
        found: list[str] = []
        for key, item in value.items():
            if key in known and not known[key]["flags"] & _READ_ONLY:
                found += self.problems(item, self._at(known[key]["type"]), f"{path}.{key}")
            elif key in known:
                found.append(f"{path}.{key}: read-only")
            elif "additionalProperties" in type_:
                found += self.problems(item, self._at(type_["additionalProperties"]), f"{path}.{key}")
            elif key not in _DOCUMENTATION:
                found.append(f"{path}.{key}: unknown")
        required = (
            key
            for key, one in known.items()
            if one["flags"] & _REQUIRED and not one["flags"] & (_DEPLOY_TIME | _READ_ONLY)
        )
        return [*found, *(f"{path}.{key}: missing" for key in required if key not in value)]


_OBJECTS = ("ObjectType", "DiscriminatedObjectType")


def _paths(value: Mapping[str, Any], above: str = "") -> Iterator[str]:
    for key, item in value.items():
        yield from _paths(item, f"{above}{key}.") if isinstance(item, Mapping) else (f"{above}{key}",)


def _elements(type_: ArmType) -> Sequence[Mapping[str, str]]:
    """The members of a union."""
    members: Sequence[Mapping[str, str]] = type_["elements"] if type_["$type"] == "UnionType" else ()
    return members


def _arm_name(key: str, known: Mapping[str, Any]) -> str | None:
    """ARM's name of a property of the SDK, where the type has it."""
    if key in known:
        return key
    if RENAMED.get(key) in known:
        return RENAMED[key]
    return next((name for name in known if _sdk_name(name) == key), None)


def _writable(key: str, known: Mapping[str, Any]) -> str | None:
    """ARM's name of a property of the SDK, where the type has it and it is no part of the URL or of the answer."""
    name = _arm_name(key, known)
    return None if name is None or known[name]["flags"] & (_READ_ONLY | _DEPLOY_TIME) else name


def _wrong_boolean(value: Any, _type: ArmType, path: str) -> list[str]:
    return [] if isinstance(value, bool) else [f"{path}: {value!r} is not true or false"]


def _wrong_literal(value: Any, type_: ArmType, path: str) -> list[str]:
    return [] if value == type_["value"] else [f"{path}: {value!r} is not {type_['value']!r}"]


def _wrong_text(value: Any, type_: ArmType, path: str) -> list[str]:
    if not isinstance(value, str):
        return [f"{path}: {value!r} is not text"]
    pattern = type_.get("pattern")
    found = _wrong_size(len(value), type_, path, "characters")
    return (
        found if pattern is None or re.search(pattern, value) else [*found, f"{path}: {value!r} is not like {pattern}"]
    )


def _wrong_number(value: Any, type_: ArmType, path: str) -> list[str]:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return [f"{path}: {value!r} is not a number"]
    least, most = type_.get("minValue", value), type_.get("maxValue", value)
    return [] if least <= value <= most else [f"{path}: {value} is not within {least} to {most}"]


def _wrong_size(size: int, type_: ArmType, path: str, of: str) -> list[str]:
    least, most = type_.get("minLength", size), type_.get("maxLength", size)
    return [] if least <= size <= most else [f"{path}: {size} {of}, not within {least} to {most}"]


@functools.cache
def definitions(file: Path) -> Definitions:
    """The definitions in a file, read once."""
    return Definitions(file)


def _sdk_name(arm: str) -> str:
    """The SDK's spelling of ARM's name of a property: `applicationType` of `Application_Type`."""
    joined = arm.replace("_", "")
    return joined[:1].lower() + joined[1:]
