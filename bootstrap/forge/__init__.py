"""The forges that are supported. To add one: a file beside this one, and an entry in `FORGES`."""

from bootstrap.forge.azure_devops import AZURE_DEVOPS
from bootstrap.forge.github import GITHUB
from bootstrap.forge.interface import Forge

FORGES: tuple[Forge, ...] = (GITHUB, AZURE_DEVOPS)

ADDRESS = (
    " or ".join(f"{forge.name}:{forge.path}" for forge in FORGES),
    "|".join(f"{forge.name}:{forge.path_pattern}" for forge in FORGES),
)
"""How a repository is addressed: in words, and as a pattern."""


def forge_of_issuer(issuer: str) -> Forge | None:
    """The forge whose tokens have this issuer, or None for one that is not known here."""
    return next((forge for forge in FORGES if forge.is_issuer(issuer)), None)
