"""Rules on existing resources: what their import would change or remove, as far as they were exported."""

import datetime as dt
import json
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from infra.rules.changes import Change, differences
from infra.rules.rule import UNKNOWN, Resource, Rule, Stack, Violation, violation_of
from infra.settings import DatastoreSettings, EnvironmentSettings
from infra.tables.names import TABLE
from infra.tables.network_modes import MODES
from infra.tables.resource_types import ELIGIBILITY, IMAGES, STORAGE, WORKSPACE

_IMPORT = "https://www.pulumi.com/docs/iac/guides/migration/import/"

_IN_ID = frozenset({"resourceGroupName", *(rule.argument for rule in TABLE.values())})
"""Inputs that are parts of the id, which an import keeps."""

_DEFAULTS: Mapping[str, Mapping[str, Any]] = {
    STORAGE: {
        "dnsEndpointType": "Standard",
        "encryption.keySource": "Microsoft.Storage",
        **{f"encryption.services.{service}.enabled": True for service in ("blob", "file")},
        **{f"encryption.services.{service}.keyType": "Account" for service in ("blob", "file")},
    },
    IMAGES: {
        "policies.azureADAuthenticationAsArmPolicy.status": "enabled",
        "policies.exportPolicy.status": "enabled",
    },
}
"""Azure's defaults: it sets these values again when they are left out.
https://learn.microsoft.com/rest/api/storagerp/storage-accounts/get-properties
https://learn.microsoft.com/rest/api/container-registry/registries/get"""

_READ_ONLY: Mapping[str, frozenset[str]] = {WORKSPACE: frozenset({"discoveryUrl", "allowPublicAccessWhenBehindVnet"})}
"""Values that Azure decides, though the SDK accepts them."""

_OMITTED: Mapping[str, Mapping[str, Any]] = {
    WORKSPACE: {
        "managedNetwork.enableNetworkMonitor": False,
        "provisionNetworkNow": False,
        "serverlessComputeSettings.serverlessComputeNoPublicIP": False,
    }
}
"""Planned values that mean the same as a missing value."""

_OFF = (False, "Disabled", "disabled", "None")


def before(stack: Stack) -> dict[str, Mapping[str, Any]]:
    """The present inputs of imported resources, by URN, as far as they were exported. Imports Pulumi."""
    from infra.rules.sdk import inputs_of

    described = ((resource, stack.observed.get((resource.import_id or "").lower())) for resource in stack.resources)
    return {
        resource.urn: _spelled_as(resource.inputs, without_additions(inputs_of(resource.type, found)))
        for resource, found in described
        if found is not None
    }


def without_additions(inputs: Mapping[str, Any], own_rules: Collection[str] = ()) -> Mapping[str, Any]:
    """The properties without what Azure ML adds to a managed network, and adds again: its status, and required rules.

    https://learn.microsoft.com/azure/machine-learning/how-to-managed-network#list-of-required-rules

    Args:
        own_rules: The names of rules that are resources of their own.
    """
    network = inputs.get("managedNetwork")
    if network is None:
        return inputs
    rules = network.get("outboundRules")
    if isinstance(rules, Mapping):
        rules = {name: rule for name, rule in rules.items() if not _is_added(rule) and name not in own_rules}
    return {**inputs, "managedNetwork": _filled({**network, "status": None, "outboundRules": rules})}


def _is_added(rule: Any) -> bool:
    return isinstance(rule, Mapping) and rule.get("category", "UserDefined") != "UserDefined"


def _differences(stack: Stack) -> Iterator[tuple[Resource, Change]]:
    """The properties of imported resources that differ from the plan, each with the resource."""
    for resource in stack.resources:
        old = stack.before.get(resource.urn)
        if resource.import_id is None or old is None:
            continue
        planned = {key: value for key, value in resource.inputs.items() if key not in _IN_ID}
        for change in differences(old, _filled(planned)):
            if change.new != UNKNOWN and not _means_nothing(resource.type, change):
                yield resource, change


def _means_nothing(type_: str, change: Change) -> bool:
    """Whether the planned value means the same as the missing one."""
    defaults = _OMITTED.get(type_, {})
    return change.old is None and all(defaults.get(path) == value for path, value in _leaves(change.new, change.at))


def _changes(stack: Stack) -> Iterator[Violation]:
    for resource, change in _differences(stack):
        if change.new is not None:
            yield violation_of(resource, f"{change.at} is {_shown(change.old)}, and becomes {_shown(change.new)}.")


def _losses(stack: Stack) -> Iterator[Violation]:
    for resource, change in _differences(stack):
        if change.new is None and not _is_default(resource.type, change):
            yield violation_of(resource, f"{change.at} is {_shown(change.old)}, and the manifests do not configure it.")


def _is_default(type_: str, change: Change) -> bool:
    """Whether Azure sets the same value again when it is left out."""
    if change.at in _READ_ONLY.get(type_, ()):
        return True
    defaults = _DEFAULTS.get(type_, {})
    return all(value in _OFF or defaults.get(path) == value for path, value in _leaves(change.old, change.at))


def _leaves(value: Any, at: str) -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping):
        if value.get("status") in _OFF:
            return  # the details of something that is off
        for key, item in value.items():
            yield from _leaves(item, f"{at}.{key}")
    else:
        yield at, value


def _unknown_values(stack: Stack) -> Iterator[Violation]:
    from infra.rules import sdk  # not at the top: it imports Pulumi, which a cached plan does not need

    for resource in stack.resources:
        if resource.import_id is not None:
            inputs = stack.before.get(resource.urn, {})
            for at, value in sdk.unknown_values(inputs, sdk.arguments_of(resource.type)):
                yield violation_of(resource, f"the SDK does not have the value {value!r} of {at}.")


def _not_observed(stack: Stack) -> Iterator[Violation]:
    ids = [one.import_id for one in stack.resources if one.import_id is not None and one.urn not in stack.before]
    if ids:
        command = f"az resource show --ids {' '.join(ids)} > azure.json"
        yield None, f"{stack.name}: the changes by its imports are unknown: {command}."


def _other_workspace(stack: Stack) -> Iterator[Violation]:
    """The values of Azure that differ from the manifest: parts of the workspace, its location, its managed network."""
    environment = stack.environment
    adopted = environment.adopted if environment is not None else None
    described = stack.observed.get(adopted.workspace_id.lower()) if adopted is not None else None
    if environment is None or adopted is None or described is None:
        return
    workspace = adopted.workspace_id.rsplit("/", 1)[-1]
    inner = described.get("properties") or {}
    for key, configured in (
        ("storageAccount", adopted.storage_id),
        ("keyVault", adopted.key_vault_id),
        ("containerRegistry", adopted.container_registry_id),
        ("applicationInsights", adopted.application_insights_id),
    ):
        found = inner.get(key) or None
        if (found or "").lower() != (configured or "").lower():
            yield None, f"{workspace}: {key} is {_shown(found)} in Azure, but {_shown(configured)} in the manifest."
    location = str(described.get("location", environment.location)).replace(" ", "").lower()
    if location != environment.location:
        yield None, f"{workspace}: location is {location} in Azure, but {environment.location} in the manifest."
    isolation = Resource("", "", "", described).at("properties.managedNetwork.isolationMode") or "Disabled"
    wanted = MODES[environment.network].isolation
    # With mode: manage, the network can still be changed; with mode: refer, it stays as it is.
    if adopted.mode == "refer" and isolation != wanted:
        yield (
            None,
            (
                f"{workspace}: the managed network is {isolation} in Azure, "
                f"but network: {environment.network} configures {wanted}."
            ),
        )


ELIGIBILITY_TYPE = "/providers/microsoft.authorization/roleeligibilityschedules/"
"""How the id of an eligibility contains its type, in lower case."""

_WARNED_DAYS = 30
"""An eligibility is reported this many days before it ends."""


def _ending(stack: Stack) -> Iterator[Violation]:
    if stack.as_of is None:
        return
    last = (dt.date.fromisoformat(stack.as_of) + dt.timedelta(_WARNED_DAYS)).isoformat()
    ends = {
        _eligibility(found["properties"]): str(found["properties"].get("endDateTime") or "9")[:10]
        for id_, found in stack.observed.items()
        if ELIGIBILITY_TYPE in id_
    }
    for resource in stack.of(ELIGIBILITY):
        end = ends.get(_eligibility(resource.inputs))
        if end is not None and end <= last:
            yield violation_of(resource, f"the eligibility ends on {end}.")


def _eligibility(described: Mapping[str, Any]) -> tuple[str, ...]:
    """What an eligibility is unique by, in lower case: Azure chooses its name."""
    return tuple(str(described.get(key)).lower() for key in ("scope", "principalId", "roleDefinitionId"))


def _accounts(stack: Stack) -> Iterator[Violation]:
    if stack.environment is None:
        return
    for name, datastore in _data(stack.environment):
        described = stack.observed.get((datastore.storage_id or "").lower())
        if described is not None:
            for message in _unusable(stack.environment, datastore, described):
                yield stack.urns[name], f"{name}: its account {message}."


def _data(environment: EnvironmentSettings) -> Iterator[tuple[str, DatastoreSettings]]:
    """The datastores and the offline store of an environment, each with the name of its resource."""
    yield from ((f"datastore-{one.name}", one) for one in environment.datastores)
    if environment.feature_store is not None:
        yield environment.feature_store.name, environment.feature_store


def _unseen_accounts(stack: Stack) -> Iterator[Violation]:
    """The accounts that are missing in an export of others: one that was deleted is in no export."""
    data = list(_data(stack.environment)) if stack.environment is not None else []
    accounts = [(name, one.storage_id) for name, one in data if one.storage_id is not None]
    if any(id_.lower() in stack.observed for _, id_ in accounts):
        for name, id_ in accounts:
            if id_.lower() not in stack.observed:
                yield stack.urns[name], f"{name}: its account {id_.rsplit('/', 1)[-1]} is not among the exported ones."


def _unusable(
    environment: EnvironmentSettings, datastore: DatastoreSettings, described: Mapping[str, Any]
) -> Iterator[str]:
    """What keeps a datastore from using a storage account as Azure describes it."""
    account = Resource("", "", "", described)
    tenant = account.at("tenantId") or account.at("identity.tenantId")
    if tenant is not None and tenant.lower() != environment.tenant_id:
        yield f"is in the tenant {tenant}, and the platform in {environment.tenant_id}: roles do not cross tenants"
    if datastore.kind == "filesystem" and account.at("properties.isHnsEnabled") is not True:
        yield "has no hierarchical namespace, so it has containers and no file systems"
    public, default = account.at("properties.publicNetworkAccess"), account.at("properties.networkAcls.defaultAction")
    if (public == "Disabled" or default == "Deny") and not MODES[environment.network].has_managed_network:
        yield f"refuses connections from the internet, and network {environment.network} has no private endpoints to it"


def _spelled_as(planned: Any, found: Any) -> Any:
    """The found value in the spelling of the plan, where only case or spaces differ: Azure often ignores both."""
    if isinstance(found, Mapping) and isinstance(planned, Mapping):
        return {key: _spelled_as(planned.get(key), value) for key, value in found.items()}
    if isinstance(found, list) and isinstance(planned, list) and len(found) == len(planned):
        return [_spelled_as(wanted, value) for wanted, value in zip(planned, found, strict=True)]
    if isinstance(found, str) and isinstance(planned, str) and _plain(found) == _plain(planned):
        return planned
    return found


def _plain(text: str) -> str:
    return text.replace(" ", "").lower()


def _filled(value: Any) -> Any:
    """A value without its empty parts, which Azure leaves out too."""
    if isinstance(value, Mapping):
        filled = {key: _filled(item) for key, item in value.items()}
        return {key: item for key, item in filled.items() if item not in (None, [], {}, "")}
    return [_filled(item) for item in value] if isinstance(value, list | tuple) else value


def _shown(value: Any) -> str:
    return "not set" if value is None else json.dumps(value, ensure_ascii=False)


ADOPTED_RULES: tuple[Rule, ...] = (
    Rule(
        "adopted-differs", "error", "The adopted workspace is as the manifest configures it",
        "Access, compute and alerts would be created for the wrong resources.",
        "Write the ids, the location and the network of the workspace in the manifest.",
        "https://learn.microsoft.com/azure/machine-learning/concept-workspace",
        _other_workspace,
    ),
    Rule(
        "adopted-changes", "warning", "An import changes nothing",
        "The engine changes the resource with its import: users of it may be affected.",
        "Accept the change, or write the present value in the manifests; then export the resource and plan again.",
        _IMPORT, _changes,
    ),
    Rule(
        "adopted-loses", "warning", "An import removes nothing",
        "An update replaces all properties: the first one may remove what the manifests do not configure.",
        "Write it in the manifests (tags, outbound, allow_ips), or write mode: refer instead.",
        "https://github.com/pulumi/pulumi-azure-native/issues/3768",
        _losses,
    ),
    Rule(
        "argument-value", "warning", "The SDK knows every value of an imported resource",
        "The engine cannot keep a value that the SDK does not have.",
        "Change the value in Azure, or write mode: refer in the manifest.",
        "https://www.pulumi.com/registry/packages/azure-native/api-docs/",
        _unknown_values,
    ),
    Rule(
        "datastore-account", "error", "Datastores can use their storage accounts",
        "Azure creates a datastore without a look at its account, so the first job that uses it fails.",
        "Name another account; write container for one without hierarchical namespace; write network: managed or "
        "locked for one with a firewall.",
        "https://learn.microsoft.com/azure/machine-learning/how-to-administrate-data-authentication",
        _accounts,
    ),
    Rule(
        "datastore-unseen", "warning", "The accounts of datastores exist",
        "Azure exports no account that was deleted or never existed, or that your login cannot read. A role on it is "
        "refused during the deployment.",
        "Run az resource show --ids STORAGE_ID. If Azure does not find the account, correct storage_id.",
        "https://learn.microsoft.com/cli/azure/resource#az-resource-show",
        _unseen_accounts,
    ),
    Rule(
        "adopted-unseen", "note", "The changes by imports are known",
        "A plan uses no account: existing resources have to be exported for it.",
        "Run that command with a login that can read them, and plan with --observed azure.json.", _IMPORT,
        _not_observed,
    ),
    Rule(
        "eligibility-ends", "warning", f"No eligibility ends within {_WARNED_DAYS} days",
        "An eligibility lasts a year. After that, its group cannot activate the role.",
        "Let an Owner remove the eligibility in Privileged Identity Management, and deploy the stack with --refresh, "
        "which creates it again for a year.",
        "https://learn.microsoft.com/rest/api/authorization/role-eligibility-schedules/list-for-scope",
        _ending,
    ),
)  # fmt: skip
"""The rules on existing resources. All but one need their description: `plan --observed`."""
