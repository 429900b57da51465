import uuid

import infra.roles
from infra.roles import PEOPLE, Role

ROLES = [role for role in vars(infra.roles).values() if isinstance(role, Role)]


def test_every_role_has_an_id_of_its_own() -> None:
    assert len({uuid.UUID(role.id) for role in ROLES}) == len({role.name for role in ROLES}) == len(ROLES)


def test_people_who_only_read_get_nothing_that_writes_to_the_workspace() -> None:
    for (_, mode), entitlements in PEOPLE.items():
        if mode == "read":
            assert {entitlement.role.name for entitlement in entitlements} <= {"Reader", "Monitoring Contributor"}


def test_every_assignment_says_why() -> None:
    tables = [*PEOPLE.values(), infra.roles.WORKSPACE_BEFORE, infra.roles.CLUSTER, infra.roles.DELIVERY]

    assert all(entitlement.reason for table in tables for entitlement in table)
