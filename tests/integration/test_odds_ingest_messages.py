"""What odds-ingest tells others of each answer, and how its poller behaves; on a real PostgreSQL, bus and outbox."""

import asyncio
import random
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

import bet_intel.odds_ingest.store
import bet_intel.shared.outbox
from bet_intel.events.v1 import odds_changed_pb2, provider_status_pb2, refresh_requested_pb2
from bet_intel.odds_ingest.domain.quotes import Answer
from bet_intel.odds_ingest.ingest import IngestOdds
from bet_intel.odds_ingest.poll import Company, Pace, Poller, Progress, Sleep
from bet_intel.odds_ingest.providers.port import (
    InvalidSourceError,
    ProviderError,
    QuotaError,
    RateError,
    RefusedRequestError,
    TransientProviderError,
)
from bet_intel.odds_ingest.providers.the_odds_api.parse import parse_response
from bet_intel.odds_ingest.refreshes import Refreshes
from bet_intel.odds_ingest.store import Store
from bet_intel.odds_ingest.telling import BookmakerAges, Teller
from bet_intel.shared.columns import read
from bet_intel.shared.inprocess import InProcessBus, InProcessTasks
from bet_intel.shared.messaging import Message, Queue, TerminalError
from bet_intel.shared.outbox import Outbox
from bet_intel.shared.postgres import Database
from bet_intel.shared.times import from_us
from fixtures.answers import H2H, LEAGUE, PROVIDER, TOTAL, answer, board, minutes, odds, sporting_event
from fixtures.engines import QUICK, KeptInMemory
from fixtures.postgres import MakeDatabase
from fixtures.waiting import running, until

pytestmark = pytest.mark.integration

MIGRATIONS = [
    Path(bet_intel.shared.outbox.__file__).with_name("migrations"),
    Path(bet_intel.odds_ingest.store.__file__).with_name("migrations"),
]
EVEN = {"alpha": {"Home": 1.9, "Away": 1.9}, "beta": {"Home": 1.95, "Away": 1.87}}
MOVED = {"alpha": {"Home": 2.0, "Away": 1.8}}
OTHER = sporting_event("2")
NOW = datetime(2027, 1, 1, tzinfo=UTC)


@dataclass
class Listener:
    """A consumer of everything odds-ingest tells."""

    changed: list[odds_changed_pb2.OddsChanged] = field(default_factory=list)
    status: list[provider_status_pb2.ProviderStatus] = field(default_factory=list)

    async def hear(self, messages: Sequence[Message]) -> None:
        for message in messages:
            body = odds_changed_pb2.OddsChanged.FromString(message.data)
            assert (message.subject, message.revision) == (body.event.id, body.revision)
            self.changed.append(body)

    async def watch(self, messages: Sequence[Message]) -> None:
        self.status += [provider_status_pb2.ProviderStatus.FromString(message.data) for message in messages]


@dataclass
class Service:
    database: Database
    bus: InProcessBus
    outbox: Outbox
    ingest: IngestOdds
    listener: Listener
    refreshes: Refreshes
    company: Company

    async def takes(self, given: Answer) -> list[odds_changed_pb2.OddsChanged]:
        """What is told of an answer, by event."""
        self.listener.changed.clear()
        await self.ingest.answer(given, "recording-1")
        return await self._told()

    async def ticks(self, at: datetime) -> list[odds_changed_pb2.OddsChanged]:
        """What is told of a time that passes without an answer, by event."""
        self.listener.changed.clear()
        await self.ingest.tick(PROVIDER, at)
        return await self._told()

    async def _told(self) -> list[odds_changed_pb2.OddsChanged]:
        assert await self.outbox.drained(10)
        return sorted(self.listener.changed, key=lambda one: one.event.id)


@pytest.fixture
async def service(make_database: MakeDatabase) -> AsyncIterator[Service]:
    async with Database.open(await make_database(MIGRATIONS), name="tests", max_size=3) as database:
        bus, tasks = InProcessBus(random.Random(1), QUICK), InProcessTasks(random.Random(1), QUICK)
        listener = Listener()
        bus.subscribe(Queue("api.odds-changed", "odds.changed.v1"), listener.hear, KeptInMemory())
        bus.subscribe(Queue("api.provider-status", "provider.status.v1"), listener.watch, KeptInMemory())
        outbox = Outbox(database, bus, tasks)
        ingest = IngestOdds(outbox, Store(), lambda: NOW)
        async with running(bus.run(), outbox.run()):
            refreshes = Refreshes(database, outbox, lambda: NOW)
            teller = Teller(PROVIDER, 3, bus, refreshes, lambda: NOW)
            company = Company(teller, refreshes, await BookmakerAges.load(database, PROVIDER, lambda: 0.0))
            yield Service(database, bus, outbox, ingest, listener, refreshes, company)


def quoted(body: odds_changed_pb2.OddsChanged) -> set[str]:
    """The markets whose board a message carries."""
    tables = read(body)
    return {body.strings[tables["markets"]["market_s"][row]] for row in tables["quotes"]["market"].tolist()}


def confirmed(body: odds_changed_pb2.OddsChanged) -> set[tuple[str, str]]:
    """(market, bookmaker) whose time a message carries."""
    tables = read(body)
    keys = [body.strings[row] for row in tables["bookmakers"]["key_s"].tolist()]
    rows = zip(tables["books"]["market"].tolist(), tables["books"]["bookmaker"].tolist(), strict=True)
    return {(body.strings[tables["markets"]["market_s"][market]], keys[book]) for market, book in rows}


def statuses(body: odds_changed_pb2.OddsChanged) -> list[int]:
    statuses: list[int] = read(body)["markets"]["status"].tolist()
    return statuses


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


@dataclass
class Scripted:
    """A provider that answers, or fails, as it is told, and then has nothing more."""

    script: list[Answer | ProviderError]
    asked: list[int] = field(default_factory=list)
    name: str = PROVIDER
    total: int | None = 3
    is_live: bool = True

    async def aclose(self) -> None:
        pass

    async def fetch(self, position: int) -> Answer | None:
        self.asked.append(position)
        if not self.script:
            return None
        step = self.script.pop(0)
        if isinstance(step, ProviderError):
            raise step
        return step


@dataclass
class Polled:
    """A poller with what it did besides asking."""

    poller: Poller
    slept: list[float]
    progress: list[Progress]


def polling(service: Service, provider: Scripted, position: int = 0, sleep: Sleep | None = None) -> Polled:
    slept: list[float] = []
    progress: list[Progress] = []

    async def caught_up() -> None:
        await service.outbox.drained(10)

    async def recorded(seconds: float) -> None:
        slept.append(seconds)

    poller = Poller(
        provider,
        "recording-1",
        position,
        service.ingest,
        service.company,
        Pace(caught_up, progress.append),
        clock=lambda: NOW,
        monotonic=lambda: sum(slept),
        sleep=sleep or recorded,
    )
    return Polled(poller, slept, progress)


POLLING, FAILING, FINISHED = 1, 2, 3
OPEN, CLOSED = 1, 3


def states(service: Service) -> list[tuple[int, str]]:
    return [(status.state, status.error_kind) for status in service.listener.status]


async def test_a_source_is_read_to_its_end_from_where_it_was_left(service: Service) -> None:
    provider = Scripted(
        [answer(odds({H2H: board(EVEN)}), position=6), answer(odds({H2H: board(MOVED)}), as_of=minutes(1), position=9)]
    )
    polled = polling(service, provider, position=5)
    await polled.poller.run()
    assert polled.poller.ended.is_set()
    assert polled.poller.failure is None
    assert provider.asked == [5, 6, 9]
    assert [(one.position, one.total, one.as_of) for one in polled.progress] == [(6, 3, minutes(0)), (9, 3, minutes(1))]
    await until(lambda: states(service) == [(POLLING, ""), (POLLING, ""), (FINISHED, "")])
    last = service.listener.status[-1]
    assert (last.as_of_us, last.events, last.prices) == (int(minutes(1).timestamp() * 1e6), 1, 2)


async def test_a_provider_that_fails_for_now_is_asked_again_later_and_later_while_time_is_told(
    service: Service,
) -> None:
    failures: list[Answer | ProviderError] = [TransientProviderError("status 503")] * 9
    provider = Scripted([answer(odds({H2H: board(EVEN)}), position=1), *failures])
    polled = polling(service, provider)
    await polled.poller.run()
    assert polled.slept == [0.0, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 64.0, 64.0]
    assert set(provider.asked[1:]) == {1}
    await until(lambda: states(service) == [(POLLING, ""), *[(FAILING, "transient")] * 9, (FINISHED, "")])
    # The provider's own time, by the seconds since it answered; the first failure follows at once, with nothing new.
    passed = [1.0, 3.0, 7.0, 15.0, 31.0, 63.0, 127.0, 191.0]
    told = [from_us(body.as_of_us) for body in service.listener.changed][1:]
    assert told == [minutes(0) + timedelta(seconds=seconds) for seconds in passed]
    assert [status.message for status in service.listener.status if status.state == FAILING] == ["status 503"] * 9


async def test_before_the_first_answer_time_is_told_by_our_clock_only_where_the_provider_goes_with_it(
    service: Service,
) -> None:
    await service.takes(answer(odds({H2H: board(EVEN)})))
    for is_live in (False, True):
        await polling(service, Scripted([TransientProviderError("status 503")], is_live=is_live)).poller.run()
        assert await service.outbox.drained(10)
        told = [from_us(body.as_of_us) for body in service.listener.changed][1:]
        assert told == ([NOW - timedelta(seconds=30)] if is_live else [])


async def test_a_provider_that_says_when_to_ask_again_is_not_asked_before_nor_left_alone_for_long(
    service: Service,
) -> None:
    polled = polling(service, Scripted([RateError("too fast", 7.0), QuotaError("spent", 86400.0)]))
    await polled.poller.run()
    assert polled.slept == [7.0, 60.0]


async def test_a_refused_call_does_not_end_the_reading(service: Service) -> None:
    polled = polling(service, Scripted([RefusedRequestError("no such market"), answer(odds({H2H: board(EVEN)}))]))
    await polled.poller.run()
    assert polled.poller.failure is None
    await until(lambda: states(service) == [(FAILING, "validation"), (POLLING, ""), (FINISHED, "")])


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


async def test_an_answer_ends_the_waiting(service: Service) -> None:
    failing = TransientProviderError("status 503")
    one = answer(odds({H2H: board(EVEN)}), position=1)
    two = answer(odds({H2H: board(EVEN)}), as_of=NOW, position=2)
    polled = polling(service, Scripted([failing, failing, one, failing, two]))
    await polled.poller.run()
    assert polled.slept == [1.0, 2.0, 0.0, 1.0, 0.0]


async def test_days_of_failures_do_not_stop_the_asking(service: Service) -> None:
    polled = polling(service, Scripted([TransientProviderError("status 503")] * 1100))
    await polled.poller.run()
    assert polled.slept[-1] == 64.0


async def test_what_only_the_operator_can_mend_stops_the_reading_and_says_so(service: Service) -> None:
    failure = InvalidSourceError("no such file")
    provider = Scripted([failure, answer(odds({H2H: board(EVEN)}))])
    polled = polling(service, provider)
    await polled.poller.run()
    assert polled.poller.ended.is_set()
    assert polled.poller.failure is failure
    assert (provider.asked, polled.slept) == ([0], [])
    await until(lambda: states(service) == [(FAILING, "validation")])
    assert service.listener.status[0].message == "no such file"
    assert service.listener.changed == []


async def test_a_connection_lost_in_the_middle_of_an_answer_costs_no_answer(service: Service) -> None:
    async with service.database.transaction() as connection:
        # The first attempt ends its own connection; a sequence is not rolled back.
        await connection.execute("create sequence attempt")
        await connection.execute(
            """
            create function lose_the_first() returns trigger language plpgsql as $$
            begin
                if nextval('attempt') = 1 then perform pg_terminate_backend(pg_backend_pid()); end if;
                return new;
            end $$;
            create trigger lose before insert on source_position execute function lose_the_first();
            """
        )
    provider = Scripted([answer(odds({H2H: board(EVEN)}), position=1)] * 2)
    polled = polling(service, provider)
    await polled.poller.run()
    assert provider.asked == [0, 0, 1]
    assert polled.slept == [1.0, 0.0]
    assert [quoted(body) for body in service.listener.changed] == [{"h2h"}]


def asked(id: str) -> Message:
    body = refresh_requested_pb2.RefreshRequested(id=id, at_us=int(NOW.timestamp() * 1e6))
    return Message(id, "refresh.requested.v1", "api", id, NOW, 0, body.SerializeToString())


ONE, TWO = "0b9f6c1e-6a57-4a52-8d3e-6f2f3f1f5a10", "2d1c0a46-3f4b-4f57-9d5e-0c4a7f0e6b22"


def answered(service: Service) -> list[tuple[str, str]]:
    return [(status.refresh_id, status.error_kind) for status in service.listener.status if status.refresh_id]


async def test_a_refresh_asks_at_once_and_is_answered_once(service: Service) -> None:
    asking = asyncio.Event()
    forever: asyncio.Future[None] = asyncio.Future()
    provider = Scripted([answer(odds({H2H: board(EVEN)}), position=1)], total=None)

    async def sleep(_seconds: float) -> None:
        asking.set()
        await forever

    polled = polling(service, provider, sleep=sleep)
    service.bus.subscribe(
        Queue("odds-ingest.refresh-requested", "refresh.requested.v1"), service.refreshes.requested, KeptInMemory()
    )
    async with running(service.bus.run(), polled.poller.run()):
        await asking.wait()
        provider.script.append(answer(odds({H2H: board(MOVED)}), as_of=minutes(1), position=2))
        await service.bus.publish(asked(ONE))
        await service.bus.publish(asked(ONE))
        await until(lambda: answered(service) == [(ONE, "")])
    assert provider.asked[:2] == [0, 1]
    (status,) = (status for status in service.listener.status if status.refresh_id)
    assert (status.as_of_us, status.polled_at_us) == (
        int(minutes(1).timestamp() * 1e6),
        int(NOW.timestamp() * 1e6),
    )


async def test_a_refresh_that_a_crash_interrupted_is_answered_by_the_next_run(service: Service) -> None:
    await service.refreshes.requested([asked(ONE)])
    provider = Scripted([TransientProviderError("status 503")], total=None)
    await polling(service, provider).poller.run()
    await until(lambda: answered(service) == [(ONE, "transient")])


async def test_what_has_nothing_newer_refuses_refreshes(service: Service) -> None:
    await service.refreshes.requested([asked(ONE)])
    async with running(service.company.teller.refuse("a recording")):
        await until(lambda: answered(service) == [(ONE, "validation")])
        await service.refreshes.requested([asked(TWO)])
        await until(lambda: answered(service) == [(ONE, "validation"), (TWO, "validation")])
    assert {status.message for status in service.listener.status} == {"a recording"}


async def test_a_request_that_cannot_be_read_is_set_aside(service: Service) -> None:
    for broken in (b"\xff", refresh_requested_pb2.RefreshRequested(id="no uuid").SerializeToString()):
        with pytest.raises(TerminalError):
            await service.refreshes.requested([replace(asked(ONE), data=broken)])


async def test_the_age_of_each_bookmaker_is_told_against_its_norm(service: Service) -> None:
    answers: list[Answer | ProviderError] = []
    for minute in range(40):
        shown = board(EVEN, minutes(minute) - timedelta(seconds=30))
        shown.last_update["beta"] = minutes(minute) - timedelta(seconds=900 if minute == 39 else 5)
        answers.append(answer(odds({H2H: shown}), as_of=minutes(minute), position=minute + 1))
    await polling(service, Scripted(answers, total=None)).poller.run()
    await until(lambda: len(service.listener.status) == 41)
    body = service.listener.status[-1]
    ages = read(body)["bookmaker_ages"]
    told = {
        body.strings[key]: (title, age, norm)
        for key, title, age, norm in zip(
            ages["key_s"].tolist(),
            [body.strings[row] for row in ages["title_s"].tolist()],
            ages["age"].tolist(),
            ages["norm"].tolist(),
            strict=True,
        )
    }
    assert told["alpha"] == ("ALPHA", 30.0, pytest.approx(30.0))
    title, age, norm = told["beta"]
    assert (title, age) == ("BETA", 900.0)
    assert norm == pytest.approx(5.0, rel=0.2)
    # A restart goes on from what was saved.
    known = await BookmakerAges.load(service.database, PROVIDER, lambda: 0.0)
    (again, *_) = await known.learn(answer(odds({H2H: board(EVEN, minutes(40))}), as_of=minutes(41)))
    assert (again.bookmaker, again.age, again.samples) == ("alpha", 60.0, 2)
