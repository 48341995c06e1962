"""Telling again what the gateway owns: subscriptions and pricing settings."""

from collections.abc import Sequence

import msgspec

from bet_intel.api import subscription_store, write_store
from bet_intel.api.domain.pricing import PROFILES, PricingSettings
from bet_intel.api.subscription_telling import views_of
from bet_intel.api.telling import pricing_settings_changed, subscription_changed
from bet_intel.shared.messaging import Message
from bet_intel.shared.outbox import Outbox
from bet_intel.shared.postgres import Reader
from bet_intel.shared.resync import PRICING, SUBSCRIPTIONS, requested_kinds
from bet_intel.shared.times import Clock

_NIL = "00000000-0000-0000-0000-000000000000"
_AT_ONCE = 200


class TellAgain:
    """Handles `resync.requested`."""

    def __init__(self, outbox: Outbox, clock: Clock) -> None:
        self._outbox = outbox
        self._clock = clock

    async def requested(self, messages: Sequence[Message]) -> None:
        """Tell everything that is asked for with the revisions it has."""
        kinds = requested_kinds(messages)
        if SUBSCRIPTIONS in kinds:
            await self._subscriptions()
        if PRICING in kinds:
            await self._pricing()

    async def _subscriptions(self) -> None:
        after = _NIL
        while True:
            async with self._outbox.transaction() as unit:
                rows = await subscription_store.all_after(unit.connection, after, _AT_ONCE)
                views = await views_of(unit.connection, [row.account for row in rows])
                unit.append(*[subscription_changed(row, row.updated_at, views[row.account]) for row in rows])
            if len(rows) < _AT_ONCE:
                return
            after = rows[-1].id

    async def _pricing(self) -> None:
        async with self._outbox.transaction() as unit:
            for profile in PROFILES:
                row = await write_store.pricing(unit.connection, profile)
                if row is not None:
                    settings = msgspec.json.decode(row["settings"], type=PricingSettings)
                    unit.append(pricing_settings_changed(profile, row["revision"], settings, row["updated_at"]))


async def has_no_events(connection: Reader) -> bool:
    empty: bool = await connection.fetchval("select not exists (select from sporting_event)")
    return empty


async def has_no_sets(connection: Reader) -> bool:
    empty: bool = await connection.fetchval("select not exists (select from opportunity_set)")
    return empty
