"""Rules on people and CI: the roles that people hold, and whether CI can log in and reach its stacks."""

from collections.abc import Iterable, Iterator

from infra.rules.rule import UNKNOWN, Rule, Stack, Violation, violation_of
from infra.settings import HubSettings
from infra.tables.resource_types import ELIGIBILITY, ROLE
from infra.tables.roles import ROLES

READING: dict[str, str] = {
    "43d0d8ad-25c7-4714-9337-8ba259a9fe05": "Monitoring Reader",
    "73c42c96-874c-492b-b04d-ab87d138a893": "Log Analytics Reader",
    **{
        ROLES[name].id: name
        for name in (
            "Reader",
            "Cost Management Reader",
            "Storage Blob Data Reader",
            "Monitoring Contributor",
            "AzureML Registry User",
        )
    },
}
"""Built-in roles that people may hold permanently in production, by id: they change nothing that runs there."""

_NOT_PEOPLE = ("ServicePrincipal", UNKNOWN)


def _permanent(stack: Stack) -> Iterator[Violation]:
    if stack.settings is None or not stack.settings.protect:
        return
    for assignment in stack.of(ROLE):
        id_ = str(assignment.at("roleDefinitionId") or UNKNOWN)
        # Without principalType, Azure takes the principal for a user.
        is_people = assignment.at("principalType") not in _NOT_PEOPLE
        # A role with a condition cannot be eligible: see create_role_assignments in infra/components/access.py.
        can_be_eligible = assignment.at("condition") is None
        if is_people and can_be_eligible and id_ != UNKNOWN and id_.rsplit("/", 1)[-1].lower() not in READING:
            yield violation_of(assignment, f"people can change {stack.name} at all times.")


def _eligible(stack: Stack) -> Iterator[Violation]:
    count = sum(1 for _ in stack.of(ELIGIBILITY))
    # A person deploys the hub in any case.
    if count and not isinstance(stack.settings, HubSettings):
        yield None, f"{stack.name}: the platform's CI can neither create nor change its {count} eligibilities."


def _nobody(stack: Stack) -> Iterator[Violation]:
    settings = stack.environment
    # An existing workspace that stays as it is has its own people.
    if settings is None or settings.referenced is not None or settings.projects:
        return
    if all(group.persona == "platform" for group in settings.groups):
        yield None, f"{stack.name} has no group of its team and no project: nobody can use its workspace."


def _unlinked_projects(stack: Stack) -> Iterable[Violation]:
    for project in stack.environment.projects if stack.environment is not None else ():
        if project.federation is None:
            yield (
                stack.urns.get(f"ci-{project.name}"),
                (
                    f"links.yaml has no link of {project.name} ({project.origin}) for {stack.name}: "
                    "no federated credential is created, and its CI cannot log in."
                ),
            )


def _unlinked_platform(stack: Stack) -> Iterable[Violation]:
    if not isinstance(stack.settings, HubSettings):
        return
    logins = [("platform-reader", "pull requests", stack.settings.reader)]
    logins += [
        (f"platform-deployer-{deployer.environment}", f"deployments of {deployer.environment}", deployer.federation)
        for deployer in stack.settings.deployers
    ]
    for name, purpose, federation in logins:
        if federation is None:
            yield (
                stack.urns.get(name),
                f"links.yaml has no link of the platform repository for {purpose}: its CI cannot log in.",
            )


def _ci_outside(stack: Stack) -> Iterable[Violation]:
    if isinstance(stack.settings, HubSettings) and stack.settings.private_state and stack.settings.runners is None:
        yield (
            stack.urns.get("state"),
            "the states of stacks have no public address, and the hub has no runners for the platform's CI.",
        )
    settings = stack.environment
    if settings is None or settings.networking.ci == "public" or settings.networking.runners:
        return
    for project in settings.projects:
        yield (
            stack.urns.get(f"ci-{project.name}"),
            f"{project.name} ({project.origin}): {stack.name} has no public address, and the hub has no runners.",
        )


def _shared_subscriptions(stack: Stack) -> Iterable[Violation]:
    if not isinstance(stack.settings, HubSettings):
        return
    by_subscription: dict[str, list[str]] = {}
    for deployer in stack.settings.deployers:
        for subscription in deployer.subscriptions:
            by_subscription.setdefault(subscription.lower(), []).append(deployer.environment)
    for subscription, environments in by_subscription.items():
        named = ", ".join(environments)
        if len(environments) > 1:
            message = f"{named} have stacks in the subscription {subscription}"
            yield None, f"{message}: the deployer of one can change the others."
        if subscription == stack.settings.subscription_id.lower():
            subject = f"environments {named} are" if len(environments) > 1 else f"environment {named} is"
            deployers = "their deployers" if len(environments) > 1 else "its deployer"
            yield None, f"The {subject} in the hub's subscription: {deployers} can read all states and keys."


_LINKS = "https://learn.microsoft.com/entra/workload-id/workload-identity-federation"

ACCESS_RULES: tuple[Rule, ...] = (
    Rule(
        "standing-access", "warning", "In production, people have roles that change something only after activation",
        "A stolen login has all roles that its owner holds permanently.",
        "Write eligible: true for the group, so that its members activate the role when they need it.",
        "https://learn.microsoft.com/entra/id-governance/privileged-identity-management/pim-resource-roles-assign-roles",
        _permanent,
    ),
    Rule(
        "eligible-by-person", "note", "A stack with eligibilities is deployed by a person",
        "Eligibilities need the permission Microsoft.Authorization/roleEligibilityScheduleRequests/write. An identity "
        "with it can become Owner, so the platform's CI does not have it.",
        "Let an Owner or User Access Administrator deploy the stack the first time, when its eligible groups change, "
        "and with --refresh when the year of an eligibility is over. CI can deploy it in between.",
        "https://learn.microsoft.com/azure/role-based-access-control/built-in-roles/privileged",
        _eligible,
    ),
    Rule(
        "no-people", "warning", "Somebody can use every workspace",
        "Only the groups and projects of the manifests get roles; the group platform maintains resources and has none "
        "on data. It is no error: a workspace may be deployed before its team is known.",
        "Write groups with the object ids of Entra groups into the team's file, or projects with repositories.",
        "https://learn.microsoft.com/azure/machine-learning/how-to-assign-roles",
        _nobody, "settings",
    ),
    Rule(
        "project-not-linked", "warning", "The CI of every project can log in",
        "Azure compares issuer and subject of a token letter by letter, and only the forge knows them.",
        "Read issuer and subject from the forge, then: mlops-bootstrap platform link TEAM/PROJECT ENVIRONMENT.",
        _LINKS, _unlinked_projects,
    ),
    Rule(
        "platform-not-linked", "warning", "The CI of the platform repository can log in",
        "Azure compares issuer and subject of a token letter by letter, and only the forge knows them.",
        "Read both from the forge, then: mlops-bootstrap platform link platform ENVIRONMENT (or pull-request).",
        _LINKS, _unlinked_platform,
    ),
    Rule(
        "ci-outside", "warning", "CI has runners in the network of services without a public address",
        "Runners of the forge cannot upload data, start jobs, share a model with the registry or read a state.",
        "Add hub.runners for Azure DevOps. For another forge, create runners in the hub's network (docs/network.md), "
        "and suppress this rule with that reason.",
        "https://learn.microsoft.com/azure/devops/managed-devops-pools/configure-networking",
        _ci_outside,
    ),
    Rule(
        "deployers-apart", "note", "Every environment has subscriptions of its own",
        "The platform's CI has one identity for each environment, with rights on the subscriptions of its stacks.",
        "Write a subscription_id for each environment that not everyone may deploy.",
        "https://learn.microsoft.com/azure/cloud-adoption-framework/ready/landing-zone/design-area/resource-org-subscriptions",
        _shared_subscriptions,
    ),
)  # fmt: skip
