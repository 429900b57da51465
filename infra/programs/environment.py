"""The program of an environment: one team's workspace, and everything around it."""

from collections.abc import Mapping, Sequence

import pulumi

from infra.components import access, alerts, guardrails, monitoring
from infra.components.context import StackContext, create_resource_group, in_subscription
from infra.components.workspace import (
    attach_kubernetes,
    create_cluster,
    create_instance,
    create_outbound_rules,
    default_container,
)
from infra.hub import Hub, hub_of
from infra.programs.datastores import approve_connections, create_datastores
from infra.programs.workspace import (
    WorkspaceResources,
    connects_to_registry,
    create_workspace_resources,
    referenced_workspace,
)
from infra.reference import Reference
from infra.settings import EnvironmentSettings, Federation, NewVnet, OutboundSettings, SharedGroupSettings
from infra.tables.alerts import ACCESS_CHANGED, ACCESS_DENIED, ACCESS_OPERATIONS, ENDPOINT_ALERTS, METRIC_ALERTS
from infra.tables.network_modes import MODES
from infra.tables.outbound_rules import APPROVED, required_rules
from infra.tables.private_endpoints import Endpoint
from infra.tables.roles import IDENTITIES, PEOPLE, SELF_SERVICE, SHARED, Entitlement, Target


def create_environment(settings: EnvironmentSettings) -> None:
    """Create an environment's resources."""
    opts = in_subscription("azure", settings.subscription_id, settings.tenant_id)
    hub = hub_of(settings)
    context = create_resource_group(
        "group",
        settings=settings,
        name_parts=(settings.team, settings.environment),
        imported=settings.adopted.ids if settings.adopted is not None and settings.referenced is None else {},
        opts=opts,
    )
    resources = (
        create_workspace_resources(settings, context, hub, opts)
        if settings.referenced is None
        else referenced_workspace(settings.referenced)
    )
    cluster_identity = access.Identity("cluster-identity", context=context, purpose="cluster", opts=opts)
    endpoint_identity = access.Identity("endpoint-identity", context=context, purpose="endpoint", opts=opts)
    targets: dict[Target, Reference] = {
        "resource group": context.group,
        "cluster identity": cluster_identity.identity,
        "endpoint identity": endpoint_identity.identity,
        "model registry": Reference(hub.model_registry_id),
        **resources.parts,
    }

    def assign(
        name: str,
        principal: access.Principal,
        entitlements: Sequence[Entitlement],
        origin: str = settings.origin,
        *,
        eligible: bool = False,
    ) -> None:
        access.create_role_assignments(
            name,
            principal=principal,
            entitlements=entitlements,
            targets=targets,
            names=context.names,
            origin=origin,
            eligible=eligible,
            opts=opts,
        )

    # An existing workspace may have no container registry.
    assign("cluster-access", cluster_identity.principal, [role for role in IDENTITIES["cluster"] if role.on in targets])
    assign(
        "endpoint-access", endpoint_identity.principal, [role for role in IDENTITIES["endpoint"] if role.on in targets]
    )
    container = default_container(resources.workspace, targets["storage"])
    if container is not None:
        targets["default container"] = container
        assign("endpoint-data", endpoint_identity.principal, IDENTITIES["endpoint, data collector"])
    required = _required_rules(settings)
    rules = _create_outbound_rules(
        settings, context, targets, required, approve_connections(settings, context, resources.principal, opts), opts
    )
    create_datastores(settings, context, targets, cluster_identity, endpoint_identity, resources.principal, opts)
    _create_compute(settings, context, resources, targets, list(rules.values()), opts)
    for group in settings.groups:
        self_service = SELF_SERVICE.get(group.persona, ()) if settings.self_service else ()
        entitlements = (*PEOPLE[group.persona, settings.people], *self_service)
        name = f"people-{group.persona.replace('_', '-')}"
        assign(name, access.group_principal(group), entitlements, group.origin, eligible=group.eligible)
    for object_id, groups in _shared_groups(settings).items():
        # A group may work in one environment and review in another. The name contains only the group, because the role
        # can stay the same when the persona changes.
        entitlements = tuple(dict.fromkeys(role for group in groups for role in SHARED[group.persona, group.people]))
        eligible = all(group.eligible for group in groups)
        name = f"shared-{object_id}"
        assign(name, access.group_principal(groups[0]), entitlements, groups[0].origin, eligible=eligible)
    for project in settings.projects:
        identities: list[tuple[str, Sequence[Entitlement], Federation | None]] = [
            ("ci", IDENTITIES["ci"], project.federation)
        ]
        if project.reader is not None:
            # Pull requests run code before its review: with another identity, which cannot deploy.
            identities.append(("pr", IDENTITIES["ci of pull requests"], project.reader))
        for prefix, roles, federation in identities:
            name = f"{prefix}-{project.name}"
            identity = access.Identity(
                name, context=context, purpose=name, federation=federation, origin=project.origin, opts=opts
            )
            assign(f"{name}-access", identity.principal, roles, project.origin)
            pulumi.export(f"{prefix}_{project.name}_client_id", identity.client_id)

    # The managed network connects to the same services, and Azure accepts one connection at a time.
    connected = [resources.workspace.resource, *(rules[name] for name in required)]
    sources = resources.diagnostic_sources | _create_network(
        settings, context, resources, targets, hub, connected, opts
    )
    monitoring.create_diagnostic_settings(
        "diagnostics", context=context, sources=sources, logs=Reference(hub.log_analytics_id), opts=opts
    )
    _create_alerts(settings, context, resources.workspace, hub, opts)
    if context.protect and settings.referenced is None:
        guardrails.create_locks("locks", context=context, locked=resources.lockable, opts=opts)
    pulumi.export("resource_group", context.group.name)
    pulumi.export("workspace", resources.workspace.name)
    pulumi.export("workspace_id", resources.workspace.id)
    pulumi.export("endpoint_identity_id", endpoint_identity.identity.id)


def _create_network(
    settings: EnvironmentSettings,
    context: StackContext,
    resources: WorkspaceResources,
    targets: Mapping[Target, Reference],
    hub: Hub,
    connected: Sequence[pulumi.Resource | None],
    opts: pulumi.ResourceOptions,
) -> dict[str, Reference]:
    """Create the private network, and add Application Insights to the hub's private link scope, where they are wanted.

    Returns the resources with logs or metrics, by the last part of the setting's name.

    Args:
        connected: What connects the managed network to the services of the workspace, if this stack creates it.
    """
    vnet, scoped = settings.networking.vnet, settings.networking.private_link_scope
    hub_opts = opts
    if scoped or isinstance(vnet, NewVnet):
        hub_opts = in_subscription("azure-hub", settings.hub_subscription_id, settings.tenant_id)
    insights = targets.get("application insights")
    if scoped and insights is not None and settings.referenced is None:
        monitoring.add_to_private_link_scope(
            "insights-in-scope",
            scope=Reference(hub.private_link_scope_id),
            scoped_name=context.name("scoped_resource"),
            resource=insights,
            opts=hub_opts,
        )
    if vnet is None or not MODES[settings.network].private_services(settings.networking.ci):
        return {}
    from infra.programs.environment_network import create_environment_network

    before = [one for one in connected if one is not None]
    return create_environment_network(
        settings, vnet, context, targets, hub, resources.principal, before, opts, hub_opts
    )


def _create_alerts(
    settings: EnvironmentSettings, context: StackContext, workspace: Reference, hub: Hub, opts: pulumi.ResourceOptions
) -> None:
    """Create the alerts and the budget. They notify the team, or the hub's action group if it has no addresses."""
    hub_group = Reference(hub.action_group_id)
    action_group = hub_group
    if settings.alert_emails:
        action_group = monitoring.create_action_group(
            "notifications", context=context, short_name=f"ml-{settings.team}", emails=settings.alert_emails, opts=opts
        )
    alerts.create_metric_alerts(
        "alerts", context=context, alerts=METRIC_ALERTS, workspace=workspace, action_group=action_group, opts=opts
    )
    alerts.create_query_alerts(
        "query-alerts", context=context, alerts=ACCESS_DENIED + ENDPOINT_ALERTS, action_group=action_group, opts=opts
    )
    alerts.create_activity_alert(
        "activity-alert",
        context=context,
        alert=ACCESS_CHANGED,
        operations=ACCESS_OPERATIONS,
        # The hub's group too: people who assign roles to themselves must not be the only recipients.
        action_groups=list(dict.fromkeys([action_group, hub_group])),
        opts=opts,
    )
    if settings.budget is not None:
        guardrails.create_budget(
            "budget", context=context, budget=settings.budget, action_group=action_group, opts=opts
        )


def _create_compute(
    settings: EnvironmentSettings,
    context: StackContext,
    resources: WorkspaceResources,
    targets: Mapping[Target, Reference],
    rules: Sequence[pulumi.Resource],
    opts: pulumi.ResourceOptions,
) -> None:
    """Create clusters and compute instances after the outbound rules, and attach Kubernetes clusters."""
    workspace, identity = resources.workspace, targets["cluster identity"]
    public_nodes = not MODES[settings.network].has_managed_network
    for cluster in settings.clusters:
        create_cluster(
            f"cluster-{cluster.name}",
            context=context,
            workspace=workspace,
            identity=identity,
            cluster=cluster,
            public_nodes=public_nodes,
            depends_on=rules,
            opts=opts,
        )
    for instance in settings.instances:
        create_instance(
            f"instance-{instance.name}",
            context=context,
            workspace=workspace,
            tenant_id=settings.tenant_id,
            instance=instance,
            public_node=public_nodes,
            depends_on=rules,
            opts=opts,
        )
    role_assignments: dict[str, list[pulumi.Resource]] = {}
    for attached in settings.kubernetes:
        cluster_id = attached.cluster_id.lower()
        # A cluster can be attached several times. The roles of an adopted workspace's identity stay as they are.
        if resources.principal is not None and cluster_id not in role_assignments:
            on: dict[Target, Reference] = {"kubernetes cluster": Reference(attached.cluster_id)}
            if attached.relay_id is not None:
                on["azure relay"] = Reference(attached.relay_id)
            role_assignments[cluster_id] = access.create_role_assignments(
                f"kubernetes-{attached.name}-access",
                principal=resources.principal,
                entitlements=(
                    *IDENTITIES["workspace, kubernetes"],
                    *(IDENTITIES["workspace, azure arc"] if attached.relay_id is not None else ()),
                ),
                targets=on,
                names=context.names,
                origin=attached.origin,
                opts=opts,
            )
        attach_kubernetes(
            f"kubernetes-{attached.name}",
            context=context,
            workspace=workspace,
            identity=identity,
            cluster=attached,
            role_assignments=role_assignments.get(cluster_id, ()),
            opts=opts,
        )


def _required_rules(settings: EnvironmentSettings) -> dict[str, Endpoint]:
    """The outbound rules that every managed network of the environment's mode needs, by name."""
    mode, networking = MODES[settings.network], settings.networking
    if settings.referenced is not None or not mode.has_managed_network:
        return {}
    return required_rules(
        mode.public_access("storage", networking.ci, networking.allow_ips),
        approved_only=mode.approved_outbound_only,
        shared_registry=connects_to_registry(settings),
    )


def _create_outbound_rules(
    settings: EnvironmentSettings,
    context: StackContext,
    targets: Mapping[Target, Reference],
    required: Mapping[str, Endpoint],
    approvals: Mapping[str, Sequence[pulumi.Resource]],
    opts: pulumi.ResourceOptions,
) -> dict[str, pulumi.Resource]:
    """Create the required outbound rules of the managed network, then the others. Returns them by name.

    Args:
        approvals: The roles with which the workspace's identity approves connections, by the id of the target.
    """
    mode = MODES[settings.network]
    approved_only = mode.approved_outbound_only
    own = settings.referenced is None  # a workspace that is only referred to gets the rules of the manifests only
    rules = [
        OutboundSettings(name=name, kind=kind, destination=destination, origin=settings.origin)
        for name, (kind, destination) in (APPROVED.items() if own and approved_only else ())
    ]
    # A network that reaches the whole internet needs no rule for a part of it.
    rules += [
        rule
        for rule in settings.networking.outbound
        if approved_only or (mode.has_managed_network and rule.kind == "private_endpoint")
    ]
    if not (required or rules):
        return {}
    return create_outbound_rules(
        "outbound",
        context=context,
        workspace=targets["workspace"],
        resources={name: (targets[endpoint.service], endpoint.group) for name, endpoint in required.items()},
        rules=rules,
        role_assignments=approvals,
        spark=settings.feature_store is not None,
        opts=opts,
    )


def _shared_groups(settings: EnvironmentSettings) -> dict[str, list[SharedGroupSettings]]:
    """The groups that get roles on what all teams share from this stack, by object id."""
    groups: dict[str, list[SharedGroupSettings]] = {}
    for group in settings.shared:
        groups.setdefault(group.object_id.lower(), []).append(group)
    return groups
