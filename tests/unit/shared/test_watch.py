"""While one host is waited for, the others are left alone."""

import asyncio
from collections import Counter

from bet_intel.shared.postgres.hosts import Host
from bet_intel.shared.postgres.positions import Position
from bet_intel.shared.postgres.probe import Probe
from bet_intel.shared.postgres.roles import Observation, Roles
from bet_intel.shared.postgres.watch import Watch

_HUNG, _REFUSING, _PROMOTED = "hung", "refusing", "promoted"
_HOURS = 3600.0


class _Probe(Probe):
    """Of a host that hangs until `answers`, refuses at once, or says that it is the primary."""

    def __init__(self, host: str, asked: Counter[str], answers: asyncio.Event) -> None:
        self._host = host
        self._asked = asked
        self._answers = answers

    async def ask(self, asked_at: float) -> Observation:
        self._asked[self._host] += 1
        if self._host == _HUNG:
            await self._answers.wait()
        if self._host == _REFUSING:
            raise ConnectionRefusedError
        return Observation(self._host != _PROMOTED, Position(2, 100), asked_at)

    async def mark(self, timeline: int) -> None: ...

    def hang_up(self) -> None: ...


class _Host(Host):
    """Without a pool."""

    def __init__(self) -> None: ...

    def cut_readers(self) -> None: ...

    def cut_writers(self) -> None: ...


async def test_who_answers_at_once_is_not_asked_again_and_again_until_all_have() -> None:
    hosts, asked, answers = (_HUNG, _REFUSING, _PROMOTED), Counter[str](), asyncio.Event()
    roles = Roles(hosts, 1000)
    probes = {host: _Probe(host, asked, answers) for host in hosts}
    watch = Watch("test", dict.fromkeys(hosts, _Host()), probes, roles, _HOURS, lambda: None)
    watch.start()
    try:
        for _ in range(1000):
            await asyncio.sleep(0)
        assert roles.primary is None
        assert max(asked.values()) <= 2
        answers.set()
        assert await watch.primary(10.0) == _PROMOTED
    finally:
        await watch.stop()
    assert max(asked.values()) <= 3
