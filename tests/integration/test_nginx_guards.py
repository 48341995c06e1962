"""nginx before gateways: which of them is asked, what they are told of the client, and what does not reach them."""

import asyncio
import json
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx
import pytest

from bet_intel.compose.servers.folder import ServersFolder
from bet_intel.compose.servers.nginx import Nginx
from fixtures.before_gateways import Upstream, folder, listening, start
from fixtures.waiting import until

__all__ = ["folder"]

pytestmark = pytest.mark.integration

_REAL_IP = Path(__file__).parents[2] / "compose/nginx/real-ip.conf"
_MEGABYTE = 1 << 20
_FAILURES = 3
"""After which nginx leaves a gateway out."""
_BURST = 2000
"""Requests that one address may be ahead of its rate."""
_SOON = 30.0
"""Seconds: half of what nginx waits where it is not told for how long, and far from what a slow machine adds."""


async def test_a_gateway_that_has_a_stream_is_asked_after_one_that_has_none(folder: ServersFolder) -> None:
    gateways = [Upstream("first"), Upstream("second")]
    async with (
        listening(gateways[0]) as one,
        listening(gateways[1]) as two,
        await start(folder, [one, two]) as client,
        client.stream("GET", "/v1/stream") as stream,
    ):
        lines = stream.aiter_lines()
        await anext(lines)
        [busy] = [gateway for gateway in gateways if gateway.taken]
        answers = {(await client.get("/v1/events")).text for _ in range(6)}
        busy.event.set()

    assert answers == {"first", "second"} - {busy.name}


async def test_two_of_three_gateways_that_have_died_are_asked_no_more(folder: ServersFolder) -> None:
    broken, good = [Upstream("first", broken=True), Upstream("second", broken=True)], Upstream("good")
    async with (
        listening(broken[0]) as one,
        listening(broken[1]) as two,
        listening(good) as three,
        await start(folder, [one, two, three]) as client,
    ):
        for _ in range(3 * _FAILURES):
            await client.get("/v1/events")
        before = [len(gateway.taken) for gateway in broken]
        answers = [(await client.get("/v1/events")).text for _ in range(6)]

    assert answers == ["good"] * 6
    assert [len(gateway.taken) for gateway in broken] == before


async def test_a_frozen_gateway_is_left_out_by_who_asks_for_health_alone(
    folder: ServersFolder,
) -> None:
    frozen, good = Upstream("frozen", frozen=True), Upstream("good")
    async with listening(frozen) as one, listening(good) as two, await start(folder, [one, two]) as client:
        answers = [await client.get("/health", timeout=_SOON) for _ in range(3 * _FAILURES)]

    assert [answer.text for answer in answers] == ["good"] * 3 * _FAILURES
    assert len(frozen.taken) == _FAILURES


async def test_what_all_gateways_die_of_is_sent_to_two_of_them(folder: ServersFolder) -> None:
    """Reads and writes with a key to as many again, which may be the others: nobody else is harmed."""
    gateways = [Upstream(name, broken=True) for name in ("first", "second", "third")]

    def taken() -> int:
        return sum(len(gateway.taken) for gateway in gateways)

    async with (
        listening(gateways[0]) as one,
        listening(gateways[1]) as two,
        listening(gateways[2]) as three,
        await start(folder, [one, two, three]) as client,
    ):
        statuses, numbers = [], []
        for method, path, key in (
            ("GET", "/v1/events", ""),
            ("POST", "/v1/subscriptions", ""),
            ("POST", "/api/opportunities/refresh", "k"),
        ):
            before = taken()
            headers = {"Idempotency-Key": key} if key else {}
            statuses.append((await client.request(method, path, headers=headers)).status_code)
            numbers.append(taken() - before)

    assert statuses == [502] * 3
    assert numbers == [4, 1, 4]


@contextmanager
def silent_host() -> Iterator[str]:
    """An address that takes no connection and refuses none, as a host that has gone does: its queue is full."""
    with ExitStack() as opened:
        full = opened.enter_context(socket.socket())
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        for _ in range(4):
            waiting = opened.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(full.getsockname())
        yield f"127.0.0.1:{full.getsockname()[1]}"


@pytest.mark.parametrize("method", ["GET", "POST", "PUT"])
async def test_a_host_that_has_gone_is_given_up_after_five_seconds(folder: ServersFolder, method: str) -> None:
    good = Upstream("good")
    with silent_host() as gone:
        async with listening(good) as one, await start(folder, [gone, one]) as client:
            answers = [await client.request(method, "/v1/events", timeout=_SOON) for _ in range(2)]

    assert [answer.text for answer in answers] == ["good"] * 2
    assert 5 <= max(answer.elapsed.total_seconds() for answer in answers) < _SOON


async def test_gateways_are_told_the_host_that_was_asked_and_who_asks(folder: ServersFolder) -> None:
    gateway = Upstream("gateway")
    said = {"Host": "bets.example.com:8443", "X-Real-IP": "1.2.3.4", "X-Forwarded-Proto": "gopher"}
    async with listening(gateway) as one, await start(folder, [one]) as client:
        for path in ("/docs", "/health", "/v1/events", "/v1/exports/history"):
            await client.get(path, headers=said)
        await client.post("/v1/subscriptions", headers=said)
        await client.post("/v1/subscriptions", headers={**said, "Idempotency-Key": "k"})

    assert len(gateway.taken) == 6
    for head in gateway.taken:
        lines = head.lower().split("\r\n")
        assert {"host: bets.example.com:8443", "x-real-ip: 127.0.0.1", "x-forwarded-proto: http"} <= set(lines)
        assert not [line for line in lines if "1.2.3.4" in line or "gopher" in line]


async def test_questions_for_health_are_not_logged(folder: ServersFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    log = folder.process("nginx").folder / "access.log"
    monkeypatch.setattr(Nginx, "access_log", f"{log.name} json")
    gateway = Upstream("gateway")
    async with listening(gateway) as one, await start(folder, [one]) as client:
        for path in ("/health", "/v1/events", "/health", "/docs"):
            await client.get(path)

        def logged() -> list[str]:
            return [json.loads(line)["uri"] for line in log.read_text("utf-8").splitlines()]

        await until(lambda: "/docs" in logged())

    assert logged() == ["/v1/events", "/docs"]


async def test_what_is_larger_than_any_request_of_ours_does_not_reach_a_gateway(folder: ServersFolder) -> None:
    gateway = Upstream("gateway")
    async with listening(gateway) as one, await start(folder, [one]) as client:
        body = await client.post("/v1/subscriptions", content=b"x" * (_MEGABYTE + 1))
        header = await client.get("/v1/events", headers={"X-Long": "x" * 16_385})
        fitting = await client.get("/v1/events", headers={"X-Long": "x" * 16_000})

    assert (body.status_code, header.status_code, fitting.status_code) == (413, 400, 200)
    assert len(gateway.taken) == 1


async def test_an_address_that_asks_faster_than_its_rate_is_refused_when_its_burst_is_used_up(
    folder: ServersFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Nginx, "rate", "1r/m")
    gateway = Upstream("gateway")
    async with listening(gateway) as one, await start(folder, [one]) as client:
        port = client.base_url.port
        assert port is not None
        # nginx takes a thousand of a connection.
        said = b"".join([await _all_at_once(port, 700) for _ in range(3)])

    assert said.count(b"HTTP/1.1 200") == _BURST + 1
    assert said.count(b"HTTP/1.1 429") == 3 * 700 - (_BURST + 1)


async def _all_at_once(port: int, number: int) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    request = b"GET /docs HTTP/1.1\r\nHost: nginx\r\n"
    writer.write((request + b"\r\n") * (number - 1) + request + b"Connection: close\r\n\r\n")
    said = await reader.read(-1)
    writer.close()
    return said


@pytest.mark.parametrize("path", ["/v1/exports/history", "/v1/stream"])
async def test_what_takes_its_time_is_waited_for_while_other_reads_are_given_up(
    folder: ServersFolder, path: str
) -> None:
    gateway = Upstream("gateway", frozen=True, held=path)
    async with listening(gateway) as one, await start(folder, [one]) as client:
        long = asyncio.create_task(client.get(path))
        await until(lambda: bool(gateway.taken))
        given_up = await client.get("/v1/events")
        assert not long.done()
        gateway.event.set()
        answer = await long

    assert given_up.status_code == httpx.codes.GATEWAY_TIMEOUT
    assert 2 <= given_up.elapsed.total_seconds() < _SOON
    assert answer.status_code == httpx.codes.OK


async def test_behind_a_load_balancer_a_client_is_whom_it_names_and_has_a_share_of_his_own(
    folder: ServersFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Nginx, "connections", 1)
    beside = folder.process("nginx").make_folder() / "real-ip.conf"
    beside.write_text(_REAL_IP.read_text("utf-8").replace("${BALANCER}", "127.0.0.1"), "utf-8")
    beside.chmod(0o644)
    gateway = Upstream("gateway")
    first, second = ({"X-Forwarded-For": f"1.2.3.4, {client}"} for client in ("192.0.2.1", "192.0.2.2"))
    async with (
        listening(gateway) as one,
        await start(folder, [one]) as client,
        client.stream("GET", "/v1/stream", headers=first),
    ):
        statuses = [(await client.get("/v1/events", headers=headers)).status_code for headers in (first, second)]
        gateway.event.set()

    assert statuses == [httpx.codes.TOO_MANY_REQUESTS, httpx.codes.OK]
    for head, address in zip(gateway.taken, ("192.0.2.1", "192.0.2.2"), strict=True):
        assert {f"x-real-ip: {address}", f"x-forwarded-for: {address}"} <= set(head.lower().split("\r\n"))
