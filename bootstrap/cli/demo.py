"""`demo`."""

from pathlib import Path
from typing import Annotated

import typer

from bootstrap.cli.app import app
from bootstrap.cli.command import Session, command
from bootstrap.files import write_atomically


@command(app, "demo", examples=["mlops-bootstrap demo tour"])
def demo(
    session: Session,
    folder: Annotated[Path, typer.Argument(metavar="[DIR]", help="The folder for what the tour makes.")] = Path(
        "mlops-demo"
    ),
) -> None:
    """Take the tour: platform, plan, project, pipeline, gate, registry, serving, and one page about it.

    Needs no account. Leaves a platform and a project to go on with; taken again, it goes on from there.
    """
    from bootstrap.demo import page, tour
    from bootstrap.terminal.table import table

    place = session.directory / folder
    steps = tour.take(place, session.console)
    report = place / tour.PAGE
    write_atomically(report, page.render(steps, place))
    rows = [[step.command, f"{step.seconds:.1f}"] for step in steps]
    total = sum(step.seconds for step in steps)
    text = "\n".join(
        [
            table(["command", "seconds"], [*rows, ["all", f"{total:.1f}"]]),
            "",
            f"Look at it:  {report}",
            f"Go on:       cd {place / tour.PROJECT}, and read README.md",
            *_path_line(),
        ]
    )
    document = {
        "schema_version": 1,
        "folder": str(place),
        "page": str(report),
        "seconds": total,
        "steps": [{"command": step.command, "seconds": step.seconds} for step in steps],
    }
    session.console.result(text, document)


def _path_line() -> list[str]:
    """How the user's shell finds `mlops-bootstrap` and `uv`, where they are only in our own environment."""
    import os
    import shutil
    import sys

    programs = Path(sys.executable).parent
    # `uv run` put that folder in front of the PATH of this process; the user's shell knows nothing of it.
    path = os.pathsep.join(entry for entry in os.get_exec_path() if Path(entry) != programs)
    if shutil.which("mlops-bootstrap", path=path) and shutil.which("uv", path=path):
        return []
    if sys.platform == "win32":
        return [f"First say:   set PATH={programs};%PATH%"]
    return [f'First say:   export PATH="{programs}:$PATH"']
