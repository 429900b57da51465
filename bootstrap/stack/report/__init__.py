"""A plan as a tree, a table, Markdown for a pull request, a page and JSON: a file for each.

Each report takes stacks one after the other and gives its text in parts, so that a thousand stacks need no more memory
than a few.
"""

from collections.abc import Callable, Iterable, Iterator

from bootstrap.stack.plan.model import StackPlan
from bootstrap.stack.report.components import as_mermaid
from bootstrap.stack.report.document import as_json
from bootstrap.stack.report.markdown import as_markdown
from bootstrap.stack.report.page import as_html
from bootstrap.stack.report.table import as_table
from bootstrap.stack.report.tree import as_tree

Report = Callable[[Iterable[StackPlan]], Iterator[str]]
"""Stacks as text, in parts."""

__all__ = ["Report", "as_html", "as_json", "as_markdown", "as_mermaid", "as_table", "as_tree"]
