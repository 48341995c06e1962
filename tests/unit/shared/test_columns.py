"""Columnar messages: what was packed comes back, what breaks the layout is refused."""

import math
from collections.abc import Iterator
from typing import Any

import hypothesis.strategies as st
import numpy as np
import pytest
from google.protobuf.descriptor import Descriptor, FieldDescriptor, FileDescriptor
from hypothesis import given

from bet_intel.events.v1 import (
    columns_pb2,
    common_pb2,
    odds_changed_pb2,
    opportunities_updated_pb2,
    provider_status_pb2,
    service_heartbeat_pb2,
)
from bet_intel.shared.columns import ColumnError, Strings, fill, read

KINDS = {"u8", "u32", "i64", "f64"}
CONTRACTS: list[FileDescriptor] = [
    module.DESCRIPTOR
    for module in (
        common_pb2,
        odds_changed_pb2,
        opportunities_updated_pb2,
        provider_status_pb2,
        service_heartbeat_pb2,
    )
]


def messages() -> Iterator[Descriptor]:
    for file in CONTRACTS:
        yield from file.message_types_by_name.values()


def column_of(field: FieldDescriptor) -> str:
    return field.GetOptions().Extensions[columns_pb2.column]


COLUMNAR = [message for message in messages() if message.name.endswith("Columns")]


@pytest.mark.parametrize("message", COLUMNAR, ids=lambda message: message.name)
def test_every_columnar_message_says_the_layout_of_each_of_its_fields(message: Descriptor) -> None:
    assert message.fields
    for field in message.fields:
        assert field.type == FieldDescriptor.TYPE_BYTES, field.full_name
        kind, _, rows_of = column_of(field).partition(" of ")
        assert kind in KINDS, field.full_name
        assert not rows_of or kind == "u32", field.full_name


def test_only_columnar_messages_have_columns() -> None:
    for message in messages():
        if message not in COLUMNAR:
            assert not [field.full_name for field in message.fields if column_of(field)]


@pytest.mark.parametrize(
    "message",
    [message for message in messages() if any(field.message_type in COLUMNAR for field in message.fields)],
    ids=lambda message: message.name,
)
def test_row_numbers_point_into_tables_that_the_message_has(message: Descriptor) -> None:
    tables = {
        field.name: field.message_type
        for field in message.fields
        if field.message_type and field.message_type in COLUMNAR
    }
    for table in tables.values():
        for field in table.fields:
            rows_of = column_of(field).partition(" of ")[2]
            if rows_of == "strings":
                strings = message.fields_by_name["strings"]
                assert strings.type == FieldDescriptor.TYPE_STRING
                assert strings.is_repeated
            elif rows_of:
                assert rows_of in tables, field.full_name


any_string = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
any_float = st.floats(allow_nan=False)
market = st.tuples(
    any_string,
    any_string,
    any_float | st.none(),
    any_string,
    st.integers(0, 255),
    st.integers(-(2**63), 2**63 - 1),
)


@given(st.lists(market, max_size=20))
def test_what_was_packed_comes_back(markets: list[tuple[str, str, float | None, str, int, int]]) -> None:
    strings = Strings()
    body = odds_changed_pb2.OddsChanged()
    fill(
        body.markets,
        market_s=[strings.row(one[0]) for one in markets],
        period_s=[strings.row(one[1]) for one in markets],
        line=[math.nan if one[2] is None else one[2] for one in markets],
        subject_s=[strings.row(one[3]) for one in markets],
        status=[one[4] for one in markets],
        revision=[one[5] for one in markets],
    )
    body.strings.extend(strings.table())
    received = odds_changed_pb2.OddsChanged.FromString(body.SerializeToString())
    table = read(received)["markets"]
    text = received.strings
    rows = zip(
        (text[row] for row in table["market_s"]),
        (text[row] for row in table["period_s"]),
        (None if math.isnan(line) else line for line in table["line"].tolist()),
        (text[row] for row in table["subject_s"]),
        table["status"].tolist(),
        table["revision"].tolist(),
        strict=True,
    )
    assert list(rows) == markets


@given(st.lists(any_string))
def test_a_string_is_stored_once(texts: list[str]) -> None:
    strings = Strings()
    rows = strings.rows(texts)
    assert [strings.table()[row] for row in rows] == texts
    assert len(strings.table()) == len(set(texts))


def test_columns_are_little_endian_whatever_the_array_is() -> None:
    body = odds_changed_pb2.OddsChanged()
    fill(
        body.quotes,
        market=np.array([258], dtype=">u4"),
        bookmaker=np.array([1], dtype=np.int64),
        outcome_s=[0],
        side=[True],
        price=np.array([2.5], dtype=">f8"),
        limit=np.array([100], dtype=np.int32),
    )
    assert body.quotes.market == b"\x02\x01\x00\x00"
    assert body.quotes.bookmaker == b"\x01\x00\x00\x00"
    assert body.quotes.side == b"\x01"
    assert body.quotes.price == b"\x00\x00\x00\x00\x00\x00\x04\x40"
    assert body.quotes.limit == b"\x00\x00\x00\x00\x00\x00\x59\x40"


def test_columns_that_were_read_cannot_be_written() -> None:
    table = read(sound())["bookmakers"]
    with pytest.raises(ValueError, match="read-only"):
        table["key_s"][0] = 1


def sound() -> odds_changed_pb2.OddsChanged:
    """Two bookmakers, one market, two confirmations, one quote."""
    body = odds_changed_pb2.OddsChanged(strings=["pinnacle", "Pinnacle", "h2h", ""])
    fill(body.bookmakers, key_s=[0, 0], title_s=[1, 1])
    fill(body.markets, market_s=[2], period_s=[3], line=[math.nan], subject_s=[3], status=[1], revision=[7])
    fill(body.books, market=[0, 0], bookmaker=[0, 1], last_update_us=[1, 2])
    fill(body.quotes, market=[0], bookmaker=[1], outcome_s=[2], side=[0], price=[2.5], limit=[math.nan])
    return body


def test_a_message_without_rows_is_sound() -> None:
    tables = read(odds_changed_pb2.OddsChanged())
    assert set(tables) == {"bookmakers", "markets", "books", "quotes"}
    assert all(len(column) == 0 for table in tables.values() for column in table.values())


@pytest.mark.parametrize(
    ("table", "column", "packed", "complaint"),
    [
        ("quotes", "price", b"\x00" * 7, "no whole rows"),
        ("quotes", "market", b"\x00" * 5, "no whole rows"),
        ("quotes", "price", b"\x00" * 16, "2 rows"),
        ("quotes", "side", b"", "0 rows"),
        ("books", "last_update_us", b"\x00" * 24, "3 rows"),
        ("bookmakers", "key_s", b"\x04\x00\x00\x00" * 2, "points outside strings"),
        ("quotes", "bookmaker", b"\x02\x00\x00\x00", "points outside bookmakers"),
        ("books", "market", b"\x00\x00\x00\x00\x01\x00\x00\x00", "points outside markets"),
        ("quotes", "market", b"\xff\xff\xff\xff", "points outside markets"),
    ],
)
def test_a_broken_column_is_refused(table: str, column: str, packed: bytes, complaint: str) -> None:
    body = sound()
    read(body)
    setattr(getattr(body, table), column, packed)
    with pytest.raises(ColumnError, match=complaint) as caught:
        read(body)
    assert column in str(caught.value)


def test_rows_of_a_table_that_is_missing_are_refused() -> None:
    body = sound()
    body.ClearField("markets")
    with pytest.raises(ColumnError, match="points outside markets"):
        read(body)


@given(st.binary(max_size=64), st.sampled_from(["market", "bookmaker", "outcome_s", "side", "price", "limit"]))
def test_no_bytes_make_reading_fail_in_another_way(packed: bytes, column: str) -> None:
    body = sound()
    setattr(body.quotes, column, packed)
    try:
        quotes = read(body)["quotes"]
    except ColumnError:
        return
    assert len({len(one) for one in quotes.values()}) == 1
    assert not quotes["market"].size or quotes["market"].max() < 1
    assert not quotes["outcome_s"].size or quotes["outcome_s"].max() < len(body.strings)


QUOTE: dict[str, Any] = {"market": [0], "bookmaker": [0], "outcome_s": [0], "side": [0], "price": [2.5], "limit": [1.0]}


@pytest.mark.parametrize(
    ("changed", "complaint"),
    [
        ({"price": [2.5, 2.6]}, "differ in length"),
        ({"market": [-1]}, "QuoteColumns.market"),
        ({"market": np.array([-1])}, "QuoteColumns.market"),
        ({"market": [2**32]}, "QuoteColumns.market"),
        ({"market": [2**70]}, "QuoteColumns.market"),
        ({"side": [256]}, "QuoteColumns.side"),
        ({"outcome_s": [0.5]}, "QuoteColumns.outcome_s"),
        ({"outcome_s": [math.nan]}, "QuoteColumns.outcome_s"),
        ({"outcome_s": ["Harbour City"]}, "QuoteColumns.outcome_s"),
        ({"price": [[2.5]]}, "QuoteColumns.price"),
        ({"stake": [1.0]}, "needs the columns"),
    ],
)
def test_what_does_not_fit_the_layout_is_not_packed(changed: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ColumnError, match=complaint):
        fill(odds_changed_pb2.OddsChanged().quotes, **(QUOTE | changed))


def test_a_column_left_out_is_refused() -> None:
    columns = {name: column for name, column in QUOTE.items() if name != "limit"}
    with pytest.raises(ColumnError, match="needs the columns"):
        fill(odds_changed_pb2.OddsChanged().quotes, **columns)
