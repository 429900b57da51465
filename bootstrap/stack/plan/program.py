"""Plan one stack: run its program in this process and apply the rules. Importing this module imports Pulumi."""

import contextlib
import gc
from collections.abc import Iterator

from bootstrap.stack.plan.checks import check
from bootstrap.stack.plan.model import CODE, Request, StackPlan
from bootstrap.stack.plan.recorder import record
from infra.programs import create_resources
from infra.reference import origin_of

PROJECT = "mlops-bootstrap"
"""The Pulumi project's name, as in Pulumi.yaml; it is part of every URN."""

_loaded: set[str] = set()
"""The programs that ran in this process; their provider modules are imported."""


def plan_stack(request: Request) -> StackPlan:
    """Plan one stack and apply the rules that look at one stack."""
    settings = request.settings
    with contextlib.nullcontext() if settings.program in _loaded else _no_garbage_collection():
        resources = record(PROJECT, settings.stack, lambda: create_resources(settings), origin_of=origin_of, code=CODE)
        planned = check(settings, resources, request.as_of, request.observed)
    _loaded.add(settings.program)
    return planned


@contextlib.contextmanager
def _no_garbage_collection() -> Iterator[None]:
    """Switch the garbage collector off in the block, and exclude the objects that exist at its end for good.

    A program's first plan imports the provider's modules: hundreds of thousands of objects that stay alive. Scanning
    them takes a fifth of the time of the first plan, and half of each later one.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        if was_enabled:
            gc.enable()
