"""Cards 20 to 22, of providers that ask a service over a network: what a call costs, and what its answer speaks for."""

from pathlib import Path

import pytest

from bet_intel.odds_ingest.providers.port import RefusedRequestError
from fixtures.fake_odds_api import BASKETBALL, FULL_MATCH, LATER, MATCH, SOCCER, Stand, fake_odds_api, match, write
from fixtures.provider_cards import answered, card, failure, stand

__all__ = ["stand"]


@card(20)
async def test_the_quota_is_known_after_every_answer_and_no_call_costs_more_than_it_said(stand: Stand) -> None:
    provider = stand.provider(regions=("us", "eu"), markets=("h2h", "totals"))
    await provider.event(SOCCER, MATCH, ("h2h", "player_shots", "player_goals"))
    assert provider.quota == (996, 4, 4), "two of three markets came back, of two regions"
    await answered(provider)
    assert provider.quota == (992, 8, 4)
    stand.faults.add("422")
    with pytest.raises(RefusedRequestError):
        await provider.event(SOCCER, MATCH, ("h2h",))
    assert provider.quota == (992, 8, 0)


@card(21)
async def test_an_answer_for_a_league_speaks_for_all_its_events_and_the_markets_asked_for(stand: Stand) -> None:
    provider = stand.provider(markets=("h2h", "totals"))
    answer = await answered(provider)
    assert answer.leagues == {SOCCER}
    assert answer.markets == frozenset({("h2h", "full"), ("totals", "full")})
    assert answer.event_ids == frozenset()


@card(21)
async def test_an_answer_for_an_event_speaks_for_that_event_and_those_markets(stand: Stand) -> None:
    provider = stand.provider()
    await answered(stand.provider(leagues=(BASKETBALL,), interval=0.0))
    answer = await provider.event(SOCCER, LATER, ("h2h",))
    assert not answer.leagues
    assert answer.event_ids == {f"{provider.name}:{LATER}"}
    assert answer.events == ()
    assert answer.markets is None, "an event that is not there has no market left"
    answer = await provider.event(SOCCER, MATCH, ("spreads_h1", "player_shots"))
    assert answer.markets == frozenset({("spreads", "h1"), ("player_shots", "full")})
    assert answer.leagues == frozenset()
    (odds,) = answer.events
    assert odds.event.id == f"{provider.name}:{MATCH}"


@card(21)
async def test_an_answer_of_which_nothing_can_be_read_withdraws_nothing(tmp_path: Path) -> None:
    recording = write(tmp_path / "unreadable.jsonl.gz", [FULL_MATCH], [match(commence_time="2026-13-45T00:00:00Z")])
    async with fake_odds_api([recording]) as stand:
        provider = stand.provider(leagues=(SOCCER,), interval=0.0)
        assert (await answered(provider)).leagues == {SOCCER}
        answer = await answered(provider)
        assert answer.rejections
        assert answer.leagues == frozenset()


@card(22)
async def test_one_league_that_fails_does_not_hold_up_the_others(stand: Stand) -> None:
    provider = stand.provider(attempts=1)
    stand.faults.clear()
    assert (await answered(provider)).leagues == {SOCCER}
    stand.ticker.seconds += 60
    stand.faults.add("500")
    await failure(provider)
    first, second = await answered(provider), await answered(provider)
    assert {*first.leagues, *second.leagues} == {SOCCER, BASKETBALL}
    assert second.due_in == pytest.approx(60.0)
