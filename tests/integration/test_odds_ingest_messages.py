"""What odds-ingest tells others of each answer; on a real PostgreSQL, bus and outbox."""

from dataclasses import replace

import pytest
from prometheus_client import CollectorRegistry

from bet_intel.odds_ingest.domain.quotes import Answer
from bet_intel.odds_ingest.ingest import IngestOdds
from bet_intel.odds_ingest.providers.the_odds_api.parse import parse_response
from bet_intel.odds_ingest.store import Store
from bet_intel.shared.columns import read
from bet_intel.shared.service_metrics import Hops
from fixtures.answers import H2H, LEAGUE, PROVIDER, TOTAL, answer, board, minutes, odds, sporting_event
from fixtures.odds_ingest_messages import (
    CLOSED,
    EVEN,
    MOVED,
    NOW,
    OPEN,
    OTHER,
    Service,
    confirmed,
    quoted,
    service,
    statuses,
)

__all__ = ["service"]

pytestmark = pytest.mark.integration


async def test_every_event_of_an_answer_is_told_of_with_boards_of_what_changed_and_the_times_of_all(
    service: Service,
) -> None:
    first = await service.takes(answer(odds({H2H: board(EVEN), TOTAL: board(EVEN)}), odds({H2H: board(EVEN)}, OTHER)))
    assert [quoted(body) for body in first] == [{"h2h", "totals"}, {"h2h"}]

    second = await service.takes(
        answer(
            odds({H2H: board(EVEN, minutes(1)), TOTAL: board(MOVED, minutes(1))}),
            odds({H2H: board(EVEN, minutes(1))}, OTHER),
            as_of=minutes(1),
        )
    )
    assert [quoted(body) for body in second] == [{"totals"}, set()]
    assert [confirmed(body) for body in second] == [
        {("h2h", "alpha"), ("h2h", "beta"), ("totals", "alpha")},
        {("h2h", "alpha"), ("h2h", "beta")},
    ]
    assert all(new.revision > old.revision for old, new in zip(first, second, strict=True))
    assert {body.as_of_us for body in second} == {int(minutes(1).timestamp() * 1e6)}


async def test_it_is_told_whether_time_goes_on_at_the_provider_while_nothing_is_told(service: Service) -> None:
    live = replace(service, ingest=IngestOdds(service.outbox, Store(), lambda: NOW, live=True))
    for minute, asked, goes_on in ((0, service, False), (2, live, True)):
        told = await asked.takes(answer(odds({H2H: board(EVEN)}), as_of=minutes(minute)))
        told += await asked.ticks(minutes(minute + 1))
        assert [body.live for body in told] == [goes_on, goes_on]


async def test_a_market_that_is_gone_is_told_of_as_closed_and_empty(service: Service) -> None:
    await service.takes(answer(odds({H2H: board(EVEN), TOTAL: board(EVEN)})))
    (body,) = await service.takes(answer(odds({H2H: board(EVEN)}), as_of=minutes(1)))
    assert statuses(body) == [1, 3]
    assert quoted(body) == set()
    assert read(body)["markets"]["revision"][1] == body.revision


async def test_an_event_that_the_answer_does_not_contain_is_withdrawn_once(service: Service) -> None:
    await service.takes(answer(odds({H2H: board(EVEN)}), odds({H2H: board(EVEN)}, OTHER)))
    told = await service.takes(answer(odds({H2H: board(EVEN)}), as_of=minutes(1)))
    assert [(body.event.id, statuses(body)) for body in told] == [("the_feed:1", [1]), ("the_feed:2", [3])]
    again = await service.takes(answer(odds({H2H: board(EVEN)}), as_of=minutes(2)))
    assert [body.event.id for body in again] == ["the_feed:1"]


async def test_an_answer_withdraws_nothing_of_a_league_it_does_not_speak_for(service: Service) -> None:
    hockey = sporting_event("3", league="icehockey_nhl")
    await service.takes(answer(odds({H2H: board(EVEN)}, hockey), leagues=("icehockey_nhl",)))
    told = await service.takes(answer(odds({H2H: board(EVEN)}), as_of=minutes(1)))
    assert [body.event.id for body in told] == ["the_feed:1"]
    empty = await service.takes(answer(as_of=minutes(2), leagues=(LEAGUE, "icehockey_nhl")))
    assert [statuses(body) for body in empty] == [[3], [3]]


async def test_time_passes_for_the_events_of_leagues_an_answer_does_not_speak_for(service: Service) -> None:
    """Else an event of a league that is asked for rarely, or never again, would neither age nor start."""
    hockey = sporting_event("3", league="icehockey_nhl")
    await service.takes(answer(odds({H2H: board(EVEN)}, hockey), leagues=("icehockey_nhl",)))
    told = await service.takes(answer(odds({H2H: board(EVEN)}), as_of=minutes(5)))
    assert [(body.event.id, body.unanswered) for body in told] == [("the_feed:1", False), ("the_feed:3", True)]
    assert {body.as_of_us for body in told} == {int(minutes(5).timestamp() * 1e6)}
    soon = await service.takes(answer(odds({H2H: board(EVEN)}), as_of=minutes(5.5)))
    assert [body.event.id for body in soon] == ["the_feed:1"]


async def test_an_answer_without_events_has_come_to_nowhere(service: Service) -> None:
    """Out of season a provider answers with none. Nothing follows from it, so nobody is to miss what would."""
    registry = CollectorRegistry()
    ingest = IngestOdds(service.outbox, Store(), lambda: NOW, hops=Hops(registry, lambda: NOW))
    service = replace(service, ingest=ingest)

    def stored() -> float:
        return registry.get_sample_value("bet_intel_odds_age_seconds_count", {"hop": "stored"}) or 0.0

    assert await service.takes(answer()) == []
    assert stored() == 0
    await service.takes(answer(odds({H2H: board(EVEN)}), as_of=minutes(1)))
    assert stored() == 1
    # It withdraws what was there: that is told, and is to arrive.
    assert len(await service.takes(answer(as_of=minutes(2)))) == 1
    assert stored() == 2
    assert await service.takes(answer(as_of=minutes(3))) == []
    assert stored() == 2


async def test_two_answers_of_one_time_are_both_taken(service: Service) -> None:
    await service.takes(answer(odds({H2H: board(EVEN)})))
    (body,) = await service.takes(answer(odds({H2H: board(MOVED)})))
    assert quoted(body) == {"h2h"}


async def test_boards_are_told_again_every_ten_minutes_with_the_revisions_they_have(service: Service) -> None:
    """Whoever has lost a message is right again, although the prices have not changed since."""
    (first,) = await service.takes(answer(odds({H2H: board(EVEN)}), as_of=minutes(1)))
    (quiet,) = await service.takes(answer(odds({H2H: board(EVEN, minutes(9))}), as_of=minutes(9)))
    (again,) = await service.takes(answer(odds({H2H: board(EVEN, minutes(10))}), as_of=minutes(10)))
    assert [quoted(body) for body in (first, quiet, again)] == [{"h2h"}, set(), {"h2h"}]
    assert read(again)["markets"]["revision"].tolist() == [first.revision]


@pytest.mark.parametrize("junk", ["a\0b", "a\ud800", "x" * 12_000])
async def test_texts_that_cannot_be_stored_cost_their_piece_only(service: Service, junk: str) -> None:
    def match(id: str, key: str, home: str) -> dict[str, object]:
        outcomes = [{"name": home, "price": 1.9}, {"name": "Riverside", "price": 1.95}]
        market = {"key": "h2h", "last_update": "2026-05-02T18:00:00Z", "outcomes": outcomes}
        book = {"key": "unibet", "title": "Unibet", "last_update": "2026-05-02T18:00:00Z", "markets": [market]}
        start = "2026-05-02T19:05:00Z"
        return {
            "id": id,
            "sport_key": key,
            "commence_time": start,
            "home_team": home,
            "away_team": "Riverside",
            "bookmakers": [book],
        }

    response = [match("1", LEAGUE, "Harbour City"), match("2", junk, "Harbour City"), match("3", LEAGUE, junk)]
    response += [match(junk, LEAGUE, "Harbour City")]
    parsed = parse_response(response, provider=PROVIDER)
    told = await service.takes(Answer(PROVIDER, parsed.leagues, minutes(0), parsed.events, parsed.rejections, 1))
    assert [body.event.id for body in told] == ["the_feed:1"]
    assert len(parsed.rejections) == 3


async def test_a_tick_tells_the_time_of_open_events_without_prices(service: Service) -> None:
    await service.takes(answer(odds({H2H: board(EVEN)}), odds({H2H: board(EVEN)}, OTHER)))
    await service.takes(answer(odds({H2H: board(EVEN)}), as_of=minutes(1)))
    (body,) = await service.ticks(minutes(9))
    assert (body.event.id, quoted(body), statuses(body)) == ("the_feed:1", set(), [1])
    assert body.as_of_us == int(minutes(9).timestamp() * 1e6)
    assert await service.ticks(minutes(8)) == []


async def test_an_answer_for_some_markets_withdraws_those_alone(service: Service) -> None:
    await service.takes(answer(odds({H2H: board(EVEN), TOTAL: board(EVEN)})))
    id = sporting_event().id
    asked = frozenset({("h2h", "full")})
    props = replace(answer(odds({}), as_of=minutes(1), leagues=()), event_ids=frozenset({id}), markets=asked)
    (body,) = await service.takes(props)
    tables = read(body)
    names = [body.strings[row] for row in tables["markets"]["market_s"].tolist()]
    assert dict(zip(names, statuses(body), strict=True)) == {"h2h": CLOSED, "totals": OPEN}


async def test_an_answer_without_the_event_it_was_asked_for_withdraws_that_event_alone(service: Service) -> None:
    await service.takes(answer(odds({H2H: board(EVEN)}), odds({H2H: board(EVEN)}, OTHER)))
    gone = replace(answer(as_of=minutes(1), leagues=()), event_ids=frozenset({OTHER.id}))
    (body,) = await service.takes(gone)
    assert (body.event.id, statuses(body)) == (OTHER.id, [CLOSED])
