"""The provider of a stack: its subscription and tenant come from the settings, not from the login."""

import pulumi
import pulumi_azure_native as azure

from infra.settings import EnvironmentSettings, StackSettings


def in_subscription(settings: StackSettings) -> pulumi.ResourceOptions:
    """Options that create a component and its children in the stack's subscription."""
    return _options("azure", settings.subscription_id, settings.tenant_id)


def in_hub_subscription(settings: EnvironmentSettings) -> pulumi.ResourceOptions:
    """Options for what an environment creates in the hub's subscription: its side of a peering, links of DNS zones."""
    return _options("azure-hub", settings.hub_subscription_id, settings.tenant_id)


def _options(name: str, subscription_id: str, tenant_id: str) -> pulumi.ResourceOptions:
    provider = azure.Provider(name, subscription_id=subscription_id, tenant_id=tenant_id)
    return pulumi.ResourceOptions(providers={"azure-native": provider})
