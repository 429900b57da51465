"""Reports of plans and comparisons, one module for each form; `interface.py` says what a form is.

To add a form, add its module: both commands offer it then.
"""

from importlib import import_module
from typing import TYPE_CHECKING, cast

from bootstrap.files import modules_of

if TYPE_CHECKING:
    from bootstrap.stack.report.interface import Report

_ORDER = ("tree", "table", "markdown", "html", "json")
FORMS = tuple(
    sorted(
        (name for name in modules_of(__file__) if name not in ("interface", "words")),
        key=lambda name: (*_ORDER, name).index(name),
    )
)
"""The forms, each the name of a module of this package; the first is the default."""


def report(form: str) -> "Report":
    """The report of that form."""
    return cast("Report", import_module(f"{__name__}.{form}"))
