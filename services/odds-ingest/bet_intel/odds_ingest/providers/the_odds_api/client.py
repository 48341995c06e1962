"""The calls of The Odds API over HTTP: each gives an answer, or raises the error that says what to do.

The key never leaves this module and the transport: see `transport` for requests; here, what the service sends back is
searched for it, and the exceptions of the HTTP client are not kept, not even as the cause of ours.
"""

import asyncio
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar
from urllib.parse import quote

import httpx
import msgspec
import stamina
import structlog

from bet_intel.odds_ingest.providers.call_metrics import CallMetrics
from bet_intel.odds_ingest.providers.port import (
    AuthError,
    NotMadeError,
    NotTakenError,
    ProviderError,
    Quota,
    QuotaError,
    RateError,
    TransientProviderError,
)
from bet_intel.odds_ingest.providers.the_odds_api import requests
from bet_intel.odds_ingest.providers.the_odds_api.answers import error_of, in_order, quota, taken_at
from bet_intel.odds_ingest.providers.the_odds_api.breaker import Breaker
from bet_intel.odds_ingest.providers.the_odds_api.requests import Call, EventOddsRequest, OddsRequest
from bet_intel.odds_ingest.providers.the_odds_api.settings import REAL_URL, OddsApiSettings
from bet_intel.odds_ingest.providers.the_odds_api.transport import BodyError, KeyedTransport, read_body
from bet_intel.shared.times import Clock, Monotonic

_log = structlog.get_logger(__name__)

_LONGEST_RETRY_WAIT = 5.0
_KEY_RESTS = 300.0
"""Seconds until a key that was refused is shown again, where reading goes on: the refusal may have passed."""
_OK = 200
_FAILED_ITSELF = frozenset({500, 503})

_Shape = TypeVar("_Shape")


class Sport(msgspec.Struct, frozen=True):
    """A league as The Odds API lists it; `active` tells that it is in season."""

    key: str
    title: str = ""
    active: bool = True
    has_outrights: bool = False


class Fixture(msgspec.Struct, frozen=True):
    """An event without prices. The teams of an outright competition are null."""

    id: str
    sport_key: str
    commence_time: datetime
    home_team: str | None = None
    away_team: str | None = None


@dataclass(frozen=True, slots=True)
class Reply:
    """A successful answer: JSON text, the provider's time (UTC, whole seconds), and its quota after the call."""

    body: bytes
    as_of: datetime
    quota: Quota | None


class OddsApiClient:
    """One key's access to The Odds API. Safe to share between tasks of one event loop.

    A call is repeated, with jittered back-off, where it certainly cost nothing: nobody was reached, or the service
    answered that it failed (500, 503: another 5xx is of something on the way, which does not know what became of the
    call); a free call also where its answer was lost. After too many failures in a row, and while the
    key is dead, the quota spent or the rate exceeded, calls fail at once (see `breaker`).
    """

    def __init__(self, settings: OddsApiSettings, clock: Clock, monotonic: Monotonic, metrics: CallMetrics) -> None:
        self._settings = settings
        self._clock = clock
        self._breaker = Breaker(settings.breaker_threshold, settings.breaker_rest, monotonic)
        self._metrics = metrics
        metrics.watch(self._breaker)
        limits = httpx.Limits(
            max_connections=settings.connections,
            max_keepalive_connections=settings.connections,
            keepalive_expiry=60.0,
        )
        self._http = httpx.AsyncClient(
            base_url=settings.url,
            headers={"accept-encoding": "gzip", "accept": "application/json", "user-agent": "bet-intel"},
            timeout=httpx.Timeout(settings.read_timeout, connect=settings.connect_timeout),
            transport=KeyedTransport(settings.key, httpx.AsyncHTTPTransport(trust_env=False, limits=limits)),
            trust_env=False,
            follow_redirects=False,
        )
        self._newest: datetime | None = None
        self._told_wild_date = False
        self.quota: Quota | None = None
        """As the newest answer told it, successful or not; None before."""

    async def aclose(self) -> None:
        await self._http.aclose()

    async def sports(self) -> list[Sport]:
        """Every league the service knows, also those out of season. Free."""
        reply = await self._get(requests.sports())
        return _decode_each(reply.body, Sport, "the list of sports")

    async def events(self, league: str) -> list[Fixture]:
        """The events of a league that are live or to come. Free."""
        reply = await self._get(requests.events(league))
        return _decode_each(reply.body, Fixture, f"the events of {league}")

    async def odds(self, request: OddsRequest) -> Reply:
        """The featured markets of a league's events: a JSON array of events."""
        return await self._get(request.call())

    async def event_odds(self, request: EventOddsRequest) -> Reply:
        """Any markets of one event: one JSON object.

        Raises:
            NotFoundError: the event has ended, or never was.
        """
        return await self._get(request.call())

    async def _get(self, call: Call) -> Reply:
        """Make a call.

        Raises:
            ProviderError: of the kind that says what to do about it.
        """
        repeatable = TransientProviderError if call.cost == 0 else NotTakenError
        attempts = stamina.retry_context(
            on=lambda error: isinstance(error, repeatable) and not isinstance(error, NotMadeError),
            attempts=self._settings.attempts,
            timeout=self._settings.total_timeout,
            wait_initial=self._settings.first_retry_after,
            wait_jitter=self._settings.first_retry_after,
            wait_max=_LONGEST_RETRY_WAIT,
        )
        async for attempt in attempts:
            with attempt, self._metrics.call(call.kind) as made, self._breaker.call():
                self._metrics.began(made)
                return await self._attempt(call)
        raise AssertionError("the last attempt returns or raises")

    async def _attempt(self, call: Call) -> Reply:
        status, headers, body = await self._exchange(call)
        as_of = in_order(self._taken_at(headers), self._newest)
        self._newest = max(as_of, self._newest or as_of)
        told = quota(headers)
        self.quota = told or self.quota
        self._metrics.took(call.kind, len(body), told)
        _log.debug("the odds api answered", path=call.path, status=status, bytes=len(body), quota=told)
        if status == _OK:
            return Reply(body, as_of, told)
        body = self._without_key(body)
        error = error_of(status, headers, body, call.path, as_of)
        self._hold(error)
        if status in _FAILED_ITSELF and not (told and told.last) and isinstance(error, TransientProviderError):
            raise NotTakenError(str(error), error.retry_after)
        raise error

    def _taken_at(self, headers: httpx.Headers) -> datetime:
        """The time of an answer, by our clock where the service's is not to be believed: logged, once in a row."""
        now = self._clock()
        told = taken_at(headers, now, may_be_old=self._settings.url != REAL_URL)
        is_wild = told is None and "date" in headers
        if is_wild and not self._told_wild_date:
            _log.warning(
                "the date of an answer is not to be believed, our clock is taken: check the clock of this machine",
                date=headers["date"],
                clock=str(now),
            )
        self._told_wild_date = is_wild
        return told or now

    async def _exchange(self, call: Call) -> tuple[int, httpx.Headers, bytes]:
        seconds = self._settings.total_timeout
        failure: ProviderError
        try:
            async with asyncio.timeout(seconds), self._http.stream("GET", call.path, params=call.parameters) as answer:
                return answer.status_code, answer.headers, await read_body(answer, self._settings.body_limit)
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
            failure = NotTakenError(f"{self._settings.url} cannot be reached: {_reason(error)}")
        except (httpx.TimeoutException, TimeoutError):
            failure = TransientProviderError(f"{call.path}: no complete answer within the time allowed")
        except httpx.TransportError as error:
            failure = TransientProviderError(f"{call.path}: the connection was lost: {_reason(error)}")
        except BodyError as error:
            failure = TransientProviderError(f"{call.path}: {error}")
        # Outside of the handler, so that the HTTP client's exception is not even the context of this one.
        raise failure

    def _hold(self, error: ProviderError) -> None:
        message = str(error)
        if isinstance(error, AuthError):
            self._breaker.hold(_KEY_RESTS, lambda left: AuthError(message, left))
        elif isinstance(error, QuotaError):
            resets_at = error.resets_at
            self._breaker.hold(error.retry_after or 0.0, lambda left: QuotaError(message, left, resets_at))
        elif isinstance(error, RateError):
            self._breaker.hold(error.retry_after or 0.0, lambda left: RateError(message, left))

    def _without_key(self, text: bytes) -> bytes:
        key = self._settings.key.get_secret_value()
        for spelling in {key, quote(key, safe="")} - {""}:
            text = text.replace(spelling.encode(), b"[key]")
        return text


def _decode_each(body: bytes, shape: type[_Shape], what: str) -> list[_Shape]:
    """The readable items of an array; a broken one hides no other."""
    try:
        items = msgspec.json.decode(body, type=list[msgspec.Raw])
    except (ValueError, RecursionError) as error:
        raise TransientProviderError(f"{what} cannot be read: {error}") from error
    read: list[_Shape] = []
    for index, item in enumerate(items):
        try:
            read.append(msgspec.json.decode(item, type=shape))
        except (ValueError, RecursionError) as error:
            _log.warning("could not be read", where=f"{what}[{index}]", reason=str(error))
    return read


def _reason(error: httpx.TransportError) -> str:
    return str(error) or type(error).__name__
