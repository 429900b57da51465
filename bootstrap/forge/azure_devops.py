"""Azure DevOps. The subjects of its service connections hold ids only, so nothing can be checked in them.

https://learn.microsoft.com/azure/devops/pipelines/release/configure-workload-identity
The variables of a pull request: https://learn.microsoft.com/azure/devops/pipelines/build/variables
"""

from urllib.parse import urlsplit

from bootstrap.forge.interface import Forge

_ISSUERS = ("login.microsoftonline.com", "vstoken.dev.azure.com")


def _platform_ci(tool: str) -> dict[str, str]:
    return {"azure-pipelines.yml": _PLATFORM.replace("TOOL", tool)}


_PLATFORM = """\
# Checks pull requests. A build validation policy of the main branch must name this pipeline.
# It needs no login to Azure. The version of mlops-bootstrap is that of `tool` in platform.yaml.
trigger: none

pool:
  vmImage: ubuntu-24.04

steps:
  - checkout: self
    fetchDepth: "0" # the branch that the pull request goes to, too
    persistCredentials: "false"
  - task: UsePythonVersion@0
    inputs:
      versionSpec: "3.11"
  - script: python -m pip install uv==0.13.9
    displayName: Install uv
  - script: |
      TOOL platform validate
    displayName: Validate
  - script: |
      TOOL diff "origin/${SYSTEM_PULLREQUEST_TARGETBRANCH#refs/heads/}" \\
        --check --as-of "$(date -u +%F)" --output markdown > "$(Build.ArtifactStagingDirectory)/diff.md"
      refused=$?
      echo "##vso[task.uploadsummary]$(Build.ArtifactStagingDirectory)/diff.md"
      exit $refused
    displayName: Diff
"""

FORGE = Forge(
    name="azure-devops",
    path="ORGANIZATION/PROJECT/REPOSITORY",
    path_pattern=r"[\w.\-]+/[\w. \-]+/[\w. \-]+",
    ci_files=("azure-pipelines.yml",),
    platform_ci=_platform_ci,
    is_issuer=lambda issuer: urlsplit(issuer).netloc in _ISSUERS,
    subject_problem=lambda _subject, _is_pull_request: None,
)
