"""From manifests to the settings of a stack.

Built-in values, the organization's, the environment's, the team's and those of the team's environment are merged in
that order: the last one wins, and each keeps the line that it comes from.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bootstrap.errors import Position, Problem
from bootstrap.manifests.adoption import refusals
from bootstrap.manifests.compute import Compute
from bootstrap.manifests.layers import NOWHERE, OUTERMOST, Layers, Placed, Said, Written
from bootstrap.manifests.network import Networks
from bootstrap.manifests.schema import PULL_REQUEST, Group, Link, PlatformManifest, TeamManifest
from bootstrap.yaml import Location
from infra.settings import (
    AdoptedSettings,
    BudgetSettings,
    CustomerKeySettings,
    DeployerSettings,
    EnvironmentSettings,
    Federation,
    GivenSubnet,
    GroupSettings,
    HubSettings,
    MadeVnet,
    Network,
    Persona,
    ProjectSettings,
    SharedGroupSettings,
    SubscriptionSettings,
)
from infra.tables.azure_policies import POLICIES
from infra.tables.roles import SHARED, Entitlement


@dataclass
class Merge:
    """The merge of one platform's manifests, and what is wrong where they meet.

    Attributes:
        networks: What is known of the networks, as settings are made.
        compute: What jobs and people work on.
        root: The platform's folder; origins are relative to it.
        problems: Filled as settings are made.
    """

    root: Path
    platform: Written
    links: Written
    problems: list[Problem]

    def __post_init__(self) -> None:
        self.networks = Networks(self.platform, self.origin, self.problems, [])
        self.compute = Compute(self.origin, self.problems)

    def layers(self, team: Written | None = None, environment: str = "") -> Layers:
        """The layers of a team's environment; without a team, those of the hub."""
        manifest: PlatformManifest = self.platform.manifest
        placed = [OUTERMOST, Placed("organization", manifest, self.platform)]
        if team is not None:
            at = ("environments", environment)
            own: TeamManifest = team.manifest
            placed += [
                Placed("environment", manifest.environments[environment], self.platform, at),
                Placed("team", own, team),
                Placed("team's environment", own.environments[environment], team, at),
            ]
        return Layers(placed)

    def layers_of_removed(self, team: Written | None, environment: str) -> Layers:
        """What is left of the layers of a team's environment that no manifest asks for any more.

        Args:
            team: None when its file is gone.
        """
        manifest: PlatformManifest = self.platform.manifest
        placed = [OUTERMOST, Placed("organization", manifest, self.platform)]
        if environment in manifest.environments:
            at = ("environments", environment)
            placed.append(Placed("environment", manifest.environments[environment], self.platform, at))
        if team is not None:
            placed.append(Placed("team", team.manifest, team))
        return Layers(placed)

    def hub(self, environments: Sequence[EnvironmentSettings]) -> HubSettings | None:
        """The hub's settings, or None when something is missing, which is then in `problems`.

        Args:
            environments: Those that the hub is for.
        """
        manifest: PlatformManifest = self.platform.manifest
        hub = manifest.hub
        layers = self.layers()
        location = hub.location or manifest.location
        subscription = hub.subscription_id or manifest.subscription_id
        at = self.platform.at("hub")
        for key, value in (("location", location), ("subscription_id", subscription)):
            if value is None:
                self._missing(at, "the hub", key)
        budget = Said(hub.budget, self.platform.at("hub", "budget")) if hub.budget is not None else None
        links = self.links.manifest.platform
        budget_settings = self._budget(budget, layers.said("budget_start"), hub.alert_emails)
        vnet = self.networks.hub_vnet()
        if hub.log_analytics_id is not None and "log_retention_days" in hub.model_fields_set:
            message = "hub.log_retention_days: log_analytics_id names a workspace of yours, which keeps its own time."
            self._tell(Problem(self.platform.at("hub", "log_retention_days"), message, "Take it out."))
        if location is None or subscription is None:
            return None
        return HubSettings(
            organization=manifest.organization,
            tenant_id=manifest.tenant_id,
            subscription_id=subscription,
            location=location,
            tags=layers.tags({"managed-by": "mlops-bootstrap", "organization": manifest.organization, "team": "hub"}),
            protect=True,
            budget=budget_settings,
            origin=self.origin(at),
            suppressions=layers.suppressions(self.origin),
            log_retention_days=hub.log_retention_days if hub.log_analytics_id is None else None,
            log_analytics_id=hub.log_analytics_id,
            registry_locations=tuple(dict.fromkeys([location, *sorted(made.location for made in environments)])),
            alert_emails=tuple(hub.alert_emails),
            subscriptions=_subscriptions(subscription, environments),
            policies={policy.name: getattr(hub.policies, policy.name) or policy.default for policy in POLICIES},
            generation=hub.generation,
            groups=self._platform_groups(),
            dns=hub.dns,
            vnet=vnet,
            runners=self.networks.runners(),
            registry_access=self.networks.registry_access,
            private=any(made.networking.vnet is not None for made in environments),
            linked_vnets=_given(vnet, *(made.networking.vnet for made in environments)),
            environments=tuple(manifest.environments),
            deployers=self._deployers(environments),
            reader=(self._federation(links[PULL_REQUEST], "platform", PULL_REQUEST) if PULL_REQUEST in links else None),
        )

    def environment(self, team: Written, name: str) -> EnvironmentSettings | None:
        """A team's settings in an environment, or None when something is missing, which is then in `problems`."""
        manifest: PlatformManifest = self.platform.manifest
        own: TeamManifest = team.manifest
        layers = self.layers(team, name)
        at = team.at("environments", name)
        location, subscription = layers.said("location"), layers.said("subscription_id")
        for key, said in (("location", location), ("subscription_id", subscription)):
            if said is None:
                self._missing(at, f"{own.name}-{name}", key)
        protected = layers.value("protect")
        network, networking = self.networks.environment(f"{own.name}-{name}", layers, at, own.environments[name].adopt)
        hub_subscription = manifest.hub.subscription_id or manifest.subscription_id
        emails = layers.said("alert_emails")
        hears = emails.value if emails else manifest.hub.alert_emails
        budget = self._budget(layers.said("budget"), layers.said("budget_start"), hears)
        if location is None or subscription is None or hub_subscription is None:
            return None
        adopted = self._adopted(team, name, subscription.value)
        group_id = self._group_id(layers, subscription.value) if adopted is None else None
        return EnvironmentSettings(
            organization=manifest.organization,
            tenant_id=manifest.tenant_id,
            subscription_id=subscription.value,
            location=location.value,
            tags=layers.tags(
                {
                    "environment": name,
                    "managed-by": "mlops-bootstrap",
                    "organization": manifest.organization,
                    "team": own.name,
                }
            ),
            protect=protected,
            budget=budget,
            origin=self.origin(at),
            suppressions=layers.suppressions(self.origin),
            team=own.name,
            environment=name,
            hub_subscription_id=hub_subscription,
            log_analytics_id=manifest.hub.log_analytics_id,
            network=network,
            networking=networking,
            resource_group_id=group_id if adopted is None else adopted.workspace_id.partition("/providers/")[0],
            adopted=adopted,
            customer_key=self._customer_key(layers) if adopted is None else None,
            people="read" if protected else "work",
            generation=own.environments[name].generation,
            alert_emails=tuple(emails.value) if emails else (),
            self_service=not protected and layers.value("self_service"),
            groups=self._groups(team, name),
            clusters=self.compute.clusters(layers),
            instances=self.compute.instances(f"{own.name}-{name}", layers),
            kubernetes=self.compute.kubernetes(f"{own.name}-{name}", layers),
            projects=self._projects(team, name),
        )

    def share_out(self, environments: Sequence[EnvironmentSettings]) -> list[EnvironmentSettings]:
        """The same settings, with the groups that get their roles on what all teams share from each stack.

        A team's first environment gives them to all of the team's groups, whatever environment names them, so that a
        role stays with its stack when a group comes to another environment or leaves it. What two teams give alike, the
        first of them gives, by their names.

        Args:
            environments: In the order in which they are changed.
        """
        first: dict[str, str] = {}
        for made in environments:
            first.setdefault(made.team, made.stack)
        given: dict[tuple[str, tuple[Entitlement, ...]], SharedGroupSettings] = {}
        owner: dict[tuple[str, tuple[Entitlement, ...]], str] = {}
        for made in sorted(environments, key=lambda made: made.team):
            for group in made.groups:
                entitlements = SHARED.get((group.persona, made.people), ())
                key = (group.object_id.lower(), entitlements)
                if not entitlements or owner.setdefault(key, made.team) != made.team:
                    continue
                before = given.get(key)
                # Who has standing access in one environment needs no activation for what it shares with the others.
                eligible = group.eligible and (before is None or before.eligible)
                told = before or SharedGroupSettings(**dict(group), people=made.people)
                given[key] = told.model_copy(update={"eligible": eligible})
        return [
            made.model_copy(
                update={
                    "shared": tuple(
                        group
                        for key, group in given.items()
                        if first[made.team] == made.stack and owner[key] == made.team
                    )
                }
            )
            for made in environments
        ]

    def _budget(self, amount: Said | None, start: Said | None, emails: Sequence[str]) -> BudgetSettings | None:
        if amount is None:
            return None
        if start is None:
            hint = "Add budget_start: the first day of the month in which the budget is made, as 2026-11-01."
            problem = Problem(amount.position, "there is a budget, and nothing says when it starts.", hint)
            self._tell(problem)
            return None
        return BudgetSettings(
            amount=amount.value,
            start=start.value,
            emails=tuple(emails),
            origin=self.origin(amount.position),
        )

    def _groups(self, team: Written, environment: str) -> tuple[GroupSettings, ...]:
        """The team's groups, those of its environment standing for them there, and the organization's."""
        own: TeamManifest = team.manifest
        inner = own.environments[environment].groups
        personas: tuple[Persona, ...] = ("data_scientists", "engineers", "reviewers", "operators")
        groups = {group.object_id.lower(): group for group in self._platform_groups()}
        for persona in personas:
            within: Location = ("environments", environment) if getattr(inner, persona) is not None else ()
            group = getattr(inner, persona) or getattr(own.groups, persona)
            if group is None:
                continue
            at = team.at(*within, "groups", persona)
            other = groups.setdefault(group.id.lower(), self._group(persona, group, at))
            if other.persona != persona:
                message = f"the group {group.id} is that of {other.persona} already ({other.origin})."
                self._tell(Problem(at, message, "Azure refuses a second assignment of one role: name each group once."))
        return tuple(groups.values())

    def _platform_groups(self) -> tuple[GroupSettings, ...]:
        group = self.platform.manifest.groups.platform
        return (self._group("platform", group, self.platform.at("groups", "platform")),) if group is not None else ()

    def _group(self, persona: Persona, group: Group, at: Position) -> GroupSettings:
        return GroupSettings(persona=persona, object_id=group.id, eligible=group.eligible, origin=self.origin(at))

    def _projects(self, team: Written, environment: str) -> tuple[ProjectSettings, ...]:
        own: TeamManifest = team.manifest
        rings = self.platform.manifest.environments
        # The order in which stacks are changed: pull requests look at what is changed first.
        first = min((name for name in own.environments if name in rings), key=lambda name: (rings[name].ring, name))
        projects = []
        for index, project in enumerate(own.projects):
            known = self.links.manifest.teams.get(own.name, {}).get(project.name, {})
            path = ("teams", own.name, project.name)
            looks = PULL_REQUEST in known and environment == first
            projects.append(
                ProjectSettings(
                    name=project.name,
                    federation=self._federation(known[environment], *path, environment)
                    if environment in known
                    else None,
                    reader=self._federation(known[PULL_REQUEST], *path, PULL_REQUEST) if looks else None,
                    origin=self.origin(team.at("projects", index)),
                )
            )
        return tuple(projects)

    def _deployers(self, environments: Sequence[EnvironmentSettings]) -> tuple[DeployerSettings, ...]:
        """The platform's CI in each environment that has stacks."""
        manifest: PlatformManifest = self.platform.manifest
        links = self.links.manifest.platform
        deployers = []
        for name in manifest.environments:
            stacks = [made for made in environments if made.environment == name]
            if stacks:
                deployers.append(
                    DeployerSettings(
                        environment=name,
                        subscriptions=tuple(sorted({made.subscription_id for made in stacks})),
                        private=any(made.networking.vnet is not None for made in stacks),
                        federation=self._federation(links[name], "platform", name) if name in links else None,
                        origin=self.origin(self.platform.at("environments", name)),
                    )
                )
        return tuple(deployers)

    def _federation(self, link: Link, *path: str) -> Federation:
        return Federation(issuer=link.issuer, subject=link.subject, origin=self.origin(self.links.at(*path)))

    def _tell(self, problem: Problem) -> None:
        """Note a problem that several stacks meet once."""
        if problem not in self.problems:
            self.problems.append(problem)

    def _group_id(self, layers: Layers, subscription_id: str) -> str | None:
        said = layers.said("resource_group_id")
        if said is None:
            return None
        found = said.value.split("/")[2]
        if found.lower() != subscription_id.lower():
            message = f"resource_group_id is in the subscription {found}, and subscription_id is {subscription_id}."
            self.problems.append(Problem(said.position, message))
        return str(said.value)

    def _adopted(self, team: Written, environment: str, subscription_id: str) -> AdoptedSettings | None:
        adopt = team.manifest.environments[environment].adopt
        if adopt is None:
            return None
        at = ("environments", environment, "adopt")
        said = team.said(adopt, *at)
        for key, reason in refusals(adopt, team.manifest.environments[environment], subscription_id):
            self._tell(Problem(said.keys.get(key, said.position), f"adopt: {reason}."))
        return AdoptedSettings(**dict(adopt), origin=self.origin(said.position))

    def _customer_key(self, layers: Layers) -> CustomerKeySettings | None:
        said = layers.said("customer_key")
        if said is None:
            return None
        vault, at = said.value.vault_id.rsplit("/", 1)[1], said.keys["key"]
        if not said.value.key.lower().startswith(f"https://{vault.lower()}."):
            problem = Problem(at, f"customer_key.key is not in the vault {vault}, which vault_id names.")
            if problem not in self.problems:
                self.problems.append(problem)
        return CustomerKeySettings(vault_id=said.value.vault_id, key=said.value.key, origin=self.origin(said.position))

    def _missing(self, at: Position, stack: str, key: str) -> None:
        hint = f"Add {key} there, or to platform.yaml for all."
        self.problems.append(Problem(at, f"nothing says the {key} of {stack}.", hint))

    def origin(self, position: Position) -> str:
        """File and line of a position, relative to the platform; `built-in` for what no manifest says."""
        if position.path == NOWHERE:
            return str(NOWHERE)
        return f"{position.path.relative_to(self.root).as_posix()}:{position.line}"


def _given(*vnets: MadeVnet | GivenSubnet | None) -> tuple[str, ...]:
    """The networks of the organization's among these, each once, however their names are spelled."""
    given = {vnet.vnet_id.lower(): vnet.vnet_id for vnet in vnets if isinstance(vnet, GivenSubnet)}
    return tuple(given[name] for name in sorted(given))


def _subscriptions(hub: str, environments: Sequence[EnvironmentSettings]) -> tuple[SubscriptionSettings, ...]:
    """The subscriptions of the hub and of the environments, the hub's first."""
    modes: dict[str, set[Network]] = {hub: set()}
    for environment in sorted(environments, key=lambda made: made.subscription_id):
        modes.setdefault(environment.subscription_id, set()).add(environment.network)
    return tuple(SubscriptionSettings(id=found, networks=tuple(sorted(modes[found]))) for found in modes)
