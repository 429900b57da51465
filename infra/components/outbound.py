"""What the jobs and endpoints of a managed network may reach: rules as data, written one after the other."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import assert_never

import pulumi
from pulumi_azure_native import machinelearningservices as ml

from infra.components.place import Place
from infra.origin import asked_for_by
from infra.reference import Reference
from infra.settings import OutboundSettings

_Properties = ml.FqdnOutboundRuleArgs | ml.ServiceTagOutboundRuleArgs | ml.PrivateEndpointOutboundRuleArgs


@dataclass(frozen=True)
class Resource:
    """A resource of ours that the managed network gets a private endpoint to.

    Attributes:
        name: The rule's name.
        group: The part of the resource that the endpoint leads to.
    """

    name: str
    target: Reference
    group: str


@dataclass(frozen=True)
class OutboundArgs:
    """The workspace, and what its managed network reaches beside what Azure ML always adds.

    Attributes:
        resources: What the platform itself needs.
        rules: What the manifests ask for.
    """

    place: Place
    workspace: Reference
    resources: Sequence[Resource]
    rules: Sequence[OutboundSettings]


class Outbound(pulumi.ComponentResource):
    """The outbound rules of a workspace's managed network.

    They are resources of their own, never part of the workspace: Azure ML adds rules there, and a workspace that is
    written again without them would take them away. Two at once would answer 409, so each waits for the one before.
    https://learn.microsoft.com/azure/machine-learning/how-to-managed-network
    """

    rules: list[pulumi.Resource]

    def __init__(self, name: str, args: OutboundArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("bootstrap:outbound:Outbound", name, None, opts)
        self.rules = []
        for resource in args.resources:
            self._rule(name, args, resource.name, _private_endpoint(resource.target.id_when_made, resource.group))
        for rule in args.rules:
            asked_for_by(self._rule(name, args, rule.name, _properties(rule)), rule.origin)
        self.register_outputs({})

    def _rule(self, name: str, args: OutboundArgs, rule_name: str, properties: _Properties) -> pulumi.Resource:
        rule = ml.ManagedNetworkSettingsRule(
            f"{name}-{rule_name}",
            resource_group_name=args.place.group.name_when_made,
            workspace_name=args.workspace.name_when_made,
            rule_name=rule_name,
            properties=properties,
            opts=pulumi.ResourceOptions(parent=self, depends_on=self.rules[-1:]),
        )
        self.rules.append(rule)
        return rule


def _properties(rule: OutboundSettings) -> _Properties:
    match rule.kind:
        case "fqdn":
            return ml.FqdnOutboundRuleArgs(
                type=ml.RuleType.FQDN, category=ml.RuleCategory.USER_DEFINED, destination=rule.destination
            )
        case "service_tag":
            return ml.ServiceTagOutboundRuleArgs(
                type=ml.RuleType.SERVICE_TAG,
                category=ml.RuleCategory.USER_DEFINED,
                destination=ml.ServiceTagDestinationArgs(
                    action=ml.RuleAction.ALLOW,
                    service_tag=rule.destination,
                    protocol=rule.protocol,
                    port_ranges=rule.ports,
                ),
            )
        case "private_endpoint":
            return _private_endpoint(rule.destination, rule.group)
        case _:
            assert_never(rule.kind)


def _private_endpoint(target: pulumi.Input[str], group: str | None) -> _Properties:
    return ml.PrivateEndpointOutboundRuleArgs(
        type=ml.RuleType.PRIVATE_ENDPOINT,
        category=ml.RuleCategory.USER_DEFINED,
        destination=ml.PrivateEndpointDestinationArgs(
            service_resource_id=target, subresource_target=group, spark_enabled=False
        ),
    )
