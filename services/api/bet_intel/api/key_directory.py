"""Every usable key and every tier, in this process: who asks is looked up without waiting for anybody.

The directory follows the log of what administrators did, on the primary, so that nothing that was revoked is found
longer than it takes to look: at once when it is woken, and every quarter of a second where a wake was lost.
"""

import asyncio
from collections.abc import Callable, Mapping

import structlog
from prometheus_client import CollectorRegistry, Gauge

from bet_intel.api import account_store, audit_store
from bet_intel.api.audit_store import AuditPosition
from bet_intel.api.domain.accounts import ANONYMOUS, Caller, Tier
from bet_intel.api.read_model import Record
from bet_intel.shared.postgres import Database, DatabaseUnavailableError, Reader
from bet_intel.shared.times import Clock, Monotonic
from bet_intel.shared.wake import Wake

_log = structlog.get_logger(__name__)

ACCESS_MOVED = "api.access"
"""The topic that is rung when an administrator did something."""
OF_TIERS = "tier."
OF_ACCOUNTS = ("account.", "key.")


class KeyDirectory:
    """`load` once before anybody asks; `run` follows until cancelled."""

    def __init__(
        self,
        database: Database,
        wake: Wake,
        poll_seconds: float,
        clock: Clock,
        monotonic: Monotonic,
        registry: CollectorRegistry,
        changed: Callable[[], None],
    ) -> None:
        """`changed` is called whenever a key or a tier is another than before."""
        self.tiers: Mapping[str, Tier] = {}
        self._database = database
        self._wake = wake
        self._poll_seconds = poll_seconds
        self._clock = clock
        self._monotonic = monotonic
        self._callers: dict[bytes, Caller] = {}
        self._digests: dict[str, list[bytes]] = {}
        self._by_id: dict[str, Caller] = {}
        self._changed = changed
        self._position: AuditPosition | None = None
        self._looked_at = monotonic()
        keys = Gauge("bet_intel_api_keys", "Keys that this gateway lets in.", registry=registry)
        keys.set_function(lambda: len(self._callers))
        age = Gauge(
            "bet_intel_api_keys_age_seconds", "Time since this gateway last looked for changed keys.", registry=registry
        )
        age.set_function(lambda: self._monotonic() - self._looked_at)

    def caller(self, digest: bytes) -> Caller | None:
        """Who has the key of this digest; None where nobody has it, or not any more. Waits for nothing."""
        caller = self._callers.get(digest)
        if caller is None or (caller.until is not None and caller.until <= self._clock()):
            return None
        return caller

    def holds(self, caller: Caller) -> bool:
        """Whether the caller's key is in force, and he may and sees what he did."""
        if caller.key is None:
            return True
        now = self._by_id.get(caller.key)
        return now == caller and (now.until is None or now.until > self._clock())

    @property
    def anonymous(self) -> Tier:
        return self.tiers[ANONYMOUS]

    async def load(self) -> None:
        """Read everything.

        Raises:
            DatabaseUnavailableError: no host answers.
        """
        try:
            await self.look()
        except DatabaseUnavailableError:
            # Without a primary nothing changes: what a replica knows will do until there is one.
            async with self._database.snapshot() as connection:
                await self._read_all(connection)

    async def look(self) -> None:
        """Read what has changed.

        Raises:
            DatabaseUnavailableError: there is no primary that could tell.
        """
        async with self._database.latest(at_once=True) as connection:
            now = await audit_store.position(connection)
        if now != self._position:
            await self._follow()
            self._changed()
        self._looked_at = self._monotonic()

    async def _follow(self) -> None:
        known = self._position
        async with self._database.latest() as connection:
            now = await audit_store.position(connection)
            if known is None or known.epoch != now.epoch or now.seq < known.seq:
                await self._read_all(connection)
            else:
                await self._read_changes(connection, known.seq)
        # Only now: what raised before this is read again.
        self._position = now

    async def _read_all(self, connection: Reader) -> None:
        tiers = {tier.name: tier for tier in await account_store.tiers(connection)}
        rows = await account_store.usable_keys(connection, None)
        self.tiers, self._callers, self._digests, self._by_id = tiers, {}, {}, {}
        for row in rows:
            self._put(row)

    async def _read_changes(self, connection: Reader, after: int) -> None:
        changes = await audit_store.subjects_after(connection, after)
        if any(act.startswith(OF_TIERS) for act, _ in changes):
            await self._read_all(connection)
            return
        accounts = {subject for act, subject in changes if act.startswith(OF_ACCOUNTS)}
        rows = await account_store.usable_keys(connection, sorted(accounts)) if accounts else []
        for account in accounts:
            for digest in self._digests.pop(account, ()):
                del self._by_id[self._callers.pop(digest).key or ""]
        for row in rows:
            self._put(row)

    def _put(self, row: Record) -> None:
        account, digest = str(row["account"]), row["digest"]
        scopes = frozenset(row["scopes"])
        caller = Caller(account, self.tiers[row["tier"]], scopes, account, str(row["id"]), row["expires_at"])
        self._callers[digest] = self._by_id[str(row["id"])] = caller
        self._digests.setdefault(account, []).append(digest)

    async def run(self) -> None:
        with self._wake.listening(ACCESS_MOVED) as woken:
            while True:
                woken.clear()
                try:
                    await self.look()
                except (DatabaseUnavailableError, TimeoutError) as error:
                    _log.warning("changed keys not read", reason=str(error) or type(error).__name__)
                try:
                    async with asyncio.timeout(self._poll_seconds):
                        await woken.wait()
                except TimeoutError:
                    pass
