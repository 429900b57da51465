"""The report as workflow commands of GitHub Actions, which annotate the lines of a pull request.

https://docs.github.com/actions/reference/workflows-and-actions/workflow-commands
"""

from collections.abc import Sequence

from bootstrap.errors import Problem
from bootstrap.manifests.report import file_name, message


def render(_stacks: Sequence[str], errors: Sequence[Problem], warnings: Sequence[Problem]) -> str:
    """A command for each problem, a line each."""
    return "\n".join(
        f"::{level} file={_property(file_name(problem))},line={problem.position.line},"
        f"col={problem.position.column}::{_data(message(problem))}"
        for level, found in (("error", errors), ("warning", warnings))
        for problem in found
    )


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
