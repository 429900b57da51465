"""The services that connections lead to: Azure ML's name for each, its address, its private endpoint, its login.

Azure ML documents the kinds and their logins, and its SDK refuses others:
https://learn.microsoft.com/azure/machine-learning/how-to-connection
https://github.com/Azure/azure-sdk-for-python/tree/main/sdk/ml/azure-ai-ml/azure/ai/ml/entities/_workspace/connections
"""

from collections.abc import Mapping
from typing import Literal

ConnectionKind = Literal[
    "azure-openai",
    "ai-services",
    "ai-search",
    "azure-sql",
    "container-registry",
    "git",
    "python-feed",
    "snowflake",
]
"""The services that a connection leads to."""

CATEGORIES: Mapping[ConnectionKind, str] = {
    "azure-openai": "AzureOpenAI",
    "ai-services": "AIServices",
    "ai-search": "CognitiveSearch",
    "azure-sql": "AzureSqlDb",
    "container-registry": "ContainerRegistry",
    "git": "Git",
    "python-feed": "PythonFeed",
    "snowflake": "Snowflake",
}
"""Azure ML's name of each kind."""

ADDRESSES: Mapping[ConnectionKind, str] = {
    "azure-openai": "https://{0}.openai.azure.com/",
    "ai-services": "https://{0}.cognitiveservices.azure.com/",
    "ai-search": "https://{0}.search.windows.net/",
    "azure-sql": "Server=tcp:{0}.database.windows.net,1433;Database={1};Trusted_Connection=False;Encrypt=True;"
    "Connection Timeout=30",
    "container-registry": "https://{0}.azurecr.io",
}
"""The address of a service in Azure, from the names in its resource id. Logins of Azure AI with Entra need a subdomain
of the account's own: https://learn.microsoft.com/azure/ai-services/cognitive-services-custom-subdomains"""

PROVIDERS: Mapping[ConnectionKind, str] = {
    "azure-openai": "Microsoft.CognitiveServices",
    "ai-services": "Microsoft.CognitiveServices",
    "ai-search": "Microsoft.Search",
    "azure-sql": "Microsoft.Sql",
    "container-registry": "Microsoft.ContainerRegistry",
}
"""The resource provider of a service in Azure. The other kinds have no resource id."""

ENDPOINT_GROUPS: Mapping[ConnectionKind, str] = {
    "azure-openai": "account",
    "ai-services": "account",
    "ai-search": "searchService",
    "azure-sql": "sqlServer",
    "container-registry": "registry",
}
"""The sub-resource that a private endpoint leads to.
https://learn.microsoft.com/azure/private-link/private-endpoint-overview#private-link-resource"""

TARGETS: Mapping[ConnectionKind, str] = {
    "container-registry": "https://",
    "git": "https://",
    "python-feed": "https://",
    "snowflake": "jdbc:snowflake://",
}
"""How the target of a service without a resource id begins."""

WITH_SECRET: Mapping[ConnectionKind, tuple[Literal["token", "password"], ...]] = {
    "azure-sql": ("password",),
    "container-registry": ("password",),
    "git": ("token", "password"),
    "python-feed": ("token", "password"),
    "snowflake": ("password",),
}
"""The kinds that accept a secret: a personal access token, or the password of a user."""

NEEDS_SECRET: frozenset[ConnectionKind] = frozenset({"snowflake"})
"""The kinds that Azure ML documents with a secret only, in addition to those of container registries by address."""

OFFLINE_STORE = "OfflineStoreConnectionName"
"""The name of a feature store's connection to its offline store: how the names begin that Azure ML's SDK looks for."""
