"""What Azure does not change in place, and what it never changes back: tables, and what they say of two inputs.

`diff` asks them of two plans, and of an import what `plan --observed` was told.
"""

import ipaddress
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from infra.rules.network import NETWORK, SUBNET
from infra.rules.properties import (
    BATCH,
    COMPUTE,
    CONTAINER,
    IMAGES,
    KEY,
    LOGS,
    MODELS,
    ONLINE,
    ROLE,
    STORAGE,
    VAULT,
    WORKSPACE,
)
from infra.rules.rule import UNKNOWN, Resource, Rule, Stack, Violation
from infra.tables.names import TABLE

_PROVIDER = "https://github.com/pulumi/pulumi-azure-native/blob/master/provider/pkg/gen/replacement.go"
_PATHS = "https://github.com/pulumi/pulumi-azure-native/blob/master/provider/pkg/gen/schema.go"
_TRACKED = "https://github.com/Azure/azure-rest-api-specs/blob/main/specification/common-types/resource-management/v5/types.json"
_LEARN = "https://learn.microsoft.com/azure"
_TEMPLATE = f"{_LEARN}/templates/microsoft.machinelearningservices/workspaces"
_BUDGETS = f"{_LEARN}/cost-management-billing/costs/tutorial-acm-create-budgets"
_IMAGE_KEYS = f"{_LEARN}/container-registry/tutorial-customer-managed-keys"
_QUEUE_KEYS = f"{_LEARN}/storage/common/account-encryption-key-create"
_ENDPOINTS = f"{_LEARN}/machine-learning/how-to-authenticate-online-endpoint"
_CLUSTER = f"{_LEARN}/machine-learning/how-to-create-attach-compute-cluster"
_INSTANCE = f"{_LEARN}/machine-learning/how-to-create-compute-instance"
_INSTANCE_UPDATES = "https://github.com/Azure/bicep-types-az/issues/2543"
_MANAGED = f"{_LEARN}/machine-learning/how-to-managed-network"

_DELETED = "https://www.pulumi.com/docs/iac/concepts/options/retainondelete/"

Effect = Literal["replaced", "refused", "one way"]
"""replaced: deleted and made anew. refused: Azure takes no such update, or ignores it; it has to be deleted by hand.
one way: Azure takes it, and never takes it back, or it takes back what cannot be."""


@dataclass(frozen=True)
class CreateOnly:
    """A property that is said once, when the resource is made.

    Attributes:
        at: Its dotted path.
        source: Where that is published.
        addable: Whether it may be left out when the resource is made, and be said later.
    """

    at: str
    effect: Literal["replaced", "refused"]
    source: str
    addable: bool = True


@dataclass(frozen=True)
class NoWay:
    """A property that Azure lets go some ways, and not others.

    Attributes:
        at: Its dotted path.
        barred: Whether going from the first value to the second one is a way that there is not.
        why: What Azure says, as a sentence.
        source: Where that is published.
    """

    at: str
    barred: Callable[[Any, Any], bool]
    why: str
    source: str
    effect: Literal["one way", "refused"] = "one way"


@dataclass(frozen=True)
class Change:
    """A change that Azure does not make in place."""

    at: str
    old: Any
    new: Any
    effect: Effect
    why: str
    source: str


@dataclass(frozen=True)
class Property:
    """A property whose value differs; None on the side where it is not there.

    Attributes:
        at: Its dotted path in the inputs: `properties.sku.name`, `rules.0`.
    """

    at: str
    old: Any
    new: Any


EVERYWHERE: tuple[CreateOnly, ...] = (
    CreateOnly("resourceGroupName", "replaced", _PATHS),
    CreateOnly("scope", "replaced", _PATHS),
    CreateOnly("location", "replaced", _TRACKED),
    *(
        CreateOnly(name, "replaced", _PATHS)
        for name in sorted({rule.argument for rule in TABLE.values()} | {"workspaceName", "accountName", "resourceUri"})
    ),
)
"""What no resource changes: the parts of its id, and where it lies."""

CREATE_ONLY: dict[str, tuple[CreateOnly, ...]] = {
    ROLE: (
        CreateOnly("principalId", "replaced", _PROVIDER),
        CreateOnly("roleAssignmentName", "replaced", _PATHS),
        CreateOnly("roleDefinitionId", "refused", f"{_LEARN}/role-based-access-control/troubleshooting"),
    ),
    STORAGE: (
        CreateOnly("isHnsEnabled", "replaced", _PROVIDER),
        CreateOnly(
            "encryption.requireInfrastructureEncryption", "refused",
            f"{_LEARN}/storage/common/infrastructure-encryption-enable",
        ),
        # A key may come later, but for queues and tables only where the account was made for one.
        CreateOnly("encryption.services.queue.keyType", "refused", _QUEUE_KEYS, addable=False),
        CreateOnly("encryption.services.table.keyType", "refused", _QUEUE_KEYS, addable=False),
    ),
    IMAGES: (
        CreateOnly("encryption.status", "refused", _IMAGE_KEYS, addable=False),
        CreateOnly("zoneRedundancy", "refused", f"{_LEARN}/container-registry/zone-redundancy"),
    ),
    WORKSPACE: (
        CreateOnly("storageAccount", "refused", f"{_LEARN}/machine-learning/concept-workspace"),
        CreateOnly("keyVault", "refused", f"{_LEARN}/machine-learning/concept-workspace"),
        CreateOnly("hbiWorkspace", "refused", f"{_LEARN}/machine-learning/concept-data-encryption"),
        CreateOnly("enableDataIsolation", "refused", _TEMPLATE),
        CreateOnly(
            "encryption.status", "refused", f"{_LEARN}/machine-learning/how-to-setup-customer-managed-keys",
            addable=False,
        ),
        CreateOnly("kind", "refused", _TEMPLATE),
    ),
    COMPUTE: (
        *(
            CreateOnly(at, "refused", _CLUSTER)
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
        CreateOnly("properties.properties.sshSettings", "refused", _INSTANCE),
        # Azure answers that an instance was updated, and leaves it as it was.
        CreateOnly("properties.properties.personalComputeInstanceSettings", "refused", _INSTANCE_UPDATES),
        CreateOnly("properties.properties.applicationSharingPolicy", "refused", _INSTANCE_UPDATES),
        CreateOnly("properties.properties.idleTimeBeforeShutdown", "refused", _INSTANCE_UPDATES, addable=False),
        CreateOnly("properties.properties.schedules", "refused", _INSTANCE_UPDATES, addable=False),
    ),
    ONLINE: (CreateOnly("properties.authMode", "refused", _ENDPOINTS),),
    BATCH: (CreateOnly("properties.authMode", "refused", f"{_LEARN}/machine-learning/how-to-use-batch-endpoint"),),
    "azure-native:network:PrivateEndpoint": (CreateOnly("subnet", "replaced", _PROVIDER),),
    "azure-native:network:PublicIPAddress": tuple(
        CreateOnly(at, "replaced", _PROVIDER) for at in ("publicIPAddressVersion", "publicIPPrefix", "sku")
    ),
    "azure-native:consumption:Budget": (
        CreateOnly("timePeriod.startDate", "refused", _BUDGETS),
        CreateOnly("timeGrain", "refused", _BUDGETS),
    ),
}  # fmt: skip
"""What a resource of a type does not change, beside what no resource does."""


def _less_isolated(old: Any, new: Any) -> bool:
    order = (None, "Disabled", "AllowInternetOutbound", "AllowOnlyApprovedOutbound")
    return old in order and new in order and order.index(old) > max(order.index(new), 1)


def _only_the_systems(old: Any, new: Any) -> bool:
    """From both kinds of identity to the system's alone."""
    both = all(kind in str(old) for kind in ("SystemAssigned", "UserAssigned"))
    return both and "UserAssigned" not in str(new)


def _gone(old: Any, new: Any) -> bool:
    return old is True and new is not True


def _removes_a_range(old: Any, new: Any) -> bool:
    """Whether a range of addresses goes; one that shrinks or grows keeps what is in both."""
    if not isinstance(old, list) or not isinstance(new, list) or UNKNOWN in (*old, *new):
        return False
    kept = [ipaddress.ip_network(one) for one in new]
    return not all(any(ipaddress.ip_network(one).overlaps(other) for other in kept) for one in old)


NO_WAY: dict[str, tuple[NoWay, ...]] = {
    WORKSPACE: (
        NoWay(
            "managedNetwork.isolationMode", _less_isolated,
            "a managed network cannot be taken away from a workspace, nor be opened again.", _MANAGED,
        ),
        NoWay(
            "identity.type",
            _only_the_systems,
            "a workspace with both kinds of identity does not go back to the system's alone.",
            f"{_LEARN}/machine-learning/how-to-identity-based-service-authentication",
        ),
    ),
    VAULT: (
        NoWay(
            "properties.enablePurgeProtection", _gone, "purge protection cannot be turned off.",
            f"{_LEARN}/key-vault/general/soft-delete-overview",
        ),
        NoWay(
            "properties.enableSoftDelete", _gone, "soft delete cannot be turned off.",
            f"{_LEARN}/key-vault/general/soft-delete-overview",
        ),
    ),
    STORAGE: (
        NoWay(
            "kind", lambda old, new: old == "StorageV2" and new != old,
            "an account of the second kind does not go back to an older one.",
            f"{_LEARN}/storage/common/storage-account-upgrade",
        ),
    ),
    SUBNET: (
        NoWay(
            "addressPrefix", lambda old, new: None not in (old, new) and old != new,
            "a subnet keeps its range while anything is in it.",
            f"{_LEARN}/virtual-network/virtual-network-manage-subnet", "refused",
        ),
    ),
    NETWORK: (
        NoWay(
            "addressSpace.addressPrefixes", _removes_a_range,
            "a network keeps a range while subnets are in it.",
            f"{_LEARN}/virtual-network/manage-virtual-network", "refused",
        ),
    ),
}  # fmt: skip
"""What goes one way only, or only while nothing is in it."""

STATEFUL: frozenset[str] = frozenset({STORAGE, CONTAINER, VAULT, KEY, IMAGES, WORKSPACE, MODELS, LOGS})
"""What holds data that is lost when it is replaced or deleted; without a key, what it encrypted."""


_ABSENT = object()


def properties(old: Any, new: Any, at: str = "") -> Iterator[Property]:
    """The properties that differ between two inputs, which stand at the path `at`, by path."""
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        for key in sorted({*old, *new}):
            yield from properties(old.get(key, _ABSENT), new.get(key, _ABSENT), f"{at}.{key}" if at else key)
    elif isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        for index, (was, will_be) in enumerate(zip(old, new, strict=True)):
            yield from properties(was, will_be, f"{at}.{index}")
    elif old != new:
        yield Property(at, None if old is _ABSENT else old, None if new is _ABSENT else new)


def changes(type_: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[Change]:
    """The changes from one resource's old inputs to its new ones that Azure does not make in place.

    What is unknown on either side is taken for unchanged.
    """
    before, after = Resource("", type_, "", old), Resource("", type_, "", new)
    rules = {rule.at: rule for rule in (*EVERYWHERE, *CREATE_ONLY.get(type_, ()))}
    for rule in rules.values():
        was, will_be = before.at(rule.at), after.at(rule.at)
        # What is off and what is not said are the same.
        changed = (was or None) != (will_be or None) and UNKNOWN not in (was, will_be)
        if changed and not (was is None and rule.addable):
            yield Change(rule.at, was, will_be, rule.effect, f"{rule.at} is said once, when it is made.", rule.source)
    for way in NO_WAY.get(type_, ()):
        was, will_be = before.at(way.at), after.at(way.at)
        if UNKNOWN not in (was, will_be) and way.barred(was, will_be):
            yield Change(way.at, was, will_be, way.effect, way.why, way.source)


def _of_stack(stack: Stack, effect: Effect) -> Iterator[Violation]:
    for resource in stack.resources:
        for change in _changes_of(stack, resource):
            if change.effect == effect:
                yield (resource.urn, f"{resource.name}: {_told(change)}; {change.why} ({change.source}).")


def _replaced(stack: Stack) -> Iterator[Violation]:
    for resource in stack.of(*STATEFUL):
        told = [_told(change) for change in _changes_of(stack, resource) if change.effect == "replaced"]
        if told:
            yield (resource.urn, f"{resource.name}: what it holds is lost, since {', '.join(told)}.")


def _removed(stack: Stack) -> Iterator[Violation]:
    kept = {resource.urn for resource in stack.resources}
    for urn in stack.before:
        type_, name = urn.split("::")[2].rsplit("$", 1)[-1], urn.rsplit("::", 1)[-1]
        if urn not in kept and type_ in STATEFUL:
            yield (urn, f"{name}: it is removed, and what it holds is lost.")


def _changes_of(stack: Stack, resource: Resource) -> Iterator[Change]:
    old = stack.before.get(resource.urn)
    return changes(resource.type, old, resource.inputs) if old is not None else iter(())


def _told(change: Change) -> str:
    return f"{change.at} goes from {change.old!r} to {change.new!r}"


CHANGE_RULES: tuple[Rule, ...] = (
    Rule(
        "change-one-way", "error", "Nothing is changed back that Azure never changes back",
        "Azure refuses the update, halfway through a deployment.",
        "Leave it, or make a new resource of another name and move.", _MANAGED,
        lambda stack: _of_stack(stack, "one way"),
    ),
    Rule(
        "change-refused", "error", "What is said once, or is in use, is not changed",
        "Azure refuses the update or ignores it, and the plan is not what there is.",
        "Make a new one beside it, under another name.", _CLUSTER,
        lambda stack: _of_stack(stack, "refused"),
    ),
    Rule(
        "change-replaces-data", "error", "Nothing that holds data is deleted to be made anew",
        "What was in it is lost, and the deleted name stays taken for a while.",
        "Make a new one beside it, move the data, then take the old one out.", _PROVIDER,
        _replaced,
    ),
    Rule(
        "change-removes-data", "error", "Nothing that holds data is removed",
        "What the manifests do not ask for any more, the next deployment deletes.",
        "Move the data first; or agree to the loss, and suppress this rule for the resource: in the team's file, or in "
        "platform.yaml when that file goes too.", _DELETED,
        _removed,
    ),
)  # fmt: skip
"""The rules on changes. They have something to say when it is known what was there before."""
