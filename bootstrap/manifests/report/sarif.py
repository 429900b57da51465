"""The report as SARIF 2.1.0, which GitHub's code scanning and Azure DevOps' scans tab read.

https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html
https://docs.github.com/code-security/code-scanning/integrating-with-code-scanning/sarif-support-for-code-scanning
"""

import json
from collections.abc import Sequence
from urllib.parse import quote

from bootstrap import __version__
from bootstrap.errors import Problem
from bootstrap.manifests.report import file_name, message

_RULE = "manifest"


def render(_stacks: Sequence[str], errors: Sequence[Problem], warnings: Sequence[Problem]) -> str:
    """A log with one run, and a result for each problem."""
    rule = {
        "id": _RULE,
        "name": "Manifest",
        "shortDescription": {"text": "A mistake in a manifest of the platform"},
        "helpUri": "https://github.com/mlops-bootstrap/mlops-bootstrap/blob/main/docs/platform.md",
    }
    driver = {
        "name": "mlops-bootstrap",
        "version": __version__,
        "informationUri": "https://github.com/mlops-bootstrap/mlops-bootstrap",
        "rules": [rule],
    }
    results = [
        {
            "ruleId": _RULE,
            "ruleIndex": 0,
            "level": level,
            "message": {"text": message(problem)},
            "locations": [
                {
                    "physicalLocation": {
                        "artifactLocation": {"uri": quote(file_name(problem))},
                        "region": {"startLine": problem.position.line, "startColumn": problem.position.column},
                    }
                }
            ],
        }
        for level, found in (("error", errors), ("warning", warnings))
        for problem in found
    ]
    log = {
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{"tool": {"driver": driver}, "columnKind": "unicodeCodePoints", "results": results}],
    }
    return json.dumps(log, indent=2, ensure_ascii=False)
