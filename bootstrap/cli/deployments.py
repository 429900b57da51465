"""`deployments`: what was deployed, when, by whom, with which result."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from bootstrap.cli.command import Session, command
from bootstrap.cli.command import deployments_group as deployments
from bootstrap.errors import BootstrapError, RemoteError
from bootstrap.terminal.table import table

if TYPE_CHECKING:
    from bootstrap.stack.deploy.deploy import Deployer
    from bootstrap.stack.deploy.ledger import Deployment


@command(deployments, "deployments list", examples=["mlops-bootstrap deployments list -C examples/contoso"])
def list_(session: Session) -> None:
    """List the deployments that were started on this machine, the latest first."""
    from bootstrap.stack.deploy import ledger
    from bootstrap.stack.deploy.backend import state_folder

    found = ledger.deployments(state_folder(session.platform().root) / ledger.FOLDER)
    rows = [
        [one.id, str(one.started.get("operation")), str(one.started.get("by")), one.result, str(len(one.stacks))]
        for one in found
    ]
    text = table(["deployment", "operation", "by", "result", "stacks"], rows) if rows else "no deployments yet"
    session.console.result(text, {"schema_version": 1, "deployments": [one.document() for one in found]})


@command(deployments, "deployments show", examples=["mlops-bootstrap deployments show -C examples/contoso"])
def show(
    session: Session,
    id_: Annotated[str | None, typer.Argument(metavar="ID", help="The deployment; default: the latest.")] = None,
) -> None:
    """Show what a deployment did to each stack."""
    from bootstrap.stack.deploy import ledger
    from bootstrap.stack.deploy.backend import state_folder

    found = ledger.deployment(state_folder(session.platform().root) / ledger.FOLDER, id_)
    session.console.result(_text(found), found.document())


def finish(session: Session, work: "Deployer", id_: str, errors: Sequence[BootstrapError]) -> None:
    """Print the result of a deployment. Raises what failed: the error itself, or one for all."""
    from bootstrap.stack.deploy.ledger import deployment

    found = deployment(work.ledgers, id_)
    session.console.result(_text(found), found.document())
    if len(errors) == 1:
        raise errors[0]
    if errors:
        raise RemoteError(
            f"{len(errors)} stacks failed.",
            details=[line for error in errors for line in (error.what, *error.details)],
            hint="Correct the causes, and continue: mlops-bootstrap up --resume latest",
        )


def _text(found: "Deployment") -> str:
    rows = [
        [
            name,
            stack["result"],
            ", ".join(f"{count} {action}" for action, count in stack.get("counts", {}).items()),
            str(stack.get("seconds", "")),
        ]
        for name, stack in found.stacks.items()
    ]
    head = f"deployment {found.id}: {found.started.get('operation')} by {found.started.get('by')}: {found.result}"
    errors = [f"\n{name}: {stack['error']}" for name, stack in found.stacks.items() if "error" in stack]
    return f"{head}\n\n{table(['stack', 'result', 'resources', 'seconds'], rows)}{''.join(errors)}"
