"""Eligibilities under the engine: the provider replaces one for each changed input, so wordings must not change it."""

from pathlib import Path

from pulumi_azure_native import authorization

from infra.components.access import Principal, create_role_assignments
from infra.components.context import in_subscription
from infra.reference import Reference
from infra.tables.names import Names
from infra.tables.roles import ROLES, Entitlement
from tests.engine.stacks import counted, under_engine, without_aliases

SUBSCRIPTION, TENANT, GROUP = (f"00000000-0000-0000-0000-00000000000{digit}" for digit in "bac")


def test_changed_reason_leaves_an_eligibility_as_it_is(engine: Path, tmp_path: Path) -> None:
    reasons = ["Repairs what CI cannot repair"]

    def program() -> None:
        create_role_assignments(
            "people",
            principal=Principal(GROUP, GROUP, authorization.PrincipalType.GROUP),
            entitlements=[Entitlement(ROLES["Contributor"], "resource group", reasons[-1])],
            targets={"resource group": Reference(f"/subscriptions/{SUBSCRIPTION}/resourceGroups/rg-fraud")},
            names=Names("contoso", TENANT, 1),
            origin="teams/fraud.yaml:1",
            eligible=True,
            opts=in_subscription("azure", SUBSCRIPTION, TENANT),
        )

    with under_engine(engine, tmp_path, "fraud-dev", without_aliases(program)) as stack:
        created = counted(stack.up())
        reasons.append("Repairs everything")
        again = counted(stack.up())

    assert created.keys() == {"create"}
    assert again.keys() == {"same"}
