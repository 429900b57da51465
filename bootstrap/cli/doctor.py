"""`doctor`: what deployments need on this machine."""

from bootstrap.cli.command import Session, app, command
from bootstrap.errors import MissingError
from bootstrap.terminal.table import table


@command(app, "doctor", examples=["mlops-bootstrap doctor", "mlops-bootstrap doctor --output json"])
def doctor(session: Session) -> None:
    """Show what deployments need on this machine, and what is missing. Exit code 3 if something is."""
    from bootstrap.stack.deploy.doctor import examine

    found = list(examine())
    rows = [[name, what or "missing", step] for name, what, step in found]
    document = {
        "schema_version": 1,
        "prerequisites": [{"name": name, "found": what or None, "next": step} for name, what, step in found],
    }
    session.console.result(table(["prerequisite", "found", "next"], rows), document)
    if missing := [name for name, what, _ in found if not what]:
        raise MissingError(f"Deployments need what is missing here: {', '.join(missing)}.")
