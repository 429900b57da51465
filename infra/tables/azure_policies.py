"""Azure's own policies on machine learning that we assign, as a table.

They watch what our components cannot: what people make beside them, in the portal or with `az`. The ids, effects and
parameters are those of https://learn.microsoft.com/azure/machine-learning/policy-reference.

"""

from dataclasses import dataclass

from infra.settings import PolicyEffect, PolicyName

LEGACY_MODE = "e413671a-dd10-4cc1-a943-45b598596cb7"
"""Never assigned: it wants workspaces in the legacy mode of version 1, where endpoints and everything else of version 2
do not work. A rule refuses it."""


@dataclass(frozen=True)
class Policy:
    """A built-in policy.

    Attributes:
        name: Our word for it, also in the manifest.
        id: Its definition.
        wanted: What it wants, in a sentence; shown to whom it refuses something.
        modes: The network modes that promise what it wants; empty where all do. It is assigned to a subscription when
            every environment there has such a mode: it would blame the others for what their manifest says.
        default: The effect when the manifest says none.
        audit: The value of its parameter `effect` that only reports.
    """

    name: PolicyName
    id: str
    wanted: str
    modes: tuple[str, ...] = ()
    default: PolicyEffect = "Audit"
    audit: str = "Audit"


POLICIES = (
    Policy(
        "approved_outbound", "6ddb1705-c8cf-450e-aa4b-19ad6703c440",
        "Jobs and endpoints of a workspace reach approved destinations only.", ("locked",),
    ),
    Policy(
        "public_access_off", "438c38d2-3772-465a-a9cc-7a6666a275ce",
        "A workspace cannot be reached from the internet.", ("locked",),
    ),
    Policy(
        "private_link", "45e05259-1eb5-4f70-9574-baf73e9d219b", "A workspace has a private endpoint.", ("locked",)
    ),
    Policy(
        "compute_local_auth_off", "e96a9a5f-07ca-471b-9bc5-6a0f33cbd68f",
        "Nobody logs in to compute past Entra.",
    ),
    Policy(
        "idle_shutdown", "679ddf89-ab8f-48a5-9029-e76054077449",
        "A compute instance shuts down when nobody uses it.",
    ),
    Policy(
        "user_assigned_identity", "5f0c7d88-c7de-45b8-ac49-db49e72eaa78",
        "A workspace acts as an identity that was made for it.",
    ),
    Policy(
        "customer_managed_keys", "ba769a63-b8cc-4b2d-abf6-ac33c7204be8",
        "A workspace is encrypted with a key of the organization.", default="Disabled",
    ),
    Policy(
        "resource_logs", "afe0c3be-ba3b-4544-ba52-0c99672a8ad6", "A workspace keeps its logs.",
        audit="AuditIfNotExists",
    ),
)  # fmt: skip
"""The policies, in the order in which they are assigned."""
