"""Keys that cannot be combined with a workspace that exists already, and why."""

from collections.abc import Iterator

from bootstrap.manifests.schema import Adopt, TeamEnvironment


def refusals(adopt: Adopt, environment: TeamEnvironment, subscription_id: str) -> Iterator[tuple[str, str]]:
    """What is refused: the key of `adopt` that it is about, and the reason.

    What an outer layer says for all environments is not for this one: `resource_group_id`, `customer_key`.

    Args:
        subscription_id: That of the environment.
    """
    found = adopt.workspace_id.split("/")[2]
    if found.lower() != subscription_id.lower():
        yield "workspace_id", f"the workspace is in the subscription {found}, and subscription_id is {subscription_id}"
    group = _group(adopt.workspace_id)
    given = environment.resource_group_id
    if given is not None and given.lower() != group.lower():
        yield "workspace_id", f"its environment lies in the workspace's resource group, and not in {given}"
    if environment.customer_key is not None:
        yield "workspace_id", "its encryption cannot be changed any more, so leave out customer_key"
    if environment.generation != 1:
        yield "workspace_id", "it has its name already, so leave out generation"
    if adopt.mode == "manage":
        for key in ("storage_id", "key_vault_id", "container_registry_id", "application_insights_id"):
            part = getattr(adopt, key)
            if part is not None and _group(part).lower() != group.lower():
                yield key, f"manage wants all of it in one resource group, and this is not in {group}"
    elif adopt.identity_id is not None:
        yield "identity_id", "a workspace that is referred to keeps its identity: leave it out"


def _group(resource_id: str) -> str:
    return resource_id.partition("/providers/")[0]
