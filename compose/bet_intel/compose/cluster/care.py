"""Servers are brought back when they die, and promotions to their end."""

import time
from collections.abc import Callable

from bet_intel.compose.cluster.engines import Engines
from bet_intel.compose.cluster.patience import Patience
from bet_intel.compose.servers.processes import ServerError


class Care:
    """Belongs to the supervisor. `tend` does what is to be done now; only to copy a primary it waits."""

    def __init__(self, engines: Engines, say: Callable[[str], None]) -> None:
        self._engines = engines
        self._say = say
        self._patience: dict[str, Patience] = {}

    def tend(self) -> None:
        """Start again what has died; what could not be started is said, and tried again later."""
        for server in self._engines.servers():
            if server.process.find() is None:
                self._again(server.name, "has died and is started again", server.start)
        postgres = self._engines.postgres
        if not postgres.is_settled:
            self._again(postgres.primary.name, "is not promoted yet, and promoted again", postgres.settle)

    def _again(self, name: str, what: str, start: Callable[[], None]) -> None:
        now = time.monotonic()
        patience = self._patience.setdefault(name, Patience(now))
        pause = patience.died(now)
        if pause is not None:
            self._say(f"{name} {what}" + (f" in {pause:g} s" if pause else ""))
        if not patience.is_over(now):
            return
        patience.start(now)
        try:
            start()
        except (ServerError, OSError) as error:
            self._say(f"{name}: {error}")
