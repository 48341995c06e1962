"""When an answer was taken that does not say so, and which of its prices are of a time after it."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from statistics import median_low

from bet_intel.odds_ingest.domain.quotes import EventOdds, Rejection

CLOCK_SKEW = timedelta(minutes=5)
"""How far the clocks of bookmakers may be apart. A price of a later time than this after its answer has no time, by
ev-engine's rule."""


def answer_time(events: Sequence[EventOdds], now: datetime | None = None) -> datetime | None:
    """The time of an answer that tells none: the newest confirmation of a price that another bookmaker bears out, by
    one of its own at most `CLOCK_SKEW` before. None where there is no price.

    A single wrong clock would else make every other bookmaker's prices old. Where no two bookmakers are so near to each
    other it is the newest confirmation of the median bookmaker (the earlier of two), and so that of a single one.
    Nothing later than `CLOCK_SKEW` after `now`, where that is told, is looked at: where nothing else is there, the
    answer is of `now`.
    """
    told = sorted(set(_confirmations(events)))
    possible = [each for each in told if now is None or each[0] - now <= CLOCK_SKEW]
    if not possible:
        return now if told else None
    return _newest_borne_out(possible) or median_low({bookmaker: at for at, bookmaker in possible}.values())


def after_the_answer(events: Sequence[EventOdds], as_of: datetime) -> tuple[Rejection, ...]:
    """Which bookmakers' prices have no time because they are of one after the answer's, by event."""
    rejections = []
    for odds in events:
        newest: dict[str, datetime] = {}
        for at, bookmaker in _confirmations((odds,)):
            if at - as_of > CLOCK_SKEW:
                newest[bookmaker] = max(at, newest.get(bookmaker, at))
        rejections += [
            Rejection(
                f"{odds.event.id}.bookmakers[{bookmaker}]",
                f"`last_update` {at.isoformat()} is more than {CLOCK_SKEW // timedelta(minutes=1)} minutes after the "
                f"answer, which was taken at {as_of.isoformat()}: prices of that time are of unknown age and not used",
            )
            for bookmaker, at in newest.items()
        ]
    return tuple(rejections)


def _confirmations(events: Sequence[EventOdds]) -> Iterator[tuple[datetime, str]]:
    for odds in events:
        for board in odds.markets.values():
            for bookmaker, at in zip(board.bookmakers, board.confirmed, strict=True):
                yield at, bookmaker


def _newest_borne_out(ascending: Sequence[tuple[datetime, str]]) -> datetime | None:
    newest: datetime | None = None
    # The newest so far, and the newest so far of another bookmaker than that one's.
    last: tuple[datetime, str] | None = None
    another: datetime | None = None
    for at, bookmaker in ascending:
        if last is not None and last[1] != bookmaker:
            another = last[0]
        if another is not None and at - another <= CLOCK_SKEW:
            newest = at
        last = at, bookmaker
    return newest
