"""What the hub provides to other stacks, by name: no state is read, and Pulumi is not needed.

`infra.programs.hub` creates these resources, `infra.programs.environment` uses them, and `bootstrap` finds the state of
a stack with them.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from infra.settings import HUB, EnvironmentSettings, HubSettings, StackSettings
from infra.tables.names import TABLE, Kind, Names
from infra.tables.private_endpoints import zones_of


@dataclass(frozen=True)
class StateStore:
    """Where Pulumi keeps the states of one environment's stacks, or of the hub: all by name.

    Each environment has a container and a key of its own, so roles on those of one environment give no access to the
    states of another.
    """

    account: str
    container: str
    vault: str
    key: str

    @property
    def backend_url(self) -> str:
        """The container for `pulumi login`.

        https://www.pulumi.com/docs/iac/concepts/state-and-backends/#azure-blob-storage
        """
        return f"azblob://{self.container}?storage_account={self.account}"

    @property
    def secrets_provider(self) -> str:
        """The key for `--secrets-provider`.

        https://www.pulumi.com/docs/iac/concepts/secrets/#azure-key-vault
        """
        return f"azurekeyvault://{self.vault}.vault.azure.net/keys/{self.key}"


@dataclass(frozen=True)
class Hub:
    """The hub's resources by id.

    Attributes:
        names: The organization's names, with the hub's generation.
        log_analytics_id: The Log Analytics workspace of all stacks.
        action_group_id: The action group of the platform team.
        model_registry_id: The Azure ML registry that all teams share.
        private_link_scope_id: The Azure Monitor Private Link Scope, if the hub has one.
        vnet_id: The hub's virtual network, if the hub creates one.
        dns_zone_ids: The private DNS zones by name, the hub's or the organization's; None where an Azure policy of the
            organization writes the records.
    """

    names: Names
    log_analytics_id: str
    action_group_id: str
    model_registry_id: str
    private_link_scope_id: str
    vnet_id: str
    dns_zone_ids: Mapping[str, str] | None

    def state_store(self, environment: str | None = None) -> StateStore:
        """Where the states of an environment's stacks are; without an environment, the hub's own state."""
        parts = (HUB,) if environment is None else (HUB, environment)
        return StateStore(
            account=self.names.of("storage", HUB, "state"),
            container=self.names.of("state_container", *parts),
            vault=self.names.of("key_vault", HUB),
            key=self.names.of("secrets_key", *parts),
        )


def hub_of(settings: StackSettings) -> Hub:
    """The hub of the platform that a stack belongs to."""
    if isinstance(settings, HubSettings):
        subscription_id, generation, dns = settings.subscription_id, settings.generation, settings.dns
        has_scope = settings.private_link_scope is not None
    else:
        subscription_id, generation = settings.hub_subscription_id, settings.hub_generation
        dns, has_scope = settings.networking.dns, settings.networking.private_link_scope
    names = Names(settings.organization, settings.tenant_id, generation)
    providers = f"/subscriptions/{subscription_id}/resourceGroups/{names.of('resource_group', HUB)}/providers"

    def id_of(kind: Kind) -> str:
        return f"{providers}/{TABLE[kind].azure_type}/{names.of(kind, HUB)}"

    zones = zones_of(private_link_scope=has_scope)
    zone_ids = {zone: f"{providers}/Microsoft.Network/privateDnsZones/{zone}" for zone in zones}
    return Hub(
        names,
        log_analytics_id=settings.log_analytics_id or id_of("log_analytics"),
        action_group_id=id_of("action_group"),
        model_registry_id=id_of("model_registry"),
        private_link_scope_id=id_of("private_link_scope"),
        vnet_id=id_of("virtual_network"),
        dns_zone_ids=dns if isinstance(dns, dict) else zone_ids if dns == "hub" else None,
    )


def state_store_of(settings: StackSettings) -> StateStore:
    """Where the state of a stack is."""
    environment = settings.environment if isinstance(settings, EnvironmentSettings) else None
    return hub_of(settings).state_store(environment)
