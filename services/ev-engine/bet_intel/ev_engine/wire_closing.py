"""Closing lines as `closing.line.fixed` tells them."""

import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import uuid4

from bet_intel.ev_engine.domain.boards import SportingEvent
from bet_intel.ev_engine.domain.closing import ClosingMarket, Unclosed
from bet_intel.ev_engine.domain.profile import Profile
from bet_intel.ev_engine.wire import SOURCE, market_columns, wire_event
from bet_intel.ev_engine.wire_sets import joined
from bet_intel.events.v1.closing_line_fixed_pb2 import ClosingLineFixed
from bet_intel.shared.columns import Strings, fill
from bet_intel.shared.messaging import Message
from bet_intel.shared.times import to_us

CLOSING_LINE_FIXED = "closing.line.fixed.v1"


def fixed(
    event: SportingEvent,
    titles: Mapping[str, str],
    markets: Sequence[ClosingMarket],
    unclosed: Sequence[Unclosed],
    profile: Profile,
) -> ClosingLineFixed:
    """The closing lines of an event that has started, without time and revision."""
    body = ClosingLineFixed(event=wire_event(event), pricing_revision=profile.revision)
    strings = Strings()
    priced = [one.market for one in markets]
    rows = len(priced) + len(unclosed)
    categories = [*(market.category for market in priced), *(one.category for one in unclosed)]
    books = sorted({key for market in priced for key in market.board.bookmakers})
    place = {key: row for row, key in enumerate(books)}
    fill(body.bookmakers, key_s=strings.rows(books), title_s=strings.rows(titles.get(key, key) for key in books))
    fill(
        body.markets,
        **market_columns([*(market.key for market in priced), *(one.key for one in unclosed)], strings),
        profile_s=[strings.row(profile.name)] * rows,
        method_s=[strings.row(profile.method.value)] * rows,
        category_s=strings.rows(category.value for category in categories),
        reason_s=strings.rows([*(market.fair.reason for market in priced), *(one.reason for one in unclosed)]),
        as_of_us=[to_us(one.as_of) for one in markets] + [to_us(one.as_of) for one in unclosed],
        books_used=[market.fair.books_used for market in priced] + [0] * len(unclosed),
    )
    outcomes = [(m, outcome) for m, market in enumerate(priced) for outcome in market.board.outcomes]
    fill(
        body.outcomes,
        market=[m for m, _ in outcomes],
        outcome_s=strings.rows(outcome for _, outcome in outcomes),
        consensus=joined([market.fair.consensus for market in priced]),
        band_low=joined([market.fair.band_low for market in priced]),
        band_high=joined([market.fair.band_high for market in priced]),
    )
    fill(
        body.prices,
        outcome=[row for row, (m, _) in enumerate(outcomes) for _ in priced[m].board.bookmakers],
        bookmaker=[place[key] for m, _ in outcomes for key in priced[m].board.bookmakers],
        back=joined([market.board.back for market in priced]),
        lay=joined([market.board.lay for market in priced]),
    )
    body.strings.extend(strings.table())
    return body


def voided(event: SportingEvent) -> ClosingLineFixed:
    """That there are none: the event has not started after all. Without time and revision."""
    return ClosingLineFixed(event=wire_event(event), voided=True)


def digest(body: ClosingLineFixed) -> bytes:
    """Of closing lines without time and revision: the same twice is no news."""
    return hashlib.blake2b(body.SerializeToString(deterministic=True), digest_size=16).digest()


def told(body: ClosingLineFixed, as_of: datetime, revision: int) -> Message:
    body.as_of_us, body.revision = to_us(as_of), revision
    return told_again(body.event.id, as_of, revision, body.SerializeToString())


def told_again(event_id: str, as_of: datetime, revision: int, body: bytes) -> Message:
    return Message(
        id=str(uuid4()),
        type=CLOSING_LINE_FIXED,
        source=SOURCE,
        subject=event_id,
        time=as_of,
        revision=revision,
        data=body,
    )
