"""Whatever a payload holds, nothing crashes on it, no opportunity is of nonsense, and the event beside it is untouched.

Twice: for what `bet-intel price` makes of it, and for what the adapter makes of it over HTTP.
"""

import asyncio
import dataclasses
import json
import math
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from functools import cache
from random import Random

import msgspec
import pytest
from hypothesis import HealthCheck, Phase, find, given, settings

from bet_intel.compose.pricing.boards import price_answer
from bet_intel.compose.pricing.report import Event
from bet_intel.compose.pricing.reporting import Wanted, event_report, outcomes, summary
from bet_intel.ev_engine.domain.profile import Profile
from bet_intel.odds_ingest.domain.answer_time import answer_time
from bet_intel.odds_ingest.domain.quotes import EventOdds
from bet_intel.odds_ingest.providers.port import TransientProviderError
from bet_intel.odds_ingest.providers.the_odds_api.parse import parse_response
from fixtures.fuzz import SWEET, Spoiled, made_up, sources, spoiled, sweetened
from fixtures.nonsense import nonsense
from fixtures.odds_api_bodies import BodyServer

PROFILE = Profile()
EVERYTHING = Wanted(-1.0, ("take", "marginal", "suspect"))
FUZZ = settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)


def reported(events: Sequence[EventOdds], as_of: datetime, profile: Profile = PROFILE) -> list[Event]:
    priced = price_answer(events, as_of, profile)
    report = [event_report(one, EVERYTHING) for one in priced]
    assert b"NaN" not in msgspec.json.encode((report, summary(priced, report, 0)))
    return report


def newest(spoiled: Spoiled) -> datetime:
    """When the recording was confirmed last: its events are judged as of then."""
    return _newest()[spoiled.source.name]


@cache
def _newest() -> dict[str, datetime]:
    times = {}
    for source in sources():
        parsed = parse_response(source.events, provider="x", odds_format=source.odds_format)
        taken_at = answer_time(parsed.events)
        assert taken_at is not None
        times[source.name] = taken_at + timedelta(seconds=5)
    return times


def assert_neighbour(spoiled: Spoiled, events: Sequence[EventOdds], provider: str) -> None:
    alone = parse_response(spoiled.payload[1:], provider=provider, odds_format=spoiled.source.odds_format)
    assert all(one in events for one in alone.events), "one bad event hides a good one"


@FUZZ
@given(spoiled())
def test_pricing_makes_no_opportunity_of_nonsense(spoiled: Spoiled) -> None:
    for payload in (spoiled.payload, json.dumps(spoiled.payload).encode()):
        parsed = parse_response(payload, provider="x", odds_format=spoiled.source.odds_format)
        assert_neighbour(spoiled, parsed.events, "x")
    as_of = newest(spoiled)
    assert nonsense(spoiled, reported(parsed.events, as_of), as_of) == []
    # As `bet-intel price` reads it, who is told neither the format of the prices nor the time.
    untold = parse_response(spoiled.payload, provider="x")
    if (taken_at := answer_time(untold.events)) is not None:
        assert nonsense(spoiled, reported(untold.events, taken_at), taken_at) == []


@pytest.fixture(scope="module")
def served() -> Iterator[BodyServer]:
    with asyncio.Runner() as runner, BodyServer.running(runner) as server:
        yield server


def test_the_adapter_makes_no_opportunity_of_nonsense(served: BodyServer) -> None:
    @FUZZ
    @given(spoiled())
    def polled(spoiled: Spoiled) -> None:
        as_of = newest(spoiled)
        try:
            answer = served.answer(json.dumps(spoiled.payload).encode(), as_of, spoiled.source.odds_format)
        except TransientProviderError:
            raise AssertionError("an array is always readable") from None
        assert_neighbour(spoiled, answer.events, answer.provider)
        assert nonsense(spoiled, reported(answer.events, answer.as_of), answer.as_of) == []

    polled()


@pytest.mark.parametrize("body", [b"", b"[", b"7", b"null", b'{"a": 1}', b"[" * 100_000, b"\xff\xfe", b'"x"', b"NaN"])
def test_a_body_that_is_no_array_is_a_failure_for_now(served: BodyServer, body: bytes) -> None:
    source = made_up()
    with pytest.raises(TransientProviderError):
        served.answer(body, newest(Spoiled(source, [], [])), source.odds_format)


# --- It would find nonsense --------------------------------------------------------------------------------------


def test_there_are_opportunities_to_spoil() -> None:
    sweet = 0
    for source in sources():
        whole = Spoiled(source, [sweetened(one, source.odds_format) for one in source.events], [])
        parsed = parse_response(whole.payload, provider="x", odds_format=source.odds_format)
        report = reported(parsed.events, newest(whole))
        sweet += any(one.bookmaker == SWEET for *_, outcome in outcomes(report) for one in outcome.opportunities)
        assert nonsense(whole, report, newest(whole)) == []
    assert sweet >= len(sources()) / 3


_WITHOUT_AGES = {key: dataclasses.replace(bounds, stale_seconds=math.inf) for key, bounds in PROFILE.bounds.items()}
_BELIEVING = {key: dataclasses.replace(bounds, plausible_ev=math.inf) for key, bounds in PROFILE.bounds.items()}


@pytest.mark.parametrize(
    ("profile", "said"),
    [
        (dataclasses.replace(PROFILE, min_references=1), "can judge it"),
        (dataclasses.replace(PROFILE, bounds=_WITHOUT_AGES, behind_newest_seconds=math.inf), "no time, or old"),
        (dataclasses.replace(PROFILE, bounds=_BELIEVING, highest_probability=1.0), "its price was put there"),
    ],
    ids=["no references", "no ages", "no bound of belief"],
)
def test_it_finds_nonsense_where_a_gate_is_left_out(profile: Profile, said: str) -> None:
    def is_found(spoiled: Spoiled) -> bool:
        parsed = parse_response(spoiled.payload, provider="x", odds_format=spoiled.source.odds_format)
        as_of = newest(spoiled)
        return any(said in one for one in nonsense(spoiled, reported(parsed.events, as_of, profile), as_of))

    quick = settings(FUZZ, max_examples=1500, database=None, phases=[Phase.generate])
    assert is_found(find(spoiled(), is_found, settings=quick, random=Random(1)))
