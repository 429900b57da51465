"""What Azure would say to a deployment, asked before it: `doctor STACK --live`. Nothing is changed.

Each check yields what it is about, what Azure has, and what to do; nothing where nothing is to be done.
Not asked: deny assignments, conditions of role assignments, and names of deleted workspaces, which Azure lists nowhere.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from bootstrap.errors import RefusedError
from bootstrap.processes import shell_line
from bootstrap.progress import Progress
from bootstrap.simulator.kinds import KINDS
from bootstrap.stack.deploy.azure import Ask, listed
from bootstrap.stack.plan.model import StackPlan
from infra.rules.rule import UNKNOWN, Resource
from infra.rules.sdk import RENAMED
from infra.settings import EnvironmentSettings
from infra.tables.network_modes import MODES

Check = tuple[str, str, str]
"""What was checked, what there is, and what to do about it."""

_ML = "Microsoft.MachineLearningServices"
_VERSION = "2024-10-01"


def ask_azure(planned: StackPlan, ask: Ask, claims: Mapping[str, Any], progress: Progress) -> Iterator[Check]:
    """All checks for a planned stack. Raises MissingError and RemoteError as `ask` does."""
    parts: Mapping[str, Callable[[], Iterator[Check]]] = {
        "login": lambda: _login(planned, ask, claims),
        "rights": lambda: _rights(planned, ask, str(claims.get("oid", ""))),
        "resource providers": lambda: _providers(planned, ask),
        "sizes and quota": lambda: _sizes(planned, ask),
        "names": lambda: _names(planned, ask),
        "policies": lambda: _policies(planned, ask),
    }
    for name, part in parts.items():
        progress.started(f"ask Azure: {name}")
        try:
            yield from part()
        except RefusedError as error:
            yield name, "not known", f"Get the right to read it: {error.why}"
        finally:
            progress.finished(f"ask Azure: {name}")


def _login(planned: StackPlan, ask: Ask, claims: Mapping[str, Any]) -> Iterator[Check]:
    """Whether the login is of the platform's tenant, and the subscriptions can be used.

    https://learn.microsoft.com/rest/api/resources/subscriptions/get
    """
    settings = planned.settings
    who = claims.get("upn") or claims.get("preferred_username") or claims.get("appid") or "unknown"
    tenant = str(claims.get("tid", settings.tenant_id))
    other = f"Log in to the platform's tenant: {shell_line('az', 'login', '--tenant', settings.tenant_id)}"
    yield "login", f"{who}, tenant {tenant}", "" if tenant == settings.tenant_id else other
    for subscription in _subscriptions(planned):
        name = f"subscription {subscription}"
        found = ask(f"/subscriptions/{subscription}", "2022-12-01")
        if found is None:
            yield name, "", "Correct subscription_id, or have a role assigned to this login in that subscription."
            continue
        state, of = str(found.get("state")), str(found.get("tenantId", settings.tenant_id))
        step = "" if state == "Enabled" else f"Its state is {state}: have it enabled."
        step = step or ("" if of == settings.tenant_id else f"It is of tenant {of}: correct tenant_id.")
        yield name, f"{found.get('displayName')}, {state}", step


def _rights(planned: StackPlan, ask: Ask, identity: str) -> Iterator[Check]:
    """Whether roles of the login allow to write each planned resource.

    https://learn.microsoft.com/azure/role-based-access-control/role-assignments-list-rest
    https://learn.microsoft.com/rest/api/authorization/role-definitions/get-by-id
    """
    granted: list[tuple[str, Sequence[Mapping[str, Any]]]] = []
    definitions: dict[str, Sequence[Mapping[str, Any]]] = {}
    for subscription in _subscriptions(planned):
        path = f"/subscriptions/{subscription}/providers/Microsoft.Authorization/roleAssignments"
        for one in listed(ask, f"{path}?$filter=assignedTo('{identity}')", "2022-04-01"):
            role = str(one["properties"]["roleDefinitionId"])
            if role not in definitions:
                found = ask(role, "2022-04-01") or {}
                definitions[role] = found.get("properties", {}).get("permissions") or ()
            granted.append((str(one["properties"]["scope"]).lower(), definitions[role]))
    missing = Counter(
        action
        for id_, action in _writes(planned)
        if not any(_covers(scope, id_) and _allows(permissions, action) for scope, permissions in granted)
    )
    for action, count in sorted(missing.items()):
        some = "a resource" if count == 1 else f"{count} resources"
        yield (
            f"right {action}",
            "",
            f"{some} of the plan need it: have a role assigned that allows it (docs/access.md).",
        )
    if not missing:
        yield "rights", "all that the plan needs", ""


def _covers(scope: str, id_: str) -> bool:
    above = scope in ("/", "") or scope.startswith("/providers/microsoft.management/")
    return above or f"{id_.lower()}/".startswith(f"{scope}/")


def _allows(permissions: Sequence[Mapping[str, Any]], action: str) -> bool:
    """Whether a role allows an action.

    https://learn.microsoft.com/azure/role-based-access-control/role-definitions#actions
    """

    def matches(patterns: Sequence[str] | None) -> bool:
        return any(
            re.fullmatch(re.escape(one).replace(r"\*", ".*"), action, re.IGNORECASE | re.ASCII)
            for one in patterns or ()
        )

    return any(matches(one.get("actions")) and not matches(one.get("notActions")) for one in permissions)


def _providers(planned: StackPlan, ask: Ask) -> Iterator[Check]:
    """Whether the resource providers of the planned resources are registered in the subscription.

    https://learn.microsoft.com/rest/api/resources/providers/list
    """
    needed = {type_.split("/")[0].lower(): type_.split("/")[0] for type_ in map(_arm_type, planned.made) if type_}
    if isinstance(planned.settings, EnvironmentSettings) and MODES[planned.settings.network].has_managed_network:
        # Azure creates the managed network, so that no resource of the stack registers its provider.
        # https://learn.microsoft.com/azure/machine-learning/how-to-managed-network#prerequisites
        needed["microsoft.network"] = "Microsoft.Network"
    subscription = planned.settings.subscription_id
    states = {
        str(one["namespace"]).lower(): str(one["registrationState"])
        for one in listed(ask, f"/subscriptions/{subscription}/providers", "2021-04-01")
    }
    missing = sorted(name for key, name in needed.items() if states.get(key) != "Registered")
    for name in missing:
        command = shell_line("az", "provider", "register", "--subscription", subscription, "--namespace", name)
        step = f"Register it: {command}"
        yield f"resource provider {name}", states.get(name.lower(), "unknown"), step
    if not missing:
        yield "resource providers", f"all {len(needed)} are registered", ""


def _sizes(planned: StackPlan, ask: Ask) -> Iterator[Check]:
    """Whether the location offers the sizes, and whether all nodes at once are within the quota of their family.

    https://learn.microsoft.com/rest/api/azureml/virtual-machine-sizes/list
    https://learn.microsoft.com/rest/api/azureml/usages/list
    """
    settings = planned.settings
    if not isinstance(settings, EnvironmentSettings):
        return
    wanted = [(one.size, one.max_nodes, one.low_priority) for one in settings.clusters]
    wanted += [(one.size, 1, False) for one in settings.instances]
    if not wanted:
        return
    at = f"/subscriptions/{settings.subscription_id}/providers/{_ML}/locations/{settings.location}"
    offered = {str(one["name"]).lower(): one for one in listed(ask, f"{at}/vmSizes", _VERSION)}
    for size in sorted({size for size, _, _ in wanted if size.lower() not in offered}):
        yield f"size {size}", "", f"{settings.location} does not offer it to this subscription: choose another size."
    limits = {
        _plain(one["name"]["value"]): (int(one["currentValue"]), int(one["limit"]))
        for one in listed(ask, f"{at}/usages", _VERSION)
        if "/workspaces/" not in str(one["id"])
    }
    needed: Counter[str] = Counter()
    for size, nodes, low_priority in wanted:
        if (one := offered.get(size.lower())) is not None:
            cores, kind = int(one["vCPUs"]) * nodes, "LowPriority" if low_priority else "Dedicated"
            needed[f"Total Cluster {kind} Regional vCPUs"] += cores
            needed[f"{one['family']} Cluster {kind} vCPUs"] += cores
    for name, cores in sorted(needed.items()):
        used, limit = limits.get(_plain(name), (0, -1))
        if limit >= 0:  # -1: only the total is limited
            step = "" if cores <= limit else f"All nodes need {cores} vCPUs: request quota, or lower max_nodes."
            yield f"quota {name}", f"{limit} vCPUs, {used} used", step


def _plain(name: str) -> str:
    """A name without what sizes (`standardDSv2Family`) and usages (`Standard DSv2 Family`) spell differently."""
    return re.sub("[^a-z0-9]", "", str(name).lower())


_NAMES = {
    "azure-native:storage:StorageAccount": ("Microsoft.Storage/storageAccounts", "accountName", "2023-05-01"),
    "azure-native:keyvault:Vault": ("Microsoft.KeyVault/vaults", "vaultName", "2023-07-01"),
    "azure-native:containerregistry:Registry": ("Microsoft.ContainerRegistry/registries", "registryName", "2023-07-01"),
}
"""Types whose names are unique in Azure: ARM's type, the input with the name, and the version of the API.

https://learn.microsoft.com/rest/api/storagerp/storage-accounts/check-name-availability
https://learn.microsoft.com/rest/api/keyvault/keyvault/vaults/check-name-availability
https://learn.microsoft.com/rest/api/containerregistry/registries/check-name-availability
"""


def _names(planned: StackPlan, ask: Ask) -> Iterator[Check]:
    """Whether the names are free, or those of the stack's own resources.

    https://learn.microsoft.com/rest/api/keyvault/keyvault/vaults/get-deleted
    """
    settings, free = planned.settings, 0
    for resource in planned.made:
        if resource.type not in _NAMES:
            continue
        type_, argument, version = _NAMES[resource.type]
        name, subscription = str(resource.inputs[argument]), settings.subscription_id
        provider = f"/subscriptions/{subscription}/providers/{type_.split('/')[0]}"
        found = ask(f"{provider}/checkNameAvailability", version, {"name": name, "type": type_}) or {}
        if found.get("nameAvailable") or ask(_id(planned, resource), version) is not None:
            free += 1
            continue
        deleted = None
        if type_ == "Microsoft.KeyVault/vaults":
            deleted = ask(f"{provider}/locations/{settings.location}/deletedVaults/{name}", version)
        if deleted is not None:
            until = deleted.get("properties", {}).get("scheduledPurgeDate", "its purge")
            command = shell_line("az", "keyvault", "recover", "--name", name)
            step = f"Recover it ({command}), or set another `generation` (docs/guardrails.md)."
            yield f"name {name}", f"deleted, kept until {until}", step
        else:
            step = f"{found.get('message') or 'Somebody else has it.'} Set another `generation` (docs/guardrails.md)."
            yield f"name {name}", "taken", step
    if free:
        yield "names", f"{free} are free or this stack's", ""


def _policies(planned: StackPlan, ask: Ask) -> Iterator[Check]:
    """Which Azure policies would deny a planned resource, by what is known of it.

    https://learn.microsoft.com/rest/api/policyinsights/policy-restrictions/check-at-subscription-scope
    """
    path = "/providers/Microsoft.PolicyInsights/checkPolicyRestrictions"
    denied: dict[str, list[str]] = {}
    for resource in planned.made:
        if "location" not in resource.inputs or not _arm_type(resource):
            continue
        body = {"resourceDetails": {"resourceContent": _content(resource)}}
        answer = ask(f"/subscriptions/{planned.settings.subscription_id}{path}", "2023-03-01", body) or {}
        for one in (answer.get("contentEvaluationResult") or {}).get("policyEvaluations") or ():
            effect = str((one.get("effectDetails") or {}).get("policyEffect", "")).lower()
            if one.get("evaluationResult") == "NonCompliant" and effect == "deny":
                assignment = str(one["policyInfo"].get("policyAssignmentId", ""))
                denied.setdefault(assignment, []).append(resource.name)
    for assignment, names in sorted(denied.items()):
        step = f"It denies {', '.join(names)}: change the manifests, or have an exemption granted."
        yield f"policy {assignment.rsplit('/', 1)[-1]}", assignment, step
    if not denied:
        yield "policies", "none denies a resource", ""


_OUTSIDE = frozenset({"location", "tags", "sku", "kind", "identity", "zones", "properties"})
"""The properties of a resource that ARM does not have below `properties`."""

_WITHOUT = {"azure-native:operationalinsights:Workspace": frozenset({"sku"})}
"""Those that ARM has below `properties` in spite of that, by type."""

_SPELLED: Mapping[str, Mapping[str, str]] = {
    "azure-native:storage:StorageAccount": RENAMED,
    "azure-native:applicationinsights:Component": {
        "applicationType": "Application_Type", "flowType": "Flow_Type", "requestSource": "Request_Source",
    },
}  # fmt: skip
"""ARM's names of the SDK's properties, by type. A test compares them with ARM's types; Azure ignores their case."""


def _content(resource: Resource) -> dict[str, Any]:
    """What is known of a resource, as ARM spells it: the SDK has most properties one level higher."""
    in_id, spelled = KINDS[resource.type].inputs_in_id, _SPELLED.get(resource.type, {})
    above = _OUTSIDE - _WITHOUT.get(resource.type, frozenset())
    known = {spelled.get(key, key): _known(value) for key, value in resource.inputs.items() if key not in in_id}
    outside = {key: value for key, value in known.items() if key in above}
    inside = {key: value for key, value in known.items() if key not in above}
    content = {"type": _arm_type(resource), **outside}
    return {**content, "properties": {**outside.get("properties", {}), **inside}}


def _known(value: Any) -> Any:
    """A value without what is known only after the deployment."""
    if isinstance(value, Mapping):
        return {key: _known(one) for key, one in value.items() if one != UNKNOWN}
    return [_known(one) for one in value if one != UNKNOWN] if isinstance(value, list) else value


def _arm_type(resource: Resource) -> str:
    """ARM's name of a resource's type; empty for a kind without a row."""
    kind = KINDS.get(resource.type)
    if kind is None:
        return ""
    namespace, _, path = kind.id.rpartition("/providers/")[2].partition("/")
    return (
        "/".join([namespace, *path.split("/")[::2]])
        if "/providers/" in kind.id
        else "Microsoft.Resources/resourceGroups"
    )


def _subscriptions(planned: StackPlan) -> list[str]:
    """The subscriptions in which the plan has resources, the stack's own first."""
    found = [planned.settings.subscription_id, *(id_.split("/")[2] for id_, _ in _writes(planned))]
    return list(dict.fromkeys(found))


def _writes(planned: StackPlan) -> list[tuple[str, str]]:
    """The id of each planned resource, as far as it is known, and the action that creates it."""
    ids = ((_id(planned, resource), resource) for resource in planned.made if _arm_type(resource))
    return [
        (id_, f"{_action(resource)}/write")
        for id_, resource in ids
        if re.match("/subscriptions/[0-9a-fA-F-]{36}/", id_)
    ]


def _action(resource: Resource) -> str:
    type_ = _arm_type(resource)
    return (
        type_.replace("Microsoft.Resources/", "Microsoft.Resources/subscriptions/")
        if "resourceGroups" in type_
        else type_
    )


def _id(planned: StackPlan, resource: Resource) -> str:
    """The id that a planned resource will have."""
    settings, subscription = planned.settings, planned.settings.subscription_id
    if isinstance(settings, EnvironmentSettings) and "::azure-hub::" in str(resource.options.get("provider", "")):
        subscription = settings.hub_subscription_id
    return KINDS[resource.type].id_of(resource.inputs, subscription)
