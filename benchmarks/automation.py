"""Preview and deploy a stack by the Automation API alone: `python -m benchmarks.automation preview|up SETTINGS`.

This is what a person writes by hand: a stack, its program, a preview, and the deployment. SETTINGS is a file with the
settings of one stack as JSON; the engine's variables are in the environment.
"""

import sys
from pathlib import Path

from pulumi import automation

from infra.programs import create_resources
from infra.settings import from_json


def main(operation: str, path: str) -> None:
    """Preview the stack; for `up`, deploy it afterwards."""
    settings = from_json(Path(path).read_text("utf-8"))
    stack = automation.create_or_select_stack(
        settings.stack,
        project_name="mlops-bootstrap",
        program=lambda: create_resources(settings),
        opts=automation.LocalWorkspaceOptions(work_dir=str(Path(path).parent)),
    )
    stack.preview()
    if operation == "up":
        stack.up()


if __name__ == "__main__":
    main(*sys.argv[1:])
