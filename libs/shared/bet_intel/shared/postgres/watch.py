"""Keeps the roles of a database's hosts known: two probes of a host each second, sooner when something was lost."""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence

import asyncpg
import structlog

from bet_intel.shared.postgres.connections import PrimaryUnavailableError
from bet_intel.shared.postgres.hosts import Host
from bet_intel.shared.postgres.probe import Probe
from bet_intel.shared.postgres.roles import Roles
from bet_intel.shared.runtime import heed_cancellation

_log = structlog.get_logger(__name__)

_JUST_NOW = 0.01
_SOON = 0.05
_REST = 0.05


class Watch:
    """The probes of several hosts. `start` and `stop` in the running loop."""

    def __init__(
        self,
        name: str,
        hosts: Mapping[str, Host],
        probes: Mapping[str, Probe],
        roles: Roles,
        every: float,
        on_round: Callable[[], None],
    ) -> None:
        """`every`: seconds between the probes of a host; `on_round` is called after each."""
        self._name = name
        self._hosts = hosts
        self._probes = probes
        self._roles = roles
        self._every = every
        self._on_round = on_round
        self._wake = {host: asyncio.Event() for host in hosts}
        self._started = dict.fromkeys(hosts, 0)
        self._ended = dict.fromkeys(hosts, 0)
        self._said: dict[str, str] = {}
        self._news = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._primary: str | None = None

    def start(self) -> None:
        self._tasks = [
            asyncio.create_task(self._watch(host), name=f"{self._name} probe of {host}") for host in self._hosts
        ]

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for probe in self._probes.values():
            probe.hang_up()

    async def ask(self, host: str) -> Exception | None:
        """Probe once; what went wrong is returned and remembered."""
        probe = self._probes[host]
        self._started[host] += 1
        asked = self._started[host]
        asked_at = asyncio.get_running_loop().time()
        problem: Exception | None = None
        try:
            seen = await probe.ask(asked_at)
            self._roles.observe(host, seen)
            if host == self._roles.primary:
                await probe.mark(seen.position.timeline)
        except Exception as error:  # noqa: BLE001 - the edge of a probe: whatever it met, the host is not known any more
            probe.hang_up()
            heed_cancellation(error)
            problem = error
            self._roles.lose(host, asked_at)
            # Those under way would wait for as long as the server hangs; what a reader asked can be asked again.
            self._hosts[host].cut_readers()
        finally:
            self._ended[host] = asked
        self._tell(host, problem)
        return problem

    def lost(self, host: str) -> None:
        """A connection to it was lost: nothing is known of it until it answers again."""
        self._roles.lose(host, asyncio.get_running_loop().time())
        self._changed()
        self.wake([host])

    def wake(self, hosts: Iterable[str]) -> None:
        for host in hosts:
            self._wake[host].set()

    async def asked_again(self, hosts: Sequence[str]) -> None:
        """Wait until each of them has answered, or not answered, a question sent from now on."""
        targets = {host: self._started[host] + 1 for host in hosts}
        self.wake(hosts)
        while any(self._ended[host] < target for host, target in targets.items()):
            await self._news.wait()

    async def caught_up(self, replicas: Sequence[str]) -> None:
        """Ask replicas again that were not asked just now; soon goes on without those that do not answer."""
        now = asyncio.get_running_loop().time()
        stale = [host for host in replicas if (seen := self._roles.seen(host)) and now - seen.asked_at > _JUST_NOW]
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_SOON):
                await self.asked_again(stale)

    async def primary(self, patience: float) -> str:
        """The primary, waited for up to `patience` seconds.

        Raises:
            PrimaryUnavailableError: there is none.
        """
        try:
            async with asyncio.timeout(patience):
                while self._roles.primary is None:
                    await self._news.wait()
        except TimeoutError:
            raise PrimaryUnavailableError(f"{self._name}: no primary takes writes: {self.described()}") from None
        return self._roles.primary

    def described(self) -> str:
        """Every host and its role, in words."""
        return ", ".join(f"{host} {self._described(host)}" for host in self._hosts)

    def _described(self, host: str) -> str:
        seen = self._roles.seen(host)
        if seen is None:
            return f"is not known ({self._said.get(host) or 'not asked yet'})"
        if seen.is_replica:
            return "is a replica"
        if host in self._roles.rivals():
            return f"is one of several primaries of timeline {seen.position.timeline}"
        return "was the primary before" if self._roles.is_superseded(host) else "is the primary"

    async def _watch(self, host: str) -> None:
        while True:
            self._wake[host].clear()
            if await self.ask(host) is not None:
                # Whoever waits for it asks again at once, and one that refuses does so at once.
                await asyncio.sleep(_REST)
            try:
                async with asyncio.timeout(self._every):
                    await self._wake[host].wait()
            except TimeoutError:
                pass

    def _tell(self, host: str, problem: Exception | None) -> None:
        said = "" if problem is None else reason(problem)
        # While it is opened, whoever opens it says what is waited for.
        if self._tasks and said != self._said.get(host, ""):
            if said:
                _log.warning("database host does not answer", database=self._name, host=host, reason=said)
            else:
                _log.info("database host answers", database=self._name, host=host)
        self._said[host] = said
        self._changed()

    def _changed(self) -> None:
        # Nobody else: a host that answers at once, or refuses at once, would be asked again and again for as long as
        # another one is waited for, and by every process.
        self.wake(self._roles.awaited)
        primary = self._roles.primary
        if primary != self._primary:
            if primary is None:
                _log.warning(
                    "no primary: reads go to the freshest replica", database=self._name, hosts=self.described()
                )
            else:
                # The only host is nobody's news.
                level = logging.INFO if len(self._hosts) > 1 else logging.DEBUG
                _log.log(level, "primary", database=self._name, host=primary)
            self._primary = primary
        for host in self._hosts:
            if self._roles.is_superseded(host):
                # What is under way there must not be committed.
                self._hosts[host].cut_writers()
        self._on_round()
        self._news.set()
        self._news = asyncio.Event()


def reason(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return "does not answer in time"
    if isinstance(error, asyncpg.UndefinedTableError):
        return "its table `timeline` is missing: migrate the database"
    return str(error) or type(error).__name__
