"""Which host answers a read, asking anew where what is known is not new enough."""

import random
from collections.abc import Mapping

from bet_intel.shared.postgres.hosts import Host
from bet_intel.shared.postgres.positions import Position
from bet_intel.shared.postgres.roles import Choice, Roles
from bet_intel.shared.postgres.watch import Watch


class Routes:
    """The ways of reads. `patience` (s) is how long a primary is waited for where only one has what is asked for."""

    def __init__(
        self, hosts: Mapping[str, Host], roles: Roles, watch: Watch, rng: random.Random, patience: float
    ) -> None:
        self._hosts = hosts
        self._roles = roles
        self._watch = watch
        self._rng = rng
        self._patience = patience

    async def read(self, after: Position | None) -> Choice:
        """Who answers a read that must see `after`.

        Raises:
            PrimaryUnavailableError: nobody is known to have it.
        """
        if len(self._hosts) == 1:
            return Choice(next(iter(self._hosts)), "single")
        if after is not None:
            after = await self._credible(after)
        choice = self._choose(after)
        if choice is not None and choice.reason == "behind_token":
            # As of its last probe: it may be there by now, and then the primary is spared.
            await self._watch.caught_up(self._roles.replicas(None))
            choice = self._choose(after)
        if choice is None:
            # Nobody is known to have what is asked for; the primary has everything.
            choice = Choice(await self._watch.primary(self._patience), "no_replica")
        return choice

    def _choose(self, after: Position | None) -> Choice | None:
        return self._roles.read(after, {name: host.busy for name, host in self._hosts.items()}, self._rng)

    async def _credible(self, after: Position) -> Position:
        """`after`, capped at the primary's known position: nobody forces reads onto the primary by inventing one."""
        known = self._roles.known()
        if known is None or not after.exceeds(known):
            return after
        # Written since the last probe, or invented: the primary knows. Those who wait share the question.
        primary = self._roles.primary
        await self._watch.asked_again(list(self._hosts) if after.timeline > known.timeline else [primary or ""])
        now_known = self._roles.known()
        return after if now_known is None or not after.exceeds(now_known) else known
