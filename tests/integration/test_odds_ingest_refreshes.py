"""A refresh that was asked for is answered, once; on a real PostgreSQL, bus and outbox."""

import asyncio
from dataclasses import replace

import pytest

from bet_intel.events.v1 import refresh_requested_pb2
from bet_intel.odds_ingest.providers.port import TransientProviderError
from bet_intel.shared.messaging import Message, Queue, TerminalError
from fixtures.answers import H2H, LEAGUE, answer, board, minutes, odds
from fixtures.engines import KeptInMemory
from fixtures.odds_ingest_messages import EVEN, MOVED, NOW, Scripted, Service, polling, service
from fixtures.waiting import running, until

__all__ = ["service"]

pytestmark = pytest.mark.integration


def asked(id: str, **wanted: list[str]) -> Message:
    """A request of `sports` and `leagues`, of everything where there are none."""
    body = refresh_requested_pb2.RefreshRequested(id=id, at_us=int(NOW.timestamp() * 1e6), **wanted)
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


@pytest.mark.parametrize("unknown", [{"sports": ["quidditch"]}, {"leagues": ["quidditch_cup"]}], ids=str)
async def test_a_refresh_of_what_is_not_polled_is_refused(service: Service, unknown: dict[str, list[str]]) -> None:
    await service.refreshes.requested([asked(ONE, **unknown), asked(TWO, sports=["baseball", "quidditch"])])
    await polling(service, Scripted([answer(odds({H2H: board(EVEN)}))], total=None)).poller.run()
    await until(lambda: answered(service) == [(ONE, "validation"), (TWO, "")])
    refused = next(status for status in service.listener.status if status.refresh_id == ONE)
    assert refused.message == "none of the leagues asked for is polled"


async def test_a_refresh_waits_for_the_turn_of_its_league(service: Service) -> None:
    """A provider that is asked league by league: another league's answer is not what was asked for."""
    await service.refreshes.requested([asked(ONE, leagues=["ice_made_up"])])
    provider = Scripted(
        [answer(odds({H2H: board(EVEN)})), answer(as_of=minutes(1), position=2, leagues=("ice_made_up",))], total=None
    )
    provider.polled_leagues = (LEAGUE, "ice_made_up")
    await polling(service, provider).poller.run()
    await until(lambda: answered(service) == [(ONE, "")])
    (status,) = (status for status in service.listener.status if status.refresh_id)
    assert status.as_of_us == int(minutes(1).timestamp() * 1e6)


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
