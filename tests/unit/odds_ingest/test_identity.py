"""Whatever ids, sides, names and starts a provider tells: no event of an answer is lost or put onto another."""

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from bet_intel.odds_ingest.domain.identity import Identified, identify
from bet_intel.odds_ingest.domain.quotes import EventOdds, SportingEvent
from bet_intel.odds_ingest.domain.state import EventState, MarketState, MarketStatus
from fixtures.answers import H2H, LEAGUE, PROVIDER, START, T0, board, odds

TEAMS = ["Harbour City", "Northgate", "Riverside", "LA Galaxy", "Los Angeles Galaxy", "Atlético", "Atletico"]
EVEN = board({"alpha": {"Home": 1.9, "Away": 1.9}})


def event(id: str, home: str | None, away: str | None, hours: float) -> SportingEvent:
    start = START + timedelta(hours=hours)
    return SportingEvent(f"{PROVIDER}:{id}", PROVIDER, "soccer", LEAGUE, "League", start, home, away)


def known(told: SportingEvent, status: MarketStatus = MarketStatus.OPEN) -> EventState:
    return EventState(told, 1, T0, {H2H: MarketState(EVEN, status, 1)})


def shown_or_left_out(identified: Identified, told: list[EventOdds]) -> None:
    ids = [*identified.told_ids.values(), *(one.where for one in identified.rejections)]
    assert sorted(ids) == sorted(odds.event.id for odds in told)
    assert identified.shown.keys() == identified.told_ids.keys()
    assert all(one.event.id == id for id, one in identified.shown.items())


PAIRS = st.sampled_from([(home, away) for home in TEAMS for away in TEAMS if home != away] + [(None, None)])
EVENTS = st.builds(
    lambda id, pair, hours: event(id, *pair, hours),
    st.sampled_from("abcd"),
    PAIRS,
    st.sampled_from([0.0, 0.5, 1.0, 1.4, 24.0]),
)
ANSWERS = st.lists(EVENTS, max_size=4, unique_by=lambda one: one.id)


@given(st.lists(ANSWERS, min_size=1, max_size=5), st.booleans())
def test_each_event_of_an_answer_is_shown_or_left_out_once(answers: list[list[SportingEvent]], speaks: bool) -> None:
    states: dict[str, EventState] = {}
    for number, answer in enumerate(answers):
        told = [odds({H2H: EVEN}, one) for one in answer]
        identified = identify(told, states.values(), {LEAGUE} if speaks else ())
        shown_or_left_out(identified, told)
        # What is known by an id stays the match that it is.
        for id, one in identified.shown.items():
            if id in states:
                assert (one.event.home, one.event.away) == (states[id].event.home, states[id].event.away)
        for id, state in list(states.items()):
            if speaks and id not in identified.shown:
                states[id] = known(state.event, MarketStatus.CLOSED)
        for id, one in identified.shown.items():
            markets = {H2H: MarketState(EVEN, MarketStatus.OPEN, number)}
            states[id] = EventState(one.event, number, T0, markets, told_id=identified.told_ids[id])


def test_two_new_ids_that_could_both_be_a_known_match_are_not_put_onto_each_other() -> None:
    """The games of a double-header get new ids, each within an hour of where the one known before began."""
    before = known(event("a", "Harbour City", "Northgate", 0.0))
    games = [odds({H2H: EVEN}, event(id, "Harbour City", "Northgate", at)) for id, at in (("b", -0.8), ("c", 0.8))]
    identified = identify(games, [before], {LEAGUE})
    shown_or_left_out(identified, games)
    assert len(identified.shown) == 2
