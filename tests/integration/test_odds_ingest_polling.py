"""How the poller behaves when its provider answers, fails, or ends; on a real PostgreSQL, bus and outbox."""

from datetime import timedelta

import pytest

from bet_intel.odds_ingest.domain.quotes import Answer, MarketBoard
from bet_intel.odds_ingest.providers.port import (
    InvalidSourceError,
    ProviderError,
    QuotaError,
    RateError,
    RefusedRequestError,
    TransientProviderError,
)
from bet_intel.odds_ingest.telling import BookmakerAges
from bet_intel.shared.columns import read
from bet_intel.shared.times import from_us
from fixtures.answers import H2H, PROVIDER, answer, board, minutes, odds
from fixtures.odds_ingest_messages import (
    EVEN,
    FAILING,
    FINISHED,
    MOVED,
    NOW,
    POLLING,
    Scripted,
    Service,
    polling,
    quoted,
    service,
    states,
)
from fixtures.waiting import until

__all__ = ["service"]

pytestmark = pytest.mark.integration


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


async def test_the_age_of_each_bookmaker_is_told_against_its_norm(service: Service) -> None:
    answers: list[Answer | ProviderError] = []
    for minute in range(40):
        shown = board(EVEN, minutes(minute) - timedelta(seconds=30))
        beta = minutes(minute) - timedelta(seconds=900 if minute == 39 else 5)
        shown = MarketBoard.of(shown.prices, {**shown.last_update, "beta": beta})
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
