"""The projector's part that keeps the line history: every change of a price, in the order of revisions.

What a newer board changes is found by comparing it with the board before. A board that comes late is compared with what
the history knew before it, and the board after it gets entries for what went back to where it was. A board that was
told again before it came the first time was dated too late, and is dated back. Of a board that changed no price there
is no entry, but that it came is kept for an hour: one before it may have yet to come, and what that changed stood until
then, whichever process is told of it.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from bet_intel.api import history_store
from bet_intel.api.domain.history import KnownMarket, PriceChange, changes, offers, restored
from bet_intel.api.domain.model import MarketChange, OddsUpdate
from bet_intel.api.history_store import Came, MarketOf
from bet_intel.shared.partitions import DaysOf
from bet_intel.shared.postgres import Database, Writer

_NOTHING = KnownMarket(0, datetime.min.replace(tzinfo=UTC), {})
_REMEMBERED = 50_000


class LineHistory:
    """Appends what boards change. Told the same board twice it appends nothing.

    The boards last told are kept in memory, and used where the stored market has their revision.
    """

    def __init__(self, database: Database) -> None:
        self._days = DaysOf(database, history_store.HISTORY)
        self._told: dict[MarketOf, KnownMarket] = {}

    async def prepare(self, updates: Sequence[OddsUpdate]) -> None:
        """Make sure of the days that these updates write to, before the transaction that writes them."""
        await self._days.prepare({update.as_of for update in updates})

    async def append(self, connection: Writer, updates: Sequence[OddsUpdate]) -> None:
        """Append what these updates change; before the boards are stored, under the locks of the events."""
        of_market: dict[MarketOf, list[tuple[OddsUpdate, MarketChange]]] = {}
        for update in sorted(updates, key=lambda update: update.revision):
            for change in update.changes:
                of_market.setdefault((update.event.id, change.key), []).append((update, change))
        if not of_market:
            return
        known = await self._known(connection, of_market)
        entries: list[PriceChange] = []
        late: list[tuple[OddsUpdate, MarketChange, KnownMarket]] = []
        told_again: list[Came] = []
        quiet: list[Came] = []
        for market, boards in of_market.items():
            newest = stored = known.get(market, _NOTHING)
            for update, change in boards:
                if change.revision > newest.revision:
                    now = offers(change.board.quotes)
                    moved = changes(newest.offers, now, update, change)
                    if not moved:
                        quiet.append(Came(market, change.revision, update.as_of))
                    entries += moved
                    newest = KnownMarket(change.revision, update.as_of, now)
                elif change.revision < stored.revision:
                    late.append((update, change, stored))
                elif change.revision == newest.revision and update.as_of < newest.as_of:
                    told_again.append(Came(market, change.revision, update.as_of))
                    newest = newest._replace(as_of=update.as_of)
            self._remember(market, newest)
        await history_store.append(connection, entries)
        await history_store.note_quiet(connection, quiet)
        for one in told_again:
            await history_store.date_back(connection, one)
        for update, change, stored in late:
            await _append_late(connection, update, change, stored)

    async def _known(self, connection: Writer, asked: Mapping[MarketOf, object]) -> dict[MarketOf, KnownMarket]:
        revisions = await history_store.revisions(connection, asked)
        known = {
            market: told
            for market, revision in revisions.items()
            if (told := self._told.get(market)) is not None and told.revision == revision
        }
        if unread := revisions.keys() - known.keys():
            known |= await history_store.boards(connection, unread)
        if unknown := asked.keys() - revisions.keys():
            # New to the read model, which may have been made anew: the history may know them.
            known |= await history_store.last_known(connection, unknown)
        return known

    def _remember(self, market: MarketOf, newest: KnownMarket) -> None:
        if not newest.offers:
            self._told.pop(market, None)
            return
        if len(self._told) >= _REMEMBERED:
            self._told.clear()
        self._told[market] = newest


async def _append_late(connection: Writer, update: OddsUpdate, change: MarketChange, stored: KnownMarket) -> None:
    market = (update.event.id, change.key)
    around = await history_store.around(connection, market, change.revision)
    if around.is_known:
        # Told again, and what came behind that too, before it came the first time.
        await history_store.date_back(connection, Came(market, change.revision, update.as_of))
        return
    known = await history_store.last_known(connection, [market], before=change.revision)
    before = known.get(market, _NOTHING).offers
    entries = changes(before, offers(change.board.quotes), update, change, late=True)
    if not entries:
        await history_store.note_quiet(connection, [Came(market, change.revision, update.as_of)])
        return
    # The first board behind this one that is known to have come, if the history knows none before it.
    quiet = await history_store.quiet_after(connection, market, change.revision)
    following = min(one for one in (quiet, (stored.revision, stored.as_of)) if one is not None)
    if around.following is None or around.following[1] > following[0]:
        again = restored(entries, before, change.key, (following[1], following[0]), frozenset())
    else:
        again = restored(entries, before, change.key, around.following, around.changed)
    await history_store.append(connection, entries + again)
