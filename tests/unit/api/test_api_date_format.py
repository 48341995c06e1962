"""Times as ISO-8601 or as seconds since 1970: where there is a choice, and how each looks."""

from datetime import UTC, datetime

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from bet_intel.api import date_format, export_formats
from bet_intel.api.answers import Peak
from bet_intel.api.app import contract, described
from bet_intel.api.dated_schemas import has_date_format, times_of
from bet_intel.api.query import ReadQuery, parse
from bet_intel.api.routes.opportunities import OpportunityQuery
from bet_intel.shared.times import from_us

NOON = datetime(2026, 4, 16, 12, tzinfo=UTC)


class Held(msgspec.Struct):
    peaks: dict[str, list[Peak]]
    last: tuple[Peak | None, ...]
    at: datetime | None


def test_times_are_found_wherever_they_are() -> None:
    held = Held({"a": [Peak(0.1, NOON)]}, (Peak(0.2, NOON), None), None)
    assert times_of(Held) == {"Held": ["at"], "Peak": ["at"]}
    assert msgspec.json.decode(date_format.encoded(held, "iso"))["last"] == [
        {"ev": 0.2, "at": "2026-04-16T12:00:00Z"},
        None,
    ]
    assert msgspec.json.decode(date_format.encoded(held, "unix")) == {
        "peaks": {"a": [{"ev": 0.1, "at": 1776340800}]},
        "last": [{"ev": 0.2, "at": 1776340800}, None],
        "at": None,
    }


@given(st.integers(0, 10**16).map(from_us))
def test_seconds_can_be_given_back_as_they_are(time: datetime) -> None:
    shown = date_format.seconds(time)
    assert abs((datetime.fromtimestamp(shown, UTC) - time).total_seconds()) < 1e-5
    assert isinstance(shown, int) == (time.microsecond == 0)


def test_rows_of_exports() -> None:
    row = Peak(0.5, NOON)
    for name, iso, unix in (
        ("csv", b"0.5,2026-04-16T12:00:00Z\r\n", b"0.5,1776340800\r\n"),
        ("ndjson", b'{"ev":0.5,"at":"2026-04-16T12:00:00Z"}\n', b'{"ev":0.5,"at":1776340800}\n'),
    ):
        assert export_formats.writer(name, Peak, "iso").rows([row]) == iso  # type: ignore[arg-type]
        assert export_formats.writer(name, Peak, "unix").rows([row]) == unix  # type: ignore[arg-type]


def test_a_cursor_does_not_look_at_the_format() -> None:
    asked = parse("date_format=unix", OpportunityQuery)
    assert asked.times == "unix"
    assert asked.filters() == OpportunityQuery().filters()
    assert asked.canonical() != OpportunityQuery().canonical()
    assert parse("", ReadQuery).times == "iso"


def test_every_read_with_times_has_the_choice_and_no_other() -> None:
    for operation in described():
        if operation.method == "GET":
            answers = [operation.answer] if operation.answer else operation.structures
            has_times = any(times_of(answer) for answer in answers)
            assert has_date_format(operation.query) == has_times, operation.path


def test_the_contract_tells_of_both() -> None:
    schemas = msgspec.json.decode(contract())["components"]["schemas"]
    either = [{"type": "string", "format": "date-time"}, {"type": "number"}]
    for name, member in (
        ("OpportunityGone", "closed_at"),
        ("CombinationMoved", "as_of"),
        ("ExportedOpportunity", "as_of"),
    ):
        assert schemas[name]["properties"][member]["anyOf"] == either
    assert schemas["Peak"]["properties"]["at"] == {"anyOf": either}
    as_of = schemas["OpportunityList"]["properties"]["as_of"]
    assert as_of == {"anyOf": [*either, {"type": "null"}], "description": as_of["description"]}
