"""When what has died is started again."""

from dataclasses import dataclass

_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 30.0
_PROVEN_SECONDS = 60.0
"""A process that has run for so long has not died of how it was started."""


@dataclass(slots=True)
class Patience:
    """With one process: started again at once the first time; what dies again and again is given time for its cause to
    pass. Times are those of one monotonic clock, in seconds."""

    started: float
    deaths: int = 0
    """One after the other."""
    _again_at: float | None = None

    def died(self, now: float) -> float | None:
        """Takes note of a death; returns the pause before the next start, `None` where the death is known already."""
        if self._again_at is not None:
            return None
        self.deaths = 1 if now - self.started > _PROVEN_SECONDS else self.deaths + 1
        pause = 0.0 if self.deaths == 1 else min(_LONGEST_PAUSE, _FIRST_PAUSE * 2.0 ** (self.deaths - 2))
        self._again_at = now + pause
        return pause

    def is_over(self, now: float) -> bool:
        """Whether the dead one is to be started."""
        return self._again_at is not None and now >= self._again_at

    def start(self, now: float) -> None:
        """It is started."""
        self.started, self._again_at = now, None
