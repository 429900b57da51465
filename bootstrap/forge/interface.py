"""What the manifests and the blueprints have to know about a forge: a host of git repositories with CI."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from textwrap import indent

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
        platform_ci: The CI files of a platform repository, by path: they check pull requests, deploy what is merged,
            and look for drift. The argument is the command that starts this tool, as a POSIX shell reads it.
        job_matrix: Its form of the jobs that deploy a share of the stacks each, as `shares` divides them.
        is_issuer: Whether tokens of its CI have this issuer.
        subject_problem: What is wrong with the subject of a link, if anything. Its arguments: the subject, and
            whether the link is for pull requests.
    """

    name: str
    path: str
    path_pattern: str
    ci_files: tuple[str, ...]
    platform_ci: Callable[[str], Mapping[str, str]]
    job_matrix: Callable[[Sequence[Mapping[str, str]]], str]
    is_issuer: Callable[[str], bool]
    subject_problem: Callable[[str, bool], SubjectProblem | None]


ENGINE = "3.259.0"
"""The version of Pulumi that CI installs."""


def read_ci(forge: str, words: Mapping[str, str]) -> dict[str, str]:
    """The CI files of a platform repository by their paths there: those of a folder of `bootstrap/forge/ci`.

    Args:
        words: What stands for a word in them: `TOOL` for a command, others for steps of a job.
    """

    def filled(text: str) -> str:
        step = re.compile(f"^( *)- ({'|'.join(words)})\n", re.MULTILINE)
        text = step.sub(lambda found: indent(words[found[2]], found[1]), text)
        return text.replace("TOOL", words["TOOL"]).replace("ENGINE", ENGINE)

    folder = Path(__file__).parent / "ci" / forge
    paths = sorted(folder.rglob("*.yml"))
    return {path.relative_to(folder).as_posix(): filled(path.read_text(encoding="utf-8")) for path in paths}
