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


def is_known(region: str) -> bool:
    """Whether the table has a region, by its name for programs or its display name, such as `West Europe`."""
    return _name(region) in REGIONS


def nearest_region(region: str) -> str | None:
    """The region with the most similar name, if one is similar."""
    close = get_close_matches(_name(region), REGIONS, 1)
    return close[0] if close else None


def _name(region: str) -> str:
    return region.replace(" ", "").lower()
