"""Sentences about real prices: who was asked, what they think, and why the price is an opportunity or none."""

import json
import math
import re
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from typing import Any

import numpy as np
import pytest

from bet_intel.api.domain.explanation import REASONS, explain
from bet_intel.api.domain.model import MarketKey
from bet_intel.api.domain.working import PriceWorking
from bet_intel.api.working import SetWorking
from bet_intel.compose.pricing.boards import price_answer
from bet_intel.ev_engine.domain.gates import REFUSING
from bet_intel.ev_engine.domain.lives import live_on
from bet_intel.ev_engine.domain.pools import Pooled
from bet_intel.ev_engine.domain.priced import PricedMarket, Side
from bet_intel.ev_engine.domain.pricing import PricedEvent
from bet_intel.ev_engine.domain.profile import STARTING, Profile
from bet_intel.ev_engine.domain.tensors import Entry, Group, Scopes
from bet_intel.ev_engine.domain.winners import winners
from bet_intel.ev_engine.wire_sets import opportunities_updated
from bet_intel.odds import Method
from bet_intel.odds_ingest.domain.answer_time import answer_time
from bet_intel.odds_ingest.providers.the_odds_api.parse import parse_response
from fixtures.odds_payloads import SHARED_DATA

WORLD = SHARED_DATA / "odds_api_world_2026_04_16" / "v4_json_reconstructed"
FILES = sorted(WORLD.glob("*.json"))

pytestmark = pytest.mark.skipif(not FILES, reason=f"no real odds in {WORLD}")


def priced(profile: str, files: int = 2) -> Iterator[PricedEvent]:
    return priced_by(STARTING[profile], files)


def priced_by(profile: Profile, files: int = 2) -> Iterator[PricedEvent]:
    for path in FILES[:files]:
        response: list[dict[str, Any]] = json.loads(path.read_text("utf-8"))
        parsed = parse_response(json.dumps(response).encode(), provider="the_odds_api")
        taken_at = answer_time(parsed.events)
        assert taken_at is not None
        yield from price_answer(parsed.events, taken_at, profile)


def workings(profile: str) -> Iterator[PriceWorking]:
    """Every price of these files as the profile judges it."""
    for event in priced(profile):
        told = SetWorking(opportunities_updated((event,), live_on({}, (event,)), 1).data)
        for market in event.markets:
            for outcome in market.board.outcomes:
                for bookmaker in market.board.bookmakers:
                    working = told.price(MarketKey(*market.key), outcome, bookmaker, profile)
                    assert working is not None
                    yield working


@pytest.mark.parametrize("profile", STARTING)
def test_every_real_price_is_explained_by_its_own_numbers(profile: str) -> None:
    verdicts = set()
    for working in workings(profile):
        sentences = explain(working)
        text = " ".join(sentences)
        assert all(re.fullmatch(r"\w.*\.", sentence, re.DOTALL) for sentence in sentences), text
        assert "nan" not in text.split()
        if working.price is None:
            continue
        verdicts.add(working.verdict)
        assert working.title in sentences[0]
        assert f"{working.price:.2f}" in sentences[0]
        if working.fair_probability is not None:
            assert f"a fair probability of {working.fair_probability * 100:.1f} %" in text
        if working.verdict == "opportunity":
            assert working.ev is not None
            assert f"worth {working.ev * 100:+.1f} %" in text
            assert f"of the class {working.class_}" in text
        else:
            assert text.endswith(f"({working.reason}).")
    assert verdicts >= {"opportunity", "refused", "no_ev"}


def test_what_is_told_of_a_price_is_what_the_engine_found() -> None:
    per = {Side.BACK: "stake", Side.LAY: "liability"}
    for event in priced("consensus"):
        told = SetWorking(opportunities_updated((event,), live_on({}, (event,)), 1).data)
        for market in event.markets:
            for one in market.opportunities:
                working = told.price(
                    MarketKey(*market.key),
                    market.board.outcomes[one.outcome],
                    market.board.bookmakers[one.bookmaker],
                    "consensus",
                    one.side.value,
                )
                assert working is not None
                assert (working.verdict, working.ev, working.fair_probability) == ("opportunity", one.ev, one.fair)
                known = not math.isnan(one.push)
                assert working.push_probability == (one.push if known else None)
                assert working.ev_per == (per[one.side] if known else "standing_stake")
                assert ("stands" in explain(working)[-1]) == (not known)
                assert working.confidence == one.confidence
                assert [(gate.gate, gate.passed) for gate in working.gates] == [
                    (verdict.gate, verdict.passed) for verdict in one.judgement.verdicts
                ]
            sided = [(Side.BACK, market.refused), (Side.LAY, market.refused_lays)]
            for side, outcome, bookmaker, reason in [
                (s, *key, why) for s, told_of in sided for key, why in told_of.items()
            ]:
                working = told.price(MarketKey(*market.key), outcome, bookmaker, "consensus", side.value)
                assert working is not None
                assert working.verdict in ("refused", "not_judged")
                assert working.verdict == "not_judged" or working.reason == reason


def pooled_by_the_engine(event: PricedEvent, market: PricedMarket) -> Pooled:
    """The engine's pools of one market, of which it tells the ends of the band for opportunities alone."""
    scopes = Scopes(event.profile)
    entry = Entry(event.boards, market.key, market.board, frozenset(), market.category)
    group = Group([entry], scopes, winners(market.key.market))
    stale = group.stale(scopes)
    weight = np.where(stale | group.not_asked(scopes, stale), 0.0, group.weight)
    return Pooled(group, weight, stale, event.profile.method)


@pytest.mark.parametrize("profile", [*STARTING.values(), replace(STARTING["consensus"], method=Method.WORST_CASE)])
def test_the_pool_that_judged_any_price_is_made_again_exactly(profile: Profile) -> None:
    """Of every price, whether an opportunity, refused or neither."""
    seen, estimated = 0, 0
    for event in islice(priced_by(profile), 0, None, 3):
        told = SetWorking(opportunities_updated((event,), live_on({}, (event,)), 1).data)
        for market in event.markets:
            pooled = pooled_by_the_engine(event, market)
            for o, b in np.argwhere(~np.isnan(market.fair.leave_one_out) & ~np.isnan(market.board.back)).tolist()[::5]:
                outcome, bookmaker = market.board.outcomes[o], market.board.bookmakers[b]
                working = told.price(MarketKey(*market.key), outcome, bookmaker, profile.name)
                assert working is not None
                assert working.fair_probability is not None
                assert working.band.low is not None
                assert working.band.high is not None
                by_the_pool = float(market.fair.leave_one_out[o, b])
                away = market.fair.estimates.get(b)
                ends = (pooled.lowest[o, b, 0], pooled.highest[o, b, 0])
                if away is not None:
                    ends = (away.lowest[o], away.highest[o])
                assert (working.band.low, working.band.high) == pytest.approx(ends, abs=1e-12)
                by = ends[0] if profile.judges_by_the_worse_end else by_the_pool
                assert working.fair_probability == pytest.approx(by, abs=1e-12)
                assert working.band.low - 1e-12 <= by_the_pool <= working.band.high + 1e-12
                assert working.ev is not None
                if working.verdict != "opportunity":  # whose EV counts how often its line returns the stake
                    assert working.ev == pytest.approx(working.fair_probability * (working.net_price or 0) - 1.0)
                    assert (working.ev > 1e-12) == (working.verdict == "refused")
                    assert working.ev_worst == pytest.approx(ends[0] * (working.net_price or 0) - 1.0)
                assert working.estimated_half_points == (None if away is None else away.half_points)
                told_outliers = [one.leave_one_out_outlier for one in working.bookmakers if away is None]
                named = pooled.fair.leave_one_out.outlier[b, : len(market.board.bookmakers), 0]
                assert told_outliers in ([], named.tolist())
                weights = {one.bookmaker: one.leave_one_out_weight for one in working.bookmakers}
                assert weights[bookmaker] == 0.0
                asked = {bookmaker: 0.0} if away is None else {bookmaker: 0.0} | dict(away.shares)
                assert away is None or weights == pytest.approx(dict.fromkeys(weights, 0.0) | asked, abs=1e-12)
                assert sum(weights.values()) == pytest.approx(1.0)
                seen, estimated = seen + 1, estimated + (away is not None)
    assert seen > 100
    assert estimated or profile.sharp_references


def test_a_refusal_tells_what_it_had_passed_and_a_careful_profile_what_would_be_an_edge() -> None:
    every = list(workings("conservative"))
    refused = [working for working in every if working.verdict == "refused"]
    order = [gate.name for gate in REFUSING]
    for working in refused:
        asked = [gate.gate for gate in working.gates]
        assert asked == order[: len(asked)]
        assert [gate.passed for gate in working.gates] == [True] * (len(asked) - 1) + [False]
    assert any(len(working.gates) > 2 for working in refused)
    no_edge = [working for working in every if working.verdict == "no_ev" and working.price]
    for working in no_edge:
        (needed,) = re.findall(r"a net price above (\S+) would be an edge", explain(working)[-1])
        assert working.net_price is not None
        assert working.net_price <= float(needed) + 0.001
        (gate,) = working.gates
        assert (gate.gate, gate.passed, gate.value, gate.bound) == ("ev_positive", False, working.ev, 0.0)
        assert "by the low end of the band" in " ".join(explain(working))
    assert no_edge


def test_every_gate_and_every_reason_has_its_words() -> None:
    gates = {gate.name for gate in REFUSING}
    said = {
        working.gates[-1].gate: explain(working)[-1]
        for working in workings("consensus")
        if working.verdict == "refused"
    }
    assert said.keys() <= gates
    assert all(gate not in sentence for gate, sentence in said.items())
    left_out = {b.left_out_reason for w in workings("sharp") for b in w.bookmakers if b.left_out_reason}
    assert left_out <= REASONS.keys()
