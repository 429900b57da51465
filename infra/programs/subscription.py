"""Which subscription and tenant a stack's resources are made in: those of its settings, whoever is logged in."""

import pulumi
import pulumi_azure_native as azure

from infra.settings import StackSettings


def in_subscription(settings: StackSettings) -> pulumi.ResourceOptions:
    """Options that bind a component and all that it makes to the subscription of the settings."""
    provider = azure.Provider("azure", subscription_id=settings.subscription_id, tenant_id=settings.tenant_id)
    return pulumi.ResourceOptions(providers={"azure-native": provider})
