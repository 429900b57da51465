"""Connections as planned: the login of their user, one role on the service, private endpoints in closed networks."""

from pathlib import Path

import pytest

from tests.unit.manifests.test_data import LOCKED, SEARCH, SERVICE, connection
from tests.unit.stack.test_datastores import ENGINEERS, SCIENTISTS, TEAM, planned


@pytest.mark.parametrize(
    ("kind", "service", "role", "category", "target", "group"),
    [
        (
            "azure-openai", SERVICE, "5e0bd9bd-7b93-4f28-af87-19fc36ad61bd", "AzureOpenAI",
            "https://oai-contoso.openai.azure.com/", "account",
        ),
        (
            "ai-services", SERVICE, "a97b65f3-24c7-4388-baec-2e87135dc908", "AIServices",
            "https://oai-contoso.cognitiveservices.azure.com/", "account",
        ),
        (
            "ai-search", SEARCH, "1407120a-92aa-4202-b7e9-c0e197c71c8f", "CognitiveSearch",
            "https://srch-contoso.search.windows.net/", "searchService",
        ),
    ],
)  # fmt: skip
def test_connection_has_no_key_one_role_and_a_private_endpoint(
    tmp_path: Path, kind: str, service: str, role: str, category: str, target: str, group: str
) -> None:
    stack = planned(tmp_path, TEAM + LOCKED + "connections:\n" + connection(kind, service))["fraud-dev"]

    [made] = [one for one in stack.made if one.type.endswith(":WorkspaceConnection")]
    roles = [one for one in stack.made if one.inputs.get("scope") == service]
    [rule] = [one for one in stack.made if one.inputs.get("ruleName") == f"chat-{group}"]

    assert made.inputs["properties"] == {
        "authType": "AAD",
        "category": category,
        "target": target,
        "isSharedToAll": True,
        "metadata": {"ApiType": "Azure", "ResourceId": service},
    }
    used = [one.name for one in roles if one.inputs["roleDefinitionId"].endswith(role)]
    name = service.rsplit("/", 1)[1]
    assert [one.removeprefix(f"{name}-").startswith(who) for one, who in zip(
        used, ("cluster", "endpoint", SCIENTISTS, ENGINEERS), strict=True
    )] == [True] * 4  # fmt: skip
    [approval] = [one for one in roles if one.name not in used]
    assert approval.inputs["roleDefinitionId"].endswith("b556d68e-0be0-4f35-a333-ad7ee1ce17ea")
    assert rule.inputs["properties"]["destination"]["serviceResourceId"] == service
    assert rule.inputs["properties"]["destination"]["subresourceTarget"] == group
    assert approval.urn in rule.depends_on
