"""What the manifests and the blueprints have to know about a forge: a host of git repositories with CI."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

SubjectProblem = tuple[str, str]
"""What is wrong with a token's subject, and what to do about it."""


@dataclass(frozen=True)
class Forge:
    """A forge: how its repositories are addressed, what its tokens contain, and where its CI is configured.

    Attributes:
        name: The word before the colon of an address, and the answer to the blueprints' question `forge`.
        path: What stands after the colon, in words: OWNER/REPOSITORY.
        path_pattern: The same as a pattern that Python and JavaScript read alike.
        ci_files: The CI files that blueprints generate, as globs below the repository's root.
        platform_ci: The CI files of a platform repository, by path: they validate pull requests, and show what they
            change in Azure. The argument is the command that starts this tool, as a POSIX shell reads it.
        is_issuer: Whether tokens of its CI have this issuer.
        subject_problem: What is wrong with the subject of a link, if anything. Its arguments: the subject, and
            whether the link is for pull requests.
    """

    name: str
    path: str
    path_pattern: str
    ci_files: tuple[str, ...]
    platform_ci: Callable[[str], Mapping[str, str]]
    is_issuer: Callable[[str], bool]
    subject_problem: Callable[[str, bool], SubjectProblem | None]
