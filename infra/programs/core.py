"""The workspace of an environment and what it is made of: made here, imported, or the organization's and left alone."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi

from infra.components.access import Access, AccessArgs, Principal
from infra.components.identity import Identity, IdentityArgs
from infra.components.keys import CustomerKey
from infra.components.monitoring import Insights, InsightsArgs
from infra.components.place import Place
from infra.components.registries import ContainerRegistry, ContainerRegistryArgs
from infra.components.storage import Storage, StorageArgs
from infra.components.vault import Vault, VaultArgs
from infra.components.workspace import Outwards, Workspace, WorkspaceArgs
from infra.programs.hub import Provided
from infra.reference import Reference
from infra.settings import AdoptedSettings, ClusterSettings, CustomerKeySettings, EnvironmentSettings
from infra.tables.names import Kind
from infra.tables.network_modes import Mode
from infra.tables.roles import (
    CUSTOMER_KEY,
    WORKSPACE_AFTER,
    WORKSPACE_BEFORE,
    WORKSPACE_MANAGED_NETWORK,
    WORKSPACE_SHARED_REGISTRY,
    Target,
)


@dataclass(frozen=True)
class Core:
    """A workspace and what it is made of.

    Attributes:
        images: Its container registry; None where it has none.
        insights: Its Application Insights; None where it has none.
        principal: The identity of ours that it acts as; None where it acts as another.
    """

    workspace: Reference
    storage: Reference
    vault: Reference
    images: Reference | None
    insights: Reference | None
    principal: Principal | None = None

    @property
    def targets(self) -> dict[Target, Reference]:
        """What roles can be given on."""
        found: dict[Target, Reference | None] = {
            "workspace": self.workspace,
            "storage": self.storage,
            "key vault": self.vault,
            "container registry": self.images,
            "application insights": self.insights,
        }
        return {target: reference for target, reference in found.items() if reference is not None}

    @property
    def reporting(self) -> dict[str, Reference]:
        """What has logs or metrics, by words."""
        found = {"workspace": self.workspace, "storage": self.storage, "vault": self.vault, "images": self.images}
        return {word: reference for word, reference in found.items() if reference is not None}

    @property
    def lockable(self) -> dict[str, Reference]:
        """What can be locked, by words: all but the workspace, since a lock stops its clusters from scaling down."""
        return {word: reference for word, reference in self.reporting.items() if word != "workspace"}


def referred(adopted: AdoptedSettings) -> Core:
    """An existing workspace and what it is made of, all of which stay as they are."""
    images, insights = adopted.container_registry_id, adopted.application_insights_id
    return Core(
        Reference(adopted.workspace_id),
        Reference(adopted.storage_id),
        Reference(adopted.key_vault_id),
        Reference(images) if images is not None else None,
        Reference(insights) if insights is not None else None,
    )


def imported(adopted: AdoptedSettings | None) -> Mapping[Kind, str]:
    """The ids of what becomes part of the stack, by kind."""
    if adopted is None or adopted.mode == "refer":
        return {}
    ids: dict[Kind, str | None] = {
        "workspace": adopted.workspace_id,
        "storage": adopted.storage_id,
        "key_vault": adopted.key_vault_id,
        "container_registry": adopted.container_registry_id,
        "application_insights": adopted.application_insights_id,
    }
    return {kind: found for kind, found in ids.items() if found is not None}


def made(settings: EnvironmentSettings, place: Place, mode: Mode, hub: Provided, opts: pulumi.ResourceOptions) -> Core:
    """Declare a workspace and what it is made of; what the place names as imported is there already."""
    ips = settings.networking.allow_ips
    key = _customer_key(settings.customer_key, place, opts) if settings.customer_key is not None else None
    storage = Storage("storage", StorageArgs(place, mode.inbound("storage", ips), key), opts)
    vault = Vault("vault", VaultArgs(place, settings.tenant_id, mode.inbound("key vault", ips)), opts)
    premium = mode.managed or key is not None
    images = ContainerRegistry(
        "images", ContainerRegistryArgs(place, premium, mode.inbound("container registry", ips), key), opts
    )
    insights = Insights("insights", InsightsArgs(place, hub.logs), opts)
    targets: dict[Target, Reference] = {
        "resource group": place.group,
        "storage": storage.account,
        "key vault": vault.vault,
        "container registry": images.registry,
        "application insights": insights.component,
        "model registry": hub.models,
    }
    own = Identity("workspace-identity", IdentityArgs(place, "workspace"), opts) if settings.adopted is None else None
    prepared = _prepare(own, settings, place, mode, targets, opts) if own is not None else []
    workspace = Workspace(
        "workspace",
        WorkspaceArgs(
            place,
            storage=storage.account,
            vault=vault.vault,
            container_registry=images.registry,
            insights=insights.component,
            identity=own.identity if own is not None else _kept(settings.adopted),
            inbound=mode.inbound("workspace", ips),
            outwards=Outwards(mode.isolation, settings.networking.firewall_sku),
            image_builder=_image_builder(settings.clusters) if mode.managed else None,
            after=prepared,
            key=key,
        ),
        opts,
    ).workspace
    if own is not None:
        targets["workspace"] = workspace
        args = AccessArgs(own.principal, WORKSPACE_AFTER, targets, place.names, settings.origin)
        Access("workspace-self", args, opts)
    principal = own.principal if own is not None else None
    return Core(workspace, storage.account, vault.vault, images.registry, insights.component, principal)


def joins_registry(mode: Mode, settings: EnvironmentSettings) -> bool:
    """Whether the managed network gets a private endpoint to the shared model registry."""
    return mode.approved_only or (mode.managed and settings.networking.registry_access == "private")


def _prepare(
    own: Identity,
    settings: EnvironmentSettings,
    place: Place,
    mode: Mode,
    targets: Mapping[Target, Reference],
    opts: pulumi.ResourceOptions,
) -> Sequence[pulumi.Resource]:
    """What the workspace's identity may do before there is a workspace."""
    before = WORKSPACE_BEFORE + (WORKSPACE_MANAGED_NETWORK if mode.managed else ())
    before += WORKSPACE_SHARED_REGISTRY if joins_registry(mode, settings) else ()
    args = AccessArgs(own.principal, before, targets, place.names, settings.origin)
    return Access("workspace-access", args, opts).assignments


def _kept(adopted: AdoptedSettings | None) -> Reference | None:
    """The user-assigned identity that an imported workspace has, if any. Its rights are left as they are."""
    if adopted is None or adopted.identity_id is None:
        return None
    return Reference(adopted.identity_id)


def _image_builder(clusters: Sequence[ClusterSettings]) -> str | None:
    """The cluster that builds images: the first whose nodes nobody takes away in the middle of it."""
    lasting = [cluster.name for cluster in clusters if not cluster.low_priority]
    return lasting[0] if lasting else None


def _customer_key(settings: CustomerKeySettings, place: Place, opts: pulumi.ResourceOptions) -> CustomerKey:
    """The organization's key, and an identity of ours that may use it."""
    user = Identity("key-identity", IdentityArgs(place, "key", origin=settings.origin), opts)
    vault: dict[Target, Reference] = {"customer's vault": Reference(settings.vault_id)}
    args = AccessArgs(user.principal, CUSTOMER_KEY, vault, place.names, settings.origin)
    rights = Access("key-access", args, opts).assignments
    return CustomerKey(settings.vault_id, settings.key, user.identity, user.client_id, rights)
