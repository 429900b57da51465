"""Outbound rules of a workspace's managed network."""

from collections.abc import Mapping, Sequence
from typing import assert_never

import pulumi
from pulumi_azure_native import machinelearningservices as ml

from infra.components.context import Component, StackContext
from infra.origin import set_origin
from infra.reference import Reference
from infra.settings import OutboundSettings

_Properties = ml.FqdnOutboundRuleArgs | ml.ServiceTagOutboundRuleArgs | ml.PrivateEndpointOutboundRuleArgs


def create_outbound_rules(
    name: str,
    *,
    context: StackContext,
    workspace: Reference,
    resources: Mapping[str, tuple[Reference, str]],
    rules: Sequence[OutboundSettings],
    opts: pulumi.ResourceOptions,
) -> list[pulumi.Resource]:
    """Create the outbound rules that a workspace needs beside those that Azure ML adds itself.

    They are separate resources, not properties of the workspace: Azure ML adds rules too, and an update of a workspace
    without those rules would delete them. Azure answers 409 to two writes at once, so each rule waits for the previous.
    https://learn.microsoft.com/azure/machine-learning/how-to-managed-network

    Args:
        resources: What the platform itself reaches by private endpoint, by the rule's name: the resource, and the
            sub-resource that the endpoint leads to.
        rules: The rules in the manifests.
    """
    created: list[pulumi.Resource] = []
    with Component("outbound:Outbound", name, opts) as parent:

        def create(rule_name: str, properties: _Properties) -> pulumi.Resource:
            rule = ml.ManagedNetworkSettingsRule(
                f"{name}-{rule_name}",
                resource_group_name=context.group.name_output,
                workspace_name=workspace.name_output,
                rule_name=rule_name,
                properties=properties,
                opts=pulumi.ResourceOptions(parent=parent, depends_on=created[-1:]),
            )
            created.append(rule)
            return rule

        for rule_name, (target, group) in resources.items():
            create(rule_name, _private_endpoint(target.id_output, group))
        for rule in rules:
            set_origin(create(rule.name, _properties(rule)), rule.origin)
    return created


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
