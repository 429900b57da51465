"""The plan of one stack: its program run in this process, and its resources judged. Importing this loads Pulumi."""

import contextlib
import gc
from collections.abc import Iterator

from bootstrap.stack.plan.checks import check
from bootstrap.stack.plan.model import CODE, StackPlan
from bootstrap.stack.plan.recorder import record
from bootstrap.stack.plan.request import Order
from infra.origin import origin_of
from infra.programs import create_resources

PROJECT = "mlops-bootstrap"
"""The Pulumi project's name, as in Pulumi.yaml; it is part of every URN."""

_loaded: set[str] = set()
"""The programs that were planned in this process, and so the provider modules that are loaded."""


def plan_stack(order: Order) -> StackPlan:
    """Plan one stack, and judge it by itself."""
    settings = order.settings
    with contextlib.nullcontext() if settings.program in _loaded else _garbage_left_lying():
        resources = record(PROJECT, settings.stack, lambda: create_resources(settings), origin_of=origin_of, code=CODE)
        planned = check(settings, resources, order.as_of, order.observed)
    _loaded.add(settings.program)
    return planned


@contextlib.contextmanager
def _garbage_left_lying() -> Iterator[None]:
    """Collect no garbage in the block, and never look again at what is alive at its end.

    A program's first plan imports the provider's modules: hundreds of thousands of objects that stay. Going through
    them again and again is a fifth of the time of a plan, and half of each one after it.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        if was_enabled:
            gc.enable()
