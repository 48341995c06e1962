"""The engine's copy of the pricing settings, and pricing anew with them."""

from collections.abc import Sequence
from dataclasses import replace

from bet_intel.ev_engine import pricing_store
from bet_intel.ev_engine.domain.profile import STARTING, Profile
from bet_intel.ev_engine.settings import ProfileSettings
from bet_intel.ev_engine.wire_settings import new_settings
from bet_intel.shared.message_metrics import OLD_REVISION, MessageMetrics
from bet_intel.shared.messaging import Message
from bet_intel.shared.outbox import Outbox, UnitOfWork
from bet_intel.shared.postgres import Reader, Writer
from bet_intel.shared.resync import OPPORTUNITIES, requested_kinds
from bet_intel.shared.revisions import newest_and_late
from bet_intel.shared.tasks import Task

EV_CALCULATION = "ev_calculation"
CALC_BATCH = "ev.calc_batch"


class Profiles:
    """The profiles that prices are judged by now: the starting ones, until settings were told."""

    def __init__(self, starting: Sequence[Profile]) -> None:
        self._starting = {profile.name: profile for profile in starting}
        self._newest = dict(self._starting)

    async def current(self, connection: Writer | Reader) -> Sequence[Profile]:
        """To be asked for when the events are locked: who locks one after the settings have changed sees them."""
        known = {name: profile.revision for name, profile in self._newest.items()}
        for name, (revision, settings) in (await pricing_store.settings(connection, newer_than=known)).items():
            told = ProfileSettings.model_validate_json(settings).profile(STARTING[name])
            self._newest[name] = replace(told, revision=revision)
        return tuple(self._newest.values())


class TakeSettings:
    """Handles `pricing.settings.changed`: keeps what is newer, and has every stored board priced anew."""

    def __init__(self, outbox: Outbox, shards: int, messages: MessageMetrics) -> None:
        self._outbox = outbox
        self._shards = shards
        self._messages = messages

    async def handle(self, messages: Sequence[Message]) -> None:
        """
        Raises:
            TerminalError: a message does not keep its contract, or its settings cannot be used.
        """
        told = map(new_settings, messages)
        newest, old = newest_and_late(told, lambda one: one.profile, lambda one: one.revision)
        async with self._outbox.transaction() as unit:
            for profile, one in newest.items():
                encoded = one.settings.model_dump_json(exclude_unset=True)
                if await pricing_store.put_settings(unit.connection, profile, one.revision, encoded):
                    together = await pricing_store.revisions_together(unit.connection)
                    price_anew(unit, self._shards, pricing_revision=together)
                else:
                    old.append(one)
        self._messages.ignored(messages[0].type, OLD_REVISION, [f"{one.profile} {one.revision}" for one in old])


class TellSetsAgain:
    """Handles `resync.requested`: has every open event priced and told anew, with the lives it has."""

    def __init__(self, outbox: Outbox, shards: int) -> None:
        self._outbox = outbox
        self._shards = shards

    async def requested(self, messages: Sequence[Message]) -> None:
        if OPPORTUNITIES not in requested_kinds(messages):
            return
        async with self._outbox.transaction() as unit:
            newest = await pricing_store.newest_revision(unit.connection)
            price_anew(unit, self._shards, told_before=newest + 1)


def price_anew(unit: UnitOfWork, shards: int, *, pricing_revision: int = 0, told_before: int = 0) -> None:
    """Have the events priced whose set was priced with settings whose revisions add up to less than `pricing_revision`,
    or has a revision below `told_before`."""
    cause = f"{pricing_revision}:{told_before}"
    unit.append(
        *[
            Task(
                id=f"{CALC_BATCH}:{cause}:{shard}",
                queue=EV_CALCULATION,
                actor=CALC_BATCH,
                arguments={
                    "shard": shard,
                    "shards": shards,
                    "pricing_revision": pricing_revision,
                    "told_before": told_before,
                },
            )
            for shard in range(shards)
        ]
    )
