"""The workspace of an environment and its resources: created, imported, or the organization's and only referenced."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi

from infra.components.access import Identity, Principal, create_role_assignments
from infra.components.connections import create_offline_store
from infra.components.context import CustomerKey, StackContext
from infra.components.monitoring import create_application_insights
from infra.components.registries import create_container_registry
from infra.components.storage import create_key_vault, create_workspace_storage
from infra.components.workspace import create_workspace
from infra.hub import Hub
from infra.reference import Reference
from infra.settings import AdoptedSettings, CustomerKeySettings, EnvironmentSettings
from infra.tables.names import Kind
from infra.tables.network_modes import MODES, PublicAccess, Service
from infra.tables.roles import IDENTITIES, Target
from infra.tables.sizes import builds_images


@dataclass(frozen=True)
class WorkspaceResources:
    """A workspace and its resources.

    Attributes:
        parts: The workspace and its resources. An existing workspace may have no container registry or Application
            Insights.
        principal: The workspace's identity, if this stack creates it.
    """

    parts: Mapping[Target, Reference]
    principal: Principal | None = None

    @property
    def workspace(self) -> Reference:
        """The workspace itself."""
        return self.parts["workspace"]

    @property
    def diagnostic_sources(self) -> dict[str, Reference]:
        """The resources with logs or metrics, by the last part of the setting's name."""
        keys: dict[Target, str] = {
            "workspace": "workspace",
            "storage": "storage",
            "key vault": "vault",
            "container registry": "images",
        }
        return {key: self.parts[part] for part, key in keys.items() if part in self.parts}

    @property
    def lockable(self) -> dict[str, Reference]:
        """The resources that are locked: all but the workspace, since a lock stops its clusters from scaling down."""
        return {key: part for key, part in self.diagnostic_sources.items() if key != "workspace"}


def referenced_workspace(adopted: AdoptedSettings) -> WorkspaceResources:
    """An existing workspace and its resources, which the stack does not change."""
    return WorkspaceResources({_TARGETS[kind]: Reference(id_) for kind, id_ in adopted.ids.items()})


_TARGETS: Mapping[Kind, Target] = {
    "workspace": "workspace",
    "storage": "storage",
    "key_vault": "key vault",
    "container_registry": "container registry",
    "application_insights": "application insights",
}
"""The resources of a workspace, as the naming table and as the tables of roles call them."""


def create_workspace_resources(
    settings: EnvironmentSettings, context: StackContext, hub: Hub, opts: pulumi.ResourceOptions
) -> WorkspaceResources:
    """Create a workspace and its resources, or import those that the context names."""
    mode, networking = MODES[settings.network], settings.networking

    def access(service: Service) -> PublicAccess:
        return mode.public_access(service, networking.ci, networking.allow_ips)

    key = _create_customer_key(settings.customer_key, context, opts) if settings.customer_key is not None else None
    storage = create_workspace_storage(
        "storage",
        context=context,
        access=access("storage"),
        model_registry_id=hub.model_registry_id,
        tenant_id=settings.tenant_id,
        zone_redundant=settings.zone_redundant,
        key=key,
        opts=opts,
    )
    vault = create_key_vault(
        "vault", context=context, tenant_id=settings.tenant_id, access=access("key vault"), opts=opts
    )
    images = create_container_registry(
        "images",
        context=context,
        premium=mode.has_managed_network
        or key is not None
        or settings.zone_redundant
        or bool(settings.registry_replicas),
        access=access("container registry"),
        zone_redundant=settings.zone_redundant,
        replicas=settings.registry_replicas,
        key=key,
        opts=opts,
    )
    insights = create_application_insights("insights", context=context, logs=Reference(hub.log_analytics_id), opts=opts)
    parts: dict[Target, Reference] = {
        "storage": storage,
        "key vault": vault,
        "container registry": images,
        "application insights": insights,
    }
    own: Identity | None = None
    identity: Reference | None = None
    principal: Principal | None = None
    role_assignments: Sequence[pulumi.Resource] = ()
    if settings.adopted is None:
        own = Identity("workspace-identity", context=context, purpose="workspace", opts=opts)
        identity, principal = own.identity, own.principal
        before = IDENTITIES["workspace before"] + (
            IDENTITIES["workspace, managed network"] if mode.has_managed_network else ()
        )
        before += IDENTITIES["workspace, private model registry"] if connects_to_registry(settings) else ()
        targets: dict[Target, Reference] = {
            "resource group": context.group,
            "model registry": Reference(hub.model_registry_id),
            **parts,
        }
        if settings.feature_store is not None:
            before += IDENTITIES["workspace, offline store"]
            targets["offline store"] = Reference(settings.feature_store.id)
        role_assignments = create_role_assignments(
            "workspace-access",
            principal=own.principal,
            entitlements=before,
            targets=targets,
            names=context.names,
            origin=settings.origin,
            opts=opts,
        )
    elif settings.adopted.identity_id is not None:
        # Its roles stay as they are.
        identity = Reference(settings.adopted.identity_id)
    builders = (one.name for one in settings.clusters if builds_images(one.size, low_priority=one.low_priority))
    parts["workspace"] = create_workspace(
        "workspace",
        context=context,
        storage=storage,
        vault=vault,
        container_registry=images,
        insights=insights,
        identity=identity,
        access=access("workspace"),
        isolation=mode.isolation,
        firewall_sku=networking.firewall_sku,
        image_builder=next(builders, None) if mode.has_managed_network else None,
        role_assignments=role_assignments,
        key=key,
        feature_store=settings.feature_store,
        opts=opts,
    )
    if own is not None and settings.feature_store is not None:
        create_offline_store(
            "offline-store",
            context=context,
            workspace=parts["workspace"],
            identity=own,
            feature_store=settings.feature_store,
            opts=opts,
        )
    if principal is not None:
        create_role_assignments(
            "workspace-self",
            principal=principal,
            entitlements=IDENTITIES["workspace after"],
            targets={"workspace": parts["workspace"]},
            names=context.names,
            origin=settings.origin,
            opts=opts,
        )
    return WorkspaceResources(parts, principal)


def connects_to_registry(settings: EnvironmentSettings) -> bool:
    """Whether the managed network has a private endpoint to the model registry."""
    mode = MODES[settings.network]
    return mode.approved_outbound_only or (mode.has_managed_network and not settings.networking.public_registry)


def _create_customer_key(
    settings: CustomerKeySettings, context: StackContext, opts: pulumi.ResourceOptions
) -> CustomerKey:
    """The organization's key, with a new identity that may use it."""
    user = Identity("key-identity", context=context, purpose="key", origin=settings.origin, opts=opts)
    role_assignments = create_role_assignments(
        "key-access",
        principal=user.principal,
        entitlements=IDENTITIES["customer key"],
        targets={"customer's vault": Reference(settings.vault_id)},
        names=context.names,
        origin=settings.origin,
        opts=opts,
    )
    return CustomerKey(settings.vault_id, settings.key, user.identity, user.client_id, role_assignments)
