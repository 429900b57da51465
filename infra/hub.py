"""What the hub provides to other stacks, by name: no state is read, and Pulumi is not needed.

`infra.programs.hub` creates these resources, `infra.programs.environment` uses them, and `bootstrap` finds the state of
a stack with them.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from infra.settings import HUB, EnvironmentSettings, HubSettings, StackSettings
from infra.tables.names import TABLE, Kind, Names
from infra.tables.private_endpoints import ZONES


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
        subscription_id: The hub's subscription.
        own_log_analytics_id: The organization's Log Analytics workspace; None for the hub's.
    """

    names: Names
    subscription_id: str
    own_log_analytics_id: str | None

    @property
    def resource_group_id(self) -> str:
        """The resource group with all other resources of the hub."""
        return f"/subscriptions/{self.subscription_id}/resourceGroups/{self.names.of('resource_group', HUB)}"

    @property
    def log_analytics_id(self) -> str:
        """The Log Analytics workspace that keeps all logs."""
        return self.own_log_analytics_id or self._id("log_analytics")

    @property
    def action_group_id(self) -> str:
        """The action group of the platform team."""
        return self._id("action_group")

    @property
    def model_registry_id(self) -> str:
        """The Azure ML registry that all teams share."""
        return self._id("model_registry")

    @property
    def vnet_id(self) -> str:
        """The hub's virtual network, if the hub has one of its own."""
        return self._id("virtual_network")

    @property
    def dns_zone_ids(self) -> Mapping[str, str]:
        """The private DNS zones by name, if the hub keeps them."""
        return {zone: f"{self.resource_group_id}/providers/Microsoft.Network/privateDnsZones/{zone}" for zone in ZONES}

    def state_store(self, environment: str | None = None) -> StateStore:
        """Where the states of an environment's stacks are; without an environment, the hub's own state."""
        parts = (HUB,) if environment is None else (HUB, environment)
        return StateStore(
            account=self.names.of("storage", HUB, "state"),
            container=self.names.of("state_container", *parts),
            vault=self.names.of("key_vault", HUB),
            key=self.names.of("secrets_key", *parts),
        )

    def _id(self, kind: Kind) -> str:
        return f"{self.resource_group_id}/providers/{TABLE[kind].azure_type}/{self.names.of(kind, HUB)}"


def hub_of(settings: StackSettings) -> Hub:
    """The hub of the platform that a stack belongs to."""
    if isinstance(settings, HubSettings):
        subscription_id, generation = settings.subscription_id, settings.generation
    else:
        subscription_id, generation = settings.hub_subscription_id, settings.hub_generation
    names = Names(settings.organization, settings.tenant_id, generation)
    return Hub(names, subscription_id, settings.log_analytics_id)


def state_store_of(settings: StackSettings) -> StateStore:
    """Where the state of a stack is."""
    environment = settings.environment if isinstance(settings, EnvironmentSettings) else None
    return hub_of(settings).state_store(environment)
