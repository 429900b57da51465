"""The regions of Azure's public cloud, by the names that programs use, as of `AS_OF`.

Which services and machine sizes a region offers is not in this table: `az ml compute list-sizes -l REGION` lists them.
"""

from difflib import get_close_matches

AS_OF = "2025-09-23"
"""The date of the page that the table was copied from."""

PAGE = "https://learn.microsoft.com/azure/reliability/regions-list"

REGIONS: frozenset[str] = frozenset(
    """
    australiacentral australiacentral2 australiaeast australiasoutheast austriaeast belgiumcentral brazilsouth
    brazilsoutheast canadacentral canadaeast centralindia centralus chilecentral denmarkeast eastasia eastus eastus2
    francecentral francesouth germanynorth germanywestcentral indonesiacentral israelcentral italynorth japaneast
    japanwest koreacentral koreasouth malaysiawest mexicocentral newzealandnorth northcentralus northeurope norwayeast
    norwaywest polandcentral qatarcentral southafricanorth southafricawest southcentralus southeastasia southindia
    spaincentral swedencentral switzerlandnorth switzerlandwest uaecentral uaenorth uksouth ukwest westcentralus
    westeurope westindia westus westus2 westus3
    """.split()  # noqa: SIM905 - sixty names are easier to read as words
)
"""The regions of Azure's public cloud. Other clouds, such as Azure China, are not supported."""


ZONES_AS_OF = "2025-03-21"
"""The date of the page that the next table was copied from. Regions that are newer are not in it."""

WITH_ZONES: frozenset[str] = frozenset(
    """
    australiaeast brazilsouth canadacentral centralindia centralus eastasia eastus eastus2 francecentral
    germanywestcentral indonesiacentral israelcentral italynorth japaneast japanwest koreacentral mexicocentral
    newzealandnorth northeurope norwayeast polandcentral qatarcentral southafricanorth southcentralus southeastasia
    spaincentral swedencentral switzerlandnorth uaenorth uksouth westeurope westus2 westus3
    """.split()  # noqa: SIM905 - as above
)
"""The regions with availability zones, in which Azure offers zone-redundant storage.

https://github.com/MicrosoftDocs/azure-docs/blob/main/articles/reliability/regions-list.md
https://learn.microsoft.com/azure/reliability/reliability-storage-blob
"""


def has_zones(region: str) -> bool:
    """Whether a region has availability zones, by its name for programs or its display name."""
    return _name(region) in WITH_ZONES


def is_known(region: str) -> bool:
    """Whether the table has a region, by its name for programs or its display name, such as `West Europe`."""
    return _name(region) in REGIONS


def nearest_region(region: str) -> str | None:
    """The region with the most similar name, if one is similar."""
    return next(iter(get_close_matches(_name(region), REGIONS, 1)), None)


def _name(region: str) -> str:
    return region.replace(" ", "").lower()
