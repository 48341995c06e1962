"""What an expression of PromQL asks for: its series, and the labels that what comes of it has.

Labels are those of the series as they are known, so a grouping, a join or a text that names another one is found.
"""

from collections.abc import Callable, Iterator

import promql_parser as promql

Known = Callable[[str], frozenset[str] | None]
"""The labels of a series by its name; None where there is no such series."""

_LE = frozenset({"le"})
# They leave out some of the series, and those that stay are as they were.
_PICKING = frozenset({"topk", "bottomk"})
_AGAINST_EACH_OTHER = frozenset({"and", "unless"})


class LabelError(Exception):
    """An expression names a label that is not there; the message says which, and where."""


def series(expression: str) -> set[str]:
    """The names of the series that an expression asks for."""
    names: set[str] = set()

    def note(node: promql.Expr) -> None:
        if isinstance(node, promql.VectorSelector) and node.name:
            names.add(node.name)

    promql.walk(promql.parse(expression), note)
    return names


def comparisons(expression: str) -> set[tuple[str, str, float]]:
    """The series that an expression holds against a number as they are: name, sign and number."""
    found: set[tuple[str, str, float]] = set()

    def note(node: promql.Expr) -> None:
        match node:
            case promql.BinaryExpr(
                lhs=promql.VectorSelector(name=str(name), matchers=matchers), rhs=promql.NumberLiteral(val=figure)
            ) if not matchers.matchers:
                found.add((name, str(node.op), figure))

    promql.walk(promql.parse(expression), note)
    return found


def windows(expression: str) -> set[float]:
    """For how many seconds each range of the expression looks back."""
    found: set[float] = set()

    def note(node: promql.Expr) -> None:
        if isinstance(node, promql.MatrixSelector):
            found.add(node.range.total_seconds())

    promql.walk(promql.parse(expression), note)
    return found


def matched(expression: str, label: str) -> set[str]:
    """What the expression asks a label to be: values, or patterns, each of several by itself."""
    found: set[str] = set()

    def note(node: promql.Expr) -> None:
        if isinstance(node, promql.VectorSelector):
            for one in node.matchers.matchers:
                if one.name == label and one.op == promql.MatchOp.Equal:
                    found.add(one.value)
                elif one.name == label and one.op == promql.MatchOp.Re:
                    found.update(one.value.split("|"))

    promql.walk(promql.parse(expression), note)
    return found


def missed_by(expression: str) -> list[dict[str, str]]:
    """The labels, with their values, of each selector that the expression asks for the absence of."""
    found: list[dict[str, str]] = []

    def note(node: promql.Expr) -> None:
        if isinstance(node, promql.Call) and node.func.name == "absent":
            [selector] = node.args
            if isinstance(selector, promql.VectorSelector):
                found.append(_told(selector))

    promql.walk(promql.parse(expression), note)
    return found


def labels(expression: str, known: Known) -> frozenset[str]:
    """The labels of what comes of it.

    Raises:
        LabelError: it selects, groups or joins by a label that is not there.
    """
    found = _labels(promql.parse(expression), known)
    return frozenset() if found is None else found


def _labels(node: promql.Expr, known: Known) -> frozenset[str] | None:
    """None of a number, which has no labels and takes those of what it is set against."""
    match node:
        case promql.NumberLiteral() | promql.StringLiteral():
            return None
        case promql.VectorSelector():
            return _of_selector(node, known)
        case promql.MatrixSelector():
            return _of_selector(node.vector_selector, known)
        case promql.ParenExpr() | promql.SubqueryExpr() | promql.UnaryExpr():
            return _labels(node.expr, known)
        case promql.Call():
            return _of_call(node, known)
        case promql.AggregateExpr():
            return _of_aggregate(node, known)
        case promql.BinaryExpr():
            return _of_binary(node, known)
    raise LabelError(f"nobody knows what labels {node} has")


def _of_selector(node: promql.VectorSelector, known: Known) -> frozenset[str]:
    has = known(node.name or "")
    if has is None:
        raise LabelError(f"there is no series {node.name}")
    _there((one.name for one in node.matchers.matchers), has, node)
    return has


def _of_call(node: promql.Call, known: Known) -> frozenset[str]:
    if node.func.name == "vector":
        return frozenset()
    if node.func.name == "absent":
        # There is no series whose labels it could have: those of the selector that say one value are told.
        [selector] = node.args
        _labels(selector, known)
        return frozenset(_told(selector)) if isinstance(selector, promql.VectorSelector) else frozenset()
    [has] = [found for found in (_labels(one, known) for one in node.args) if found is not None]
    if node.func.name == "histogram_quantile":
        _there(_LE, has, node)
        return has - _LE
    return has


def _told(selector: promql.VectorSelector) -> dict[str, str]:
    return {one.name: one.value for one in selector.matchers.matchers if one.op == promql.MatchOp.Equal}


def _of_aggregate(node: promql.AggregateExpr, known: Known) -> frozenset[str]:
    has = _labels(node.expr, known) or frozenset()
    named = frozenset(node.modifier.labels) if node.modifier else frozenset()
    _there(named, has, node)
    if str(node.op) in _PICKING:
        return has
    if node.modifier is None:
        return frozenset()
    return named if node.modifier.type == promql.AggModifierType.By else has - named


def _of_binary(node: promql.BinaryExpr, known: Known) -> frozenset[str] | None:
    left, right = _labels(node.lhs, known), _labels(node.rhs, known)
    if left is None or right is None:
        return right if left is None else left
    if str(node.op) == "or":
        return left | right
    matching = node.modifier.matching if node.modifier else None
    if matching is None:
        joined = left | right
    else:
        joined = frozenset(matching.labels)
        if matching.type == promql.LabelModifierType.Exclude:
            joined = (left | right) - joined
    for side in (left, right):
        if joined - side:
            raise LabelError(f"{node}: one side has no {', '.join(sorted(joined - side))}, so nothing matches")
    return left if matching is None or str(node.op) in _AGAINST_EACH_OTHER else joined


def _there(named: Iterator[str] | frozenset[str], has: frozenset[str], node: promql.Expr) -> None:
    missing = sorted(set(named) - has)
    if missing:
        raise LabelError(f"{node}: no label {', '.join(missing)}, only {', '.join(sorted(has)) or 'none'}")
