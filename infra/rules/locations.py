"""Azure's public locations, by the names that programs use, as of `AS_OF`.

What a location has, machine sizes among it, is Azure's to say: `az ml compute list-sizes -l LOCATION`.
"""

from collections.abc import Iterable, Iterator
from difflib import get_close_matches

from infra.rules.properties import MODELS
from infra.rules.rule import UNKNOWN, Resource, Rule, Stack, Violation

AS_OF = "2025-09-23"
"""The date of Microsoft's page that the table was taken from."""

PAGE = "https://learn.microsoft.com/azure/reliability/regions-list"

LOCATIONS: frozenset[str] = frozenset(
    """
    australiacentral australiacentral2 australiaeast australiasoutheast austriaeast belgiumcentral brazilsouth
    brazilsoutheast canadacentral canadaeast centralindia centralus chilecentral denmarkeast eastasia eastus eastus2
    francecentral francesouth germanynorth germanywestcentral indonesiacentral israelcentral italynorth japaneast
    japanwest koreacentral koreasouth malaysiawest mexicocentral newzealandnorth northcentralus northeurope norwayeast
    norwaywest polandcentral qatarcentral southafricanorth southafricawest southcentralus southeastasia southindia
    spaincentral swedencentral switzerlandnorth switzerlandwest uaecentral uaenorth uksouth ukwest westcentralus
    westeurope westindia westus westus2 westus3
    """.split()  # noqa: SIM905 - sixty names read better as words
)
"""Those of Azure's other clouds, as China's, are not among them: they need other addresses everywhere."""

_NOWHERE = "global"
"""What lies nowhere says this."""


def nearest_location(location: str) -> str | None:
    """The location with the nearest name, if one is near."""
    close = get_close_matches(_name(location), LOCATIONS, 1)
    return close[0] if close else None


def _name(location: str) -> str:
    """The name that programs use: Azure takes the one that people read, as West Europe, too."""
    return location.replace(" ", "").lower()


def _located(stack: Stack) -> Iterator[tuple[Resource, str]]:
    """Each resource with where it lies, and where it keeps copies."""
    for resource in stack.resources:
        copies = resource.at("regionDetails") if resource.type == MODELS else None
        said = [
            resource.at("location"),
            *(copy.get("location") for copy in (copies if copies != UNKNOWN else ()) or ()),
        ]
        yield from ((resource, location) for location in said if isinstance(location, str))


def _unknown(stack: Stack) -> Iterable[Violation]:
    """One for each location, blaming the first that lies there."""
    told: set[str] = set()
    for resource, location in _located(stack):
        if location == UNKNOWN or _name(location) in LOCATIONS | {_NOWHERE} | told:
            continue
        told.add(_name(location))
        near = nearest_location(location)
        meant = f" Did you mean {near!r}?" if near is not None else ""
        yield (resource.urn, f"{resource.name}: Azure has no location {location!r} (as of {AS_OF}).{meant}")


LOCATION_RULES: tuple[Rule, ...] = (
    Rule(
        "location-known", "error", "Every location exists",
        "Azure refuses everything that would lie there.",
        "Write a location that exists; if Azure has it and we do not know it yet, suppress this rule and tell us.",
        PAGE, _unknown,
    ),
)  # fmt: skip
"""The rule on locations."""
