"""The places where a module can be changed, and the change at each place."""

import ast
import copy
import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Kind = str

KINDS: tuple[Kind, ...] = ("number", "text", "boolean", "comparison", "argument", "item", "enum")
"""What is changed: a constant, a condition, an argument or an item that is dropped, a member of an enumeration of
Azure's. A sample has the same number of mutants of each kind."""

_NO_BEHAVIOUR = {"description", "encoding", "frozen", "indent", "kw_only", "slots", "strict", "title"}
"""Arguments that say how Python is used, how JSON is laid out or what a key is for: without them nothing else is
deployed."""

_COMPARISONS: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Eq: ast.NotEq, ast.NotEq: ast.Eq, ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt,
    ast.In: ast.NotIn, ast.NotIn: ast.In, ast.Is: ast.IsNot, ast.IsNot: ast.Is,
}  # fmt: skip

_CONSTRAINTS = ("Annotated", "Literal")
"""Types whose arguments are checked when the program runs."""

_OTHER_MEMBER = "(lambda member: next(other for other in type(member) if other is not member))(None)"
"""Another member of the same enumeration; None stands for the member."""


@dataclass(frozen=True)
class Mutant:
    """One change of a module.

    Attributes:
        number: Which of the module's possible changes it is.
        lines: The lines whose execution the change can affect.
    """

    path: Path
    number: int
    kind: Kind
    line: int
    lines: range
    before: str
    after: str

    def __str__(self) -> str:
        return f"{self.path.as_posix()}:{self.line}: {self.change}"

    @property
    def key(self) -> str:
        """Which change it is, in this version of the code."""
        return f"{self.path.as_posix()} {self.number}"

    @property
    def change(self) -> str:
        """The change without its place."""
        return f"{self.kind}: {self.before} -> {self.after}"

    def tree(self, root: Path) -> ast.Module:
        """The changed module."""
        tree = _parse(root / self.path)
        list(_sites(tree))[self.number].change()
        return ast.fix_missing_locations(tree)


@dataclass(frozen=True)
class _Site:
    kind: Kind
    node: ast.AST
    statement: ast.stmt
    before: str
    after: str
    change: Callable[[], None]


def mutants_of(root: Path, path: Path) -> list[Mutant]:
    """All mutants of the module at `path`, which is relative to `root`."""
    return [
        Mutant(path, number, site.kind, _line(site.node), _lines(site), site.before, site.after)
        for number, site in enumerate(_sites(_parse(root / path)))
    ]


def sample(mutants: Sequence[Mutant], count: int, seed: int) -> list[Mutant]:
    """`count` of the mutants, the same number of each kind if there are so many.

    For a seed they are always the same: a change of the code replaces only mutants of the lines that it changes.
    """

    def drawn(mutant: Mutant) -> str:
        return hashlib.sha256(f"{seed} {mutant.path.as_posix()} {mutant.change}".encode()).hexdigest()

    chosen: list[Mutant] = []
    of_kinds = sorted(([one for one in mutants if one.kind == kind] for kind in KINDS), key=len)
    for position, of_kind in enumerate(of_kinds):
        share = -(-(count - len(chosen)) // (len(KINDS) - position))
        chosen += sorted(of_kind, key=drawn)[:share]
    return sorted(chosen, key=lambda one: (one.path, one.number))


def _parse(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def _line(node: ast.AST) -> int:
    return int(getattr(node, "lineno", 1))


def _lines(site: _Site) -> range:
    """Those of the statement; of one that holds others only those of the changed expression."""
    node = site.node if hasattr(site.statement, "body") else site.statement
    return range(_line(node), int(getattr(node, "end_lineno", None) or _line(node)) + 1)


def _sites(tree: ast.Module) -> Iterator[_Site]:
    enums = {
        alias.asname or alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("pulumi_azure_native")
        for alias in node.names
    }
    for statement in tree.body:
        yield from _in_statement(statement, enums)


def _in_statement(statement: ast.stmt, enums: set[str]) -> Iterator[_Site]:
    if _without_behaviour(statement):
        return
    for name, value in ast.iter_fields(statement):
        if name == "annotation":
            yield from _in_constraints(value, statement, enums)
        if name in ("annotation", "returns", "bases", "decorator_list"):
            continue
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.stmt):
                yield from _in_statement(child, enums)
            elif isinstance(child, ast.ExceptHandler | ast.match_case):
                for inner in child.body:
                    yield from _in_statement(inner, enums)
            elif isinstance(child, ast.expr | ast.arguments | ast.withitem):
                yield from _in_expression(child, statement, enums)


def _in_constraints(annotation: ast.expr, statement: ast.stmt, enums: set[str]) -> Iterator[_Site]:
    """What a variable's type says beyond the type: the metadata of `Annotated`, the values of `Literal`."""
    for node in ast.walk(annotation):
        if isinstance(node, ast.Subscript) and ast.unparse(node.value) in _CONSTRAINTS:
            yield from _in_expression(node.slice, statement, enums)


def _without_behaviour(statement: ast.stmt) -> bool:
    """Imports, docstrings, assertions, exceptions' texts, and what only the type checker reads."""
    if isinstance(statement, ast.Import | ast.ImportFrom | ast.Assert | ast.Raise):
        return True
    if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant):
        return True
    return isinstance(statement, ast.If) and "TYPE_CHECKING" in ast.dump(statement.test)


def _in_expression(node: ast.AST, statement: ast.stmt, enums: set[str]) -> Iterator[_Site]:
    if isinstance(node, ast.Subscript) and _is_last_part(node):
        call = node.value
        assert isinstance(call, ast.Call)
        for part in (call.func, call.args[0], node.slice):
            yield from _in_expression(part, statement, enums)
        return
    yield from _changes(node, statement, enums)
    for name, value in ast.iter_fields(node):
        if name == "annotation" or (isinstance(node, ast.Subscript) and name == "slice" and _is_type(node)):
            continue
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.keyword) and child.arg in _NO_BEHAVIOUR:
                continue
            if isinstance(child, ast.AST) and not isinstance(child, ast.expr_context):
                yield from _in_expression(child, statement, enums)


def _is_last_part(node: ast.Subscript) -> bool:
    """`text.rsplit(separator, 1)[-1]`, which is the same for every other number of splits."""
    return (
        isinstance(node.value, ast.Call)
        and isinstance(node.value.func, ast.Attribute)
        and node.value.func.attr == "rsplit"
        and len(node.value.args) == 2
        and ast.unparse(node.slice) == "-1"
    )


def _is_type(node: ast.Subscript) -> bool:
    name = ast.unparse(node.value)
    return name not in _CONSTRAINTS and name.rpartition(".")[2][:1].isupper() and not name.isupper()


def _changes(node: ast.AST, statement: ast.stmt, enums: set[str]) -> Iterator[_Site]:
    if (replacement := _replacement(node, enums)) is not None:
        kind, new = replacement
        before, after = ast.unparse(node), "another member" if kind == "enum" else ast.unparse(new)
        yield _Site(kind, node, statement, _short(before), _short(after), lambda: _become(node, new))
    if isinstance(node, ast.Call):
        for keyword in node.keywords:
            if keyword.arg is not None and keyword.arg not in _NO_BEHAVIOUR:
                text = _short(f"{ast.unparse(node.func)}(... {ast.unparse(keyword)})")
                yield _Site("argument", node, statement, text, "dropped", _dropper(node.keywords, keyword))
    if isinstance(node, ast.List | ast.Tuple | ast.Set) and isinstance(getattr(node, "ctx", ast.Load()), ast.Load):
        for element in node.elts:
            text = _short(ast.unparse(element))
            yield _Site("item", element, statement, text, "dropped", _dropper(node.elts, element))


def _replacement(node: ast.AST, enums: set[str]) -> tuple[Kind, ast.expr] | None:
    """What an expression is replaced with, and of which kind the change is."""
    match node:
        case ast.Constant(value=value):
            return _other_constant(value)
        case ast.Compare(ops=[operator]) if type(operator) in _COMPARISONS:
            return "comparison", ast.Compare(
                copy.deepcopy(node.left), [_COMPARISONS[type(operator)]()], copy.deepcopy(node.comparators)
            )
        case ast.BoolOp(op=operator):
            other = ast.Or() if isinstance(operator, ast.And) else ast.And()
            return "comparison", ast.BoolOp(other, copy.deepcopy(node.values))
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            return "comparison", copy.deepcopy(operand)
        case ast.Attribute(value=ast.Attribute(value=ast.Name(id=name)), attr=member):
            if name in enums and member.isupper():
                call = ast.parse(_OTHER_MEMBER, mode="eval").body
                assert isinstance(call, ast.Call)
                call.args = [copy.deepcopy(node)]
                return "enum", call
    return None


def _other_constant(value: object) -> tuple[Kind, ast.expr] | None:
    match value:
        case bool():
            return "boolean", ast.Constant(not value)
        case int() | float():
            return "number", ast.Constant(value + 1)
        case str() if value and not set(value) & {" ", "\n"}:
            return "text", ast.Constant(f"{value}x")
    return None


def _dropper(items: list[Any], item: Any) -> Callable[[], None]:
    return lambda: items.remove(item)


def _become(node: ast.AST, new: ast.expr) -> None:
    """Turn a node into another one in place, so that whatever holds it holds the new one."""
    location = {name: getattr(node, name) for name in ("lineno", "col_offset", "end_lineno", "end_col_offset")}
    node.__class__ = type(new)
    node.__dict__.clear()
    node.__dict__.update({**vars(new), **location})


def _short(text: str) -> str:
    return text if len(text) <= 90 else f"{text[:87]}..."
