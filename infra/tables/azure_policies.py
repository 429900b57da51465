"""Azure's built-in policies on machine learning that the hub assigns, as a table.

They also judge resources that others create in the portal or with `az`. The ids, effects, parameters and conditions are
those of https://learn.microsoft.com/azure/machine-learning/policy-reference and, by id, of
https://github.com/Azure/azure-policy/tree/master/built-in-policies/policyDefinitions/Machine%20Learning.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Literal

from infra.tables.network_modes import MODES, Network
from infra.tables.resource_types import COMPUTE, WORKSPACE

PolicyEffect = Literal["Audit", "Deny", "Disabled"]
"""The effect of a policy: report, refuse, or none. A disabled policy is not assigned."""

PolicyName = Literal[
    "approved_outbound",
    "public_access_off",
    "private_link",
    "compute_local_auth_off",
    "idle_shutdown",
    "user_assigned_identity",
    "customer_managed_keys",
    "resource_logs",
]

LEGACY_MODE = "e413671a-dd10-4cc1-a943-45b598596cb7"
"""A policy that is never assigned: it requires the legacy mode of version 1, in which no feature of version 2 works. A
rule refuses it."""


@dataclass(frozen=True)
class AzurePolicy:
    """A built-in policy.

    Attributes:
        name: Its key in the manifest.
        id: Its definition.
        requirement: What it requires, in a sentence; Azure shows it with a refusal.
        modes: The network modes that satisfy it; empty if all do. It is assigned to a subscription only if every
            environment there has such a mode: it would report the others for what their manifest configures.
        default: The effect unless a manifest configures it.
        audit: The value of its parameter `effect` that only reports.
        parameters: Its other parameters, where their defaults in Azure are not what we require.
        judges: The SDK's type of the resources that it judges.
        path: The input that it looks at, where the effect `Deny` can refuse a resource for it.
        accepts: The values that comply; any value if empty.
        computes: The types of compute that it judges; empty for workspaces.
    """

    name: PolicyName
    id: str
    requirement: str
    modes: tuple[Network, ...] = ()
    default: PolicyEffect = "Audit"
    audit: str = "Audit"
    parameters: Mapping[str, str] = field(default_factory=dict)
    judges: str = WORKSPACE
    path: str | None = None
    accepts: tuple[str | bool, ...] = ()
    computes: tuple[str, ...] = ()

    def applies_to(self, modes: Collection[Network]) -> bool:
        """Whether all environments of a subscription, which have these network modes, satisfy the policy."""
        return not self.modes or (bool(modes) and set(modes) <= set(self.modes))


_APPROVED_OUTBOUND = tuple(name for name, mode in MODES.items() if mode.approved_outbound_only)
_PRIVATE_WORKSPACE = tuple(name for name, mode in MODES.items() if not mode.public_workspace)

POLICIES = (
    AzurePolicy(
        "approved_outbound", "6ddb1705-c8cf-450e-aa4b-19ad6703c440",
        "Jobs and endpoints of a workspace reach approved destinations only.", _APPROVED_OUTBOUND,
        # Azure's default is `Disabled`, and the policy reports each workspace with another mode than this parameter's.
        parameters={"isolationMode": "AllowOnlyApprovedOutbound"},
        path="managedNetwork.isolationMode", accepts=("AllowOnlyApprovedOutbound",),
    ),
    AzurePolicy(
        "public_access_off", "438c38d2-3772-465a-a9cc-7a6666a275ce",
        "A workspace cannot be reached from the internet.", _PRIVATE_WORKSPACE,
        path="publicNetworkAccess", accepts=("Disabled",),
    ),
    AzurePolicy(
        "private_link", "45e05259-1eb5-4f70-9574-baf73e9d219b", "A workspace has a private endpoint.",
        _PRIVATE_WORKSPACE,
    ),
    AzurePolicy(
        "compute_local_auth_off", "e96a9a5f-07ca-471b-9bc5-6a0f33cbd68f",
        "Compute accepts Entra logins only.",
        judges=COMPUTE, path="properties.disableLocalAuth", accepts=(True,),
        computes=("AmlCompute", "ComputeInstance"),
    ),
    AzurePolicy(
        "idle_shutdown", "679ddf89-ab8f-48a5-9029-e76054077449",
        "A compute instance shuts down when it is idle.",
        judges=COMPUTE, path="properties.properties.idleTimeBeforeShutdown", computes=("ComputeInstance",),
    ),
    AzurePolicy(
        "user_assigned_identity", "5f0c7d88-c7de-45b8-ac49-db49e72eaa78",
        "A workspace has a user-assigned identity.", path="primaryUserAssignedIdentity",
    ),
    AzurePolicy(
        "customer_managed_keys", "ba769a63-b8cc-4b2d-abf6-ac33c7204be8",
        "A workspace is encrypted with a key of the organization.", default="Disabled",
        path="encryption.status", accepts=("Enabled",),
    ),
    AzurePolicy(
        "resource_logs", "afe0c3be-ba3b-4544-ba52-0c99672a8ad6", "A workspace keeps its logs.",
        audit="AuditIfNotExists",
    ),
)  # fmt: skip
"""The policies, in the order in which they are assigned."""
