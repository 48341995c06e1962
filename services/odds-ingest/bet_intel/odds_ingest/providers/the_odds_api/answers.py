"""What an HTTP answer of The Odds API says besides its body: time, credits, and which error it is. Pure."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

import msgspec

from bet_intel.odds_ingest.providers.port import (
    AuthError,
    DeniedError,
    NotFoundError,
    ProviderError,
    Quota,
    QuotaError,
    RateError,
    RefusedRequestError,
    TransientProviderError,
)

_WAIT_AFTER_429 = 2.0
_LONGEST_WAIT = 3600.0
# No plan has as many; a larger number is none of credits.
_MOST_CREDITS = 10**12
AHEAD, BEHIND = timedelta(minutes=5), timedelta(days=1)
"""Most that the time of an answer may be after our clock, and before it. An answer may come from a cache on the way."""
_CLOCKS_DIFFER_BY = timedelta(seconds=5)
_KEY_REMEDIES = {
    "MISSING_KEY": "set BET_INTEL_ODDS_API_KEY",
    "INVALID_KEY": "check BET_INTEL_ODDS_API_KEY against the key of your subscription",
    "DEACTIVATED_KEY": "its subscription has ended: renew it, or set another BET_INTEL_ODDS_API_KEY",
}
_TURNED_AWAY = frozenset({401, 403, 407, 511})
_NOT_FOUND = frozenset({"EVENT_NOT_FOUND"})
_QUOTED = 300


class ErrorBody(msgspec.Struct):
    """The body of an error."""

    message: str = ""
    error_code: str = ""


def quota(headers: Mapping[str, str]) -> Quota | None:
    """The state of the quota after an answer; None where it tells nothing of it."""
    remaining, used, last = (_number(headers.get(f"x-requests-{name}")) for name in ("remaining", "used", "last"))
    if last is not None and last < 0:
        # No call gives credits back: it does not tell.
        last = None
    return None if remaining is None and used is None and last is None else Quota(remaining, used, last)


def taken_at(headers: Mapping[str, str], now: datetime, *, may_be_old: bool) -> datetime | None:
    """When an answer was taken, by the provider's own clock (whole seconds).

    None where it does not say, or says what no clock of a live service does: more than `AHEAD` after our `now`, or more
    than `BEHIND` before it. A service that plays the past `may_be_old`.
    """
    told = _http_date(headers.get("date"))
    if told is None or told - now > AHEAD or (now - told > BEHIND and not may_be_old):
        return None
    return told


def in_order(as_of: datetime, newest: datetime | None) -> datetime:
    """The time of an answer after one of `newest`: not before it, where it lies back by what clocks may differ by."""
    return newest if newest and timedelta(0) < newest - as_of <= _CLOCKS_DIFFER_BY else as_of


def error_of(status: int, headers: Mapping[str, str], body: bytes, what: str, as_of: datetime) -> ProviderError:
    """The error that an answer with another status than 200 is. `what` names the call."""
    told = _error_body(body)
    said = f"{what}: status {status} {told.error_code}".rstrip()
    if told.message:
        said += f", {told.message[:_QUOTED]!r}"
    if status == 401 and told.error_code == "OUT_OF_USAGE_CREDITS":
        reset = next_reset(as_of)
        # The plan may be changed before the reset: it is looked at again meanwhile.
        pause = min((reset - as_of).total_seconds(), _LONGEST_WAIT)
        return QuotaError(
            f"{said}; the credits of The Odds API are spent until {reset:%Y-%m-%d %H:%M} UTC, or the plan is changed",
            pause,
            reset,
        )
    if status == 401 and told.error_code in _KEY_REMEDIES:
        return AuthError(f"{said}; {_KEY_REMEDIES[told.error_code]}, and start again")
    if status == 429:
        return RateError(f"{said}; waiting", _retry_after(headers, as_of) or _WAIT_AFTER_429)
    if status == 404 and told.error_code in _NOT_FOUND:
        return NotFoundError(f"{said}; it has ended, or never was", as_of)
    if status in _TURNED_AWAY and (status == 401 or not told.error_code):
        return DeniedError(
            f"{said}; that is none of the service's errors of a key, something on the way (a proxy, a portal) may have "
            "answered: check the way to the service, and BET_INTEL_ODDS_API_KEY",
            _retry_after(headers, as_of),
        )
    if 400 <= status < 500 and told.error_code:
        return RefusedRequestError(f"{said}; this call will not be made again")
    if 300 <= status < 400:
        return TransientProviderError(
            f"{said}; it points elsewhere, which is not followed: check BET_INTEL_ODDS_API_URL"
        )
    # Without a code of the service it is something on the way to it that answered.
    return TransientProviderError(said, _retry_after(headers, as_of))


def next_reset(at: datetime) -> datetime:
    """When the credits of a month are given anew: at the start of the next one (UTC)."""
    return (at.astimezone(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0) + timedelta(days=32)).replace(
        day=1
    )


def _error_body(body: bytes) -> ErrorBody:
    try:
        return msgspec.json.decode(body, type=ErrorBody)
    except (ValueError, RecursionError):
        return ErrorBody()


def _number(text: str | None) -> int | None:
    try:
        number = None if text is None else int(float(text))
    except (ValueError, OverflowError):
        return None
    return number if number is None or abs(number) <= _MOST_CREDITS else None


def _retry_after(headers: Mapping[str, str], as_of: datetime) -> float | None:
    text = headers.get("retry-after", "")
    if text.strip().isdecimal():
        return min(float(text), _LONGEST_WAIT)
    until = _http_date(text)
    return min(max(0.0, (until - as_of).total_seconds()), _LONGEST_WAIT) if until else None


def _http_date(text: str | None) -> datetime | None:
    if not text:
        return None
    try:
        return parsedate_to_datetime(text).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
