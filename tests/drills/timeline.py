"""When something was done for a user, and for how long it was not."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import pairwise
from typing import NamedTuple


class Gap(NamedTuple):
    """The time between one success and the next: when it began, and its length. In seconds of the monotonic clock."""

    begin: float
    seconds: float

    @property
    def end(self) -> float:
        return self.begin + self.seconds


@dataclass(slots=True)
class Timeline:
    """One function of the system over a drill: the moments at which it was done, and those at which it failed."""

    done: list[float] = field(default_factory=list)
    failed: list[tuple[float, str]] = field(default_factory=list)
    slowest: float = 0.0
    slowest_was: str = ""
    """What took the longest, and when (seconds of the monotonic clock) it was done."""

    def succeeded(self, began: float, now: float, what: str = "") -> None:
        self.done.append(now)
        if now - began > self.slowest:
            self.slowest, self.slowest_was = now - began, f"{what} at {now:.1f}"

    def gaps(self, begin: float, end: float) -> list[Gap]:
        """Between successes that lie within, the borders included; one gap over all of it where there is none."""
        moments = [begin, *sorted(at for at in self.done if begin <= at <= end), end]
        return [Gap(one, other - one) for one, other in pairwise(moments)]

    def longest(self, begin: float, end: float) -> Gap:
        return max(self.gaps(begin, end), key=lambda gap: gap.seconds)

    def back_at(self, begin: float, end: float, usual: float) -> float | None:
        """When it was done as before; None where it never was otherwise."""
        return back_at(self.gaps(begin, end), begin, usual)


def back_at(gaps: Iterable[Gap], begin: float, usual: float) -> float | None:
    """The end of the last of `gaps` (in order) that is longer than `usual`, and not too late to have the cause of the
    one before: what was calm for twice as long as it usually pauses is calm. None where no gap is longer."""
    back = None
    for gap in gaps:
        if gap.begin > (begin if back is None else back) + 2 * usual:
            break
        if gap.seconds > usual:
            back = gap.end
    return back
