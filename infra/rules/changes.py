"""Rules on changes that Azure does not make in place or never reverts, and the tables behind them.

`plan` compares two commits by them, and an existing resource with what its import would change.
"""

import ipaddress
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from infra.rules.rule import UNKNOWN, Resource, Rule, Stack, Violation, violation_of
from infra.tables.names import TABLE
from infra.tables.resource_types import (
    BUDGET,
    COMPUTE,
    CONTAINER,
    IMAGES,
    KEY,
    LOGS,
    MODELS,
    NETWORK,
    PRIVATE_ENDPOINT,
    PUBLIC_IP,
    ROLE,
    STORAGE,
    SUBNET,
    VAULT,
    WORKSPACE,
)

_PROVIDER = "https://github.com/pulumi/pulumi-azure-native/blob/master/provider/pkg/gen/replacement.go"
_PATHS = "https://github.com/pulumi/pulumi-azure-native/blob/master/provider/pkg/gen/schema.go"
_TRACKED = "https://github.com/Azure/azure-rest-api-specs/blob/main/specification/common-types/resource-management/v5/types.json"
_LEARN = "https://learn.microsoft.com/azure"
_TEMPLATE = f"{_LEARN}/templates/microsoft.machinelearningservices/workspaces"
_BUDGETS = f"{_LEARN}/cost-management-billing/costs/tutorial-acm-create-budgets"
_QUEUE_KEYS = f"{_LEARN}/storage/common/account-encryption-key-create"
_CLUSTER = f"{_LEARN}/machine-learning/how-to-create-attach-compute-cluster"
_INSTANCE_UPDATES = "https://github.com/Azure/bicep-types-az/issues/2543"
_MANAGED = f"{_LEARN}/machine-learning/how-to-managed-network"

Effect = Literal["replaced", "refused", "one way"]
"""replaced: Azure deletes the resource and creates a new one. refused: Azure refuses or ignores the update. one way:
Azure accepts the change, and never the opposite one."""


@dataclass(frozen=True)
class Change:
    """A property that differs between two inputs of a resource.

    Attributes:
        at: Its dotted path in the inputs: `properties.sku.name`, `rules.0`.
        old, new: None where the property is missing.
        effect: What Azure does; None where it changes the property in place.
        why: The reason, as a sentence.
        source: Where it is published.
    """

    at: str
    old: Any
    new: Any
    effect: Effect | None = None
    why: str = ""
    source: str = ""


@dataclass(frozen=True)
class Restriction:
    """A property that Azure does not change in place, or changes in some directions only.

    Attributes:
        at: Its dotted path.
        forbids: Whether Azure does not make the change from the first value to the second one.
        why: The reason, as a sentence.
        source: Where it is published.
    """

    at: str
    effect: Effect
    forbids: Callable[[Any, Any], bool]
    why: str
    source: str


def _create_only(at: str, effect: Effect, source: str, *, addable: bool = True) -> Restriction:
    """A property that Azure accepts at creation only; one that is `addable` can be set later, once."""

    def forbids(old: Any, new: Any) -> bool:
        # False and a missing value mean the same.
        return (old or None) != (new or None) and not (old is None and addable)

    return Restriction(at, effect, forbids, f"{at} is set once, when the resource is created.", source)


EVERYWHERE: tuple[Restriction, ...] = (
    _create_only("resourceGroupName", "replaced", _PATHS),
    _create_only("scope", "replaced", _PATHS),
    _create_only("location", "replaced", _TRACKED),
    *(
        _create_only(name, "replaced", _PATHS)
        for name in sorted({rule.argument for rule in TABLE.values()} | {"resourceUri"})
    ),
)
"""What no resource changes: the parts of its id, and its location."""


def _less_isolated(old: Any, new: Any) -> bool:
    order = (None, "Disabled", "AllowInternetOutbound", "AllowOnlyApprovedOutbound")
    return old in order and new in order and order.index(old) > max(order.index(new), 1)


def _only_the_systems(old: Any, new: Any) -> bool:
    """From both kinds of identity to the system-assigned one alone."""
    both = all(kind in str(old) for kind in ("SystemAssigned", "UserAssigned"))
    return both and "UserAssigned" not in str(new)


def _other_zones(old: Any, new: Any) -> bool:
    """From a locally redundant account to a zone-redundant one, or back."""
    return None not in (old, new) and str(old).endswith("ZRS") != str(new).endswith("ZRS")


def _gone(old: Any, new: Any) -> bool:
    return old is True and new is not True


def _removes_a_range(old: Any, new: Any) -> bool:
    """Whether a range of addresses is removed; one that shrinks or grows keeps the common part."""
    if not isinstance(old, list) or not isinstance(new, list) or UNKNOWN in (*old, *new):
        return False
    kept = [ipaddress.ip_network(one) for one in new]
    return not all(any(ipaddress.ip_network(one).overlaps(other) for other in kept) for one in old)


RESTRICTIONS: dict[str, tuple[Restriction, ...]] = {
    ROLE: (
        _create_only("principalId", "replaced", _PROVIDER),
        _create_only("roleAssignmentName", "replaced", _PATHS),
        _create_only("roleDefinitionId", "refused", f"{_LEARN}/role-based-access-control/troubleshooting"),
    ),
    STORAGE: (
        Restriction(
            "kind", "one way", lambda old, new: old == "StorageV2" and new != old,
            "an account cannot be changed back to an older kind.",
            f"{_LEARN}/storage/common/storage-account-upgrade",
        ),
        _create_only("isHnsEnabled", "replaced", _PROVIDER),
        Restriction(
            "sku.name", "refused", _other_zones,
            "an update does not move data to other zones; a conversion does (az storage account migration start).",
            f"{_LEARN}/storage/common/redundancy-migration",
        ),
        _create_only(
            "encryption.requireInfrastructureEncryption", "refused",
            f"{_LEARN}/storage/common/infrastructure-encryption-enable",
        ),
        # A key can be added later, but for queues and tables only to an account that was created for one.
        _create_only("encryption.services.queue.keyType", "refused", _QUEUE_KEYS, addable=False),
        _create_only("encryption.services.table.keyType", "refused", _QUEUE_KEYS, addable=False),
    ),
    IMAGES: (
        _create_only(
            "encryption.status", "refused", f"{_LEARN}/container-registry/tutorial-customer-managed-keys",
            addable=False,
        ),
        _create_only("zoneRedundancy", "refused", f"{_LEARN}/container-registry/zone-redundancy"),
    ),
    WORKSPACE: (
        Restriction(
            "managedNetwork.isolationMode", "one way", _less_isolated,
            "a workspace keeps its managed network, and its isolation cannot be lowered.", _MANAGED,
        ),
        Restriction(
            "identity.type", "one way",
            _only_the_systems,
            "a workspace with both kinds of identity keeps the user-assigned one.",
            f"{_LEARN}/machine-learning/how-to-identity-based-service-authentication",
        ),
        _create_only("storageAccount", "refused", f"{_LEARN}/machine-learning/concept-workspace"),
        _create_only("keyVault", "refused", f"{_LEARN}/machine-learning/concept-workspace"),
        _create_only("hbiWorkspace", "refused", f"{_LEARN}/machine-learning/concept-data-encryption"),
        _create_only("enableDataIsolation", "refused", _TEMPLATE),
        _create_only(
            "encryption.status", "refused", f"{_LEARN}/machine-learning/how-to-setup-customer-managed-keys",
            addable=False,
        ),
        _create_only("kind", "refused", _TEMPLATE),
    ),
    COMPUTE: (
        *(
            _create_only(at, "refused", _CLUSTER)
            for at in (
                "properties.computeType",
                "properties.disableLocalAuth",
                "properties.resourceId",
                "properties.properties.vmSize",
                "properties.properties.vmPriority",
                "properties.properties.osType",
                "properties.properties.subnet",
                "properties.properties.enableNodePublicIp",
                "properties.properties.remoteLoginPortPublicAccess",
            )
        ),
        _create_only(
            "properties.properties.sshSettings", "refused", f"{_LEARN}/machine-learning/how-to-create-compute-instance"
        ),
        # Azure reports success for an update of an instance, and does not change it.
        _create_only("properties.properties.personalComputeInstanceSettings", "refused", _INSTANCE_UPDATES),
        _create_only("properties.properties.applicationSharingPolicy", "refused", _INSTANCE_UPDATES),
        _create_only("properties.properties.idleTimeBeforeShutdown", "refused", _INSTANCE_UPDATES, addable=False),
        _create_only("properties.properties.schedules", "refused", _INSTANCE_UPDATES, addable=False),
    ),
    PRIVATE_ENDPOINT: (_create_only("subnet", "replaced", _PROVIDER),),
    PUBLIC_IP: tuple(
        _create_only(at, "replaced", _PROVIDER) for at in ("publicIPAddressVersion", "publicIPPrefix", "sku")
    ),
    BUDGET: (
        _create_only("timePeriod.startDate", "refused", _BUDGETS),
        _create_only("timeGrain", "refused", _BUDGETS),
    ),
    VAULT: (
        Restriction(
            "properties.enablePurgeProtection", "one way", _gone, "purge protection cannot be turned off.",
            f"{_LEARN}/key-vault/general/soft-delete-overview",
        ),
        Restriction(
            "properties.enableSoftDelete", "one way", _gone, "soft delete cannot be turned off.",
            f"{_LEARN}/key-vault/general/soft-delete-overview",
        ),
    ),
    SUBNET: (
        Restriction(
            "addressPrefix", "refused", lambda old, new: None not in (old, new) and old != new,
            "a subnet in use keeps its range.",
            f"{_LEARN}/virtual-network/virtual-network-manage-subnet",
        ),
    ),
    NETWORK: (
        Restriction(
            "addressSpace.addressPrefixes", "refused", _removes_a_range,
            "a network keeps a range while subnets use it.",
            f"{_LEARN}/virtual-network/manage-virtual-network",
        ),
    ),
}  # fmt: skip
"""What resources of a type do not change, in addition to `EVERYWHERE`."""

STATEFUL: frozenset[str] = frozenset({STORAGE, CONTAINER, VAULT, KEY, IMAGES, WORKSPACE, MODELS, LOGS})
"""Resources whose data is lost when they are replaced or deleted; a lost key loses what it encrypted."""


_ABSENT = object()


def differences(old: Any, new: Any, at: str = "") -> Iterator[Change]:
    """The properties that differ between two inputs at the path `at`, by path."""
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        for key in sorted({*old, *new}):
            yield from differences(old.get(key, _ABSENT), new.get(key, _ABSENT), f"{at}.{key}" if at else key)
    elif isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        for index, (was, will_be) in enumerate(zip(old, new, strict=True)):
            yield from differences(was, will_be, f"{at}.{index}")
    elif old != new:
        yield Change(at, None if old is _ABSENT else old, None if new is _ABSENT else new)


def restricted(type_: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[Change]:
    """The changes between two inputs of a resource that Azure does not make in place.

    A value that is unknown on either side counts as unchanged.
    """
    before, after = Resource("", type_, "", old), Resource("", type_, "", new)
    restrictions = {one.at: one for one in (*EVERYWHERE, *RESTRICTIONS.get(type_, ()))}
    for one in restrictions.values():
        was, will_be = before.at(one.at), after.at(one.at)
        if UNKNOWN not in (was, will_be) and one.forbids(was, will_be):
            yield Change(one.at, was, will_be, one.effect, one.why, one.source)


def _with_effect(stack: Stack, effect: Effect) -> Iterator[Violation]:
    for resource in stack.resources:
        for change in _restricted(stack, resource):
            if change.effect == effect:
                yield violation_of(resource, f"{_in_words(change)}; {change.why} ({change.source}).")


def _replaced(stack: Stack) -> Iterator[Violation]:
    for resource in stack.of(*STATEFUL):
        changes = [_in_words(change) for change in _restricted(stack, resource) if change.effect == "replaced"]
        if changes:
            yield violation_of(resource, f"its data is lost, since {', '.join(changes)}.")


def _removed(stack: Stack) -> Iterator[Violation]:
    kept = {resource.urn for resource in stack.resources}
    for urn in stack.before:
        if urn not in kept and _type_in(urn) in STATEFUL:
            yield urn, f"{urn.rsplit('::', 1)[-1]}: it is removed, and its data is lost."


def _restricted(stack: Stack, resource: Resource) -> Iterator[Change]:
    old = stack.before.get(resource.urn)
    return restricted(resource.type, old, resource.inputs) if old is not None else iter(())


def _isolated_with_compute(stack: Stack) -> Iterator[Violation]:
    """A workspace gets a managed network while it has compute, which the same deployment deletes too late, or keeps."""
    computes = sorted(urn.rsplit("::", 1)[-1] for urn in stack.before if _type_in(urn) == COMPUTE)
    for resource in stack.of(WORKSPACE) if computes else ():
        old = stack.before.get(resource.urn)
        was, will_be = (
            Resource("", WORKSPACE, "", inputs or {}).at("managedNetwork.isolationMode")
            for inputs in (old, resource.inputs)
        )
        if old is not None and was in (None, "Disabled") and will_be not in (None, "Disabled", UNKNOWN):
            yield violation_of(resource, f"it gets a managed network while it has {', '.join(computes)}.")


def _type_in(urn: str) -> str:
    return urn.split("::")[2].rsplit("$", 1)[-1]


def _in_words(change: Change) -> str:
    return f"{change.at} goes from {change.old!r} to {change.new!r}"


CHANGE_RULES: tuple[Rule, ...] = (
    Rule(
        "change-one-way", "error", "No change is the opposite of a one-way change",
        "Azure refuses the update during the deployment.",
        "Restore the value in the manifest; or write generation, or another name, for a new resource, and move to it.",
        _MANAGED, lambda stack: _with_effect(stack, "one way"),
    ),
    Rule(
        "change-refused", "error", "No change is one that Azure refuses or ignores",
        "The deployment fails, or the resource stays as it is.",
        "Restore the value in the manifest, or write a new item with another name beside it.", _CLUSTER,
        lambda stack: _with_effect(stack, "refused"),
    ),
    Rule(
        "change-isolates-compute", "error", "A workspace gets a managed network while it has no compute",
        "Azure does not move clusters, instances and online endpoints into a managed network. They must be deleted "
        "before, and a deployment deletes after it updates.",
        "Remove compute, instances and kubernetes from the manifest, delete the online endpoints, deploy; then write "
        "network, and the compute again.",
        "https://learn.microsoft.com/azure/machine-learning/how-to-managed-network#migration-of-compute-resources",
        _isolated_with_compute,
    ),
    Rule(
        "change-replaces-data", "error", "No resource with data is replaced",
        "Its data is lost, and the deleted name stays taken for a while.",
        "Restore the value in the manifest; or write a new team or environment, move the data, then remove the old "
        "one.", _PROVIDER, _replaced,
    ),
    Rule(
        "change-removes-data", "error", "No resource with data is removed",
        "The next deployment deletes what the manifests no longer configure.",
        "Move the data first; or accept the loss and suppress this rule for the resource: in the team's file, or in "
        "platform.yaml when that file is removed too.",
        "https://www.pulumi.com/docs/iac/concepts/options/retainondelete/", _removed,
    ),
)  # fmt: skip
"""The rules on changes. They need the inputs before the change."""
