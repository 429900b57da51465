"""An environment: one team's workspace in one environment, and everything around it."""

from collections.abc import Mapping, Sequence

import pulumi

from infra.alerts import ACCESS_CHANGED, ACCESS_DENIED, ENDPOINTS, METRICS
from infra.components.access import Access, AccessArgs, people_of
from infra.components.alerts import (
    ActivityAlert,
    ActivityAlertArgs,
    MetricAlerts,
    MetricAlertsArgs,
    QueryAlerts,
    QueryAlertsArgs,
)
from infra.components.compute import Cluster, ClusterArgs
from infra.components.guardrails import Budget, BudgetArgs, Locks, LocksArgs
from infra.components.identity import Identity, IdentityArgs
from infra.components.keys import CustomerKey
from infra.components.monitoring import (
    Diagnostics,
    DiagnosticsArgs,
    Insights,
    InsightsArgs,
    Notifications,
    NotificationsArgs,
)
from infra.components.outbound import Outbound, OutboundArgs, Resource
from infra.components.place import Place, ResourceGroup, ResourceGroupArgs
from infra.components.registries import ContainerRegistry, ContainerRegistryArgs
from infra.components.storage import Storage, StorageArgs
from infra.components.vault import Vault, VaultArgs
from infra.components.workspace import Outwards, Workspace, WorkspaceArgs
from infra.modes import SERVICES, Mode, mode_of
from infra.naming import Names
from infra.programs.hub import Provided, provided
from infra.programs.subscription import in_subscription
from infra.reference import Reference
from infra.roles import (
    CLUSTER,
    CUSTOMER_KEY,
    DELIVERY,
    DELIVERY_READER,
    ENDPOINT,
    PEOPLE,
    SELF_SERVICE,
    SHARED,
    WORKSPACE_AFTER,
    WORKSPACE_BEFORE,
    WORKSPACE_MANAGED_NETWORK,
    WORKSPACE_SHARED_REGISTRY,
    Target,
)
from infra.settings import ClusterSettings, CustomerKeySettings, EnvironmentSettings


def environment(settings: EnvironmentSettings) -> None:
    """Declare an environment's resources."""
    opts = in_subscription(settings)
    mode = mode_of(settings.network, settings.networking.ci)
    inbound = {service: mode.inbound(service, settings.networking.allow_ips) for service in SERVICES}
    names = Names(settings.organization, settings.tenant_id, settings.generation)
    hub = provided(names, settings.hub_subscription_id, settings.log_analytics_id)

    group = ResourceGroup(
        "group",
        ResourceGroupArgs(
            settings.subscription_id,
            settings.location,
            settings.tags,
            names,
            (settings.team, settings.environment),
            settings.protect,
            settings.origin,
            settings.resource_group_id,
        ),
        opts,
    )
    place = group.place

    key = _customer_key(settings.customer_key, place, opts) if settings.customer_key is not None else None
    storage = Storage("storage", StorageArgs(place, inbound["storage"], key), opts)
    vault = Vault("vault", VaultArgs(place, settings.tenant_id, inbound["key vault"]), opts)
    premium = mode.managed or key is not None
    images = ContainerRegistry(
        "images", ContainerRegistryArgs(place, premium, inbound["container registry"], key), opts
    )
    insights = Insights("insights", InsightsArgs(place, hub.logs), opts)
    as_workspace = Identity("workspace-identity", IdentityArgs(place, "workspace"), opts)
    as_cluster = Identity("cluster-identity", IdentityArgs(place, "cluster"), opts)
    as_endpoint = Identity("endpoint-identity", IdentityArgs(place, "endpoint"), opts)

    targets: dict[Target, Reference] = {
        "resource group": place.group,
        "storage": storage.account,
        "key vault": vault.vault,
        "container registry": images.registry,
        "application insights": insights.component,
        "cluster identity": as_cluster.identity,
        "endpoint identity": as_endpoint.identity,
        "model registry": hub.models,
    }
    before = WORKSPACE_BEFORE + (WORKSPACE_MANAGED_NETWORK if mode.managed else ())
    before += WORKSPACE_SHARED_REGISTRY if _joins_registry(mode, settings) else ()
    prepared = Access(
        "workspace-access", AccessArgs(as_workspace.principal, before, targets, names, settings.origin), opts
    )
    workspace = Workspace(
        "workspace",
        WorkspaceArgs(
            place,
            storage=storage.account,
            vault=vault.vault,
            container_registry=images.registry,
            insights=insights.component,
            identity=as_workspace.identity,
            inbound=inbound["workspace"],
            outwards=Outwards(mode.isolation, settings.networking.firewall_sku),
            image_builder=_image_builder(settings.clusters) if mode.managed else None,
            after=prepared.assignments,
            key=key,
        ),
        opts,
    )
    targets["workspace"] = workspace.workspace
    Access("workspace-self", AccessArgs(as_workspace.principal, WORKSPACE_AFTER, targets, names, settings.origin), opts)
    Access("cluster-access", AccessArgs(as_cluster.principal, CLUSTER, targets, names, settings.origin), opts)
    Access("endpoint-access", AccessArgs(as_endpoint.principal, ENDPOINT, targets, names, settings.origin), opts)
    approved = _outbound(settings, place, mode, targets, opts) if mode.managed else []
    for cluster in settings.clusters:
        Cluster(
            f"cluster-{cluster.name}",
            ClusterArgs(
                place, workspace.workspace, as_cluster.identity, cluster, public_nodes=not mode.managed, after=approved
            ),
            opts,
        )

    _people(settings, names, targets, opts)
    _delivery(settings, place, targets, opts)

    sources = {
        "workspace": workspace.workspace,
        "storage": storage.account,
        "vault": vault.vault,
        "images": images.registry,
    }
    if mode.private:
        from infra.programs.private import private_network

        sources |= private_network(settings, place, mode, targets, hub, opts)
    Diagnostics("diagnostics", DiagnosticsArgs(place, sources, hub.logs), opts)
    _watch(settings, place, workspace.workspace, hub, opts)
    if place.protect:
        locked = {"storage": storage.account, "vault": vault.vault, "images": images.registry}
        Locks("locks", LocksArgs(place, locked), opts)
    pulumi.export("resource_group", place.group.name)
    pulumi.export("workspace", workspace.workspace.name)
    pulumi.export("workspace_id", workspace.workspace.id)
    pulumi.export("endpoint_identity_id", as_endpoint.identity.id)


def _watch(
    settings: EnvironmentSettings, place: Place, workspace: Reference, hub: Provided, opts: pulumi.ResourceOptions
) -> None:
    """Alerts and the budget, and who hears of them: the team, or the hub's people where it names nobody."""
    hears = hub.action_group
    if settings.alert_emails:
        notified = NotificationsArgs(place, f"ml-{settings.team}", settings.alert_emails)
        hears = Notifications("notifications", notified, opts).action_group
    MetricAlerts("alerts", MetricAlertsArgs(place, METRICS, workspace, hears), opts)
    QueryAlerts("query-alerts", QueryAlertsArgs(place, ACCESS_DENIED + ENDPOINTS, hears), opts)
    # Who gave access to themselves should not be the only one to hear of it.
    hear = [hub.action_group] if hears is hub.action_group else [hears, hub.action_group]
    ActivityAlert("activity-alert", ActivityAlertArgs(place, ACCESS_CHANGED, hear), opts)
    if settings.budget is not None:
        Budget("budget", BudgetArgs(place, settings.budget, hears), opts)


def _image_builder(clusters: Sequence[ClusterSettings]) -> str | None:
    """The cluster that builds images: the first whose nodes nobody takes away in the middle of it."""
    lasting = [cluster.name for cluster in clusters if not cluster.low_priority]
    return lasting[0] if lasting else None


def _joins_registry(mode: Mode, settings: EnvironmentSettings) -> bool:
    """Whether the managed network gets a private endpoint to the shared model registry."""
    return mode.approved_only or (mode.managed and settings.networking.registry_access == "private")


def _customer_key(settings: CustomerKeySettings, place: Place, opts: pulumi.ResourceOptions) -> CustomerKey:
    """The organization's key, and an identity of ours that may use it."""
    user = Identity("key-identity", IdentityArgs(place, "key", origin=settings.origin), opts)
    vault: dict[Target, Reference] = {"customer's vault": Reference(settings.vault_id)}
    args = AccessArgs(user.principal, CUSTOMER_KEY, vault, place.names, settings.origin)
    rights = Access("key-access", args, opts).assignments
    return CustomerKey(settings.vault_id, settings.key, user.identity, user.client_id, rights)


def _outbound(
    settings: EnvironmentSettings,
    place: Place,
    mode: Mode,
    targets: Mapping[Target, Reference],
    opts: pulumi.ResourceOptions,
) -> list[pulumi.Resource]:
    """What jobs reach from the managed network, beside what Azure ML itself adds: rules to wait for."""
    networking = settings.networking
    needed = []
    # Batch endpoints and parallel jobs hand out their work through a queue and a table.
    if not mode.inbound("storage", networking.allow_ips).everywhere:
        needed += [Resource(f"storage-{group}", targets["storage"], group) for group in ("queue", "table")]
    if _joins_registry(mode, settings):
        needed.append(Resource("model-registry", targets["model registry"], "amlregistry"))
    # Who may reach the whole internet needs no rule for a part of it.
    rules = [rule for rule in networking.outbound if mode.approved_only or rule.kind == "private_endpoint"]
    if not (needed or rules):
        return []
    return Outbound("outbound", OutboundArgs(place, targets["workspace"], needed, rules), opts).rules


def _people(
    settings: EnvironmentSettings, names: Names, targets: Mapping[Target, Reference], opts: pulumi.ResourceOptions
) -> None:
    """What the team's people, and the platform's, may do here."""
    for people in settings.groups:
        own = SELF_SERVICE.get(people.persona, ()) if settings.self_service else ()
        shared = SHARED.get((people.persona, settings.people), ()) if people.shares else ()
        entitlements = (*PEOPLE[people.persona, settings.people], *own, *shared)
        Access(
            f"people-{people.persona.replace('_', '-')}",
            AccessArgs(people_of(people), entitlements, targets, names, people.origin, people.eligible),
            opts,
        )


def _delivery(
    settings: EnvironmentSettings, place: Place, targets: Mapping[Target, Reference], opts: pulumi.ResourceOptions
) -> None:
    """The identities that projects' CI acts as: one that deploys here, and one that looks, for pull requests."""
    names = place.names
    for project in settings.projects:
        ci = Identity(
            f"ci-{project.name}",
            IdentityArgs(
                place,
                f"ci-{project.name}",
                federations=[project.federation] if project.federation is not None else [],
                origin=project.origin,
            ),
            opts,
        )
        Access(f"ci-{project.name}-access", AccessArgs(ci.principal, DELIVERY, targets, names, project.origin), opts)
        pulumi.export(f"ci_{project.name}_client_id", ci.client_id)
        if project.reader is not None:
            # Pull requests run code that nobody has reviewed: another identity, which cannot deploy.
            looks = Identity(
                f"pr-{project.name}",
                IdentityArgs(place, f"pr-{project.name}", [project.reader], project.origin),
                opts,
            )
            readable = AccessArgs(looks.principal, DELIVERY_READER, targets, names, project.origin)
            Access(f"pr-{project.name}-access", readable, opts)
            pulumi.export(f"pr_{project.name}_client_id", looks.client_id)
