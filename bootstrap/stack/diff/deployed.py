"""What is deployed, by the states of the engine, so that a change can be told from what was only committed.

A state is read for the names (URNs) of its resources only. Where states are, and what they hold:
https://www.pulumi.com/docs/iac/concepts/state-and-backends/
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from bootstrap.errors import InputError
from bootstrap.files import read_bounded
from bootstrap.project import STATE_FOLDER
from bootstrap.stack.state import pending, read_state, resources

NEVER = "never"
"""Stands for states in which nothing is deployed."""

Deployed = Callable[[str], Collection[str] | None]
"""The URNs of what is deployed of a stack; None where that is unknown, so that all that was committed counts."""

_HINT = (
    "Name the folder .mlops/state of a platform repository that is deployed, or a file that pulumi stack export wrote; "
    "or never, if nothing is deployed."
)


def read_deployed(sources: Sequence[str], directory: Path) -> Deployed:
    """What is deployed.

    Args:
        sources: `never`; or folders of states, which have all stacks that are deployed; or files that
            `pulumi stack export` wrote, each with one stack: of other stacks it is unknown then.
        directory: What the paths are relative to.

    Raises:
        InputError: There is no state, or it is something else.
    """
    if NEVER in sources:
        if len(sources) > 1:
            raise InputError("--deployed never cannot be combined with states.", hint=_HINT)
        return lambda _: ()
    found: dict[str, set[str]] = {}
    complete = False
    for path in (directory / source for source in sources):
        complete |= path.is_dir()
        files = sorted(path.glob(".pulumi/stacks/*/*.json*")) if path.is_dir() else [path]
        files = [file for file in files if not file.name.endswith((".bak", ".attrs"))]
        urns = [urn for file in files for urn in _urns(file)]
        if not files or not (urns or path.is_dir()):
            raise InputError(f"There is no deployed stack in {path}.", hint=_HINT)
        for urn in urns:
            found.setdefault(urn.removeprefix("urn:pulumi:").partition("::")[0], set()).add(urn)
    return lambda stack: found.get(stack, () if complete else None)


def stacks_on_this_machine(root: Path) -> Collection[str]:
    """The stacks of the platform in `root` whose states on this machine have resources. Raises as `read_deployed`."""
    files = (root / STATE_FOLDER / "state").glob(".pulumi/stacks/*/*.json")
    return [file.stem for file in files if _urns(file, within=root)]


def of_deployed(stack: Mapping[str, Any] | None, urns: Collection[str] | None) -> Mapping[str, Any] | None:
    """The document of a planned stack with the resources that are deployed; None if none is.

    Args:
        urns: Their URNs; None for all.
    """
    if stack is None or urns is None:
        return stack
    resources = [one for one in stack["resources"] if one["urn"] in urns]
    return {**stack, "resources": resources} if resources else None


def _urns(path: Path, *, within: Path | None = None) -> list[str]:
    """The URNs in a state: of resources, and of those that an interrupted deployment may have created."""
    try:
        state = read_state(read_bounded(path, within=within))
        found = [*resources(state), *(one["resource"] for one in pending(state))]
        urns = ["urn:pulumi:" + one["urn"].split("urn:pulumi:")[1] for one in found]
    except FileNotFoundError as error:
        raise InputError(f"There is no file {path}.", hint=_HINT) from error
    except (ValueError, LookupError) as error:
        raise InputError(f"{path} is no state of the engine.", hint=_HINT) from error
    # A stack that was destroyed still has itself, and nothing in Azure.
    return [urn for urn in urns if "::pulumi:pulumi:Stack::" not in urn]
