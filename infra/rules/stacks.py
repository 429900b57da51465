"""Rules on stacks as a whole: what only several resources, or the manifests, can tell."""

from collections.abc import Iterable

from infra.rules.properties import IMAGES, STORAGE, WORKSPACE
from infra.rules.rule import UNKNOWN, Rule, Stack, Violation
from infra.settings import HubSettings, examples_in


def _examples(stack: Stack) -> Iterable[Violation]:
    found = examples_in(stack.settings) if stack.settings is not None else []
    if found:
        yield (None, f"{stack.name} has example values of platform init: {', '.join(found)}.")


def _links(stack: Stack) -> Iterable[Violation]:
    if stack.environment is None:
        return
    urns = {resource.name: resource.urn for resource in stack.resources}
    for project in stack.environment.projects:
        if project.federation is None:
            yield (
                urns.get(f"ci-{project.name}"),
                (
                    f"{project.name} ({project.origin}): its CI cannot log in to {stack.name}, since nothing says "
                    "what the forge's tokens carry; the federated credential is left out."
                ),
            )


def _runners(stack: Stack) -> Iterable[Violation]:
    urns = {resource.name: resource.urn for resource in stack.resources}
    if isinstance(stack.settings, HubSettings) and stack.settings.private_state and stack.settings.runners is None:
        yield (
            urns.get("state"),
            (
                "the platform repository's CI reaches the states of stacks from inside the hub's network only, and "
                "nothing says that there are runners."
            ),
        )
    settings = stack.environment
    if settings is None or settings.networking.ci == "public" or settings.networking.runners:
        return
    for project in settings.projects:
        yield (
            urns.get(f"ci-{project.name}"),
            (
                f"{project.name} ({project.origin}): its CI reaches {stack.name} from inside the network only, and "
                "nothing says that there are runners."
            ),
        )


def _platform_links(stack: Stack) -> Iterable[Violation]:
    if not isinstance(stack.settings, HubSettings):
        return
    urns = {resource.name: resource.urn for resource in stack.resources}
    logins = [("platform-reader", "pull requests", stack.settings.reader)]
    logins += [
        (f"platform-deployer-{deployer.environment}", f"deployments of {deployer.environment}", deployer.federation)
        for deployer in stack.settings.deployers
    ]
    for name, who, federation in logins:
        if federation is None:
            yield (urns.get(name), f"the platform repository's own CI cannot log in for {who}: no link says how.")


_ENCRYPTED: dict[str, tuple[str, str]] = {
    STORAGE: ("encryption.keySource", "microsoft.keyvault"),
    IMAGES: ("encryption.status", "enabled"),
    WORKSPACE: ("encryption.status", "enabled"),
}
"""Where a resource says that a customer's key encrypts it, and what it says then, in lower case."""


def _customer_key(stack: Stack) -> Iterable[Violation]:
    if stack.environment is None or stack.environment.customer_key is None:
        return
    for resource in stack.of(*_ENCRYPTED):
        path, wanted = _ENCRYPTED[resource.type]
        if str(resource.at(path)).lower() not in (wanted, UNKNOWN):
            yield (resource.urn, f"{resource.name}: {path} is {resource.at(path)!r}.")


def _shared_subscriptions(stack: Stack) -> Iterable[Violation]:
    if not isinstance(stack.settings, HubSettings):
        return
    by_subscription: dict[str, list[str]] = {}
    for deployer in stack.settings.deployers:
        for subscription in deployer.subscriptions:
            by_subscription.setdefault(subscription.lower(), []).append(deployer.environment)
    for subscription, environments in by_subscription.items():
        if len(environments) > 1:
            named = ", ".join(environments)
            yield (None, f"{named} have stacks in the subscription {subscription}: who deploys one reaches all.")
        if subscription == stack.settings.subscription_id.lower():
            named = ", ".join(environments)
            yield (None, f"{named} share the hub's subscription: who deploys there reaches all states and keys.")


STACK_RULES: tuple[Rule, ...] = (
    Rule(
        "example-value", "warning", "No value is an example",
        "Nothing can be deployed to a subscription of an example, and nobody reads mail that goes to one.",
        "Write your own ids and addresses into platform.yaml, where EXAMPLE marks them.",
        "https://github.com/mlops-bootstrap/mlops-bootstrap/blob/main/docs/platform.md",
        _examples,
    ),
    Rule(
        "project-not-linked", "warning", "The CI of every project can log in",
        "Azure compares issuer and subject letter by letter, and neither can be told from names.",
        "Read issuer and subject from the forge, then: mlops-bootstrap platform link TEAM/PROJECT ENVIRONMENT.",
        "https://learn.microsoft.com/entra/workload-id/workload-identity-federation",
        _links,
    ),
    Rule(
        "ci-outside", "warning", "CI has runners inside the network of what has no public address",
        "A forge's own runners cannot upload data, start jobs, share a model with the registry or read a state.",
        "Add hub.runners for Azure DevOps. For others make runners in the hub's network, as docs/network.md says, and "
        "suppress this rule with that as the reason.",
        "https://learn.microsoft.com/azure/devops/managed-devops-pools/configure-networking",
        _runners,
    ),
    Rule(
        "customer-key", "error", "Where the manifest names a key, it encrypts all that holds data",
        "Whoever takes the key back wants nothing to stay readable. It is decided when a resource is made.",
        "Pass the key to the resource.",
        "https://learn.microsoft.com/azure/machine-learning/concept-customer-managed-keys",
        _customer_key,
    ),
    Rule(
        "platform-not-linked", "warning", "The CI of the platform repository can log in",
        "Azure compares issuer and subject letter by letter, and neither can be told from names.",
        "Read both from the forge, then: mlops-bootstrap platform link platform ENVIRONMENT (or pull-request).",
        "https://learn.microsoft.com/entra/workload-id/workload-identity-federation",
        _platform_links,
    ),
    Rule(
        "deployers-apart", "note", "Environments lie in subscriptions of their own",
        "The platform's CI has an identity for each environment, with rights on the subscriptions of its stacks.",
        "Give environments that not everybody may deploy a subscription_id of their own.",
        "https://learn.microsoft.com/azure/cloud-adoption-framework/ready/landing-zone/design-area/resource-org-subscriptions",
        _shared_subscriptions,
    ),
)  # fmt: skip
"""The rules on stacks as a whole."""
