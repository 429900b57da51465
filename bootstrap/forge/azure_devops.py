"""Azure DevOps. The subjects of its service connections hold ids only, so nothing can be checked in them.

https://learn.microsoft.com/azure/devops/pipelines/release/configure-workload-identity
The variables of a pull request: https://learn.microsoft.com/azure/devops/pipelines/build/variables
"""

import json
from collections.abc import Mapping, Sequence
from urllib.parse import urlsplit

from bootstrap.forge.interface import Forge, read_ci

_ISSUERS = ("login.microsoftonline.com", "vstoken.dev.azure.com")


_STEPS = {
    "PULUMI": """\
- script: |
    curl -fsSL --proto '=https' https://get.pulumi.com | sh -s -- --version ENGINE
    echo "##vso[task.prependpath]$HOME/.pulumi/bin"
  displayName: Install Pulumi
""",
}
"""The steps of the CI files that stand for a word in them. https://www.pulumi.com/docs/iac/download-install/"""


def _job_matrix(shares: Sequence[Mapping[str, str]]) -> str:
    """The matrix of a job: its variables by the name of each job, which has no hyphens.

    https://learn.microsoft.com/azure/devops/pipelines/yaml-schema/jobs-job-strategy
    """
    return json.dumps({share["share"].replace("-", "_"): share for share in shares})


FORGE = Forge(
    name="azure-devops",
    path="ORGANIZATION/PROJECT/REPOSITORY",
    path_pattern=r"[\w.\-]+/[\w. \-]+/[\w. \-]+",
    ci_files=("azure-pipelines.yml",),
    platform_ci=lambda tool: read_ci("azure_devops", {**_STEPS, "TOOL": tool}),
    job_matrix=_job_matrix,
    is_issuer=lambda issuer: urlsplit(issuer).netloc in _ISSUERS,
    subject_problem=lambda _subject, _is_pull_request: None,
)
