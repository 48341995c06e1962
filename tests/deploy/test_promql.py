"""Labels of what comes of an expression, from those of its series."""

import pytest

from deploy.promql import LabelError, comparisons, labels, matched, series, windows

_KNOWN = {
    "a_total": frozenset({"x", "y", "instance"}),
    "b": frozenset({"x", "instance"}),
    "h_bucket": frozenset({"x", "le"}),
}


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("b", "instance x"),
        ("sum(a_total)", ""),
        ("sum by (x) (rate(a_total[5m]))", "x"),
        ("sum without (y) (a_total)", "instance x"),
        ("histogram_quantile(0.9, sum by (le, x) (rate(h_bucket[5m])))", "x"),
        ("sum by (x) (a_total) / sum by (x) (b) > 0.5", "x"),
        ("sum(a_total) / on () group_left () sum(b)", ""),
        ("a_total * on (x) b", "x"),
        ("a_total * ignoring (y) b", "instance x"),
        ("a_total and on (x) b", "instance x y"),
        ("max(b) or vector(0)", ""),
        ("1 - b", "instance x"),
        ("max_over_time(b[1d:1m]) == 1", "instance x"),
        ('absent(a_total{x="1", y=~"2|3"})', "x"),
        ('absent(b{x="1"}) or absent(a_total{y="2"})', "x y"),
        ("absent(rate(b[5m]))", ""),
        ("bottomk by (x) (1, a_total)", "instance x y"),
        ("topk(1, b)", "instance x"),
        ("b and on (x, instance) bottomk by (x) (1, a_total)", "instance x"),
        ("count by (x) (sum by (x, y) (a_total))", "x"),
    ],
)
def test_labels_of_an_expression(expression: str, expected: str) -> None:
    assert " ".join(sorted(labels(expression, _KNOWN.get))) == expected


@pytest.mark.parametrize(
    ("expression", "said"),
    [
        ("c", "there is no series c"),
        ('absent(b{y="1"})', "no label y, only instance, x"),
        ('sum(a_total{z="1"})', "no label z, only instance, x, y"),
        ("sum by (z) (a_total)", "no label z"),
        ("sum by (y) (sum by (x) (a_total))", "no label y, only x"),
        ("sum by (x) (a_total) / sum(b)", "one side has no x, so nothing matches"),
        ("a_total * on (y) b", "one side has no y"),
        ("bottomk by (z) (1, b)", "no label z"),
        ("histogram_quantile(0.9, sum by (x) (h_bucket))", "no label le, only x"),
    ],
)
def test_a_label_that_is_not_there_is_named(expression: str, said: str) -> None:
    with pytest.raises(LabelError, match=said):
        labels(expression, _KNOWN.get)


def test_series_are_those_that_are_asked_for_anywhere() -> None:
    assert series('sum(rate(a_total{x="b"}[5m])) / max(b) or vector(0)') == {"a_total", "b"}


def test_what_is_held_against_a_number_is_told_with_its_sign() -> None:
    assert comparisons("a < 0.5 and b > 1 or sum(c) > 2 or d{x='y'} > 3 or e > f") == {("a", "<", 0.5), ("b", ">", 1)}


def test_ranges_are_told_in_seconds() -> None:
    assert windows("rate(a_total[1m]) / max_over_time(b[1h]) > b") == {60, 3600}


def test_what_a_label_is_to_be_is_told_value_by_value() -> None:
    assert matched("a_total{x='y'} or rate(b{x=~'u|v.+', y='w'}[5m]) or c{x!='z'}", "x") == {"y", "u", "v.+"}
