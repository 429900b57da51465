"""The program of the hub: what all teams share."""

from collections.abc import Mapping, Sequence

import pulumi

from infra.components import access, alerts, guardrails, monitoring, registries, storage, workbook
from infra.components.context import StackContext, create_resource_group, in_subscription
from infra.hub import hub_of
from infra.reference import Reference
from infra.settings import HUB, Federation, HubSettings, NewVnet
from infra.tables.alerts import ACCESS_CHANGED, ACCESS_DENIED, ACCESS_OPERATIONS
from infra.tables.azure_policies import POLICIES
from infra.tables.network_modes import PublicAccess
from infra.tables.roles import (
    CUSTOM_ROLES,
    HUB_PEOPLE,
    PLATFORM_DEPLOYER,
    PLATFORM_DEPLOYER_ON,
    PLATFORM_READER,
    Entitlement,
    Target,
)


def create_hub(settings: HubSettings) -> None:
    """Create the hub's resources."""
    opts = in_subscription("azure", settings.subscription_id, settings.tenant_id)
    hub = hub_of(settings)
    context = create_resource_group("hub", settings=settings, name_parts=(HUB,), opts=opts)
    logs = _log_analytics(settings, context, opts)
    action_group = monitoring.create_action_group(
        "notifications", context=context, short_name="ml-platform", emails=settings.alert_emails, opts=opts
    )
    models = registries.ModelRegistry(
        "models", context=context, locations=settings.registry_locations, public=settings.public_registry, opts=opts
    )
    public = PublicAccess(enabled=not settings.private_state)
    account, blobs = storage.create_state_storage(
        "state", context=context, account_name=hub.state_store().account, access=public, opts=opts
    )
    vault = storage.create_key_vault("vault", context=context, tenant_id=settings.tenant_id, access=public, opts=opts)
    pulumi.export("log_analytics_id", logs.id)
    pulumi.export("model_registry_id", models.registry.id)
    pulumi.export("action_group_id", action_group.id)
    state_targets: dict[str, Mapping[Target, Reference]] = {}
    for environment in (None, *settings.environments):
        store = hub.state_store(environment)
        container, key = storage.create_state_store(
            f"states-{environment}" if environment else "states",
            context=context,
            store=store,
            account=account,
            blobs=blobs,
            vault=vault,
            opts=opts,
        )
        suffix = f"_{environment}" if environment else ""
        pulumi.export(f"state_backend{suffix}", store.backend_url)
        pulumi.export(f"secrets_provider{suffix}", store.secrets_provider)
        if environment:
            state_targets[environment] = {"state container": container, "secrets key": key}
    targets: dict[Target, Reference] = {
        "resource group": context.group,
        "model registry": models.registry,
        "storage": account,
        "key vault": vault,
    }
    locked = {"models": models.registry, "state": account, "vault": vault}
    sources = dict(locked)
    if settings.log_analytics_id is None:
        sources["logs"], targets["log analytics"] = logs, logs
    if settings.private_endpoints or settings.vnet is not None:
        from infra.programs.hub_network import create_hub_network

        if settings.private_link_scope is not None:
            targets["private link scope"] = monitoring.create_private_link_scope(
                "monitor-scope", context=context, access=settings.private_link_scope, logs=logs, opts=opts
            )
        sources |= create_hub_network(settings, hub, context, models, targets, logs, opts)
    monitoring.create_diagnostic_settings("diagnostics", context=context, sources=sources, logs=logs, opts=opts)
    monitoring.create_activity_log_export(
        "activity", context=context, subscriptions=list(settings.subscriptions), logs=logs, opts=opts
    )
    alerts.create_query_alerts(
        "query-alerts", context=context, alerts=ACCESS_DENIED, action_group=action_group, opts=opts
    )
    alerts.create_activity_alert(
        "activity-alert",
        context=context,
        alert=ACCESS_CHANGED,
        operations=ACCESS_OPERATIONS,
        action_groups=[action_group],
        opts=opts,
    )
    workbook.create_workbook("workbook", context=context, logs=logs, opts=opts)
    custom_roles = access.create_custom_roles(
        "roles",
        roles=CUSTOM_ROLES,
        names=context.names,
        subscription_id=settings.subscription_id,
        assignable_in=list(settings.subscriptions),
        opts=opts,
    )
    if isinstance(settings.vnet, NewVnet):
        targets["hub network"] = sources["network"]
    for group in settings.groups:
        access.create_role_assignments(
            f"people-{group.persona.replace('_', '-')}",
            principal=access.group_principal(group),
            entitlements=HUB_PEOPLE[group.persona],
            targets=targets,
            names=context.names,
            origin=group.origin,
            eligible=group.eligible,
            opts=opts,
        )
    if context.protect:
        guardrails.create_locks("locks", context=context, locked=locked, opts=opts)
    _create_policies(settings, context, opts)
    _create_platform_ci(settings, context, targets, state_targets, custom_roles, opts)
    if settings.budget is not None:
        guardrails.create_budget(
            "budget", context=context, budget=settings.budget, action_group=action_group, opts=opts
        )


def _create_policies(settings: HubSettings, context: StackContext, opts: pulumi.ResourceOptions) -> None:
    """Assign the Azure policies, and turn Microsoft Defender plans on or off, in all subscriptions."""
    guardrails.create_policy_assignments(
        "policies",
        context=context,
        policies=POLICIES,
        effects=settings.policies,
        subscriptions=settings.subscriptions,
        opts=opts,
    )
    if settings.defender:
        guardrails.create_defender_plans(
            "defender", context=context, plans=settings.defender, subscriptions=list(settings.subscriptions), opts=opts
        )


def _log_analytics(settings: HubSettings, context: StackContext, opts: pulumi.ResourceOptions) -> Reference:
    """The Log Analytics workspace of all stacks: the organization's, or a new one."""
    if settings.log_analytics_id is not None:
        return Reference(settings.log_analytics_id)
    if settings.log_retention_days is None:
        raise ValueError("log_retention_days is required for a Log Analytics workspace of the hub")
    return monitoring.create_log_analytics(
        "logs", context=context, retention_days=settings.log_retention_days, opts=opts
    )


def _create_platform_ci(
    settings: HubSettings,
    context: StackContext,
    targets: Mapping[Target, Reference],
    state_targets: Mapping[str, Mapping[Target, Reference]],
    custom_roles: Sequence[pulumi.Resource],
    opts: pulumi.ResourceOptions,
) -> None:
    """Create the identities of the platform repository's CI: a reader, and a deployer for each environment."""

    def create_identity(purpose: str, federation: Federation | None, origin: str) -> access.Identity:
        identity = access.Identity(
            purpose, context=context, purpose=purpose, federation=federation, origin=origin, opts=opts
        )
        pulumi.export(f"{purpose.replace('-', '_')}_client_id", identity.client_id)
        return identity

    def assign(
        identity: access.Identity, name: str, entitlements: Sequence[Entitlement], on: Mapping[Target, Reference]
    ) -> None:
        access.create_role_assignments(
            name,
            principal=identity.principal,
            entitlements=entitlements,
            targets=on,
            names=context.names,
            origin=settings.origin,
            depends_on=custom_roles,
            opts=opts,
        )

    def assign_in_subscriptions(
        identity: access.Identity, name: str, entitlements: Sequence[Entitlement], subscriptions: Sequence[str]
    ) -> None:
        for subscription in subscriptions:
            on: dict[Target, Reference] = {"subscription": Reference(f"/subscriptions/{subscription}")}
            assign(identity, f"{name}-in-{subscription}", entitlements, on)

    reader = create_identity("platform-reader", settings.reader, settings.origin)
    assign_in_subscriptions(reader, "platform-reader", PLATFORM_READER, list(settings.subscriptions))
    for deployer in settings.deployers:
        # One identity for each environment, because forges ask for approvals by environment.
        name = f"platform-deployer-{deployer.environment}"
        identity = create_identity(name, deployer.federation, deployer.origin)
        assign_in_subscriptions(identity, name, PLATFORM_DEPLOYER, deployer.subscriptions)
        assigned = {
            "states": True,
            "hub": True,
            "logs": "log analytics" in targets,
            "network": deployer.private_endpoints and "hub network" in targets,
            "zones": deployer.private_endpoints and settings.dns == "hub",
            "registry": deployer.private_endpoints and not settings.public_registry,
            "private link scope": "private link scope" in targets,
        }
        on = {**targets, **state_targets[deployer.environment]}
        for part, entitlements in PLATFORM_DEPLOYER_ON.items():
            if assigned[part]:
                assign(identity, f"{name}-on-{part}".replace(" ", "-"), entitlements, on)
