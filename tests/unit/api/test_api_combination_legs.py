"""What is said of each leg of a combination by itself: the same as is said of its price alone."""

from collections.abc import Mapping
from urllib.parse import parse_qsl, unquote, urlsplit

import msgspec
import pytest

from bet_intel.api.answers import Combination, CombinationLeg
from bet_intel.api.combination_members import Staking, shown
from bet_intel.api.domain.combinations import changed
from bet_intel.api.domain.model import MarketKey
from bet_intel.api.domain.working import PriceWorking
from bet_intel.api.wire import WireError, opportunity_set
from bet_intel.api.working import SetWorking
from bet_intel.ev_engine.domain.boards import Board
from bet_intel.ev_engine.domain.boards import MarketKey as EngineKey
from bet_intel.ev_engine.domain.profile import STARTING, Profile
from bet_intel.events.v1.opportunities_updated_pb2 import OpportunitiesUpdated
from fixtures.combination_messages import ARBITRAGE, FAIR, LOWER, UPPER, Engine
from fixtures.engine_boards import H2H, board, line


def every(body: bytes) -> list[Combination]:
    told = [
        msgspec.json.decode(msgspec.json.encode(one.payload)) for one in changed({}, [opportunity_set(body)]).entries
    ]
    return [one for entry in told if (one := shown(entry, "decimal", Staking())) is not None]


def body(markets: Mapping[EngineKey, Board], profile: Profile | None = None) -> bytes:
    return Engine(profile or Profile()).tells(markets).data


def best(markets: Mapping[EngineKey, Board]) -> Combination:
    """The one of the highest EV."""
    return max(every(body(markets)), key=lambda one: one.ev)


def alone(of_set: bytes, leg: CombinationLeg) -> PriceWorking:
    """What the explanation that a leg names says of its price."""
    asked = urlsplit(leg.explain)
    assert asked.path == "/v1/events/the_feed:1/explain"
    query = dict(parse_qsl(asked.query))
    key = MarketKey(
        query["market"], query["period"], float(query["line"]) if "line" in query else None, query.get("subject", "")
    )
    found = SetWorking(of_set).price(key, query["outcome"], query["bookmaker"], query["profile"], query["side"])
    assert found is not None
    return found


ODD = {**FAIR, "low": {"Away": 2.06, "Home": 1.8}}
BOARDS: Mapping[str, Mapping[EngineKey, Board]] = {
    "plain": {H2H: ARBITRAGE},
    "outlier": {H2H: board({**ODD, "high": {"Away": 1.5, "Home": 2.6}})},
    "incomplete": {H2H: board({**ODD, "high": {"Home": 2.08}})},
    "lay": {H2H: board({**FAIR, "low": {"Away": 1.8, "Home": 2.16}}, lay={"smarkets": {"Home": 2.04}})},
    "middle": {line("totals", 8.5): LOWER, line("totals", 9.5): UPPER},
    "few": {H2H: board({"low": {"Away": 2.06, "Home": 1.8}, "high": {"Away": 1.8, "Home": 2.08}})},
    "whole line": {line("totals", at): LOWER for at in (8.0, 8.5)},
}


@pytest.mark.parametrize("profile", STARTING.values(), ids=STARTING)
@pytest.mark.parametrize("name", BOARDS)
def test_a_leg_is_said_to_be_what_its_price_alone_is_said_to_be(name: str, profile: Profile) -> None:
    of_set = body(BOARDS[name], profile)
    legs = [leg for one in every(of_set) for leg in one.legs]
    for leg in legs:
        price = alone(of_set, leg)
        assert (price.outcome, price.bookmaker, price.side) == (leg.outcome, leg.bookmaker.key, leg.side)
        assert (price.price, price.age_seconds) == (leg.price, leg.age_seconds)
        part = next(one for one in price.bookmakers if one.judged)
        assert leg.left_out_reason == part.left_out_reason
        lays = leg.side == "lay"
        if not price.worst_case and price.fair_probability is not None:
            assert leg.fair_probability == pytest.approx(1 - price.fair_probability if lays else price.fair_probability)
            low, high = price.band.low, price.band.high
            assert low is not None
            assert high is not None
            assert (leg.band.low, leg.band.high) == pytest.approx((1 - high, 1 - low) if lays else (low, high))
            if price.push_probability == 0:
                assert leg.ev == pytest.approx(price.ev)
        if price.verdict in ("refused", "not_judged"):
            assert leg.refused_reason == price.reason
        if price.verdict == "opportunity":
            assert leg.refused_reason is None
    assert legs or (name, profile.name) == ("middle", "conservative")


def test_each_leg_has_a_sentence() -> None:
    low, high = best(BOARDS["plain"]).explanation[1:3]
    assert low == (
        "Low's Away is 0 s old; by the others it wins with 50.0 % (50.0 % to 50.0 % over the methods) and is worth "
        "+3.1 % by itself, where up to 10.0 % is plausible."
    )
    assert high.startswith("High's Home is 0 s old; ")


def test_a_leg_of_a_bookmaker_that_is_not_in_the_consensus_says_why() -> None:
    outlier = best(BOARDS["outlier"])
    assert outlier.legs[1].left_out_reason == "outlier_excluded"
    assert "High is not in the consensus, because it is too far from the others" in outlier.explanation[2]
    incomplete = best(BOARDS["incomplete"])
    assert incomplete.legs[1].left_out_reason == "incomplete_market"
    assert incomplete.explanation[2].endswith(
        "as a single bet it is refused, because its bookmaker does not price every outcome (incomplete_market)."
    )


def test_a_suspect_arbitrage_says_what_makes_it_so() -> None:
    one = best(BOARDS["outlier"])
    assert one.class_ == "suspect"
    ev = one.legs[1].ev
    assert ev is not None
    assert one.legs[1].plausible_ev == 0.10
    assert (
        f"It is suspect, because Home with High alone is worth {ev * 100:+.2f} %; all together is worth "
        f"{one.ev * 100:+.2f} %: prices that are no mistake offer up to 10.0 %."
    ) in one.explanation
    assert not [sentence for sentence in best(BOARDS["plain"]).explanation if "suspect" in sentence]


def test_where_nobody_else_prices_a_market_nobody_says_what_a_leg_is_worth() -> None:
    lonely = {H2H: board({"low": {"Away": 2.06}, "high": {"Home": 2.08}})}
    one = best(lonely)
    assert [(leg.ev, leg.fair_probability, leg.refused_reason) for leg in one.legs] == [
        (None, None, "incomplete_market")
    ] * 2
    assert "nobody else says what it is worth (incomplete_market)" in one.explanation[1]


def test_what_is_asked_for_is_written_as_an_address_is() -> None:
    prices = {name: {"Over": 1.91, "Under": 1.91} for name in FAIR}
    market = board({**prices, "low": {"Over": 2.06, "Under": 1.8}, "high": {"Over": 1.8, "Under": 2.08}})
    one = best({line("player_hits", 0.5, "Á. Rivers & Co"): market})
    assert " " not in one.legs[0].explain
    assert one.legs[0].explain.count("&") == 7
    assert "subject=Á. Rivers & Co&" in unquote(one.legs[0].explain)


def test_a_set_of_an_engine_that_tells_no_worths_says_nothing_of_them() -> None:
    message = OpportunitiesUpdated.FromString(body(BOARDS["outlier"]))
    message.ClearField("leg_worths")
    one = every(message.SerializeToString())[0]
    assert [(leg.ev, leg.plausible_ev, leg.refused_reason) for leg in one.legs] == [(None, None, None)] * 2
    assert len(one.explanation) == 3


def test_a_leg_without_its_worth_is_no_message() -> None:
    message = OpportunitiesUpdated.FromString(body(BOARDS["plain"]))
    for column in ("ev", "plausible", "band_low", "band_high"):
        setattr(message.leg_worths, column, getattr(message.leg_worths, column)[:8])
    message.leg_worths.refused_s = message.leg_worths.refused_s[:4]
    with pytest.raises(WireError, match="leg_worths has 1 rows, legs 2"):
        opportunity_set(message.SerializeToString())
