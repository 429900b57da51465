"""Rules on what is there already: what its import would change or lose, as far as Azure's description is known."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from infra.rules.changes import Property, properties
from infra.rules.properties import IMAGES, STORAGE, WORKSPACE
from infra.rules.rule import UNKNOWN, Resource, Rule, Stack, Violation
from infra.settings import AdoptedSettings
from infra.tables.names import TABLE
from infra.tables.network_modes import MODES

_LEARN = "https://learn.microsoft.com/azure"
_PUT = "https://github.com/pulumi/pulumi-azure-native/issues/3768"
_IMPORT = "https://www.pulumi.com/docs/iac/guides/migration/import/"
_WORKSPACE = f"{_LEARN}/machine-learning/concept-workspace"

_IN_ID = frozenset({"resourceGroupName", *(rule.argument for rule in TABLE.values())})
"""Inputs that are parts of the id; what is imported has the same id."""

_BY_ITSELF: Mapping[str, Mapping[str, Any]] = {
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
"""What Azure says of a resource where nobody said it: it is there again when it is left out.
https://learn.microsoft.com/rest/api/storagerp/storage-accounts/get-properties
https://learn.microsoft.com/rest/api/container-registry/registries/get"""

_ALWAYS: Mapping[str, frozenset[str]] = {WORKSPACE: frozenset({"discoveryUrl", "allowPublicAccessWhenBehindVnet"})}
"""What Azure decides by itself, though the SDK takes it."""

_UNTOLD: Mapping[str, Mapping[str, Any]] = {
    WORKSPACE: {
        "managedNetwork.enableNetworkMonitor": False,
        "provisionNetworkNow": False,
        "serverlessComputeSettings.serverlessComputeNoPublicIP": False,
    }
}
"""What is planned, by the SDK or by us, and means the same as nothing."""

_OFF = (False, "Disabled", "disabled", "None")


def before(stack: Stack) -> dict[str, Mapping[str, Any]]:
    """The inputs of what is imported, as it is now, by URN, as far as its description is known. Imports Pulumi."""
    from infra.rules.described import inputs_of

    described = ((resource, stack.observed.get((resource.import_id or "").lower())) for resource in stack.resources)
    return {
        resource.urn: _spelled_as(resource.inputs, inputs_of(resource.type, found))
        for resource, found in described
        if found is not None
    }


def _differences(stack: Stack) -> Iterator[tuple[Resource, Property]]:
    """The properties of what is imported that differ, each with the resource."""
    for resource in stack.resources:
        old = stack.before.get(resource.urn)
        if resource.import_id is None or old is None:
            continue
        planned = {key: value for key, value in resource.inputs.items() if key not in _IN_ID}
        for one in properties(old, _filled(planned)):
            if one.new != UNKNOWN and not _says_nothing(resource.type, one):
                yield resource, one


def _says_nothing(type_: str, one: Property) -> bool:
    """Whether what is planned means the same as what Azure does not tell."""
    untold = _UNTOLD.get(type_, {})
    return one.old is None and all(untold.get(path) == value for path, value in _leaves(one.new, one.at))


def _changes(stack: Stack) -> Iterator[Violation]:
    for resource, one in _differences(stack):
        if one.new is not None:
            said = f"{resource.name}: {one.at} is {_shown(one.old)}, and becomes {_shown(one.new)}."
            yield (resource.urn, said)


def _losses(stack: Stack) -> Iterator[Violation]:
    for resource, one in _differences(stack):
        if one.new is None and not _comes_back(resource.type, one):
            yield (resource.urn, f"{resource.name}: {one.at} is {_shown(one.old)}, and nothing here says so.")


def _comes_back(type_: str, one: Property) -> bool:
    """Whether Azure says the same again when it is left out."""
    if one.at in _ALWAYS.get(type_, ()):
        return True
    defaults = _BY_ITSELF.get(type_, {})
    return all(value in _OFF or defaults.get(path) == value for path, value in _leaves(one.old, one.at))


def _leaves(value: Any, at: str) -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping):
        if value.get("status") in _OFF:
            return  # how something is set up that is off
        for key, item in value.items():
            yield from _leaves(item, f"{at}.{key}")
    else:
        yield at, value


def _unseen(stack: Stack) -> Iterator[Violation]:
    unseen = [one.import_id for one in stack.resources if one.import_id is not None and one.urn not in stack.before]
    if unseen:
        said = f"it is not known what imports would change: az resource show --ids {' '.join(unseen)} > azure.json"
        yield (None, f"{stack.name}: {said}.")


def _elsewhere(stack: Stack) -> Iterator[Violation]:
    environment = stack.environment
    if environment is None or environment.adopted is None:
        return
    adopted = environment.adopted
    described = stack.observed.get(adopted.workspace_id.lower())
    if described is None:
        return
    workspace = adopted.workspace_id.rsplit("/", 1)[-1]
    for message in (*_other_parts(adopted, described), *_other_place(described, environment.location)):
        yield (None, f"{workspace}: {message}.")
    isolation = Resource("", "", "", described).at("properties.managedNetwork.isolationMode") or "Disabled"
    wanted = MODES[environment.network].isolation
    # One that is managed can be given another network; one that is referred to stays as it is.
    if adopted.mode == "refer" and isolation != wanted:
        said = f"its managed network is {isolation}, and network {environment.network} means {wanted}"
        yield (None, f"{workspace}: {said}.")


def _other_parts(adopted: AdoptedSettings, described: Mapping[str, Any]) -> Iterator[str]:
    """What it is made of, and the manifest says otherwise."""
    inner = described.get("properties") or {}
    for key, said in (
        ("storageAccount", adopted.storage_id),
        ("keyVault", adopted.key_vault_id),
        ("containerRegistry", adopted.container_registry_id),
        ("applicationInsights", adopted.application_insights_id),
    ):
        found = inner.get(key) or None
        if (found or "").lower() != (said or "").lower():
            yield f"its {key} is {_shown(found)}, and the manifest says {_shown(said)}"


def _other_place(described: Mapping[str, Any], location: str) -> Iterator[str]:
    found = str(described.get("location", location)).replace(" ", "").lower()
    if found != location:
        yield f"it is in {found}, and the manifest says {location}"


def _spelled_as(planned: Any, found: Any) -> Any:
    """What was found, spelled as it is planned where only case or spaces differ, which Azure does not mind in many."""
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
    """A value without what is empty in it, which Azure does not tell either."""
    if isinstance(value, Mapping):
        filled = {key: _filled(item) for key, item in value.items()}
        return {key: item for key, item in filled.items() if item not in (None, [], {}, "")}
    return [_filled(item) for item in value] if isinstance(value, list | tuple) else value


def _shown(value: Any) -> str:
    return "not said" if value is None else json.dumps(value, ensure_ascii=False)


ADOPTED_RULES: tuple[Rule, ...] = (
    Rule(
        "adopted-differs", "error", "What is adopted is what the manifest says",
        "Access, compute and alerts would be made around the wrong things.",
        "Write the ids, the location and the network that the workspace has.", _WORKSPACE,
        _elsewhere,
    ),
    Rule(
        "adopted-changes", "warning", "An import changes nothing",
        "The engine imports it and changes it at once: what works with it as it is may stop.",
        "Agree on the change, or say in the manifests what is there; then export it and plan again.", _IMPORT,
        _changes,
    ),
    Rule(
        "adopted-loses", "warning", "An import loses nothing",
        "Azure takes an update as a whole: what it does not say may be gone with the first one.",
        "Say it in the manifests (tags, outbound, allow_ips), or refer to the workspace instead.", _PUT,
        _losses,
    ),
    Rule(
        "adopted-unseen", "note", "It is known what an import would change",
        "A plan asks no account: what is there has to be exported for it.",
        "Run that command with a login that reads them, and plan with --observed azure.json.", _IMPORT,
        _unseen,
    ),
)  # fmt: skip
"""The rules on what is there already."""
