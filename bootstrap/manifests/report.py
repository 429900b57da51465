"""The reports of `platform validate`: for a person, as JSON, and as annotations in CI."""

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from bootstrap import __version__
from bootstrap.errors import InputError, MissingError, Problem
from bootstrap.processes import read_git
from bootstrap.terminal.printable import printable

_ADDRESS = "https://github.com/mlops-bootstrap/mlops-bootstrap"


def render(
    form: str, directory: Path, stacks: Sequence[str], errors: Sequence[Problem], warnings: Sequence[Problem]
) -> str:
    """The report of a validation as `json`, `github` or `sarif`, or as `text`, which is for valid manifests.

    Args:
        directory: The folder of the command: annotations are relative to the root of its git repository.
    """
    found = [*(("error", problem) for problem in errors), *(("warning", problem) for problem in warnings)]
    if form == "github":
        root = _repository(directory)
        return "\n".join(_command(level, problem, root) for level, problem in found)
    if form == "text":
        return "\n".join(
            [
                f"The manifests are valid. Stacks: {', '.join(stacks)}.",
                *(f"{level}: {problem}" for level, problem in found),
            ]
        )
    document = _sarif(found, _repository(directory)) if form == "sarif" else _document(stacks, found)
    return json.dumps(document, indent=2, ensure_ascii=False)


def _document(stacks: Sequence[str], found: Sequence[tuple[str, Problem]]) -> dict[str, Any]:
    """What docs/platform.md describes: `valid`, and each problem with its position."""
    return {
        "schema_version": 1,
        "valid": all(severity != "error" for severity, _ in found),
        "stacks": list(stacks),
        "warnings": [_message(problem) for severity, problem in found if severity == "warning"],
        "problems": [
            {
                "severity": severity,
                "file": _file_name(problem),
                "line": problem.position.line,
                "column": problem.position.column,
                "message": problem.message,
                "suggestion": problem.suggestion or None,
            }
            for severity, problem in found
        ],
    }


def _command(level: str, problem: Problem, root: Path | None) -> str:
    """A workflow command of GitHub Actions, which annotates a line of a pull request.

    https://docs.github.com/actions/reference/workflows-and-actions/workflow-commands
    """
    at = problem.position
    file = _escaped(_below(at.path, root) or at.path.as_posix()).replace(":", "%3A").replace(",", "%2C")
    return f"::{level} file={file},line={at.line},col={at.column}::{_escaped(_message(problem))}"


def _escaped(text: str) -> str:
    return printable(text).replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _sarif(found: Sequence[tuple[str, Problem]], root: Path | None) -> dict[str, Any]:
    """A log of SARIF 2.1.0, which GitHub's code scanning and Azure DevOps' scans tab read.

    https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html
    https://docs.github.com/code-security/code-scanning/integrating-with-code-scanning/sarif-support-for-code-scanning
    """
    rule = {
        "id": "manifest",
        "name": "Manifest",
        "shortDescription": {"text": "A mistake in a manifest of the platform"},
        "helpUri": f"{_ADDRESS}/blob/main/docs/platform.md",
    }
    driver = {"name": "mlops-bootstrap", "version": __version__, "informationUri": _ADDRESS, "rules": [rule]}
    results = [
        {
            "ruleId": rule["id"],
            "ruleIndex": 0,
            "level": level,
            "message": {"text": _message(problem)},
            "locations": [
                {
                    "physicalLocation": {
                        "artifactLocation": _artifact(problem.position.path, root),
                        "region": {"startLine": problem.position.line, "startColumn": problem.position.column},
                    }
                }
            ],
        }
        for level, problem in found
    ]
    return {
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{"tool": {"driver": driver}, "columnKind": "unicodeCodePoints", "results": results}],
    }


def _artifact(path: Path, root: Path | None) -> dict[str, str]:
    below = _below(path, root)
    return {"uri": path.resolve().as_uri()} if below is None else {"uri": quote(below), "uriBaseId": "%SRCROOT%"}


def _repository(directory: Path) -> Path | None:
    """The root of the git repository: in a job of GitHub its workspace; None outside of a repository."""
    if workspace := os.environ.get("GITHUB_WORKSPACE"):
        return Path(workspace).resolve()
    try:
        return Path(read_git("rev-parse", "--show-toplevel", cwd=directory)).resolve()
    except (InputError, MissingError):
        return None


def _below(path: Path, root: Path | None) -> str | None:
    """The path relative to the repository, with forward slashes; None for a file outside of it."""
    path = path.resolve()
    return path.relative_to(root).as_posix() if root is not None and path.is_relative_to(root) else None


def _file_name(problem: Problem) -> str:
    """The problem's file in the JSON document: relative to the current folder where it is below it."""
    path, here = problem.position.path, Path.cwd()
    return (path.relative_to(here) if path.is_relative_to(here) else path).as_posix()


def _message(problem: Problem) -> str:
    return f"{problem.message} {problem.suggestion}".rstrip()
