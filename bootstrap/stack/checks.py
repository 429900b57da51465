"""What a plan must satisfy: rules over planned resources, each with a reason and a fix."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from bootstrap.stack.recorder import UNKNOWN, Registration
from infra.naming import TABLE
from infra.settings import EnvironmentSettings, StackSettings

Severity = Literal["error", "warning", "note"]


@dataclass(frozen=True)
class Finding:
    """Something to know or to change about a planned stack.

    Attributes:
        resource: The URN of the resource that it is about; None when it is about the stack.
        fix: What to do about it.
    """

    severity: Severity
    rule: str
    resource: str | None
    message: str
    fix: str


@dataclass(frozen=True)
class Rule:
    """A property that a resource must have.

    Attributes:
        types: The Pulumi types that the rule is for.
        wrong: What is wrong with the inputs, or None.
    """

    id: str
    severity: Severity
    types: tuple[str, ...]
    wrong: Callable[[Mapping[str, Any]], str | None]
    fix: str


_STORAGE = "azure-native:storage:StorageAccount"
_VAULT = "azure-native:keyvault:Vault"
_IMAGES = "azure-native:containerregistry:Registry"
_WORKSPACE = "azure-native:machinelearningservices:Workspace"
_MODELS = "azure-native:machinelearningservices:Registry"
_COMPUTE = "azure-native:machinelearningservices:Compute"
_ROLE = "azure-native:authorization:RoleAssignment"

_TAGLESS = frozenset(
    {
        "azure-native:authorization:RoleAssignment",
        "azure-native:consumption:Budget",
        "azure-native:managedidentity:FederatedIdentityCredential",
        "azure-native:monitor:DiagnosticSetting",
        "azure-native:storage:BlobServiceProperties",
    }
)
"""Types that Azure puts no tags on."""

REQUIRED_TAGS = ("managed-by", "organization", "team")


def _must_be(path: str, wanted: Any, why: str) -> Callable[[Mapping[str, Any]], str | None]:
    """A property must have a value, and must say so: what is left out may get an insecure default."""

    def wrong(inputs: Mapping[str, Any]) -> str | None:
        found = _at(inputs, path)
        if found in (wanted, UNKNOWN):
            return None
        return f"{path} is {'not set' if found is None else repr(found)}, not {wanted!r}: {why}."

    return wrong


def _reachable(inputs: Mapping[str, Any]) -> str | None:
    network = _at(inputs, "publicNetworkAccess") or _at(inputs, "properties.publicNetworkAccess") or "Enabled"
    default = _at(inputs, "networkRuleSet.defaultAction") or _at(inputs, "properties.networkAcls.defaultAction")
    if network == "Enabled" and default != "Deny":
        return "it can be reached from the internet by who has an Entra login and a role."
    return None


def _principal_type(inputs: Mapping[str, Any]) -> str | None:
    if inputs.get("principalType"):
        return None
    return "principalType is not set: Azure looks the principal up, and fails when it was just made."


def _tags(inputs: Mapping[str, Any]) -> str | None:
    missing = [tag for tag in REQUIRED_TAGS if tag not in (inputs.get("tags") or {})]
    return f"the tags {', '.join(missing)} are missing." if missing else None


RULES: tuple[Rule, ...] = (
    Rule(
        "storage-no-keys", "error", (_STORAGE,),
        _must_be("allowSharedKeyAccess", False, "who has a key can do everything, and nobody knows who it was"),
        "Set allow_shared_key_access=False.",
    ),
    Rule(
        "storage-no-public-blobs", "error", (_STORAGE,),
        _must_be("allowBlobPublicAccess", False, "a container could be opened to everybody"),
        "Set allow_blob_public_access=False.",
    ),
    Rule(
        "storage-tls", "error", (_STORAGE,),
        _must_be("minimumTlsVersion", "TLS1_2", "older versions can be broken"), 'Set minimum_tls_version="TLS1_2".',
    ),
    Rule(
        "vault-roles", "error", (_VAULT,),
        _must_be("properties.enableRbacAuthorization", True, "the SDK's default is access policies"),
        "Set enable_rbac_authorization=True.",
    ),
    Rule(
        "vault-purge-protection", "error", (_VAULT,),
        _must_be("properties.enablePurgeProtection", True, "a deleted vault could be gone for good"),
        "Set enable_purge_protection=True.",
    ),
    Rule(
        "images-no-admin", "error", (_IMAGES,),
        _must_be("adminUserEnabled", False, "its password would open the whole registry"),
        "Set admin_user_enabled=False.",
    ),
    Rule(
        "datastores-by-identity", "error", (_WORKSPACE,),
        _must_be("systemDatastoresAuthMode", "Identity", "the workspace would keep the storage's keys"),
        'Set system_datastores_auth_mode="Identity".',
    ),
    Rule(
        "compute-no-local-login", "error", (_COMPUTE,),
        _must_be("properties.disableLocalAuth", True, "nodes could be logged in to past Entra"),
        "Set disable_local_auth=True.",
    ),
    Rule("principal-type", "error", (_ROLE,), _principal_type, "Set principal_type."),
    Rule(
        "public-access", "note", (_STORAGE, _VAULT, _IMAGES, _WORKSPACE, _MODELS), _reachable,
        "Nothing to do where the manifests' network is meant to be open or managed: both keep the door for people.",
    ),
)  # fmt: skip


def check(settings: StackSettings, resources: Sequence[Registration]) -> list[Finding]:
    """All findings about a planned stack, the gravest first."""
    made = [resource for resource in resources if resource.custom and not resource.type.startswith("pulumi:")]
    found = [*_rules(made), *_names(made), *_links(settings, resources)]
    order: tuple[Severity, ...] = ("error", "warning", "note")
    return sorted(found, key=lambda finding: (order.index(finding.severity), finding.rule))


def _rules(resources: Sequence[Registration]) -> Iterator[Finding]:
    for resource in resources:
        for rule in RULES:
            message = rule.wrong(resource.inputs) if resource.type in rule.types else None
            if message is not None:
                yield Finding(rule.severity, rule.id, resource.urn, f"{resource.name}: {message}", rule.fix)
        missing = None if resource.type in _TAGLESS else _tags(resource.inputs)
        if missing is not None:
            yield Finding(
                "error", "tags", resource.urn, f"{resource.name}: {missing}", "Pass the place's tags to the resource."
            )


def _names(resources: Sequence[Registration]) -> Iterator[Finding]:
    by_type = {rule.type: rule for rule in TABLE.values()}
    for resource in resources:
        rule = by_type.get(resource.type)
        name = resource.inputs.get(rule.argument) if rule is not None else None
        if rule is not None and name != UNKNOWN and not (isinstance(name, str) and rule.allows(name)):
            message = f"{resource.name}: Azure does not allow the name {name!r} ({rule.argument}; see {rule.source})."
            yield Finding("error", "names", resource.urn, message, "Take the name from infra.naming.")


def _links(settings: StackSettings, resources: Sequence[Registration]) -> Iterator[Finding]:
    if not isinstance(settings, EnvironmentSettings):
        return
    urns = {resource.name: resource.urn for resource in resources if resource.custom}
    for project in settings.projects:
        if project.federation is None:
            yield Finding(
                "warning",
                "project-not-linked",
                urns.get(f"ci-{project.name}"),
                f"{project.name} ({project.origin}): its CI cannot log in to {settings.stack}, since nothing says what "
                "the forge's tokens carry; the federated credential is left out.",
                f"Read issuer and subject from the forge, and write them to links.yaml under teams, {settings.team}, "
                f"{project.name}, {settings.environment}.",
            )


def _at(inputs: Mapping[str, Any], path: str) -> Any:
    value: Any = inputs
    for key in path.split("."):
        value = value.get(key) if isinstance(value, Mapping) else None
    return value
