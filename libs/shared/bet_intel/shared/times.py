"""Times on the wire and in the process: aware UTC datetimes, microseconds since the epoch."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

Clock = Callable[[], datetime]
"""Gives the wall-clock time, aware, in UTC."""
Monotonic = Callable[[], float]
"""Gives seconds that never go backwards."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def system_clock() -> datetime:
    return datetime.now(UTC)


def to_us(time: datetime) -> int:
    return (time - _EPOCH) // _MICROSECOND


def from_us(us: int) -> datetime:
    return _EPOCH + timedelta(microseconds=us)
