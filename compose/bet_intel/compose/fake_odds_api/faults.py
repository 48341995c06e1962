"""Failing on demand."""

from collections import deque
from enum import StrEnum


class Fault(StrEnum):
    """Ways to fail: an error answer, or no proper answer at all."""

    INVALID_KEY = "invalid-key"
    DEACTIVATED_KEY = "deactivated-key"
    SPENT = "spent"
    RATE = "429"
    VALIDATION = "422"
    ERROR = "500"
    UNAVAILABLE = "503"
    GATEWAY_TIMEOUT = "504"
    HANG = "hang"  # takes the call and never answers
    HALF = "half"  # the connection is lost in the middle of the body
    CUT_GZIP = "cut-gzip"  # a complete answer whose gzip stream is not
    NOT_JSON = "not-json"
    HUGE = "huge"  # 50 MB, a few kB on the wire
    ENDLESS = "endless"
    REDIRECT = "redirect"
    ECHO_KEY = "echo-key"  # an error that repeats the key


ALWAYS = -1


class Faults:
    """The faults that the next calls meet, in their order."""

    def __init__(self) -> None:
        self._queue: deque[tuple[Fault, int]] = deque()

    def add(self, text: str) -> None:
        """Add `KIND`, `KIND:TIMES` or `KIND:always`; once where no number is given.

        Raises:
            ValueError: there is no such fault, or the number is not one.
        """
        kind, _, number = text.partition(":")
        if kind not in Fault.__members__.values():
            raise ValueError(f"unknown fault {kind!r}: {', '.join(Fault)}")
        if number and number != "always" and not (number.isdecimal() and int(number)):
            raise ValueError(f"the number of times of {text!r} is a whole number from 1, or always")
        self._queue.append((Fault(kind), ALWAYS if number == "always" else int(number or 1)))

    def clear(self) -> None:
        self._queue.clear()

    def take(self) -> Fault | None:
        """The fault of this call."""
        if not self._queue:
            return None
        fault, left = self._queue[0]
        if left == 1:
            self._queue.popleft()
        elif left != ALWAYS:
            self._queue[0] = fault, left - 1
        return fault

    def waiting(self) -> list[str]:
        return [kind.value if times == 1 else f"{kind.value}:{times}" for kind, times in self._queue]
