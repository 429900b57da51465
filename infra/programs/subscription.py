"""Which subscription and tenant a stack's resources are made in: those of its settings, whoever is logged in."""

import pulumi
import pulumi_azure_native as azure

from infra.settings import EnvironmentSettings, StackSettings


def in_subscription(settings: StackSettings) -> pulumi.ResourceOptions:
    """Options that bind a component and all that it makes to the subscription of the settings."""
    return _bound("azure", settings.subscription_id, settings.tenant_id)


def in_hubs_subscription(settings: EnvironmentSettings) -> pulumi.ResourceOptions:
    """The same, for what an environment writes on the hub's resources: its side of a peering, links of DNS zones."""
    return _bound("azure-hub", settings.hub_subscription_id, settings.tenant_id)


def _bound(name: str, subscription_id: str, tenant_id: str) -> pulumi.ResourceOptions:
    provider = azure.Provider(name, subscription_id=subscription_id, tenant_id=tenant_id)
    return pulumi.ResourceOptions(providers={"azure-native": provider})
