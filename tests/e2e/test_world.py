"""Real odds of twelve sports and seven boards of 2021: every sport prices or says why, and nothing gets past a gate."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from e2e.by_hand.boards import SKEW, LineKey, as_of, readable_prices
from e2e.by_hand.judging import PLAUSIBLE, worked
from e2e.by_hand.lines import STALE, Found, Line
from e2e.by_hand.pooling import commission
from fixtures.command import bet_intel
from fixtures.odds_payloads import SHARED_DATA
from fixtures.system import data_folder, opportunities, running

WORLD = SHARED_DATA / "odds_api_world_2026_04_16" / "v4_json_reconstructed"
OF_2021 = SHARED_DATA / "odds_api_v4_2021"
FILES = sorted([*WORLD.glob("*.json"), *OF_2021.glob("*.json")])

pytestmark = [pytest.mark.e2e, pytest.mark.skipif(not FILES, reason=f"no real odds in {WORLD} and {OF_2021}")]

# docs/domain.md: why a market has no fair price, why a bookmaker is not pooled, why a price is none.
NO_FAIR_PRICE = {
    "incomplete_market",
    "no_overround",
    "reference_stale",
    "different_outcomes",
    "reference_missing",
    "not_asked",
}
LEFT_OUT = {*NO_FAIR_PRICE, "outlier_excluded", "not_computable", "same_exchange"} - {"reference_missing"}
REFUSED = {
    *NO_FAIR_PRICE,
    "event_started",
    "price_stale",
    "too_few_books",
    "divergent_reference",
    "probability_out_of_bounds",
}


class Place(NamedTuple):
    event: str
    market: str
    line: float | None
    outcome: str
    bookmaker: str
    side: str


def response(path: Path) -> list[dict[str, Any]]:
    events: list[dict[str, Any]] = json.loads(path.read_text("utf-8"))
    return events


@cache
def report(path: Path) -> Any:
    """What `bet-intel price` makes of a file, with every opportunity; it says nothing else and does not fail."""
    every = ("--class", "take", "--class", "marginal", "--class", "suspect")
    ran = bet_intel("price", str(path), "--json", "--min-ev", "0", *every)
    assert (ran.code, ran.err) == (0, "")
    return ran.answer


def lines(path: Path) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """(event, market, line) of a report; the event as the file names it."""
    for event in report(path)["events"]:
        for market in event["markets"]:
            for line in market["lines"]:
                yield event["id"].partition(":")[2], market["market"], line


def all_worked(events: Sequence[Mapping[str, Any]]) -> dict[tuple[str, LineKey], Line]:
    now = as_of(events)
    return {(event["id"], key): line for event in events for key, line in worked(event, now).items()}


def expected(events: Sequence[Mapping[str, Any]]) -> dict[Place, Found]:
    return {
        Place(event, market, line, outcome, book, side): found
        for (event, (market, line)), one in all_worked(events).items()
        for (outcome, book, side), found in one.found.items()
    }


@pytest.fixture(params=FILES, ids=lambda path: path.stem)
def path(request: pytest.FixtureRequest) -> Path:
    file: Path = request.param
    return file


def test_nothing_that_can_be_read_is_lost(path: Path) -> None:
    events, told = response(path), report(path)
    readable = [price for event in events for price in readable_prices(event)]
    assert told["summary"]["prices"] == len(readable)
    assert {event["id"].partition(":")[2] for event in told["events"]} == {event["id"] for event in events}
    assert {(event, (market, line["line"])) for event, market, line in lines(path)} == all_worked(events).keys()
    unread = sum(len(m["outcomes"]) for e in events for b in e["bookmakers"] for m in b["markets"]) - len(readable)
    timeless = {one["where"] for one in told["rejections"] if "minutes after the answer" in one["reason"]}
    assert bool(unread) == (len(told["rejections"]) > len(timeless))
    now = as_of(events)
    assert {where.partition(":")[2] for where in timeless} == {
        f"{event['id']}.bookmakers[{book}]"
        for event in events
        for book, *_, updated in readable_prices(event)
        if (updated - now).total_seconds() > SKEW
    }


def test_every_market_is_priced_or_says_why(path: Path) -> None:
    for _, _, line in lines(path):
        reasons = {one["not_computable"] and one["not_computable"]["reason"] for one in line["outcomes"]}
        assert len(reasons) == 1
        if reasons == {None}:
            _assert_priced(line)
        else:
            assert reasons <= NO_FAIR_PRICE
            assert not any(one["fair_probability"] for one in line["outcomes"])
            # Nobody but who offers it prices such a line so that it could be pooled: only other lines can judge it.
            found = [one for outcome in line["outcomes"] for one in outcome["opportunities"]]
            assert all(one["estimated_half_points"] is not None for one in found)
            assert not any(one["weight"] for one in line["bookmakers"])
        assert {one["reason"] for outcome in line["outcomes"] for one in outcome["refused"]} <= REFUSED


def _assert_priced(line: dict[str, Any]) -> None:
    fair = [one["fair_probability"] for one in line["outcomes"]]
    assert sum(fair) == pytest.approx(1, abs=1e-9)
    for one in line["outcomes"]:
        assert 0 < one["band"]["low"] <= one["fair_probability"] <= one["band"]["high"] < 1
        assert one["fair_odds"] == pytest.approx(1 / one["fair_probability"], abs=5e-5)
    shares = {one["bookmaker"]: one["weight"] for one in line["bookmakers"]}
    used = sum(share > 0 for share in shares.values())
    assert used == line["books_used"]
    assert sum(shares.values()) == pytest.approx(1)
    if used >= 3:
        assert max(shares.values()) <= 0.40 + 1e-9
    for one in line["bookmakers"]:
        assert (one["left_out_reason"] in LEFT_OUT) if one["weight"] == 0 else one["left_out_reason"] is None


def test_no_opportunity_is_outside_the_gates(path: Path) -> None:
    now = datetime.fromisoformat(report(path)["as_of"])
    starts = {event["id"]: datetime.fromisoformat(event["commence_time"]) for event in response(path)}
    asked = {
        (event["id"], book, market, line, outcome, side): price
        for event in response(path)
        for book, (market, line), side, outcome, price, _ in readable_prices(event)
    }
    for event, market, line in lines(path):
        category = line["category"]
        shares = {one["bookmaker"]: one["weight"] for one in line["bookmakers"]}
        for outcome in line["outcomes"]:
            for one in outcome["opportunities"]:
                book, fair = one["bookmaker"], one["leave_one_out_fair_probability"]
                assert starts[event] > now
                lays = one["side"] == "lay"
                assert one["price"] == asked[event, book, market, line["line"], outcome["outcome"], one["side"]]
                profit = 1 / (one["price"] - 1) if lays else one["price"] - 1
                net = 1 + profit * (1 - commission(book))
                assert one["net_price"] == pytest.approx(net, abs=1e-4)
                push = one["push_probability"]
                assert one["ev_per"] == ("standing_stake" if push is None else "liability" if lays else "stake")
                standing = 1 - (push or 0) * _returned(line["line"])
                assert one["ev"] == pytest.approx(standing * ((1 - fair if lays else fair) * net - 1))
                of_book = {
                    (event, book, market, line["line"], other["outcome"], one["side"]) for other in line["outcomes"]
                }
                assert of_book <= asked.keys()
                assert one["age_seconds"] <= STALE[category]
                estimated = one["estimated_half_points"] is not None
                assert estimated or one["books_used"] >= 3 or shares.get("pinnacle", 0) > 0
                assert 0.0 <= one["confidence"] <= 1.0
                assert one["dispersion"] <= 0.20
                assert 0.02 <= fair <= 0.98
                assert one["ev_worst"] <= one["ev"] + 1e-12
                assert all(gate["passed"] for gate in one["gates"][:-1])
                plausible = PLAUSIBLE[category]
                least, most = {"take": (0.045, plausible), "marginal": (0, 0.045), "suspect": (plausible, 9)}[
                    one["class"]
                ]
                assert least <= one["ev"] <= most
                assert one["ev"] > 0


def test_every_number_is_that_of_a_calculation_by_hand(path: Path) -> None:
    consensus = {
        (event, (market, line["line"]), outcome["outcome"]): outcome["fair_probability"]
        for event, market, line in lines(path)
        for outcome in line["outcomes"]
        if outcome["fair_probability"] is not None
    }
    assert consensus == pytest.approx(
        {
            (*place, outcome): probability
            for place, one in all_worked(response(path)).items()
            if one.consensus is not None
            for outcome, probability in one.consensus.probability.items()
        },
        abs=1e-12,
    )
    found = {
        Place(event, market, line["line"], outcome["outcome"], one["bookmaker"], one["side"]): one
        for event, market, line in lines(path)
        for outcome in line["outcomes"]
        for one in outcome["opportunities"]
    }
    by_class = Counter(one.ev_class for one in expected(response(path)).values())
    assert Counter(report(path)["summary"]["opportunities"]) == by_class
    _assert_found(found, expected(response(path)), "leave_one_out_fair_probability")
    pushes = {place: one["push_probability"] for place, one in found.items()}
    assert pushes == {
        place: None if one.push is None else pytest.approx(one.push, abs=1e-9)
        for place, one in expected(response(path)).items()
    }


def _returned(line: float | None) -> float:
    """The share of the stake that a push returns."""
    quarters = 0.0 if line is None else line * 4 % 4
    return {0.0: 1.0, 2.0: 0.0}.get(quarters, 0.5) if line is not None else 0.0


def test_pushes_are_known_where_half_lines_tell_them() -> None:
    """In a day of real odds: most whole and quarter lines, at the rates that such results have."""
    pushes = {
        (path.stem, market, line["line"]): one["push_probability"]
        for path in FILES
        for _, market, line in lines(path)
        if _returned(line["line"]) > 0
        for outcome in line["outcomes"]
        for one in [*outcome["opportunities"], *([outcome["best"]] if outcome["best"] else [])]
    }
    known = [push for push in pushes.values() if push is not None]
    assert len(known) > len(pushes) / 3
    goals = [push for (sport, market, _), push in pushes.items() if push and "soccer" in sport and market == "totals"]
    points = [push for (sport, _, _), push in pushes.items() if push and "basketball" in sport]
    assert 0.15 < sum(goals) / len(goals) < 0.30
    assert 0.0 < sum(points) / len(points) < 0.06


def _assert_found(found: Mapping[Place, Any], by_hand: Mapping[Place, Found], fair: str) -> None:
    assert found.keys() == by_hand.keys()
    for place, one in by_hand.items():
        told = found[place]
        assert (told["price"], told["class"]) == (one.price, one.ev_class)
        assert (told[fair], told["ev"]) == pytest.approx((one.fair, one.ev), abs=1e-12)


@pytest.mark.parametrize("folder", [WORLD, OF_2021], ids=["world", "2021"])
def test_the_whole_system_finds_the_same(folder: Path, tmp_path: Path) -> None:
    if not folder.is_dir():
        pytest.skip(f"no real odds in {folder}")
    events = [event for path in sorted(folder.glob("*.json")) for event in response(path)]
    recording = tmp_path / "response.json"
    recording.write_text(json.dumps(events))
    with data_folder() as data, running(data, "--source", f"replay:{recording}") as system:
        system.until_ready()
        system.until_played(120)
        found = {
            Place(event.partition(":")[2], market, line, outcome, bookmaker, side): one
            for (event, market, _, line, _, outcome, bookmaker, side), one in opportunities(system).items()
        }
        _assert_found(found, expected(events), "fair_probability")
        assert system.interrupt() == 0
