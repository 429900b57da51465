"""An environment: one team's workspace in one environment, and everything around it."""

from collections.abc import Mapping

import pulumi

from infra.components.access import Access, AccessArgs, people_of
from infra.components.alerts import (
    ActivityAlert,
    ActivityAlertArgs,
    MetricAlerts,
    MetricAlertsArgs,
    QueryAlerts,
    QueryAlertsArgs,
)
from infra.components.compute import Cluster, ClusterArgs, Instance, InstanceArgs, Kubernetes, KubernetesArgs
from infra.components.guardrails import Budget, BudgetArgs, Locks, LocksArgs
from infra.components.identity import Identity, IdentityArgs
from infra.components.monitoring import Diagnostics, DiagnosticsArgs, Notifications, NotificationsArgs
from infra.components.outbound import Outbound, OutboundArgs, Resource
from infra.components.place import Place, ResourceGroup, ResourceGroupArgs
from infra.programs.core import Core, imported, joins_registry, made, referred
from infra.programs.hub import Provided, provided
from infra.programs.subscription import in_subscription
from infra.reference import Reference
from infra.settings import EnvironmentSettings, SharedGroupSettings
from infra.tables.alerts import ACCESS_CHANGED, ACCESS_DENIED, ENDPOINTS, METRICS
from infra.tables.names import Names
from infra.tables.network_modes import Mode, mode_of
from infra.tables.roles import (
    CLUSTER,
    DELIVERY,
    DELIVERY_READER,
    ENDPOINT,
    KUBERNETES,
    KUBERNETES_RELAY,
    PEOPLE,
    SELF_SERVICE,
    SHARED,
    Target,
)


def environment(settings: EnvironmentSettings) -> None:
    """Declare an environment's resources."""
    opts = in_subscription(settings)
    mode = mode_of(settings.network, settings.networking.ci)
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
            imported(settings.adopted),
        ),
        opts,
    )
    place = group.place

    core = made(settings, place, mode, hub, opts) if settings.referred is None else referred(settings.referred)
    as_cluster = Identity("cluster-identity", IdentityArgs(place, "cluster"), opts)
    as_endpoint = Identity("endpoint-identity", IdentityArgs(place, "endpoint"), opts)
    targets: dict[Target, Reference] = {
        "resource group": place.group,
        "cluster identity": as_cluster.identity,
        "endpoint identity": as_endpoint.identity,
        "model registry": hub.models,
        **core.targets,
    }
    for word, identity, entitlements in (("cluster", as_cluster, CLUSTER), ("endpoint", as_endpoint, ENDPOINT)):
        # A workspace that is adopted may have no container registry.
        possible = [entitlement for entitlement in entitlements if entitlement.on in targets]
        args = AccessArgs(identity.principal, possible, targets, names, settings.origin)
        Access(f"{word}-access", args, opts)
    _compute(settings, place, mode, core, targets, opts)
    _people(settings, names, targets, opts)
    _shared(settings, names, targets, opts)
    _delivery(settings, place, targets, opts)

    sources = core.reporting
    if mode.private and settings.networking.vnet is not None:
        from infra.programs.private import private_network

        sources |= private_network(settings, place, mode, targets, hub, core.principal, opts)
    Diagnostics("diagnostics", DiagnosticsArgs(place, sources, hub.logs), opts)
    _watch(settings, place, core.workspace, hub, opts)
    if place.protect and settings.referred is None:
        Locks("locks", LocksArgs(place, core.lockable), opts)
    pulumi.export("resource_group", place.group.name)
    pulumi.export("workspace", core.workspace.name)
    pulumi.export("workspace_id", core.workspace.id)
    pulumi.export("endpoint_identity_id", as_endpoint.identity.id)


def _compute(
    settings: EnvironmentSettings,
    place: Place,
    mode: Mode,
    core: Core,
    targets: Mapping[Target, Reference],
    opts: pulumi.ResourceOptions,
) -> None:
    """Clusters, people's instances and attached Kubernetes clusters, once it is settled what jobs reach."""
    as_cluster = targets["cluster identity"]
    approved = _outbound(settings, place, mode, targets, opts) if mode.managed else []
    for cluster in settings.clusters:
        args = ClusterArgs(place, core.workspace, as_cluster, cluster, public_nodes=not mode.managed, after=approved)
        Cluster(f"cluster-{cluster.name}", args, opts)
    for instance in settings.instances:
        as_its_owner = InstanceArgs(
            place, core.workspace, settings.tenant_id, instance, public_node=not mode.managed, after=approved
        )
        Instance(f"instance-{instance.name}", as_its_owner, opts)
    _kubernetes(settings, place, core, targets, opts)


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


def _outbound(
    settings: EnvironmentSettings,
    place: Place,
    mode: Mode,
    targets: Mapping[Target, Reference],
    opts: pulumi.ResourceOptions,
) -> list[pulumi.Resource]:
    """What jobs reach from the managed network, beside what Azure ML itself adds: rules to wait for."""
    networking = settings.networking
    # Who may reach the whole internet needs no rule for a part of it.
    rules = [rule for rule in networking.outbound if mode.approved_only or rule.kind == "private_endpoint"]
    needed = _needed(settings, mode, targets) if settings.referred is None else []
    if not (needed or rules):
        return []
    return Outbound("outbound", OutboundArgs(place, targets["workspace"], needed, rules), opts).rules


def _needed(settings: EnvironmentSettings, mode: Mode, targets: Mapping[Target, Reference]) -> list[Resource]:
    """What the platform itself reaches from a managed network of ours."""
    needed = []
    inbound = mode.inbound("storage", settings.networking.allow_ips)
    # Batch endpoints and parallel jobs hand out their work through a queue and a table.
    if not inbound.everywhere:
        needed += [Resource(f"storage-{group}", targets["storage"], group) for group in ("queue", "table")]
    if inbound.public and inbound.ips:
        # Azure ML itself makes endpoints only to what has no public access, and jobs come from no address of a list.
        # https://learn.microsoft.com/azure/machine-learning/how-to-managed-network#list-of-required-rules
        needed += [Resource(f"storage-{group}", targets["storage"], group) for group in ("blob", "file")]
        needed.append(Resource("key-vault", targets["key vault"], "vault"))
        needed.append(Resource("container-registry", targets["container registry"], "registry"))
    if joins_registry(mode, settings):
        needed.append(Resource("model-registry", targets["model registry"], "amlregistry"))
    return needed


def _kubernetes(
    settings: EnvironmentSettings,
    place: Place,
    core: Core,
    targets: Mapping[Target, Reference],
    opts: pulumi.ResourceOptions,
) -> None:
    """Attached Kubernetes clusters, and what the workspace may do on each. One may be attached several times."""
    rights: dict[str, list[pulumi.Resource]] = {}
    for cluster in settings.kubernetes:
        name, given = f"kubernetes-{cluster.name}", cluster.cluster_id.lower()
        # Of a workspace that is adopted, the identity's rights are left as they are.
        if core.principal is not None and given not in rights:
            on: dict[Target, Reference] = {"kubernetes cluster": Reference(cluster.cluster_id)}
            if cluster.relay_id is not None:
                on["azure relay"] = Reference(cluster.relay_id)
            roles = (*KUBERNETES, *(KUBERNETES_RELAY if cluster.relay_id is not None else ()))
            access = AccessArgs(core.principal, roles, on, place.names, cluster.origin)
            rights[given] = Access(f"{name}-access", access, opts).assignments
        args = KubernetesArgs(place, targets["workspace"], targets["cluster identity"], cluster, rights.get(given, ()))
        Kubernetes(name, args, opts)


def _people(
    settings: EnvironmentSettings, names: Names, targets: Mapping[Target, Reference], opts: pulumi.ResourceOptions
) -> None:
    """What the team's people, and the platform's, may do here."""
    for people in settings.groups:
        own = SELF_SERVICE.get(people.persona, ()) if settings.self_service else ()
        entitlements = (*PEOPLE[people.persona, settings.people], *own)
        Access(
            f"people-{people.persona.replace('_', '-')}",
            AccessArgs(people_of(people), entitlements, targets, names, people.origin, people.eligible),
            opts,
        )


def _shared(
    settings: EnvironmentSettings, names: Names, targets: Mapping[Target, Reference], opts: pulumi.ResourceOptions
) -> None:
    """What the team's people may do with what all teams share, in the one stack of the team that gives it."""
    by_group: dict[str, list[SharedGroupSettings]] = {}
    for people in settings.shared:
        by_group.setdefault(people.object_id.lower(), []).append(people)
    for object_id, known_as in by_group.items():
        # A group may work in one environment and review in another. It is called after itself alone: what it is to the
        # team may change, and the role be the same.
        entitlements = dict.fromkeys(held for one in known_as for held in SHARED[one.persona, one.people])
        first, eligible = known_as[0], all(one.eligible for one in known_as)
        args = AccessArgs(people_of(first), tuple(entitlements), targets, names, first.origin, eligible)
        Access(f"shared-{object_id}", args, opts)


def _delivery(
    settings: EnvironmentSettings, place: Place, targets: Mapping[Target, Reference], opts: pulumi.ResourceOptions
) -> None:
    """The identities that projects' CI acts as: one that deploys here, and one that looks, for pull requests."""
    names = place.names
    for project in settings.projects:
        ci = Identity(
            f"ci-{project.name}",
            IdentityArgs(place, f"ci-{project.name}", project.federation, project.origin),
            opts,
        )
        Access(f"ci-{project.name}-access", AccessArgs(ci.principal, DELIVERY, targets, names, project.origin), opts)
        pulumi.export(f"ci_{project.name}_client_id", ci.client_id)
        if project.reader is not None:
            # Pull requests run code that nobody has reviewed: another identity, which cannot deploy.
            looks = Identity(
                f"pr-{project.name}",
                IdentityArgs(place, f"pr-{project.name}", project.reader, project.origin),
                opts,
            )
            readable = AccessArgs(looks.principal, DELIVERY_READER, targets, names, project.origin)
            Access(f"pr-{project.name}-access", readable, opts)
            pulumi.export(f"pr_{project.name}_client_id", looks.client_id)
