"""How many workers there are to be for what waits in their queues."""

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Policy:
    """One process for each `messages` that wait, from `least` to `most`.

    More start at once; one after the other stops when for `calm` seconds fewer would have done, so that a queue that
    fills in waves does not have processes start and stop with each.
    """

    least: int = 2
    most: int = 8
    messages: int = 50
    calm: float = 15.0

    def enough(self, depth: int) -> int:
        """Processes for a queue of that depth."""
        return min(self.most, max(self.least, math.ceil(depth / self.messages)))


class Scaling:
    """The processes of one kind over time."""

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        self._calm_since: float | None = None

    def decide(self, depth: int, running: int, now: float) -> int:
        """How many there are to be: `depth` messages wait, so many run, at a monotonic time in seconds."""
        enough = self._policy.enough(depth)
        if enough >= running:
            self._calm_since = None
            return enough
        if self._calm_since is None:
            self._calm_since = now
        if now - self._calm_since < self._policy.calm:
            return running
        self._calm_since = now
        return running - 1
