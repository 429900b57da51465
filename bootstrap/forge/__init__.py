"""The forges that are supported, one module each with its `FORGE`; `copier.yml` has the answer that chooses it."""

from importlib import import_module

from bootstrap.files import modules_of
from bootstrap.forge.interface import Forge

FORGES: tuple[Forge, ...] = tuple(
    import_module(f"{__name__}.{name}").FORGE
    for name in sorted(modules_of(__file__), key=lambda name: (name != "github", name))
    if name != "interface"
)

ADDRESS = (
    " or ".join(f"{forge.name}:{forge.path}" for forge in FORGES),
    "|".join(f"{forge.name}:{forge.path_pattern}" for forge in FORGES),
)
"""How a repository is addressed: in words, and as a pattern."""


def forge_of_issuer(issuer: str) -> Forge | None:
    """The forge whose tokens have this issuer, or None for one that is not known here."""
    return next((forge for forge in FORGES if forge.is_issuer(issuer)), None)
