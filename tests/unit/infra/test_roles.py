import uuid

import infra.tables.roles
from infra.rules.access import READING
from infra.tables.names import Names
from infra.tables.roles import (
    ASSIGNED_IN_ENVIRONMENTS,
    CUSTOM_ROLES,
    HUB_PEOPLE,
    PEOPLE,
    ROLES,
    SELF_SERVICE,
    SHARED,
    CustomRole,
    Entitlement,
    Role,
)

NAMES = Names("contoso", "00000000-0000-0000-0000-000000000001")
GIVES_ROLES_AWAY = {
    "8e3af657-a8ff-443c-a75c-2fe8c4bcb635",  # Owner
    "18d7d88d-d35e-4fb5-a5c3-7773c20a72d9",  # User Access Administrator
    "f58310d9-a9f6-439a-9e8d-f62e7b41a168",  # Role Based Access Control Administrator
}

BUILT_IN = """
7f951dda-4ed3-4680-a7ca-43fe172d538d AcrPull
b556d68e-0be0-4f35-a333-ad7ee1ce17ea Azure AI Enterprise Network Connection Approver
f6c7c914-8db3-469d-8ca1-694a8f32e121 AzureML Data Scientist
635dd51f-9968-44d3-b7fb-6d9a6bd613ae AzureML Metrics Writer (preview)
1823dd4f-9b8c-4ab6-ab4e-7397a3684615 AzureML Registry User
0ab0b1a8-8aac-4efd-b8c2-3ee1fb270be8 Azure Kubernetes Service Cluster Admin Role
2787bf04-f1f5-4bfe-8383-c8a24483ee38 Azure Relay Owner
85cb6faf-e071-4c9b-8136-154b5a04f717 Kubernetes Extension Contributor
b24988ac-6180-42a0-ab88-20f7382dd24c Contributor
72fafb9e-0641-4937-9268-a91bfd8191a3 Cost Management Reader
00482a5a-887f-4fb3-b363-3b7fe8e74483 Key Vault Administrator
4633458b-17de-408a-b874-0445c86b69e6 Key Vault Secrets User
e147488a-f6f5-4113-8e2d-b22465e65bf6 Key Vault Crypto Service Encryption User
12338af0-0e69-4776-bea7-57ae8d297424 Key Vault Crypto User
28bf596f-4eb7-45ce-b5bc-6cf482fec137 Locks Contributor
73c42c96-874c-492b-b04d-ab87d138a893 Log Analytics Reader
f1a07417-d97a-45cb-824c-7a7467783830 Managed Identity Operator
749f88d5-cbae-40b8-bcfc-e573ddc772fa Monitoring Contributor
43d0d8ad-25c7-4714-9337-8ba259a9fe05 Monitoring Reader
4d97b98b-1d4f-4787-a291-c67834d212e7 Network Contributor
8e3af657-a8ff-443c-a75c-2fe8c4bcb635 Owner
acdd72a7-3385-48ef-bd42-f606fba81ae7 Reader
f58310d9-a9f6-439a-9e8d-f62e7b41a168 Role Based Access Control Administrator
ba92f5b4-2d11-453d-a403-e96b0029c9fe Storage Blob Data Contributor
2a2b9908-6ea1-4ae2-8e65-a410df84e7d1 Storage Blob Data Reader
69566ab7-960f-475b-8e7c-b3118f30c6bd Storage File Data Privileged Contributor
b8eda974-7b85-4f76-af95-65846b26df6d Storage File Data Privileged Reader
5e0bd9bd-7b93-4f28-af87-19fc36ad61bd Cognitive Services OpenAI User
a97b65f3-24c7-4388-baec-2e87135dc908 Cognitive Services User
1407120a-92aa-4202-b7e9-c0e197c71c8f Search Index Data Reader
974c5e8b-45b9-4653-ba55-5f855dd0fb88 Storage Queue Data Contributor
0a9a7e1f-b9d0-4cc4-a60d-0319b160aaa3 Storage Table Data Contributor
18d7d88d-d35e-4fb5-a5c3-7773c20a72d9 User Access Administrator
"""
"""Built-in roles as Microsoft publishes them: https://learn.microsoft.com/azure/role-based-access-control/built-in-roles"""


def tables() -> list[tuple[Entitlement, ...]]:
    """Every table of entitlements in the module, whatever it is called."""
    found: list[tuple[Entitlement, ...]] = []
    for value in vars(infra.tables.roles).values():
        candidates = value.values() if isinstance(value, dict) else [value]
        found += [table for table in candidates if isinstance(table, tuple) and table]
    return [table for table in found if all(isinstance(item, Entitlement) for item in table)]


def test_role_ids_are_unique() -> None:
    ids = {uuid.UUID(role.id) for role in ROLES.values()} | {uuid.UUID(role.id_in(NAMES)) for role in CUSTOM_ROLES}

    assert len(ids) == len({role.name for role in ROLES.values()}) + len(CUSTOM_ROLES) == len(ROLES) + len(CUSTOM_ROLES)


def test_built_in_roles_match_published_ids_and_names() -> None:
    """An id with a wrong digit is no role, and one of another role gives somebody else's rights."""
    published = dict(line.split(" ", 1) for line in BUILT_IN.strip().splitlines())
    named = {role.id: role.name for role in ROLES.values()} | READING

    assert len(ROLES) > 15
    assert {id_: published.get(id_) for id_ in named} == named


def test_custom_role_ids_differ_between_organizations() -> None:
    other = Names("fabrikam", NAMES.tenant_id)

    assert all(role.id_in(NAMES) != role.id_in(other) for role in CUSTOM_ROLES)


def test_custom_roles_have_no_wildcards_keys_or_role_assignments() -> None:
    for role in CUSTOM_ROLES:
        for action in role.actions:
            assert not action.startswith("Microsoft.Authorization/")
            assert "*" not in action
            assert "listKeys" not in action


def test_people_who_only_read_get_no_write_roles() -> None:
    for (persona, mode), entitlements in PEOPLE.items():
        if mode == "read" and persona not in ("operators", "platform"):
            names = {entitlement.role.name for entitlement in entitlements}
            assert names <= {"Reader", "Monitoring Contributor", "Storage Blob Data Reader"}


def test_every_persona_has_roles_for_work_and_read() -> None:
    assert {mode for _, mode in PEOPLE} == {"work", "read"}
    assert len(PEOPLE) == 2 * len({persona for persona, _ in PEOPLE})


def test_every_entitlement_has_a_reason() -> None:
    assert len(tables()) > 15
    assert all(entitlement.reason for table in tables() for entitlement in table)


def test_no_table_repeats_a_role_on_a_target() -> None:
    """Azure refuses the second one."""
    for (persona, mode), entitlements in PEOPLE.items():
        together = [*entitlements, *SELF_SERVICE.get(persona, ()), *SHARED.get((persona, mode), ())]
        assert len({(entitlement.role.name, entitlement.on) for entitlement in together}) == len(together)


def test_environments_assign_no_role_that_can_assign_roles() -> None:
    ids = {role.id for role in ASSIGNED_IN_ENVIRONMENTS if isinstance(role, Role)}

    assert not ids & GIVES_ROLES_AWAY
    assert {role for role in ASSIGNED_IN_ENVIRONMENTS if isinstance(role, CustomRole)} < set(CUSTOM_ROLES)


def test_every_custom_role_is_assigned() -> None:
    given = {entitlement.role for table in tables() for entitlement in table}

    assert set(CUSTOM_ROLES) <= given


def test_roles_that_assign_roles_are_restricted() -> None:
    for table in [*HUB_PEOPLE.values(), *tables()]:
        for entitlement in table:
            assert bool(entitlement.may_assign) == (entitlement.role.id_in(NAMES) in GIVES_ROLES_AWAY)
