"""Closing lines are kept as they arrive, and told to who follows the feed."""

from collections.abc import Callable, Sequence

from bet_intel.api import bet_store, closing_store, store
from bet_intel.api.domain.bets import PROFILE, clv
from bet_intel.api.domain.closing import ClosingLines
from bet_intel.api.domain.model import FeedEntry
from bet_intel.api.waiting_bets import match_waiting
from bet_intel.api.wire import WireError
from bet_intel.api.wire_closing import closing_lines
from bet_intel.shared.message_metrics import OLD_REVISION, MessageMetrics
from bet_intel.shared.messaging import Message, TerminalError
from bet_intel.shared.partitions import DaysOf
from bet_intel.shared.postgres import Database, Writer
from bet_intel.shared.revisions import newest_and_late
from bet_intel.shared.times import Clock


class TakeClosingLines:
    """Handles `closing.line.fixed`. `wake` is called after each transaction that moved the feed."""

    def __init__(self, database: Database, wake: Callable[[], None], clock: Clock, messages: MessageMetrics) -> None:
        self._database = database
        self._messages = messages
        self._wake = wake
        self._clock = clock
        self._feed_days = DaysOf(database, store.FEED)

    async def fixed(self, messages: Sequence[Message]) -> None:
        """Keep what is newer; the rest is ignored.

        Raises:
            TerminalError: a message does not keep its contract.
        """
        told = [_decoded(message) for message in messages]
        newest, late = newest_and_late(told, lambda each: each.event.id, lambda each: each.revision)
        told_at = self._clock()
        await self._feed_days.prepare([told_at])
        async with self._database.transaction() as connection:
            await bet_store.see_who_waits(connection)
            await closing_store.lock(connection, newest)
            stored = await closing_store.put(connection, list(newest.values()))
            news = [each for id, each in newest.items() if id in stored]
            await match_waiting(connection, [each.event for each in news])
            await _judge_bets(connection, news)
            if news:
                as_of = max(each.as_of for each in news)
                await store.append_feed(connection, [_entry(each) for each in news], as_of, told_at)
        self._wake()
        old = late + [each for id, each in newest.items() if id not in stored]
        self._messages.ignored(messages[0].type, OLD_REVISION, [f"{each.event.id} {each.revision}" for each in old])


async def _judge_bets(connection: Writer, news: Sequence[ClosingLines]) -> None:
    """Hold the bets on these events against their closing lines."""
    of_event = {each.event.id: each for each in news}
    bets = await bet_store.on_events(connection, of_event) if of_event else []
    if bets:
        await bet_store.judge(connection, [(bet.id, clv(bet, of_event[bet.event_id or ""], PROFILE)) for bet in bets])


def _decoded(message: Message) -> ClosingLines:
    try:
        return closing_lines(message.data)
    except WireError as error:
        raise TerminalError(str(error)) from error


def _entry(lines: ClosingLines) -> FeedEntry:
    return FeedEntry(
        "closing.fixed",
        lines.event.id,
        lines.as_of,
        {
            "sport": lines.event.sport,
            "league": lines.event.league,
            "commence_time": lines.event.commence_time,
            "revision": lines.revision,
            "voided": lines.voided,
            "markets": sorted({market.key.market for market in lines.markets if market.outcomes}),
        },
    )
