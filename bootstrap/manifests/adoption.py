"""Keys that cannot be combined with a workspace that exists already, and why."""

from collections.abc import Iterator

from bootstrap.manifests.schema import Adopt, TeamEnvironment


def refusals(adopt: Adopt, environment: TeamEnvironment, subscription_id: str) -> Iterator[tuple[str, str]]:
    """The mistakes of an existing workspace: each a key of `adopt`, and the reason.

    `resource_group_id` and `customer_key` are checked only where the environment itself sets them.

    Args:
        subscription_id: That of the environment.
    """
    found = adopt.workspace_id.split("/")[2]
    if found.lower() != subscription_id.lower():
        yield "workspace_id", f"the workspace is in the subscription {found}, but subscription_id is {subscription_id}"
    group = _group(adopt.workspace_id)
    configured = environment.resource_group_id
    if configured is not None and configured.lower() != group.lower():
        yield (
            "workspace_id",
            f"resource_group_id is {configured}, but the workspace is in {group}",
        )
    if environment.customer_key is not None:
        yield "workspace_id", "the encryption of an existing workspace cannot be changed: remove customer_key"
    if environment.generation != 1:
        yield "workspace_id", "an existing workspace keeps its name: remove generation"
    if adopt.mode == "manage":
        for key in ("storage_id", "key_vault_id", "container_registry_id", "application_insights_id"):
            part = getattr(adopt, key)
            if part is not None and _group(part).lower() != group.lower():
                yield (
                    key,
                    f"mode: manage needs it in the workspace's resource group, {group}",
                )
    elif adopt.identity_id is not None:
        yield "identity_id", "with mode: refer, the workspace keeps its identity: remove identity_id"


def _group(resource_id: str) -> str:
    return resource_id.partition("/providers/")[0]
