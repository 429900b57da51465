"""Azure DevOps. The subjects of its service connections hold ids only, so nothing can be checked in them.

https://learn.microsoft.com/azure/devops/pipelines/release/configure-workload-identity
"""

from urllib.parse import urlsplit

from bootstrap.forge.interface import Forge

_ISSUERS = ("login.microsoftonline.com", "vstoken.dev.azure.com")

FORGE = Forge(
    name="azure-devops",
    path="ORGANIZATION/PROJECT/REPOSITORY",
    path_pattern=r"[\w.\-]+/[\w. \-]+/[\w. \-]+",
    ci_files=("azure-pipelines.yml",),
    is_issuer=lambda issuer: urlsplit(issuer).netloc in _ISSUERS,
    subject_problem=lambda _subject, _is_pull_request: None,
)
