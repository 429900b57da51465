"""GitHub: github.com, enterprises with a domain of their own on ghe.com, and Enterprise Server.

Subjects of its tokens: https://docs.github.com/actions/reference/security/oidc
What a pull request checks out: https://docs.github.com/actions/reference/workflows-and-actions/events-that-trigger-workflows#pull_request
"""

import json
from collections.abc import Mapping, Sequence
from urllib.parse import urlsplit

from bootstrap.forge.interface import Forge, SubjectProblem, read_ci


def _is_issuer(issuer: str) -> bool:
    address = urlsplit(issuer)
    return address.netloc.startswith("token.actions.") or address.path == "/_services/token"


def _subject_problem(subject: str, is_pull_request: bool) -> SubjectProblem | None:
    names_environment = "environment:" in subject
    if not is_pull_request and not names_environment:
        return (
            f"the subject {subject!r} names no environment, so any workflow of the repository could deploy.",
            "Set `environment: NAME` on the deploying job, and link the subject that its token has then.",
        )
    if is_pull_request and names_environment:
        return (
            f"the subject {subject!r} is that of deployments to an environment, not of pull requests.",
            "Link it to its environment; the subject of pull requests ends in :pull_request.",
        )
    return None


_STEPS = {
    "PULUMI": """\
- name: Install Pulumi
  run: |
    curl -fsSL --proto '=https' https://get.pulumi.com | sh -s -- --version ENGINE
    echo "$HOME/.pulumi/bin" >> "$GITHUB_PATH"
""",
    # The provider of Azure asks GitHub for a token itself. The backend of the states reads it from a file, which is
    # kept fresh: GitHub's tokens live five minutes.
    # https://docs.github.com/actions/reference/security/oidc#methods-for-requesting-the-oidc-token
    # https://learn.microsoft.com/entra/workload-id/workload-identity-federation
    "LOGIN": """\
- name: Log in
  env:
    CLIENT: ${{ vars.AZURE_CLIENT_ID }}
    TENANT: ${{ vars.AZURE_TENANT_ID }}
  run: |
    umask 077
    file="$RUNNER_TEMP/federated-token"
    token() {
      curl -fsS --retry 5 -H "Authorization: bearer $ACTIONS_ID_TOKEN_REQUEST_TOKEN" \\
        "$ACTIONS_ID_TOKEN_REQUEST_URL&audience=api://AzureADTokenExchange" \\
        | python3 -c 'import json, sys; sys.stdout.write(json.load(sys.stdin)["value"])' > "$file.new"
      mv "$file.new" "$file"
    }
    token
    (while sleep 180; do token; done) > /dev/null 2>&1 &
    {
      echo "ARM_USE_OIDC=true"
      echo "ARM_CLIENT_ID=$CLIENT"
      echo "ARM_TENANT_ID=$TENANT"
      echo "AZURE_CLIENT_ID=$CLIENT"
      echo "AZURE_TENANT_ID=$TENANT"
      echo "AZURE_FEDERATED_TOKEN_FILE=$file"
    } >> "$GITHUB_ENV"
""",
}
"""The steps of the CI files that stand for a word in them. https://www.pulumi.com/docs/iac/download-install/"""


def _job_matrix(shares: Sequence[Mapping[str, str]]) -> str:
    """The matrix of a job. What a protected environment deploys is approved by the reviewers of another environment.

    https://docs.github.com/actions/how-tos/write-workflows/choose-what-workflows-do/run-job-variations
    """
    return json.dumps({"include": shares}, separators=(",", ":"))


FORGE = Forge(
    name="github",
    path="OWNER/REPOSITORY",
    path_pattern=r"[\w.\-]+/[\w.\-]+",
    ci_files=(".github/workflows/*.yml",),
    platform_ci=lambda tool: read_ci("github", {**_STEPS, "TOOL": tool}),
    job_matrix=_job_matrix,
    is_issuer=_is_issuer,
    subject_problem=_subject_problem,
)
