"""Row 5: the columns of odds.changed to bytes and back, beside one protobuf message for each quote."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

from bench.measure import Figure, interleaved, times_faster
from bet_intel.ev_engine.wire import board_update
from bet_intel.events.v1 import odds_changed_pb2
from bet_intel.odds_ingest.domain.quotes import EventOdds, MarketBoard, MarketKey, Price, QuoteKey, SportingEvent
from bet_intel.odds_ingest.domain.state import EventState, advance
from bet_intel.odds_ingest.wire import odds_changed
from bet_intel.shared.columns import fill, read

_BOOKS, _MARKETS, _OUTCOMES = 20, 25, 2
_REPEAT = 20
_FIELDS = (
    *((name, "string") for name in ("event", "market", "period", "subject", "bookmaker", "outcome")),
    *((name, "double") for name in ("line", "price", "limit")),
    ("side", "uint32"),
    ("last_update_us", "int64"),
)

Quote = tuple[str, str, str, str, str, str, float, float, float, int, int]


def run(rounds: int) -> Iterable[Figure]:
    quotes = _quotes()
    board = _message_class()
    names = [name for name, _ in _FIELDS]

    def one_by_one() -> bytes:
        message = board()
        for quote in quotes:
            message.quotes.add(**dict(zip(names, quote, strict=True)))
        packed: bytes = message.SerializeToString()
        back = [tuple(getattr(one, name) for name in names) for one in board.FromString(packed).quotes]
        if len(back) != len(quotes):
            raise AssertionError("quotes were lost")
        return packed

    def columns() -> bytes:
        packed = _columnar()
        back = read(odds_changed_pb2.OddsChanged.FromString(packed))
        if len(back["quotes"]["price"]) != len(quotes):
            raise AssertionError("quotes were lost")
        return packed

    def columns_repeated() -> None:
        for _ in range(_REPEAT):
            columns()

    state = _state(quotes)
    if len(board_update(odds_changed(state)).boards) != _MARKETS:
        raise AssertionError("markets were lost")
    taken = interleaved(
        {
            "columns": columns_repeated,
            "one by one": one_by_one,
            "services": lambda: board_update(odds_changed(state)),
        },
        rounds,
    )
    faster = times_faster(taken["one by one"], taken["columns"], work=_REPEAT)
    # The peer makes no columns of what is stored, and no boards of columns: that work is none of a codec's.
    whole = times_faster(taken["one by one"], taken["services"])
    detail = f"from a stored event to the engine's boards, which is more than a codec does, {whole:.1f} ×"
    yield Figure("columns faster than one message for each quote, both ways", faster, 20, at_least=True, detail=detail)
    size = len(columns()) / len(one_by_one())
    yield Figure("bytes of it", size, 0.45, at_least=False)


def _quotes() -> list[Quote]:
    rng = np.random.default_rng(5)
    prices = np.round(rng.uniform(1.2, 6.0, (_MARKETS, _BOOKS, _OUTCOMES)), 2).tolist()
    return [
        (
            *("the_odds_api:c0ffee0ddba11c0ffee0ddba11c0ffee", "totals", "full", "", f"bookmaker_{book}"),
            *(("Over", "Under")[outcome], 150.5 + market, prices[market][book][outcome], 250.0, 0),
            1_776_366_000_000_000 + 1_000_000 * book,
        )
        for market in range(_MARKETS)
        for book in range(_BOOKS)
        for outcome in range(_OUTCOMES)
    ]


def _state(quotes: Sequence[Quote]) -> EventState:
    """The same as odds-ingest keeps it."""
    at = datetime(2026, 4, 16, tzinfo=UTC)
    event = SportingEvent(quotes[0][0], "the_odds_api", "basketball", "nba", "NBA", at + timedelta(hours=4), "A", "B")
    prices: defaultdict[float, dict[QuoteKey, Price]] = defaultdict(dict)
    for _, _, _, _, bookmaker, outcome, line, price, limit, _, _ in quotes:
        prices[line][QuoteKey(bookmaker, outcome)] = Price(price, limit)
    markets = {
        MarketKey("totals", line=line): MarketBoard.of(of, {key.bookmaker: at for key in of})
        for line, of in prices.items()
    }
    titles = {quote[4]: quote[4] for quote in quotes}
    return advance(None, EventOdds(event, markets, titles), at, 1)


_ROWS = _MARKETS * _BOOKS
_PRICE = np.array([quote[7] for quote in _quotes()])
_MARKET_OF_BOOK = np.repeat(np.arange(_MARKETS, dtype="<u4"), _BOOKS)
_BOOK = np.tile(np.arange(_BOOKS, dtype="<u4"), _MARKETS)
_STRINGS = ["totals", "full", "", "Over", "Under", *(f"bookmaker_{book}" for book in range(_BOOKS))]


def _columnar() -> bytes:
    message = odds_changed_pb2.OddsChanged(as_of_us=1, revision=1, strings=_STRINGS)
    message.event.id = "the_odds_api:c0ffee0ddba11c0ffee0ddba11c0ffee"
    keys = np.arange(5, 5 + _BOOKS, dtype="<u4")
    fill(message.bookmakers, key_s=keys, title_s=keys)
    zeros = np.zeros(_MARKETS, "<u4")
    fill(
        message.markets,
        market_s=zeros,
        period_s=zeros + 1,
        line=150.5 + np.arange(_MARKETS),
        subject_s=zeros + 2,
        status=np.ones(_MARKETS, "<u1"),
        revision=np.ones(_MARKETS, "<i8"),
    )
    updated = 1_776_366_000_000_000 + 1_000_000 * _BOOK.astype("<i8")
    fill(message.books, market=_MARKET_OF_BOOK, bookmaker=_BOOK, last_update_us=updated)
    fill(
        message.quotes,
        market=np.repeat(_MARKET_OF_BOOK, _OUTCOMES),
        bookmaker=np.repeat(_BOOK, _OUTCOMES),
        outcome_s=np.tile(np.array([3, 4], "<u4"), _ROWS),
        side=np.zeros(_ROWS * _OUTCOMES, "<u1"),
        price=_PRICE,
        limit=np.full(_ROWS * _OUTCOMES, 250.0),
    )
    return message.SerializeToString()


def _message_class() -> Any:
    """`message Board { repeated Quote quotes = 1; }` with a field for each of `_FIELDS`."""
    file = descriptor_pb2.FileDescriptorProto(name="bench_quotes.proto", package="bench", syntax="proto3")
    quote = file.message_type.add(name="Quote")
    kinds = descriptor_pb2.FieldDescriptorProto
    for number, (name, kind) in enumerate(_FIELDS, start=1):
        type_ = kinds.Type.Value(f"TYPE_{kind.upper()}")
        quote.field.add(name=name, number=number, type=type_, label=kinds.LABEL_OPTIONAL)
    file.message_type.add(name="Board").field.add(
        name="quotes", number=1, type=kinds.TYPE_MESSAGE, label=kinds.LABEL_REPEATED, type_name=".bench.Quote"
    )
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("bench.Board"))
