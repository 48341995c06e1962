"""The routes of The Odds API v4 on recorded payloads."""

import json
from collections.abc import Awaitable, Callable
from email.utils import format_datetime
from typing import Any

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from bet_intel.compose.fake_odds_api import select
from bet_intel.compose.fake_odds_api.account import Accounts, too_fast
from bet_intel.compose.fake_odds_api.broken import BrokenAnswer
from bet_intel.compose.fake_odds_api.faults import Fault, Faults
from bet_intel.compose.fake_odds_api.problems import ApiError, invalid
from bet_intel.compose.fake_odds_api.query import OddsQuery, all_sports, is_event_id, odds_query, unix_times
from bet_intel.compose.fake_odds_api.tape import Playhead, Showing, Tape, utc_text

_OUTRIGHT = "_winner"
_UPCOMING = "upcoming"
"""In place of a sport: the games that are on, and the next ones, of all of them."""


class FakeOddsApi:
    """What the service knows; `asgi` is the application."""

    def __init__(self, tape: Tape, playhead: Playhead, accounts: Accounts, faults: Faults) -> None:
        self._tape = tape
        self._playhead = playhead
        self._accounts = accounts
        self._faults = faults
        self._calls = 0
        self.asgi: ASGIApp = Starlette(
            routes=[
                Route("/v4/sports", self._call(self._sports)),
                Route("/v4/sports/{sport}/events", self._call(self._events)),
                Route("/v4/sports/{sport}/odds", self._call(self._odds)),
                Route("/v4/sports/{sport}/events/{event}/odds", self._call(self._event_odds)),
                Route("/fake/status", self._status),
                Route("/fake/faults", self._add_faults, methods=["POST", "DELETE"]),
                Route("/{path:path}", self._call(self._nothing)),
            ],
            middleware=[Middleware(GZipMiddleware, minimum_size=500, compresslevel=4)],
        )

    def _call(self, answer: Callable[[Request], tuple[Any, int]]) -> Callable[[Request], Awaitable[Response]]:
        """An endpoint: key, rate, faults and credits around what `answer` gives with its cost."""

        async def endpoint(request: Request) -> Response:
            self._calls += 1
            key = _key(request)
            headers = {"date": format_datetime(self._playhead.now(), usegmt=True)}
            try:
                self._accounts.enter(key)
                fault = self._faults.take()
                if fault is not None:
                    return _answer_to(fault, key, {**headers, **self._accounts.headers(key, 0)})
                body, cost = answer(request)
                self._accounts.charge(key, cost)
            except ApiError as problem:
                headers |= {**self._accounts.headers(key, 0), **problem.headers}
                return JSONResponse(problem.body(), problem.status, headers)
            headers |= self._accounts.headers(key, cost)
            return Response(json.dumps(body), headers=headers, media_type="application/json")

        return endpoint

    def _sports(self, request: Request) -> tuple[Any, int]:
        everything = all_sports(request.query_params)
        now = self._playhead.now()
        sports = []
        for league in sorted(self._tape.leagues):
            events = self._tape.show(league, now).events
            if events or everything:
                sports.append(_sport(league, events))
        return sports, 0

    def _events(self, request: Request) -> tuple[Any, int]:
        as_unix = unix_times(request.query_params)
        return select.fixtures(self._show(request), unix_times=as_unix), 0

    def _odds(self, request: Request) -> tuple[Any, int]:
        upcoming = request.path_params["sport"] == _UPCOMING
        showings = self._leagues_of_games() if upcoming else [self._show(request)]
        query = _query(request, one_event=False)
        self._accounts.check(_key(request), len(query.markets) * query.selection.regions_charged)
        if upcoming:
            showings = select.upcoming(showings, query, self._playhead.now())
        events = [event for showing in showings for event in select.odds(showing, query)]
        self._playhead.step()
        # What shows nothing costs nothing.
        return events, len(query.markets) * query.selection.regions_charged if events else 0

    def _event_odds(self, request: Request) -> tuple[Any, int]:
        showing = self._show(request)
        event_id = request.path_params["event"]
        found = [event for event in showing.events if event.get("id") == event_id]
        if not found and not is_event_id(event_id):
            raise invalid("INVALID_EVENT_ID", "Invalid event id: it is 32 hexadecimal digits")
        query = _query(request, one_event=True)
        if not found:
            raise ApiError(404, "EVENT_NOT_FOUND", f"Event not found. The event may have expired: {event_id}")
        self._accounts.check(_key(request), query.selection.regions_charged)
        event = select.event_odds(found[0], showing.odds_format, query)
        self._playhead.step()
        return event, select.markets_returned(event) * query.selection.regions_charged

    def _show(self, request: Request) -> Showing:
        sport = request.path_params["sport"]
        if sport not in self._tape.leagues:
            raise ApiError(404, "UNKNOWN_SPORT", f"Unknown sport {sport}")
        return self._tape.show(sport, self._playhead.now())

    def _leagues_of_games(self) -> list[Showing]:
        """An outright competition is none."""
        now = self._playhead.now()
        return [self._tape.show(each, now) for each in sorted(self._tape.leagues) if not each.endswith(_OUTRIGHT)]

    def _nothing(self, request: Request) -> tuple[Any, int]:
        raise ApiError(404, "NOT_FOUND", f"Nothing is served at {request.url.path}")

    async def _status(self, _: Request) -> Response:
        now = self._playhead.now()
        return JSONResponse(
            {
                "now": utc_text(now),
                "end": utc_text(self._tape.end),
                "position": self._tape.position(now),
                "length": self._tape.length,
                "calls": self._calls,
                "credits_used": self._accounts.used(),
                "faults": self._faults.waiting(),
            }
        )

    async def _add_faults(self, request: Request) -> Response:
        if request.method == "DELETE":
            self._faults.clear()
        else:
            try:
                for text in request.query_params.getlist("fail"):
                    self._faults.add(text)
            except ValueError as error:
                return JSONResponse({"message": str(error)}, 422)
        return JSONResponse({"faults": self._faults.waiting()})


def _key(request: Request) -> str:
    return request.query_params.get("apiKey", "")


def _query(request: Request, *, one_event: bool) -> OddsQuery:
    is_outright = request.path_params["sport"].endswith(_OUTRIGHT)
    return odds_query(request.query_params, one_event=one_event, is_outright=is_outright)


def _sport(league: str, events: list[dict[str, Any]]) -> dict[str, Any]:
    title = next((event["sport_title"] for event in events if event.get("sport_title")), league)
    return {
        "key": league,
        "group": league.partition("_")[0].title(),
        "title": title,
        "description": title,
        "active": bool(events),
        "has_outrights": league.endswith(_OUTRIGHT),
    }


def _answer_to(fault: Fault, key: str, headers: dict[str, str]) -> Response:
    match fault:
        case Fault.INVALID_KEY:
            raise ApiError(401, "INVALID_KEY", "API key is not valid")
        case Fault.DEACTIVATED_KEY:
            raise ApiError(401, "DEACTIVATED_KEY", "API key has been deactivated")
        case Fault.SPENT:
            raise ApiError(401, "OUT_OF_USAGE_CREDITS", "Usage quota has been reached")
        case Fault.RATE:
            raise too_fast({"retry-after": "3"})
        case Fault.VALIDATION:
            raise invalid("INVALID_MARKET", "Invalid markets: as asked for by a fault")
        case Fault.ECHO_KEY:
            raise invalid("INVALID_MARKET", f"Invalid call: /v4/sports?apiKey={key}")
        case Fault.ERROR | Fault.UNAVAILABLE | Fault.GATEWAY_TIMEOUT:
            return JSONResponse({"message": "Internal server error"}, int(fault), headers)
        case Fault.REDIRECT:
            return Response(status_code=302, headers={**headers, "location": "http://127.0.0.1:9/elsewhere"})
        case _:
            return BrokenAnswer(fault, headers)
