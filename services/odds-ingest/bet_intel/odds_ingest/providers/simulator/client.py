"""The provider that answers with a simulated market."""

import math
from collections.abc import Callable
from datetime import UTC, datetime

from bet_intel.odds_ingest.domain.quotes import Answer
from bet_intel.odds_ingest.providers.simulator.fixtures import LEAGUES
from bet_intel.odds_ingest.providers.simulator.model import Simulation
from bet_intel.odds_ingest.providers.the_odds_api.parse import parse_response

_LEAGUES = frozenset(league.key for league in LEAGUES)


class SimulatorProvider:
    """A betting market that depends on the seed and the time alone: after a restart the same matches go on."""

    def __init__(self, seed: int, clock: Callable[[], datetime], interval: float = 2.0) -> None:
        """Simulate with `seed` at the times of `clock` (aware), with an answer due every `interval` seconds.

        Raises:
            ValueError: the interval is not above 0.
        """
        if not (math.isfinite(interval) and interval > 0):
            raise ValueError(f"the interval of the simulator must be above 0 seconds, but is {interval}")
        self._seed = seed
        self._simulation = Simulation(seed)
        self._clock = clock
        self._interval = interval

    @property
    def name(self) -> str:
        """Namespace of the event ids."""
        return "simulator"

    @property
    def total(self) -> None:
        """A simulation has no end."""
        return

    @property
    def is_live(self) -> bool:
        """Source time is the clock's."""
        return True

    @property
    def polled_leagues(self) -> frozenset[str]:
        """Those that are simulated."""
        return _LEAGUES

    @property
    def source_id(self) -> str:
        """Stable identity of what is simulated."""
        return f"simulator:{self._seed}"

    async def fetch(self, position: int) -> Answer:
        """The market as it is now; it comes from memory within milliseconds, so that it needs no thread."""
        as_of = self._clock().astimezone(UTC)
        parsed = parse_response(self._simulation.snapshot(as_of), provider=self.name)
        return Answer(
            provider=self.name,
            leagues=_LEAGUES,
            as_of=as_of,
            events=parsed.events,
            rejections=parsed.rejections,
            position=position + 1,
            due_in=self._interval,
        )

    async def aclose(self) -> None:
        """Nothing is held."""
