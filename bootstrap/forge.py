"""What the manifests and the blueprints have to know about forges: hosts of git repositories with CI.

Subjects of tokens of GitHub: https://docs.github.com/actions/reference/security/oidc
Those of Azure DevOps: https://learn.microsoft.com/azure/devops/pipelines/release/configure-workload-identity
"""

from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlsplit


@dataclass(frozen=True)
class Forge:
    """A forge: how its repositories are addressed, what its tokens contain, and where its CI is configured.

    Attributes:
        name: The word before the colon of an address, and the answer to the blueprints' question `forge`.
        path: What stands after the colon, in words: OWNER/REPOSITORY.
        path_pattern: The same as a pattern that Python and JavaScript read alike.
        ci_files: The CI files that blueprints generate, as globs below the repository's root.
        is_issuer: Whether tokens of its CI have this issuer.
        subject_problem: What is wrong with the subject of a link, if anything, and what to do about it. Its arguments:
            the subject, and whether the link is for pull requests.
    """

    name: str
    path: str
    path_pattern: str
    ci_files: tuple[str, ...]
    is_issuer: Callable[[str], bool]
    subject_problem: Callable[[str, bool], tuple[str, str] | None]


def _is_issuer_of_github(issuer: str) -> bool:
    """Whether it is github.com, an enterprise with a domain of its own on ghe.com, or an Enterprise Server."""
    address = urlsplit(issuer)
    return address.netloc.startswith("token.actions.") or address.path == "/_services/token"


def _subject_problem_of_github(subject: str, is_pull_request: bool) -> tuple[str, str] | None:
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


FORGES = (
    Forge(
        name="github",
        path="OWNER/REPOSITORY",
        path_pattern=r"[\w.\-]+/[\w.\-]+",
        ci_files=(".github/workflows/*.yml",),
        is_issuer=_is_issuer_of_github,
        subject_problem=_subject_problem_of_github,
    ),
    Forge(
        name="azure-devops",
        path="ORGANIZATION/PROJECT/REPOSITORY",
        path_pattern=r"[\w.\-]+/[\w. \-]+/[\w. \-]+",
        ci_files=("azure-pipelines.yml",),
        is_issuer=lambda issuer: urlsplit(issuer).netloc in ("login.microsoftonline.com", "vstoken.dev.azure.com"),
        # Its subjects hold ids only, so nothing can be checked in them.
        subject_problem=lambda _subject, _is_pull_request: None,
    ),
)
"""The forges that are supported."""

ADDRESS = (
    " or ".join(f"{forge.name}:{forge.path}" for forge in FORGES),
    "|".join(f"{forge.name}:{forge.path_pattern}" for forge in FORGES),
)
"""How a repository is addressed: in words, and as a pattern."""


def forge_of_issuer(issuer: str) -> Forge | None:
    """The forge whose tokens have this issuer, or None for one that is not known here."""
    return next((forge for forge in FORGES if forge.is_issuer(issuer)), None)
