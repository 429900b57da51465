"""Forges: the addresses of their repositories, their tokens, and the CI files that blueprints generate for them."""

import re
from pathlib import Path

import pytest

from bootstrap.forge import ADDRESS, FORGES, forge_of_issuer
from bootstrap.yaml import read

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("address", ["github:contoso/churn", "azure-devops:contoso/Risk models/churn"])
def test_an_address_of_every_forge_is_accepted(address: str) -> None:
    assert re.fullmatch(ADDRESS[1], address)


@pytest.mark.parametrize("address", ["gitlab:contoso/churn", "github:contoso", "github:a/b/c", "azure-devops:a/b"])
def test_an_address_of_no_forge_is_refused(address: str) -> None:
    assert re.fullmatch(ADDRESS[1], address) is None


@pytest.mark.parametrize(
    ("issuer", "name"),
    [
        ("https://token.actions.githubusercontent.com", "github"),
        ("https://token.actions.contoso.ghe.com", "github"),
        ("https://github.contoso.example/_services/token", "github"),
        ("https://login.microsoftonline.com/66666666-7777-8888-9999-000000000000/v2.0", "azure-devops"),
        ("https://vstoken.dev.azure.com/66666666-7777-8888-9999-000000000000", "azure-devops"),
        ("https://forge.example", None),
    ],
)
def test_the_issuer_of_a_token_names_the_forge(issuer: str, name: str | None) -> None:
    forge = forge_of_issuer(issuer)

    assert (forge.name if forge is not None else None) == name


def test_the_question_of_the_blueprints_offers_every_forge() -> None:
    assert set(read(ROOT / "copier.yml").data["forge"]["choices"].values()) == {forge.name for forge in FORGES}


@pytest.mark.parametrize("name", [forge.name for forge in FORGES])
def test_every_blueprint_generates_the_ci_files_of_the_forge(name: str) -> None:
    [forge] = [forge for forge in FORGES if forge.name == name]
    condition = re.compile(rf"{{% if forge == '{name}' %}}(.*?){{% endif %}}")
    for manifest in (ROOT / "blueprints").glob("*/mlops.yaml.jinja"):
        paths = (path.relative_to(manifest.parent).as_posix() for path in manifest.parent.rglob("*"))
        generated = [condition.sub(r"\1", path).removesuffix(".jinja") for path in paths]
        for pattern in forge.ci_files:
            assert any(Path(path).match(pattern) for path in generated), (manifest.parent.name, pattern)
