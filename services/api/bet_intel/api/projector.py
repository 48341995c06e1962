"""Use cases of the projector: what arrives on the bus is put into the read model and its feed.

Every handler takes a micro-batch and is one transaction. Messages may come twice, late and out of order: a board is
guarded by its market's revision, the facts and freshness of an event by its odds revision, its opportunities by the
revision of their set.
"""

import itertools
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date
from typing import TypeVar

import msgspec
from prometheus_client import CollectorRegistry
from prometheus_client import Counter as Metric

from bet_intel.api import closed_store, combination_store, refresh_store, store, wire
from bet_intel.api.domain.combinations import changed
from bet_intel.api.domain.life import Closed, transition
from bet_intel.api.domain.model import Closing, FeedEntry, MarketChange, OddsUpdate, OpportunitySet
from bet_intel.api.line_history import LineHistory
from bet_intel.api.prepared import prepare
from bet_intel.api.waiting_bets import match_waiting
from bet_intel.api.working import SetWorking
from bet_intel.shared.message_metrics import OLD_REVISION, UNKNOWN_MARKET, MessageMetrics
from bet_intel.shared.messaging import Message, TerminalError
from bet_intel.shared.partitions import DaysOf
from bet_intel.shared.postgres import Database, Writer
from bet_intel.shared.times import Clock

Decoded = TypeVar("Decoded")


class Projector:
    """Keeps the read model. `wake` is called after each transaction that moved it."""

    def __init__(
        self,
        database: Database,
        registry: CollectorRegistry,
        wake: Callable[[], None],
        clock: Clock,
        metrics: MessageMetrics,
    ) -> None:
        self._database = database
        self._metrics = metrics
        self._wake = wake
        self._clock = clock
        self._history = LineHistory(database)
        self._feed_days = DaysOf(database, store.FEED)
        self._closed_days = DaysOf(database, closed_store.CLOSED)
        self._projected = Metric(
            "bet_intel_api_projected_messages_total", "Messages put into the read model.", ["type"], registry=registry
        )

    async def odds_changed(self, messages: Sequence[Message]) -> None:
        updates = [_decoded(wire.odds_update, message) for message in messages]
        newest = _newest_per_event(updates)
        told_at = self._clock()
        await self._history.prepare(updates)
        await self._feed_days.prepare([told_at])
        async with self._database.transaction() as connection:
            newer = await store.put_events(connection, newest)
            await store.put_freshness(connection, newest)
            await self._history.append(connection, updates)
            applied = await store.put_markets(connection, _newest_changes(updates))
            confirmed = [(each, key) for each in newest if each.event.id in newer for key in each.confirmations]
            unknown = await store.unknown_markets(connection, confirmed)
            await match_waiting(connection, [each.event for each in newest if newer.get(each.event.id)])
            await store.put_bookmakers(connection, _titles(update.titles for update in updates))
            await store.append_feed(
                connection, _odds_entries(newest, applied), max(each.as_of for each in newest), told_at
            )
        told = newer.keys() | {event_id for event_id, _ in applied}
        self._ignored(messages, [f"{one.event.id} {one.revision}" for one in newest if one.event.id not in told])
        named = [f"{one.event.id} {one.revision} {' '.join(str(part) for part in key)}" for one, key in unknown]
        self._metrics.ignored(messages[0].type, UNKNOWN_MARKET, named)
        self._moved(messages)

    async def opportunities_updated(self, messages: Sequence[Message]) -> None:
        sets = [_decoded(wire.opportunity_set, message) for message in messages]
        entries: list[FeedEntry] = []
        old: list[OpportunitySet] = []
        closed: Counter[date] = Counter()
        told_at = self._clock()
        await self._feed_days.prepare([told_at])
        await self._closed_days.prepare(each.as_of for each in sets)
        async with self._database.transaction() as connection:
            # One after another per event, so that what opened and closed within the batch is told and kept too.
            for step in _steps(sets):
                entries += await _apply(connection, step, closed, old)
            await closed_store.count(connection, closed)
            await store.put_bookmakers(connection, _titles(each.titles for each in sets))
            await store.append_feed(connection, entries, max(each.as_of for each in sets), told_at)
        self._ignored(messages, [f"{one.event.id} {one.revision}" for one in old])
        self._moved(messages)

    async def provider_status(self, messages: Sequence[Message]) -> None:
        reports = [_decoded(wire.provider_report, message) for message in messages]
        async with self._database.transaction() as connection:
            await store.put_provider_reports(connection, sorted(reports, key=lambda report: report.provider))
            await refresh_store.complete(connection, [report for report in reports if report.refresh_id])
        self._count(messages)

    async def service_heartbeat(self, messages: Sequence[Message]) -> None:
        heartbeats = [_decoded(wire.heartbeat, message) for message in messages]
        async with self._database.transaction() as connection:
            await store.put_heartbeats(connection, sorted(heartbeats, key=lambda heartbeat: heartbeat.service))
        self._count(messages)

    def _moved(self, messages: Sequence[Message]) -> None:
        self._wake()
        self._count(messages)

    def _ignored(self, messages: Sequence[Message], subjects: Sequence[str]) -> None:
        self._metrics.ignored(messages[0].type, OLD_REVISION, subjects)

    def _count(self, messages: Sequence[Message]) -> None:
        self._projected.labels(messages[0].type).inc(len(messages))


def _titles(of_messages: Iterable[Mapping[str, str]]) -> dict[str, str]:
    return {key: title for titles in of_messages for key, title in titles.items()}


def _decoded(decode: Callable[[bytes], Decoded], message: Message) -> Decoded:
    try:
        return decode(message.data)
    except wire.WireError as error:
        raise TerminalError(str(error)) from error


async def _apply(
    connection: Writer, sets: Sequence[OpportunitySet], closed: Counter[date], old: list[OpportunitySet]
) -> list[FeedEntry]:
    """Put sets of different events, in the order of event ids, into the read model; returns what followers are told.

    Adds to `closed` how many have closed of each day, and to `old` what is not newer than what is stored.
    """
    stored = await store.lock_sets(connection, sets)
    newer = [each for each in sets if each.revision > stored[each.event.id]]
    old += [each for each in sets if each.revision <= stored[each.event.id]]
    if not newer:
        return []
    open_now = await store.open_now(connection, [each.event.id for each in newer])
    change = transition(open_now, newer)
    # The working of what closes is in the set that is about to be replaced.
    closing = {each.event_id for each in change.closed}
    bodies = await store.set_bodies(connection, closing) if closing else {}
    combinations = changed(await combination_store.open_now(connection, [each.event.id for each in newer]), newer)
    await store.put_sets(connection, newer)
    opportunities = [one for each in newer for one in each.opportunities]
    await store.put_opportunities(connection, opportunities, [prepare(one) for one in opportunities])
    await combination_store.put(connection, [one for each in newer for one in each.combinations])
    await combination_store.remove(connection, combinations.gone)
    closed.subtract(await closed_store.reopen(connection, change.opened))
    closed.update(await closed_store.close(connection, _closings(change.closed, bodies)))
    return change.entries + combinations.entries


def _newest_per_event(updates: Sequence[OddsUpdate]) -> list[OddsUpdate]:
    """In the order of event ids, which is the order of locks."""
    newest: dict[str, OddsUpdate] = {}
    for each in sorted(updates, key=lambda each: each.revision):
        newest[each.event.id] = each
    return [newest[event_id] for event_id in sorted(newest)]


def _steps(sets: Sequence[OpportunitySet]) -> list[list[OpportunitySet]]:
    """The oldest set of every event, then the second of those that have one, and so on; each in the order of event ids.

    Every event is in the first step, which therefore takes all locks.
    """
    of_event: dict[str, list[OpportunitySet]] = {}
    for each in sorted(sets, key=lambda each: (each.event.id, each.revision)):
        of_event.setdefault(each.event.id, []).append(each)
    return [[each for each in step if each is not None] for step in itertools.zip_longest(*of_event.values())]


def _newest_changes(updates: Sequence[OddsUpdate]) -> list[tuple[OddsUpdate, MarketChange]]:
    """The newest board of each market, in the order of locks."""
    newest: dict[tuple[str, str, str, str, float | None], tuple[OddsUpdate, MarketChange]] = {}
    for update in sorted(updates, key=lambda update: update.revision):
        for change in update.changes:
            key = change.key
            newest[update.event.id, key.market, key.period, key.subject, key.line] = (update, change)
    return sorted(newest.values(), key=lambda each: (each[0].event.id, str(each[1].key)))


def _odds_entries(updates: Sequence[OddsUpdate], applied: Sequence[tuple[str, str]]) -> list[FeedEntry]:
    """One entry per event whose boards changed, naming the markets."""
    markets: dict[str, set[str]] = {}
    for event_id, market in applied:
        markets.setdefault(event_id, set()).add(market)
    return [
        FeedEntry(
            "odds.changed",
            update.event.id,
            update.as_of,
            {
                "sport": update.event.sport,
                "league": update.event.league,
                "commence_time": update.event.commence_time,
                "revision": update.revision,
                "markets": sorted(markets[update.event.id]),
            },
        )
        for update in updates
        if update.event.id in markets
    ]


def _closings(closed: Sequence[Closed], bodies: Mapping[str, bytes]) -> list[Closing]:
    workings = {event_id: SetWorking(body) for event_id, body in bodies.items()}
    return [
        Closing(
            each.id,
            each.closed_at,
            each.reason,
            msgspec.json.encode(workings[each.event_id].opportunity(each.id)),
        )
        for each in closed
    ]
