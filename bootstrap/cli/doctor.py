"""`doctor`: what deployments need on this machine and, with `--live`, in Azure."""

from typing import Annotated

import typer

from bootstrap.cli.command import Session, app, command, complete_stack
from bootstrap.errors import InputError, MissingError
from bootstrap.terminal.table import table


@command(
    app,
    "doctor",
    examples=[
        "mlops-bootstrap doctor",
        "mlops-bootstrap doctor --output json",
        "mlops-bootstrap doctor fraud-dev --live -C examples/contoso",
    ],
)
def doctor(
    session: Session,
    stack: Annotated[
        str | None, typer.Argument(metavar="STACK", help="The stack, for --live.", autocompletion=complete_stack)
    ] = None,
    *,
    live: Annotated[
        bool, typer.Option("--live", help="Ask Azure whether it would let this stack be deployed. Changes nothing.")
    ] = False,
) -> None:
    """Show what deployments need on this machine, and what is missing. Exit code 3 if something is.

    With --live also what the stack needs in Azure: login, rights, resource providers, sizes, quota, names, policies.
    """
    from bootstrap.stack.deploy.doctor import examine

    if live != (stack is not None):
        raise InputError("--live and the name of a stack go together.", hint="mlops-bootstrap doctor STACK --live")
    found = list(examine())
    if stack is not None:
        from bootstrap.stack.deploy.azure import log_in
        from bootstrap.stack.deploy.preflight import ask_azure
        from bootstrap.stack.plan import cache, planner

        [planned] = planner.plan_stacks(session.platform(), [stack], session.console, cache=cache.Cache())
        found += ask_azure(planned, *log_in(planned.settings.tenant_id), session.console)
    rows = [[name, what or "missing", step] for name, what, step in found]
    document = {
        "schema_version": 1,
        "prerequisites": [{"name": name, "found": what or None, "next": step} for name, what, step in found],
    }
    session.console.result(table(["prerequisite", "found", "next"], rows), document)
    if missing := [name for name, _, step in found if step]:
        raise MissingError(f"Deployments need what is missing: {', '.join(missing)}.")
