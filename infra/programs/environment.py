"""An environment: one team's workspace in one environment, and everything around it."""

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
from infra.components.guardrails import Budget, BudgetArgs
from infra.components.identity import Identity, IdentityArgs
from infra.components.monitoring import (
    Diagnostics,
    DiagnosticsArgs,
    Insights,
    InsightsArgs,
    Notifications,
    NotificationsArgs,
)
from infra.components.place import ResourceGroup, ResourceGroupArgs
from infra.components.registries import ContainerRegistry, ContainerRegistryArgs
from infra.components.storage import Storage, StorageArgs
from infra.components.vault import Vault, VaultArgs
from infra.components.workspace import Workspace, WorkspaceArgs
from infra.naming import Names
from infra.programs.hub import provided
from infra.programs.subscription import in_subscription
from infra.reference import Reference
from infra.roles import (
    CLUSTER,
    DELIVERY,
    ENDPOINT,
    PEOPLE,
    SELF_SERVICE,
    SHARED,
    WORKSPACE_AFTER,
    WORKSPACE_BEFORE,
    WORKSPACE_MANAGED_NETWORK,
    Target,
)
from infra.settings import EnvironmentSettings


def environment(settings: EnvironmentSettings) -> None:
    """Declare an environment's resources."""
    opts = in_subscription(settings)
    managed = settings.network == "managed"
    names = Names(settings.organization, settings.tenant_id)
    hub = provided(names, settings.hub_subscription_id)

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
        ),
        opts,
    )
    place = group.place

    storage = Storage("storage", StorageArgs(place), opts)
    vault = Vault("vault", VaultArgs(place, settings.tenant_id), opts)
    images = ContainerRegistry("images", ContainerRegistryArgs(place, premium=managed), opts)
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
    before = WORKSPACE_BEFORE + (WORKSPACE_MANAGED_NETWORK if managed else ())
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
            network=settings.network,
            image_builder=settings.clusters[0].name if managed and settings.clusters else None,
            after=prepared.assignments,
        ),
        opts,
    )
    targets["workspace"] = workspace.workspace
    Access("workspace-self", AccessArgs(as_workspace.principal, WORKSPACE_AFTER, targets, names, settings.origin), opts)
    Access("cluster-access", AccessArgs(as_cluster.principal, CLUSTER, targets, names, settings.origin), opts)
    Access("endpoint-access", AccessArgs(as_endpoint.principal, ENDPOINT, targets, names, settings.origin), opts)
    for cluster in settings.clusters:
        Cluster(
            f"cluster-{cluster.name}",
            ClusterArgs(place, workspace.workspace, as_cluster.identity, cluster, settings.network),
            opts,
        )

    for people in settings.groups:
        own = SELF_SERVICE.get(people.persona, ()) if settings.self_service else ()
        shared = SHARED.get((people.persona, settings.people), ()) if people.shares else ()
        entitlements = (*PEOPLE[people.persona, settings.people], *own, *shared)
        Access(
            f"people-{people.persona.replace('_', '-')}",
            AccessArgs(people_of(people), entitlements, targets, names, people.origin, people.eligible),
            opts,
        )
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

    sources = {
        "workspace": workspace.workspace,
        "storage": storage.account,
        "vault": vault.vault,
        "images": images.registry,
    }
    Diagnostics("diagnostics", DiagnosticsArgs(place, sources, hub.logs), opts)
    hears = hub.action_group
    if settings.alert_emails:
        notified = NotificationsArgs(place, f"ml-{settings.team}", settings.alert_emails)
        hears = Notifications("notifications", notified, opts).action_group
    MetricAlerts("alerts", MetricAlertsArgs(place, METRICS, workspace.workspace, hears), opts)
    QueryAlerts("query-alerts", QueryAlertsArgs(place, ACCESS_DENIED + ENDPOINTS, hears), opts)
    # Who gave access to themselves should not be the only one to hear of it.
    hear = [hub.action_group] if hears is hub.action_group else [hears, hub.action_group]
    ActivityAlert("activity-alert", ActivityAlertArgs(place, ACCESS_CHANGED, hear), opts)
    if settings.budget is not None:
        Budget("budget", BudgetArgs(place, settings.budget, hears), opts)
    pulumi.export("resource_group", place.group.name)
    pulumi.export("workspace", workspace.workspace.name)
    pulumi.export("workspace_id", workspace.workspace.id)
    pulumi.export("endpoint_identity_id", as_endpoint.identity.id)
