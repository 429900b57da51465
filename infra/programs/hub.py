"""The hub: what all teams share."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi

from infra.components.access import Access, AccessArgs, CustomRoles, CustomRolesArgs, people_of
from infra.components.alerts import ActivityAlert, ActivityAlertArgs, QueryAlerts, QueryAlertsArgs
from infra.components.guardrails import (
    Budget,
    BudgetArgs,
    Locks,
    LocksArgs,
    PolicyAssignments,
    PolicyAssignmentsArgs,
)
from infra.components.identity import Identity, IdentityArgs
from infra.components.monitoring import (
    Activity,
    ActivityArgs,
    Diagnostics,
    DiagnosticsArgs,
    Logs,
    LogsArgs,
    Notifications,
    NotificationsArgs,
)
from infra.components.place import Place, ResourceGroup, ResourceGroupArgs
from infra.components.registries import ModelRegistry, ModelRegistryArgs
from infra.components.state import States, StatesArgs, StateStorage, StateStorageArgs
from infra.components.vault import Vault, VaultArgs
from infra.components.workbook import Workbook, WorkbookArgs
from infra.programs.subscription import in_subscription
from infra.reference import Reference, resource_group, subscription
from infra.settings import Federation, HubSettings, MadeVnet
from infra.tables.alerts import ACCESS_CHANGED, ACCESS_DENIED
from infra.tables.azure_policies import POLICIES
from infra.tables.names import Names
from infra.tables.network_modes import Inbound
from infra.tables.private_endpoints import ZONES
from infra.tables.roles import (
    CUSTOM_ROLES,
    HUB_PEOPLE,
    PLATFORM_DEPLOYER,
    PLATFORM_DEPLOYER_ON_HUB,
    PLATFORM_DEPLOYER_ON_LOGS,
    PLATFORM_DEPLOYER_ON_NETWORK,
    PLATFORM_DEPLOYER_ON_STATES,
    PLATFORM_DEPLOYER_ON_ZONES,
    PLATFORM_READER,
    Entitlement,
    Target,
)

_WORD = "hub"


def hub(settings: HubSettings) -> None:
    """Declare the hub's resources."""
    opts = in_subscription(settings)
    names = Names(settings.organization, settings.tenant_id, settings.generation)
    group = ResourceGroup(
        "hub",
        ResourceGroupArgs(
            settings.subscription_id,
            settings.location,
            settings.tags,
            names,
            (_WORD,),
            settings.protect,
            settings.origin,
        ),
        opts,
    )
    place = group.place
    logs = _logs(settings, place, opts)
    notifications = Notifications("notifications", NotificationsArgs(place, "ml-platform", settings.alert_emails), opts)
    models = ModelRegistry(
        "models", ModelRegistryArgs(place, settings.registry_locations, settings.registry_access), opts
    )
    inbound = Inbound(public=not settings.closed)
    state = StateStorage("state", StateStorageArgs(place, inbound), opts)
    vault = Vault("vault", VaultArgs(place, settings.tenant_id, inbound), opts)
    own = States("states", StatesArgs(place, place.words, state, vault.vault), opts)
    states = {
        name: States(f"states-{name}", StatesArgs(place, (*place.words, name), state, vault.vault), opts)
        for name in settings.environments
    }
    targets: dict[Target, Reference] = {
        "resource group": place.group,
        "model registry": models.registry,
        "storage": state.account,
        "key vault": vault.vault,
    }
    sources = {
        "models": models.registry,
        "state": state.account,
        "vault": vault.vault,
    }
    if settings.log_analytics_id is None:
        sources["logs"], targets["log analytics"] = logs, logs
    if settings.private or settings.vnet is not None:
        from infra.programs.shared import shared_network

        sources |= shared_network(settings, place, models, targets, opts)
    Diagnostics("diagnostics", DiagnosticsArgs(place, sources, logs), opts)
    subscriptions = [subscription.id for subscription in settings.subscriptions]
    Activity("activity", ActivityArgs(place, subscriptions, logs), opts)
    QueryAlerts("query-alerts", QueryAlertsArgs(place, ACCESS_DENIED, notifications.action_group), opts)
    ActivityAlert("activity-alert", ActivityAlertArgs(place, ACCESS_CHANGED, [notifications.action_group]), opts)
    Workbook("workbook", WorkbookArgs(place, logs), opts)
    own_roles = CustomRoles(
        "roles", CustomRolesArgs(CUSTOM_ROLES, names, settings.subscription_id, subscriptions), opts
    )
    if isinstance(settings.vnet, MadeVnet):
        targets["hub network"] = sources["network"]
    for people in settings.groups:
        Access(
            f"people-{people.persona.replace('_', '-')}",
            AccessArgs(people_of(people), HUB_PEOPLE[people.persona], targets, names, people.origin, people.eligible),
            opts,
        )
    if place.protect:
        locked = {"models": models.registry, "state": state.account, "vault": vault.vault}
        Locks("locks", LocksArgs(place, locked), opts)
    judged = PolicyAssignmentsArgs(place, POLICIES, settings.policies, settings.subscriptions)
    PolicyAssignments("policies", judged, opts)
    _platform_ci(settings, place, targets, states, own_roles, opts)
    if settings.budget is not None:
        Budget("budget", BudgetArgs(place, settings.budget, notifications.action_group), opts)
    pulumi.export("log_analytics_id", logs.id)
    pulumi.export("model_registry_id", models.registry.id)
    pulumi.export("action_group_id", notifications.action_group.id)
    pulumi.export("state_backend", own.backend)
    pulumi.export("secrets_provider", own.secrets_provider)
    for name, kept in states.items():
        pulumi.export(f"state_backend_{name}", kept.backend)
        pulumi.export(f"secrets_provider_{name}", kept.secrets_provider)


def _logs(settings: HubSettings, place: Place, opts: pulumi.ResourceOptions) -> Reference:
    """The Log Analytics workspace that everything reports to: the organization's, or one of ours."""
    if settings.log_analytics_id is not None:
        return Reference(settings.log_analytics_id)
    if settings.log_retention_days is None:
        raise ValueError("nothing says how long the hub's logs are kept")
    return Logs("logs", LogsArgs(place, settings.log_retention_days), opts).workspace


def _platform_ci(
    settings: HubSettings,
    place: Place,
    targets: Mapping[Target, Reference],
    states: Mapping[str, States],
    own_roles: CustomRoles,
    opts: pulumi.ResourceOptions,
) -> None:
    """The identities of the platform repository's own CI: one that looks, and one for each environment it deploys."""

    def made(purpose: str, federation: Federation | None, origin: str) -> Identity:
        identity = Identity(purpose, IdentityArgs(place, purpose, federation, origin), opts)
        pulumi.export(f"{purpose.replace('-', '_')}_client_id", identity.client_id)
        return identity

    def grant(who: Identity, name: str, entitlements: Sequence[Entitlement], on: Mapping[Target, Reference]) -> None:
        args = AccessArgs(who.principal, entitlements, on, place.names, settings.origin, after=own_roles.definitions)
        Access(name, args, opts)

    reader = made("platform-reader", settings.reader, settings.origin)
    for each in (held.id for held in settings.subscriptions):
        grant(reader, f"platform-reader-in-{each}", PLATFORM_READER, {"subscription": subscription(each)})
    for deployer in settings.deployers:
        # Who may deploy one environment can log in to no other: a forge asks for approvals by environment.
        purpose = f"platform-deployer-{deployer.environment}"
        who = made(purpose, deployer.federation, deployer.origin)
        for each in deployer.subscriptions:
            grant(who, f"{purpose}-in-{each}", PLATFORM_DEPLOYER, {"subscription": subscription(each)})
        kept = states[deployer.environment]
        on_states: dict[Target, Reference] = {"state container": kept.container, "secrets key": kept.key}
        grant(who, f"{purpose}-on-states", PLATFORM_DEPLOYER_ON_STATES, on_states)
        grant(who, f"{purpose}-on-hub", PLATFORM_DEPLOYER_ON_HUB, targets)
        if "log analytics" in targets:
            grant(who, f"{purpose}-on-logs", PLATFORM_DEPLOYER_ON_LOGS, targets)
        if deployer.private and "hub network" in targets:
            grant(who, f"{purpose}-on-network", PLATFORM_DEPLOYER_ON_NETWORK, targets)
        if deployer.private and settings.dns == "hub":
            grant(who, f"{purpose}-on-zones", PLATFORM_DEPLOYER_ON_ZONES, targets)


@dataclass(frozen=True)
class Provided:
    """What other stacks take from the hub. Its network and its DNS zones are there where the settings say so."""

    logs: Reference
    action_group: Reference
    models: Reference
    vnet: Reference
    zones: Mapping[str, Reference]


def provided(names: Names, subscription_id: str, log_analytics_id: str | None) -> Provided:
    """What the hub in that subscription makes for other stacks, by the naming table: no state is read.

    Args:
        log_analytics_id: Where the logs are the organization's: their id.
    """
    group = resource_group(subscription_id, names.of("resource_group", _WORD))
    logs = group.within(f"providers/Microsoft.OperationalInsights/workspaces/{names.of('log_analytics', _WORD)}", None)
    return Provided(
        logs=logs if log_analytics_id is None else Reference(log_analytics_id),
        action_group=group.within(f"providers/Microsoft.Insights/actionGroups/{names.of('action_group', _WORD)}", None),
        models=group.within(
            f"providers/Microsoft.MachineLearningServices/registries/{names.of('model_registry', _WORD)}", None
        ),
        vnet=group.within(f"providers/Microsoft.Network/virtualNetworks/{names.of('virtual_network', _WORD)}", None),
        zones={zone: group.within(f"providers/Microsoft.Network/privateDnsZones/{zone}", None) for zone in ZONES},
    )
