"""The plans of Microsoft Defender for Cloud that have something to watch on a platform, as a table.

Names, sub-plans and extensions: https://learn.microsoft.com/azure/templates/microsoft.security/pricings
"""

from collections.abc import Mapping
from typing import Any, Literal

DefenderPlan = Literal["storage", "key_vault", "containers", "resource_manager", "ai"]
"""The names of the plans, as manifests have them."""

API_VERSION = "2024-01-01"

PLANS: Mapping[DefenderPlan, tuple[str, Mapping[str, Any]]] = {
    # By storage account. Scanning of uploads is billed by the gigabyte, so it stays off.
    "storage": (
        "StorageAccounts",
        {
            "subPlan": "DefenderForStorageV2",
            "extensions": [
                {"name": "OnUploadMalwareScanning", "isEnabled": "False"},
                {"name": "SensitiveDataDiscovery", "isEnabled": "True"},
            ],
        },
    ),
    "key_vault": ("KeyVaults", {"subPlan": "PerKeyVault"}),
    # By image that is scanned: there are no nodes of Kubernetes in these subscriptions.
    "containers": (
        "Containers",
        {"extensions": [{"name": "ContainerRegistriesVulnerabilityAssessments", "isEnabled": "True"}]},
    ),
    "resource_manager": ("Arm", {"subPlan": "PerSubscription"}),
    # Alerts without the texts that people wrote.
    "ai": ("AI", {"extensions": [{"name": "AIPromptEvidence", "isEnabled": "False"}]}),
}
"""Azure's name of each plan, and its properties beside the tier.

Sub-plans: https://learn.microsoft.com/azure/defender-for-cloud/defender-for-storage-introduction
https://github.com/Azure/azure-policy/tree/master/built-in-policies/policyDefinitions/Security%20Center
"""
