import uuid

import infra.roles
from infra.naming import Names
from infra.roles import (
    ASSIGNED_IN_ENVIRONMENTS,
    CUSTOM_ROLES,
    HUB_PEOPLE,
    PEOPLE,
    SELF_SERVICE,
    SHARED,
    CustomRole,
    Entitlement,
    Role,
)

ROLES = [role for role in vars(infra.roles).values() if isinstance(role, Role)]
NAMES = Names("contoso", "00000000-0000-0000-0000-000000000001")
GIVES_ROLES_AWAY = {
    "8e3af657-a8ff-443c-a75c-2fe8c4bcb635",  # Owner
    "18d7d88d-d35e-4fb5-a5c3-7773c20a72d9",  # User Access Administrator
    "f58310d9-a9f6-439a-9e8d-f62e7b41a168",  # Role Based Access Control Administrator
}


def tables() -> list[tuple[Entitlement, ...]]:
    """Every table of entitlements in the module, whatever it is called."""
    found: list[tuple[Entitlement, ...]] = []
    for value in vars(infra.roles).values():
        candidates = value.values() if isinstance(value, dict) else [value]
        found += [table for table in candidates if isinstance(table, tuple) and table]
    return [table for table in found if all(isinstance(item, Entitlement) for item in table)]


def test_every_role_has_an_id_of_its_own() -> None:
    ids = {uuid.UUID(role.id) for role in ROLES} | {uuid.UUID(role.id_in(NAMES)) for role in CUSTOM_ROLES}

    assert len(ids) == len({role.name for role in ROLES}) + len(CUSTOM_ROLES) == len(ROLES) + len(CUSTOM_ROLES)


def test_our_own_roles_differ_between_organizations_of_one_tenant() -> None:
    other = Names("fabrikam", NAMES.tenant_id)

    assert all(role.id_in(NAMES) != role.id_in(other) for role in CUSTOM_ROLES)


def test_our_own_roles_name_each_action_and_no_keys_or_roles() -> None:
    for role in CUSTOM_ROLES:
        for action in role.actions:
            assert action.startswith("Microsoft.MachineLearningServices/workspaces/")
            assert "*" not in action
            assert "listKeys" not in action


def test_people_who_only_read_get_nothing_that_writes_models_or_data() -> None:
    for (persona, mode), entitlements in PEOPLE.items():
        if mode == "read" and persona not in ("operators", "platform"):
            names = {entitlement.role.name for entitlement in entitlements}
            assert names <= {"Reader", "Monitoring Contributor", "Storage Blob Data Reader"}


def test_every_persona_is_told_for_both_ways_to_use_an_environment() -> None:
    assert {mode for _, mode in PEOPLE} == {"work", "read"}
    assert len(PEOPLE) == 2 * len({persona for persona, _ in PEOPLE})


def test_every_assignment_says_why() -> None:
    assert len(tables()) > 15
    assert all(entitlement.reason for table in tables() for entitlement in table)


def test_no_table_gives_one_role_on_one_thing_twice() -> None:
    """Azure refuses the second one."""
    for (persona, mode), entitlements in PEOPLE.items():
        together = [*entitlements, *SELF_SERVICE.get(persona, ()), *SHARED.get((persona, mode), ())]
        assert len({(entitlement.role.name, entitlement.on) for entitlement in together}) == len(together)


def test_stacks_of_environments_assign_no_role_that_gives_roles_away() -> None:
    ids = {role.id for role in ASSIGNED_IN_ENVIRONMENTS if isinstance(role, Role)}

    assert not ids & GIVES_ROLES_AWAY
    assert set(CUSTOM_ROLES) == {role for role in ASSIGNED_IN_ENVIRONMENTS if isinstance(role, CustomRole)}


def test_who_gives_roles_away_may_give_only_ours() -> None:
    for table in [*HUB_PEOPLE.values(), *tables()]:
        for entitlement in table:
            assert bool(entitlement.may_assign) == (entitlement.role.id_in(NAMES) in GIVES_ROLES_AWAY)
