"""The managed network of a simulated workspace: its outbound rules, and what a refresh writes into the state.

Azure adds rules and a status of its own after the creation (https://github.com/pulumi/pulumi-azure-native/issues/3225).
https://learn.microsoft.com/azure/machine-learning/how-to-managed-network#list-of-required-rules
"""

from collections.abc import Mapping
from typing import Any

REQUIRED: dict[str, Any] = {
    "__SYS_ST_AzureActiveDirectory": {
        "type": "ServiceTag",
        "category": "Required",
        "status": "Active",
        "destination": {"serviceTag": "AzureActiveDirectory", "protocol": "TCP", "portRanges": "80, 443"},
    }
}
"""One of the rules that Azure ML adds itself, by name."""


def with_network(workspace: Mapping[str, Any], rules: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """A workspace as Azure describes it once its managed network is active; without one, as it is.

    Args:
        rules: Its outbound rules by name, without those that Azure added.
    """
    network = workspace.get("managedNetwork", {})
    if network.get("isolationMode", "Disabled") == "Disabled":
        return dict(workspace)
    active = {name: {**rule, "status": "Active"} for name, rule in rules.items()}
    added = {"status": {"status": "Active", "sparkReady": False}, "outboundRules": {**REQUIRED, **active}}
    return {**workspace, "managedNetwork": {**network, **added}}


def sent_rules(workspace: Mapping[str, Any]) -> set[str]:
    """The names of the rules in the inputs of a workspace."""
    return set(workspace.get("managedNetwork", {}).get("outboundRules", {}))


def refreshed(inputs: Mapping[str, Any], before: Mapping[str, Any], now: Mapping[str, Any]) -> dict[str, Any]:
    """The inputs after a refresh: the provider changes them where Azure's answer differs from the earlier one.

    `applyDiff` in https://github.com/pulumi/pulumi-azure-native/blob/master/provider/pkg/provider/diff.go
    """
    kept = {key: value for key, value in inputs.items() if key in now or key not in before}
    for key, value in now.items():
        if key in before and before[key] == value:
            continue
        old, given = before.get(key), inputs.get(key)
        if isinstance(value, Mapping) and isinstance(old, Mapping) and isinstance(given, Mapping):
            value = refreshed(given, old, value)  # noqa: PLW2901 - only what differs in the mapping
        kept[key] = value
    return kept
