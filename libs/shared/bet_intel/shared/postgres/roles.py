"""Which host is the primary and which replicas may answer: decided from observations alone, without I/O.

The highest timeline wins: a promotion begins a new one, so a former primary that comes back is known by its lower one.
"""

import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from bet_intel.shared.postgres.positions import Position

Reason = Literal["write", "latest", "single", "replica", "behind_token", "no_replica", "no_primary"]


@dataclass(frozen=True, slots=True)
class Observation:
    """What a host said of itself.

    `position` is where a primary writes, or up to where a replica has replayed. The timeline of a replica is the
    highest whose first row (table `timeline`) it has replayed: it has everything of its position for certain.
    `asked_at` is the time (s, monotonic) before the question was sent.
    """

    is_replica: bool
    position: Position
    asked_at: float


class Choice(NamedTuple):
    host: str
    reason: Reason


class Roles:
    """What is known of the hosts of one database."""

    def __init__(self, hosts: Iterable[str], max_lag_bytes: int) -> None:
        self._max_lag = max_lag_bytes
        self._seen: dict[str, Observation | None] = dict.fromkeys(hosts)
        self._heard_at: dict[str, float] = {}
        self._candidate: tuple[str, float] | None = None
        self._highest = 0
        self.primary: str | None = None

    def observe(self, host: str, seen: Observation) -> None:
        self._seen[host] = seen
        self._heard_at[host] = seen.asked_at
        # Of a replica too: what it has replayed of a timeline, somebody was promoted to write.
        self._highest = max(self._highest, seen.position.timeline)
        self._decide()

    def lose(self, host: str, asked_at: float) -> None:
        """`host` did not answer what was asked at that time, or a connection to it was lost."""
        self._seen[host] = None
        self._heard_at[host] = max(asked_at, self._heard_at.get(host, asked_at))
        self._decide()

    def seen(self, host: str) -> Observation | None:
        return self._seen[host]

    def is_superseded(self, host: str) -> bool:
        """Whether another host has been promoted since `host` was the primary, or claims to be it as well."""
        seen = self._seen[host]
        if seen is not None and not seen.is_replica and seen.position.timeline < self._highest:
            return True
        return host in self.rivals() or (self.primary is not None and self.primary != host)

    @property
    def awaited(self) -> Sequence[str]:
        """The hosts that are to be asked again before one that says so is taken for the primary."""
        if self._candidate is None:
            return ()
        candidate, since = self._candidate
        return [host for host in self._seen if host != candidate and self._heard_at.get(host, -1.0) < since]

    def rivals(self) -> Sequence[str]:
        """The hosts that all claim to be the primary of the highest timeline, where that is more than one."""
        claiming = self._claiming()
        return claiming if len(claiming) > 1 else ()

    def known(self) -> Position | None:
        """Up to where the primary is known to have written."""
        seen = self._seen[self.primary] if self.primary is not None else None
        return None if seen is None else seen.position

    def lag(self, host: str) -> int | None:
        """Bytes that a replica is behind the primary's known position; None where that is unknown."""
        seen, known = self._seen[host], self.known()
        if seen is None or known is None or seen.position.timeline != known.timeline:
            return None
        return max(0, known.lsn - seen.position.lsn)

    def replicas(self, after: Position | None) -> list[str]:
        """The replicas that may answer: within the bound of lag, and at `after` for certain."""
        return [
            host
            for host, seen in self._seen.items()
            if seen is not None
            and seen.is_replica
            and (lag := self.lag(host)) is not None
            and lag <= self._max_lag
            and (after is None or _has(seen.position, after))
        ]

    def read(self, after: Position | None, busy: Mapping[str, int], rng: random.Random) -> Choice | None:
        """Who answers a read that must see `after`; None where nobody is known to be able to.

        The less busy of two qualified replicas picked at random; else the primary; without one the freshest replica.
        """
        if self.primary is None:
            freshest = self._freshest()
            if freshest is None or (after is not None and not _has(freshest[1], after)):
                return None
            return Choice(freshest[0], "no_primary")
        qualified = self.replicas(after)
        if qualified:
            pair = rng.sample(qualified, min(2, len(qualified)))
            return Choice(min(pair, key=lambda host: busy[host]), "replica")
        if len(self._seen) == 1:
            return Choice(self.primary, "single")
        return Choice(self.primary, "behind_token" if after and self.replicas(None) else "no_replica")

    def _freshest(self) -> tuple[str, Position] | None:
        known = [(host, seen.position) for host, seen in self._seen.items() if seen is not None and seen.is_replica]
        return max(known, key=lambda each: each[1], default=None)

    def _claiming(self) -> list[str]:
        return [
            host
            for host, seen in self._seen.items()
            if seen is not None and not seen.is_replica and seen.position.timeline == self._highest
        ]

    def _decide(self) -> None:
        claiming = self._claiming()
        if len(claiming) != 1:
            self.primary, self._candidate = None, None
            return
        [host] = claiming
        if host == self.primary:
            return
        self.primary = None
        if self._candidate is None or self._candidate[0] != host:
            self._candidate = (host, self._heard_at[host])
        # What the others said before may be older than their promotion: a former primary that comes back must not be
        # taken for the primary because nobody has asked yet.
        if not self.awaited:
            self.primary, self._candidate = host, None


def _has(position: Position, wanted: Position) -> bool:
    """Whether a server that is at `position` has what was written at `wanted`.

    What an earlier timeline wrote is in the later ones from the place where they branched off; what came after that
    place was lost with it and is nowhere.
    """
    return position.timeline >= wanted.timeline and position.lsn >= wanted.lsn
