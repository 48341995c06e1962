"""Whatever a payload holds, `bet-intel price` neither crashes on it nor makes an opportunity of nonsense."""

import copy
import gzip
import json
import math
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

import msgspec
import pytest

from bet_intel.compose.pricing.boards import price_answer
from bet_intel.compose.pricing.report import Event, Opportunity
from bet_intel.compose.pricing.reporting import Wanted, event_report, outcomes, summary
from bet_intel.ev_engine.domain.profile import Category, Profile
from bet_intel.odds_ingest.providers.the_odds_api.parse import ParsedResponse, parse_response
from fixtures.odds_payloads import AWAY, HOME, MADE_UP_FILE, SHARED_DATA, bookmaker, event, market

ABSURD: list[Any] = [
    *(None, True, [], {}, "", "x", "2.5", [[[]]], "\0", "\ud800"),
    *(0, -1, 1, 1.0, -0.0, 5e-324, 1.0000001, 99.99, 100, -100, 1e15, 1e308, -1e308, 10**400, math.nan, math.inf),
    *("2026-01-31T12:00:00Z", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z"),
]
PROFILE = Profile()
EVERYTHING = Wanted(-1.0, ("take", "marginal", "suspect"))
RECORDED = [
    MADE_UP_FILE,
    *sorted((SHARED_DATA / "odds_api_v4_2021").glob("*.json")),
    *sorted((SHARED_DATA / "odds_api_world_2026_04_16" / "v4_json_reconstructed").glob("*.json")),
    *sorted((SHARED_DATA / "odds_api_mlb_5min").glob("*.jsonl.gz")),
]
CASES = 40


@cache
def recorded(path: Path) -> list[dict[str, Any]]:
    """Events of a recording that somebody prices, a few bookmakers of each."""
    text = gzip.decompress(path.read_bytes()).splitlines()[200] if path.suffix == ".gz" else path.read_bytes()
    loaded = json.loads(text)
    events = loaded["response"] if path.suffix == ".gz" else loaded
    return [{**one, "bookmakers": one["bookmakers"][:8]} for one in events if one.get("bookmakers")][:6]


def places(node: Any) -> Iterator[tuple[Any, Any]]:
    """Every member and item below `node`, as (container, key)."""
    for key in list(node) if isinstance(node, dict) else range(len(node)) if isinstance(node, list) else ():
        yield node, key
        yield from places(node[key])


def broken(events: list[dict[str, Any]], random: Random) -> list[dict[str, Any]]:
    """A copy in which 1, 3 or 30 places are dropped or hold something absurd."""
    payload = copy.deepcopy(random.sample(events, min(2, len(events))))
    everywhere = list(places(payload))
    for container, key in random.choices(everywhere, k=random.choice([1, 3, 30])):
        if isinstance(container, list) and key >= len(container):
            continue
        if random.random() < 0.25:
            container.pop(key, None) if isinstance(container, dict) else container.pop(key)
        else:
            container[key] = copy.deepcopy(random.choice(ABSURD))
    return payload


def reported(payload: list[Any]) -> tuple[ParsedResponse, list[Event]]:
    parsed = parse_response(payload, provider="x")
    if parsed.newest_update is None:
        return parsed, []
    priced = price_answer(parsed.events, parsed.newest_update, PROFILE)
    events = [event_report(one, EVERYTHING) for one in priced]
    text = msgspec.json.encode((events, summary(priced, events, len(parsed.rejections))))
    assert b"NaN" not in text
    return parsed, events


def opportunities(events: list[Event]) -> dict[tuple[str, str, float | None, str, str], Opportunity]:
    """The opportunities that are taken seriously: not those classed as suspect."""
    return {
        (event.id, market.market, line.line, outcome.outcome, one.bookmaker): one
        for event, market, line, outcome in outcomes(events)
        for one in outcome.opportunities
        if one.class_ != "suspect"
    }


def offered(payload: list[Any]) -> set[tuple[Any, float]]:
    """(outcome, decimal price) of everything in a payload that is a price, read in either format."""
    found = set()
    for outcome in (container[key] for container, key in places(payload)):
        price = outcome.get("price") if isinstance(outcome, dict) else None
        if isinstance(price, int | float) and not isinstance(price, bool) and abs(price) < 1e300:
            american = 1 + price / 100 if price >= 100 else 1 + 100 / -price if price <= -100 else price
            found |= {(str(outcome.get("name")), round(kind, 4)) for kind in (float(price), american)}
    return found


@pytest.mark.parametrize("path", RECORDED, ids=lambda path: path.stem)
def test_a_broken_recording_never_crashes_nor_gives_an_opportunity_that_is_none(path: Path) -> None:
    random = Random(f"{path.stem}")
    for _ in range(CASES):
        payload = broken(recorded(path), random)
        parsed, events = reported(payload)
        starts = {event.id: event.commence_time for event in events}
        categories = {
            (event.id, market.market, line.line): Category(line.category)
            for event, market, line, _ in outcomes(events)
            if line.subject is None
        }
        for (event_id, market_key, line, outcome, _), one in opportunities(events).items():
            bounds = PROFILE.bounds[categories.get((event_id, market_key, line), Category.PROP)]
            assert 0 < one.ev <= bounds.plausible_ev  # type: ignore[operator]  # an opportunity has an EV
            fair = one.leave_one_out_fair_probability
            assert fair is not None
            assert one.ev == pytest.approx(fair * one.net_price - 1, abs=1e-3)
            assert PROFILE.lowest_probability <= fair <= PROFILE.highest_probability
            assert one.books_used >= PROFILE.min_references or "pinnacle" in str(payload)
            assert one.age_seconds is not None
            assert one.age_seconds <= bounds.stale_seconds
            assert parsed.newest_update is not None
            assert starts[event_id] > parsed.newest_update
            assert (outcome, one.price) in offered(payload)


SOUND = {
    "alpha": (1.95, 1.90),
    "beta": (1.93, 1.92),
    "gamma": (1.96, 1.89),
    "delta": (1.94, 1.91),
    "epsilon": (1.92, 1.93),
}


def match(prices: dict[str, tuple[Any, Any]]) -> list[dict[str, Any]]:
    return [event(*(bookmaker(key, market("h2h", (HOME, a), (AWAY, b))) for key, (a, b) in prices.items()))]


@pytest.mark.parametrize("value", [*ABSURD, 1.01, 3.5, 5.0, 30, 150, 1000, -250], ids=repr)
def test_an_absurd_price_makes_no_opportunity_of_any_price(value: Any) -> None:
    """Neither of itself, nor of a sound one by spoiling what it is judged against."""
    assert opportunities(reported(match(SOUND))[1]) == {}
    for prices in ((value, 1.90), (1.95, value), (value, value)):
        for key in SOUND:
            assert opportunities(reported(match({**SOUND, key: prices}))[1]) == {}


@pytest.mark.parametrize("value", [one for one in ABSURD if one != "2026-01-31T12:00:00Z"], ids=repr)
def test_a_price_of_unknown_or_absurd_age_is_no_opportunity(value: Any) -> None:
    payload = match({**SOUND, "soft": (2.05, 1.80)})
    assert [key[-1] for key in opportunities(reported(payload)[1])] == ["soft"]
    payload[0]["bookmakers"][-1]["last_update"] = value
    assert opportunities(reported(payload)[1]) == {}
