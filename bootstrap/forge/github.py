"""GitHub: github.com, enterprises with a domain of their own on ghe.com, and Enterprise Server.

Subjects of its tokens: https://docs.github.com/actions/reference/security/oidc
What a pull request checks out: https://docs.github.com/actions/reference/workflows-and-actions/events-that-trigger-workflows#pull_request
"""

from urllib.parse import urlsplit

from bootstrap.forge.interface import Forge, SubjectProblem


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


def _platform_ci(tool: str) -> dict[str, str]:
    return {".github/workflows/platform.yml": _PLATFORM.replace("TOOL", tool)}


# Its actions are those of blueprints/shared/actions.yml; a test compares them.
_PLATFORM = """\
# Checks pull requests. It needs no login to Azure. The version of mlops-bootstrap is that of `tool` in platform.yaml.
name: Platform
on: pull_request

permissions:
  contents: read

concurrency:
  group: platform-${{ github.ref }}
  cancel-in-progress: true

jobs:
  check:
    name: Validate and diff
    runs-on: ubuntu-24.04
    timeout-minutes: 20
    steps:
      - uses: actions/checkout@de0fac2e4500dabe0009e67214ff5f5447ce83dd # v6.0.2
        with:
          fetch-depth: 2 # the merge of the pull request, and the branch that it goes to
          persist-credentials: false
      - uses: astral-sh/setup-uv@08807647e7069bb48b6ef5acd8ec9567f424441b # v8.1.0
        with:
          version: "0.13.9"
          enable-cache: false
      - name: Validate
        run: |
          TOOL platform validate --output github
      - name: Diff
        run: |
          TOOL diff HEAD^1 --check --as-of "$(date -u +%F)" --output markdown >> "$GITHUB_STEP_SUMMARY"
"""


FORGE = Forge(
    name="github",
    path="OWNER/REPOSITORY",
    path_pattern=r"[\w.\-]+/[\w.\-]+",
    ci_files=(".github/workflows/*.yml",),
    platform_ci=_platform_ci,
    is_issuer=_is_issuer,
    subject_problem=_subject_problem,
)
