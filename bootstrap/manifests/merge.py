"""From manifests to the settings of stacks.

The layers are merged from the outermost to the innermost: built-in values, the organization, the environment, the team,
the team's environment. The innermost value wins, and keeps the line that it comes from.
"""

from collections.abc import Sequence

from bootstrap.errors import Position
from bootstrap.manifests import compute, data, network
from bootstrap.manifests.layers import Layers, Manifests, Sourced, innermost, tags
from bootstrap.manifests.schema import PULL_REQUEST, Adopt
from infra.settings import (
    AdoptedSettings,
    BudgetSettings,
    CustomerKeySettings,
    DeployerSettings,
    EnvironmentSettings,
    ExistingSubnet,
    Federation,
    GroupSettings,
    HubSettings,
    NewVnet,
    ProjectSettings,
    SharedGroupSettings,
    StackSettings,
)
from infra.tables.azure_policies import POLICIES
from infra.tables.network_modes import Network
from infra.tables.regions import has_zones
from infra.tables.roles import SHARED, Entitlement, Persona


def stack_settings(manifests: Manifests) -> dict[str, StackSettings]:
    """The settings of every stack, by name: the hub first, then by ring, team and environment.

    What is missing or wrong is in `manifests.problems` afterwards; a stack that it concerns may not be in the result.
    """
    known = manifests.organization.environments
    environments = [
        settings
        for team, source in manifests.teams.items()
        for name in source.value.environments
        if name in known and (settings := _environment(manifests, team, name)) is not None
    ]
    hub = _hub(manifests, environments)
    created = [
        (settings.stack, innermost(manifests.layers(settings.team, settings.environment), "vnet"))
        for settings in environments
        if isinstance(settings.networking.vnet, NewVnet)
    ]
    network.check_overlaps(manifests, [("hub", manifests.platform.get("hub", "vnet")), *created])
    network.check_flow_logs(manifests, [stack for stack, _ in created])
    if hub is not None:
        environments = [_with_denials(settings, hub) for settings in environments]
    ordered = sorted(environments, key=lambda made: (known[made.environment].ring, made.team, made.environment))
    stacks: dict[str, StackSettings] = {hub.stack: hub} if hub is not None else {}
    return stacks | {settings.stack: settings for settings in data.with_groups(_with_shared_groups(ordered))}


def _hub(manifests: Manifests, environments: Sequence[EnvironmentSettings]) -> HubSettings | None:
    """The hub's settings for these environments."""
    manifest, source = manifests.organization, manifests.platform.get("hub")
    hub, layers = manifest.hub, manifests.layers()
    location = hub.location or manifest.location
    subscription = hub.subscription_id or manifest.subscription_id
    _report_missing(manifests, source.position, "the hub", location=location, subscription_id=subscription)
    budget = _budget(manifests, source.get("budget"), innermost(layers, "budget_start"), hub.alert_emails)
    vnet = network.hub_vnet(manifests)
    manifests.report(
        source.at("log_retention_days"),
        "hub.log_retention_days: log_analytics_id names a workspace that exists already and has its own.",
        "Leave log_retention_days out.",
        when=hub.log_analytics_id is not None and "log_retention_days" in hub.model_fields_set,
    )
    if location is None or subscription is None:
        return None
    return HubSettings(
        organization=manifest.organization,
        tenant_id=manifest.tenant_id,
        subscription_id=subscription,
        location=location,
        tags=tags(layers, team="hub"),
        protect=True,
        budget=budget,
        origin=manifests.origin(source.position),
        suppressions=manifests.suppressions(layers),
        log_retention_days=hub.log_retention_days if hub.log_analytics_id is None else None,
        log_analytics_id=hub.log_analytics_id,
        registry_locations=tuple(
            dict.fromkeys([location, *sorted(made.location for made in environments), *hub.registry_locations])
        ),
        alert_emails=tuple(hub.alert_emails),
        subscriptions=_subscriptions(subscription, environments),
        policies={policy.name: getattr(hub.policies, policy.name) or policy.default for policy in POLICIES},
        generation=hub.generation,
        groups=_platform_groups(manifests),
        dns=hub.dns,
        vnet=vnet,
        runners=network.runners(manifests),
        public_registry=network.public_registry(manifests),
        private_link_scope=network.private_link_scope(manifests),
        flow_log_days=hub.flow_log_days,
        traffic_analytics=hub.traffic_analytics,
        defender=hub.defender,
        private_endpoints=any(made.networking.vnet is not None for made in environments),
        linked_vnets=_existing_vnets(vnet, *(made.networking.vnet for made in environments)),
        environments=tuple(manifest.environments),
        deployers=_deployers(manifests, environments),
        reader=_federation(manifests, "platform", PULL_REQUEST),
    )


def _with_denials(settings: EnvironmentSettings, hub: HubSettings) -> EnvironmentSettings:
    """The settings with the policies that the hub assigns to the environment's subscription with the effect Deny."""
    modes = hub.subscriptions[settings.subscription_id]
    denied = (one.name for one in POLICIES if hub.policies[one.name] == "Deny" and one.applies_to(modes))
    return settings.model_copy(update={"denied": tuple(denied)})


def _environment(manifests: Manifests, team: str, name: str) -> EnvironmentSettings | None:
    """A team's settings in an environment, or None when something is missing, which is then reported."""
    manifest, stack = manifests.organization, f"{team}-{name}"
    source, layers = manifests.teams[team].get("environments", name), manifests.layers(team, name)
    own, at = source.value, source.position
    location, subscription = innermost(layers, "location"), innermost(layers, "subscription_id")
    _report_missing(manifests, at, stack, location=location.value, subscription_id=subscription.value)
    protected = innermost(layers, "protect").value
    feature_store = data.feature_store(manifests, source, layers)
    datastores = data.datastores(manifests, layers, own.adopt, feature_store)
    connections = data.connections(manifests, layers)
    stored = [*([feature_store] if feature_store is not None else []), *datastores]
    rules = [rule for one in stored for rule in one.outbound_rules]
    rules += [rule for one in connections for rule in one.outbound_rules]
    mode, networking = network.environment_network(manifests, stack, layers, at, rules, own.adopt)
    hub_subscription = manifest.hub.subscription_id or manifest.subscription_id
    emails = innermost(layers, "alert_emails").value
    budget = _budget(
        manifests, innermost(layers, "budget"), innermost(layers, "budget_start"), emails or manifest.hub.alert_emails
    )
    if location.value is None or subscription.value is None or hub_subscription is None:
        return None
    adopted = _adopted(manifests, source, subscription.value) if own.adopt is not None else None
    group_id = _group_id(manifests, layers, subscription.value) if adopted is None else None
    compute.check_names(manifests, layers)
    zone_redundant, replicas = _redundancy(manifests, layers, location.value) if adopted is None else (False, ())
    return EnvironmentSettings(
        organization=manifest.organization,
        tenant_id=manifest.tenant_id,
        subscription_id=subscription.value,
        location=location.value,
        tags=tags(layers, environment=name),
        protect=protected,
        budget=budget,
        origin=manifests.origin(at),
        suppressions=manifests.suppressions(layers),
        team=team,
        environment=name,
        ring=manifest.environments[name].ring,
        hub_subscription_id=hub_subscription,
        hub_generation=manifest.hub.generation,
        log_analytics_id=manifest.hub.log_analytics_id,
        network=mode,
        networking=networking,
        resource_group_id=group_id if adopted is None else _group_of(adopted.workspace_id),
        adopted=adopted,
        customer_key=_customer_key(manifests, layers) if adopted is None else None,
        people="read" if protected else "work",
        generation=own.generation,
        alert_emails=tuple(emails or ()),
        self_service=not protected and innermost(layers, "self_service").value,
        groups=_groups(manifests, team, name),
        clusters=compute.clusters(manifests, layers),
        instances=compute.instances(manifests, stack, layers),
        kubernetes=compute.kubernetes(manifests, stack, layers),
        datastores=datastores,
        connections=connections,
        feature_store=feature_store,
        projects=_projects(manifests, team, name),
        zone_redundant=zone_redundant,
        registry_replicas=replicas,
    )


def _redundancy(manifests: Manifests, layers: Layers, location: str) -> tuple[bool, tuple[str, ...]]:
    """Whether storage and container registry are in several zones, and the other locations of the registry."""
    zones, replicas = innermost(layers, "zone_redundancy"), innermost(layers, "registry_replicas")
    manifests.report(
        zones.position,
        f"zone_redundancy: {location} has no availability zones.",
        "Write zone_redundancy: false there, or a location with zones.",
        when=bool(zones.value) and not has_zones(location),
    )
    others = [item.value for item in replicas.items()]
    for index, item in enumerate(replicas.items()):
        manifests.report(
            item.position,
            f"registry_replicas: {item.value} is the location of the registry itself.",
            when=item.value == location,
        )
        manifests.report(
            item.position, f"registry_replicas: {item.value} is listed twice.", when=item.value in others[:index]
        )
    return bool(zones.value), tuple(others)


def _with_shared_groups(environments: Sequence[EnvironmentSettings]) -> list[EnvironmentSettings]:
    """The same settings, with the groups whose roles on what all teams share each stack assigns.

    A team's first environment assigns them to all of the team's groups, whatever environment names them, so that a role
    stays with its stack when a group is added to another environment or removed from one. What two teams would assign
    alike, the first of them by name assigns.

    Args:
        environments: In the order in which they are changed.
    """
    first: dict[str, str] = {}
    for made in environments:
        first.setdefault(made.team, made.stack)
    shared: dict[str, dict[tuple[str, tuple[Entitlement, ...]], SharedGroupSettings]] = {}
    owner: dict[tuple[str, tuple[Entitlement, ...]], str] = {}
    for made in sorted(environments, key=lambda made: made.team):
        groups = shared.setdefault(first[made.team], {})
        for group in made.groups:
            entitlements = SHARED.get((group.persona, made.people), ())
            key = (group.object_id.lower(), entitlements)
            if not entitlements or owner.setdefault(key, made.team) != made.team:
                continue
            before = groups.get(key) or SharedGroupSettings(**dict(group), people=made.people)
            # A group with standing access in one environment has it for what it shares with the others too.
            groups[key] = before.model_copy(update={"eligible": group.eligible and before.eligible})
    return [made.model_copy(update={"shared": tuple(shared.get(made.stack, {}).values())}) for made in environments]


def _budget(manifests: Manifests, amount: Sourced, start: Sourced, emails: Sequence[str]) -> BudgetSettings | None:
    if amount.value is None or start.value is None:
        manifests.report(
            amount.position,
            "there is a budget, and no budget_start.",
            "Add budget_start: the first day of the month in which the budget is created, as 2026-11-01.",
            when=amount.value is not None,
        )
        return None
    return BudgetSettings(
        amount=amount.value, start=start.value, emails=tuple(emails), origin=manifests.origin(amount.position)
    )


def _groups(manifests: Manifests, team: str, environment: str) -> tuple[GroupSettings, ...]:
    """The organization's groups and the team's; a group of the team's environment replaces the team's there."""
    source = manifests.teams[team]
    inner, outer = source.get("environments", environment, "groups"), source.get("groups")
    groups = {group.object_id.lower(): group for group in _platform_groups(manifests)}
    personas: tuple[Persona, ...] = ("data_scientists", "engineers", "reviewers", "operators")
    for persona in personas:
        group = inner.get(persona) if getattr(inner.value, persona) is not None else outer.get(persona)
        if group.value is None:
            continue
        other = groups.setdefault(group.value.id.lower(), _group(manifests, persona, group))
        manifests.report(
            group.position,
            f"the group {group.value.id} already is that of {other.persona} ({other.origin}).",
            "Azure refuses a second assignment of one role: name each group once.",
            when=other.persona != persona,
        )
    return tuple(groups.values())


def _platform_groups(manifests: Manifests) -> tuple[GroupSettings, ...]:
    group = manifests.platform.get("groups", "platform")
    return (_group(manifests, "platform", group),) if group.value is not None else ()


def _group(manifests: Manifests, persona: Persona, group: Sourced) -> GroupSettings:
    return GroupSettings(
        persona=persona,
        object_id=group.value.id,
        eligible=group.value.eligible,
        origin=manifests.origin(group.position),
    )


def _projects(manifests: Manifests, team: str, environment: str) -> tuple[ProjectSettings, ...]:
    source, rings = manifests.teams[team], manifests.organization.environments
    # The identity of pull requests is in the environment that is changed first.
    first = min(source.value.environments.keys() & rings, key=lambda name: (rings[name].ring, name))
    return tuple(
        ProjectSettings(
            name=project.value.name,
            federation=_federation(manifests, "teams", team, project.value.name, environment),
            reader=_federation(manifests, "teams", team, project.value.name, PULL_REQUEST)
            if environment == first
            else None,
            origin=manifests.origin(project.position),
        )
        for project in source.get("projects").items()
    )


def _deployers(manifests: Manifests, environments: Sequence[EnvironmentSettings]) -> tuple[DeployerSettings, ...]:
    """The platform's CI in each environment that has stacks."""
    stacks_of = {
        name: [made for made in environments if made.environment == name]
        for name in manifests.organization.environments
    }
    return tuple(
        DeployerSettings(
            environment=name,
            subscriptions=tuple(sorted({made.subscription_id for made in stacks})),
            private_endpoints=any(made.networking.vnet is not None for made in stacks),
            federation=_federation(manifests, "platform", name),
            origin=manifests.origin(manifests.platform.at("environments", name)),
        )
        for name, stacks in stacks_of.items()
        if stacks
    )


def _federation(manifests: Manifests, *path: str) -> Federation | None:
    """The issuer and subject at a path of `links.yaml`; None where there is no link."""
    try:
        link = manifests.links.get(*path)
    except KeyError:
        return None
    return Federation(issuer=link.value.issuer, subject=link.value.subject, origin=manifests.origin(link.position))


def _group_id(manifests: Manifests, layers: Layers, subscription_id: str) -> str | None:
    source = innermost(layers, "resource_group_id")
    if source.value is None:
        return None
    found = source.value.split("/")[2]
    manifests.report(
        source.position,
        f"resource_group_id is in the subscription {found}, and subscription_id is {subscription_id}.",
        when=found != subscription_id,
    )
    return str(source.value)


def _adopted(manifests: Manifests, environment: Sourced, subscription_id: str) -> AdoptedSettings:
    """The existing workspace. `resource_group_id` and `customer_key` count only where the environment sets them."""
    source, own = environment.get("adopt"), environment.value
    adopt: Adopt = source.value
    found, group = adopt.workspace_id.split("/")[2], _group_of(adopt.workspace_id)
    other, manages = own.resource_group_id, adopt.mode == "manage"
    refused: list[tuple[str, bool, str]] = [
        (
            "workspace_id",
            found != subscription_id,
            f"the workspace is in the subscription {found}, but subscription_id is {subscription_id}",
        ),
        (
            "workspace_id",
            other is not None and other.lower() != group.lower(),
            f"resource_group_id is {other}, but the workspace is in {group}",
        ),
        (
            "workspace_id",
            own.customer_key is not None,
            "the encryption of an existing workspace cannot be changed: remove customer_key",
        ),
        ("workspace_id", own.generation != 1, "an existing workspace keeps its name: remove generation"),
        (
            "workspace_id",
            bool(own.zone_redundancy or own.registry_replicas),
            "existing storage and registries stay where they are: remove zone_redundancy and registry_replicas",
        ),
        *(
            (
                key,
                manages and part is not None and _group_of(part).lower() != group.lower(),
                f"mode: manage needs it in the workspace's resource group, {group}",
            )
            for key, part in adopt.model_dump(include=_PARTS).items()
        ),
        (
            "identity_id",
            adopt.identity_id is not None and not manages,
            "with mode: refer, the workspace keeps its identity: remove identity_id",
        ),
    ]
    for key, wrong, reason in refused:
        manifests.report(source.at(key), f"adopt: {reason}.", when=wrong)
    return AdoptedSettings(**dict(adopt), origin=manifests.origin(source.position))


_PARTS = {"storage_id", "key_vault_id", "container_registry_id", "application_insights_id"}
"""The parts of an existing workspace that `mode: manage` imports with it."""


def _group_of(resource_id: str) -> str:
    return resource_id.partition("/providers/")[0]


def _customer_key(manifests: Manifests, layers: Layers) -> CustomerKeySettings | None:
    source = innermost(layers, "customer_key")
    if source.value is None:
        return None
    vault = source.value.vault_id.rsplit("/", 1)[1]
    manifests.report(
        source.at("key"),
        f"customer_key.key is not in the vault {vault}, which vault_id names.",
        when=not source.value.key.lower().startswith(f"https://{vault.lower()}."),
    )
    return CustomerKeySettings(**dict(source.value), origin=manifests.origin(source.position))


def _report_missing(manifests: Manifests, at: Position, stack: str, **found: object) -> None:
    for key, value in found.items():
        manifests.report(
            at,
            f"no manifest sets the {key} of {stack}.",
            f"Add {key} there, or to platform.yaml for all.",
            when=value is None,
        )


def _existing_vnets(*vnets: NewVnet | ExistingSubnet | None) -> tuple[str, ...]:
    """The networks among these that exist already, each once, in whatever case their ids are written."""
    found = {vnet.vnet_id.lower(): vnet.vnet_id for vnet in vnets if isinstance(vnet, ExistingSubnet)}
    return tuple(found[name] for name in sorted(found))


def _subscriptions(hub: str, environments: Sequence[EnvironmentSettings]) -> dict[str, tuple[Network, ...]]:
    """The subscriptions of the hub and of the environments, the hub's first."""
    modes: dict[str, set[Network]] = {hub: set()}
    for environment in sorted(environments, key=lambda made: made.subscription_id):
        modes.setdefault(environment.subscription_id, set()).add(environment.network)
    return {subscription: tuple(sorted(modes[subscription])) for subscription in modes}
