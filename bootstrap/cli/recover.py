"""`recover`: repair states after a deployment that was killed."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from bootstrap.cli.command import Session, app, command
from bootstrap.cli.stack import Backend, Parallel, Selection, Yes, ask, deployer

if TYPE_CHECKING:
    from bootstrap.stack.deploy.recover import Repair


@command(
    app,
    "recover",
    interrupted="run the same command again",
    examples=["mlops-bootstrap recover fraud-dev -C examples/contoso", "mlops-bootstrap recover --all --yes"],
)
def recover(
    session: Session, selection: Selection, *, yes: Yes = False, backend: Backend = None, parallel: Parallel = 4
) -> None:
    """Repair the states of stacks after a deployment that was killed. Shows what is wrong and asks first.

    Releases locks whose process has ended, restores a damaged or missing state from a copy, and removes interrupted
    operations. Azure is not changed. Then continue with: up --resume latest
    """

    def consent(repairs: "Mapping[str, Sequence[Repair]]") -> None:
        session.console.say(_text(repairs))
        ask(session, [] if yes else [("Type yes to make these repairs", "yes")])

    work = deployer(session, backend, parallel)
    found = work.recover(selection.of(work.platform), consent)
    document = {
        "schema_version": 1,
        "stacks": [
            {
                "name": name,
                "found": [{"found": one.found, "step": one.step, "repaired": one.apply is not None} for one in repairs],
            }
            for name, repairs in found.items()
        ],
    }
    session.console.result(_text(found, done=True), document)


def _text(found: "Mapping[str, Sequence[Repair]]", *, done: bool = False) -> str:
    lines = []
    for name, repairs in found.items():
        lines += [name if repairs else f"{name}: nothing to repair"]
        for one in repairs:
            lines += [f"  {one.found}", f"    {'repaired' if done and one.apply else 'next'}: {one.step}"]
    return "\n".join(lines)
