"""`outputs`: what a deployed stack provides."""

from typing import Annotated

import typer

from bootstrap.cli.command import Session, app, command, complete_stack
from bootstrap.cli.stack import Backend, deployer
from bootstrap.terminal.table import table


@command(app, "outputs", examples=["mlops-bootstrap outputs fraud-dev -C examples/contoso --output json"])
def outputs(
    session: Session,
    stack: Annotated[str, typer.Argument(metavar="STACK", help="The stack.", autocompletion=complete_stack)],
    *,
    backend: Backend = None,
) -> None:
    """Print the outputs of a stack's last deployment. Secrets are masked."""
    found = deployer(session, backend, 1).outputs(stack)
    text = table(["output", "value"], [[name, str(value)] for name, value in found.items()]) if found else "no outputs"
    session.console.result(text, {"schema_version": 1, "stack": stack, "outputs": found})
