"""GitHub: github.com, enterprises with a domain of their own on ghe.com, and Enterprise Server.

Subjects of its tokens: https://docs.github.com/actions/reference/security/oidc
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


FORGE = Forge(
    name="github",
    path="OWNER/REPOSITORY",
    path_pattern=r"[\w.\-]+/[\w.\-]+",
    ci_files=(".github/workflows/*.yml",),
    is_issuer=_is_issuer,
    subject_problem=_subject_problem,
)
