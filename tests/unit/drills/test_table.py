"""A drill's row as an operator reads it."""

import json

from drills.catalog import FAULTS
from drills.table import Row, foot, head, lines

_ROW = Row(
    "gateway-kill",
    "kill -9 a gateway",
    "0 failed, reads ≤ 3 s",
    reads=400,
    writes=90,
    alerts=12,
    gaps={"reads": 0.21, "writes": 0.62, "events": 0.4, "notifications": 1.5},
    repeated=1,
    recovered=0.85,
)
_RED = Row(
    "broker", "kill -9 the leader", "events ≤ 5 s", lost=2, wrong=["2 alerts are lost"], late=["no events for 7.00 s"]
)
_SKIPPED = Row("disk-full", "a full disk", "all back ≤ 10 s", skipped="needs root")


def test_a_row_within_its_bound_is_one_line_under_its_head() -> None:
    [line] = lines(_ROW, colours=False)

    names = head().splitlines()[1]
    for name, cell in (("load r/w/alerts", "400/90/12"), ("reads", "0.21"), ("alerts", "1.50"), ("back", "0.85")):
        end = names.rindex(f" {name}") + len(name) + 1
        assert line[:end].endswith(cell), name
    assert line.endswith("✔ 0 failed, reads ≤ 3 s")
    assert "0+1" in line


def test_a_red_row_says_why() -> None:
    first, *why = lines(_RED, colours=False)

    assert "✘" in first
    assert [one.strip() for one in why] == ["2 alerts are lost", "no events for 7.00 s"]


def test_the_foot_tells_the_verdict() -> None:
    assert foot([_ROW], 30.0) == "1 drills in 30 s: every one within its bound"
    assert foot([_ROW, _RED, _SKIPPED], 30.0) == "2 drills in 30 s, 1 not possible here: beyond their bounds: broker"


def test_titles_fit_and_rows_are_json() -> None:
    assert max(len(fault.title) for fault in FAULTS) <= 42
    assert json.loads(json.dumps(_RED.document()))["within_bound"] is False
