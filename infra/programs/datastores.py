"""The datastores of an environment, and the roles on their data. The data stays the organization's.

A role is assigned at the id of its target, so it needs no provider for the target's subscription, only a login with
rights there.
"""

from collections.abc import Mapping, Sequence

import pulumi

from infra.components.access import Principal, create_role_assignments, group_principal
from infra.components.context import StackContext
from infra.components.datastores import create_datastore
from infra.reference import Reference
from infra.settings import EnvironmentSettings
from infra.tables.network_modes import MODES
from infra.tables.roles import DATASTORES, IDENTITIES


def approve_datastores(
    settings: EnvironmentSettings, context: StackContext, workspace: Principal | None, opts: pulumi.ResourceOptions
) -> dict[str, Sequence[pulumi.Resource]]:
    """Let the workspace's identity approve the private endpoints of its managed network to the accounts of datastores.

    Returns the role assignments by the id of the account in lower case.

    Args:
        workspace: The workspace's identity, if this stack creates it. The roles of another one stay as they are.
    """
    if workspace is None or not MODES[settings.network].has_managed_network:
        return {}
    first = {datastore.storage_id.lower(): datastore for datastore in reversed(settings.datastores)}
    return {
        account: create_role_assignments(
            f"{Reference(account).name}-approval",
            principal=workspace,
            entitlements=IDENTITIES["workspace, private datastore"],
            targets={"data account": Reference(datastore.storage_id)},
            names=context.names,
            origin=datastore.origin,
            opts=opts,
        )
        for account, datastore in reversed(first.items())
    }


def create_datastores(
    settings: EnvironmentSettings,
    context: StackContext,
    workspace: Reference,
    identities: Mapping[str, Principal],
    opts: pulumi.ResourceOptions,
) -> None:
    """Create datastores, and assign the roles on exactly their containers and shares.

    Args:
        identities: Those of clusters and endpoints, by the last part of the name of their roles.
    """
    for datastore in settings.datastores:
        # Named after what the roles are on: with another name for the same datastore or persona, they stay.
        data, account = Reference(datastore.id), Reference(datastore.storage_id)
        name = f"{account.name}-{datastore.target}-{data.name}".replace(" ", "-")
        people = {group.object_id: (group_principal(group), group.eligible) for group in datastore.groups}
        workloads = {key: (principal, False) for key, principal in identities.items()}
        for key, (principal, eligible) in {**workloads, **people}.items():
            create_role_assignments(
                f"{name}-{key}",
                principal=principal,
                entitlements=DATASTORES[datastore.target, datastore.access],
                targets={datastore.target: data},
                names=context.names,
                origin=datastore.origin,
                eligible=eligible,
                opts=opts,
            )
        create_datastore(
            f"datastore-{datastore.name}", context=context, workspace=workspace, datastore=datastore, opts=opts
        )
