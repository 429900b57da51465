"""`demo`."""

from pathlib import Path
from typing import Annotated

import typer

from bootstrap.cli.command import Session, app, command
from bootstrap.files import write_atomically


@command(app, "demo", examples=["mlops-bootstrap demo tour"])
def demo(
    session: Session,
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The folder to create.")] = Path("mlops-demo"),
) -> None:
    """Run the tour: platform, plan, project, pipeline, gate, registry, serving, and write a page with the results.

    Needs no Azure account. A later run in the same folder keeps its platform and project and continues with them.
    """
    from bootstrap.demo import page, tour
    from bootstrap.terminal.table import table

    place = session.directory / folder
    results = tour.take(place, session.console)
    report = place / tour.PAGE
    write_atomically(report, page.render(results, place))
    rows = [[result.command, f"{result.seconds:.1f}"] for result in results]
    total = sum(result.seconds for result in results)
    text = "\n".join(
        [
            table(["command", "seconds"], [*rows, ["all", f"{total:.1f}"]]),
            "",
            f"Open:      {report}",
            f"Continue:  cd {place / tour.PROJECT}, and read README.md",
            *_path_line(),
        ]
    )
    session.console.result(
        text,
        {
            "schema_version": 1,
            "folder": str(place),
            "page": str(report),
            "seconds": total,
            "steps": [{"command": result.command, "seconds": result.seconds} for result in results],
        },
    )


def _path_line() -> list[str]:
    """The command that puts `mlops-bootstrap` and `uv` on the user's PATH, where only this environment has them."""
    import os
    import shutil
    import sys

    programs = Path(sys.executable).parent
    # `uv run` puts that folder on the PATH of this process only; the user's shell does not have it.
    path = os.pathsep.join(entry for entry in os.get_exec_path() if Path(entry) != programs)
    if shutil.which("mlops-bootstrap", path=path) and shutil.which("uv", path=path):
        return []
    if sys.platform == "win32":
        return [f"First run: set PATH={programs};%PATH%"]
    return [f'First run: export PATH="{programs}:$PATH"']
