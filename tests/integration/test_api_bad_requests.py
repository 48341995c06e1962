"""Requests that cannot be answered: each a problem that says what to do, and repeats little of what was sent."""

import asyncio
import json
import re
from typing import Any

import pytest

from bet_intel.api.protocol import Protocol
from fixtures.api_gateway import MIGRATIONS, Gateway, gateway_on, served
from fixtures.postgres import MakeDatabase
from fixtures.sse import streaming
from fixtures.waiting import until

__all__ = ["served"]

pytestmark = pytest.mark.integration


@pytest.mark.parametrize(
    "sent",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GET\r\n\r\n",
        b"GET /livez\x00 HTTP/1.1\r\nhost: x\r\n\r\n",
        b"GET /livez HTTP/9.9\r\n\r\n",
        b"GET /livez HTTP/1.1\r\nno colon\r\n\r\n",
        b"POST /v1/refresh HTTP/1.1\r\ncontent-length: many\r\n\r\n",
    ],
    ids=["TLS", "no target", "NUL", "version", "header", "length"],
)
async def test_what_is_no_http_is_a_problem(served: Gateway, sent: bytes) -> None:
    url = served.client.base_url
    reader, writer = await asyncio.open_connection(url.host, url.port)
    writer.write(sent)
    async with asyncio.timeout(5):
        answer = await reader.read()
    writer.close()
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400 Bad Request\r\n")
    assert b"content-type: application/problem+json" in head
    assert f"content-length: {len(body)}".encode() in head
    problem = json.loads(body)
    assert (problem["type"], problem["status"]) == ("/problems/malformed-request", 400)
    assert "HTTP/1.1" in problem["detail"]
    assert (await served.client.get("/livez")).status_code == 200


HALF_A_HEAD = b"GET /livez HTTP/1.1\r\nhost: x\r\n"


async def connected(served: Gateway) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    return await asyncio.open_connection(served.client.base_url.host, served.client.base_url.port)


async def told(reader: asyncio.StreamReader) -> tuple[bytes, dict[str, Any]]:
    """The status line and the problem of an answer after which the connection ends."""
    async with asyncio.timeout(10):
        head, _, body = (await reader.read()).partition(b"\r\n\r\n")
    return head.split(b"\r\n", 1)[0], json.loads(body)


async def answered(reader: asyncio.StreamReader) -> None:
    """Read an answer after which the connection stays."""
    async with asyncio.timeout(10):
        head = await reader.readuntil(b"\r\n\r\n")
        found = re.search(rb"content-length: (\d+)", head)
        assert head.startswith(b"HTTP/1.1 200 OK\r\n")
        assert found is not None
        await reader.readexactly(int(found[1]))


@pytest.mark.parametrize("begin", [b"GET /", HALF_A_HEAD, HALF_A_HEAD + b"x-long: "], ids=["path", "name", "value"])
async def test_a_head_without_end_is_not_kept(served: Gateway, begin: bytes) -> None:
    """Nothing in front of the gateway, and no piece of it too long."""
    reader, writer = await connected(served)
    writer.write(begin)
    answer, sent = asyncio.create_task(told(reader)), 0
    while not answer.done() and sent < 4_000_000:
        writer.write(b"x" * 8192)
        sent += 8192
        await writer.drain()
        await asyncio.sleep(0)
    status, problem = await answer
    assert sent < 4_000_000
    assert status == b"HTTP/1.1 431 Request Header Fields Too Large"
    assert (problem["type"], problem["status"]) == ("/problems/too-long", 431)
    writer.close()


async def test_heads_that_come_one_after_another_are_no_long_one(served: Gateway) -> None:
    """In pieces that end within a request, of which the connection has more than one head may have."""
    reader, writer = await connected(served)
    asked = b"GET /livez HTTP/1.1\r\nhost: x\r\nx-filler: " + b"x" * 1000 + b"\r\n\r\n"
    number = 100
    sent = asked * number
    for start in range(0, len(sent), 1500):
        writer.write(sent[start : start + 1500])
        await writer.drain()
    for _ in range(number):
        await answered(reader)
    writer.close()


@pytest.mark.parametrize("has_asked", [False, True], ids=["at first", "after an answer"])
@pytest.mark.parametrize("sent", [HALF_A_HEAD, b"\r\n"], ids=["half a head", "an empty line"])
async def test_who_sends_no_whole_request_does_not_stay(
    served: Gateway, sent: bytes, has_asked: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Protocol, "head_seconds", 0.05)
    reader, writer = await connected(served)
    if has_asked:
        writer.write(HALF_A_HEAD + b"\r\n")
        await answered(reader)
    writer.write(sent)
    if sent == HALF_A_HEAD:
        status, problem = await told(reader)
        assert (status, problem["type"]) == (b"HTTP/1.1 408 Request Timeout", "/problems/too-slow")
    else:
        async with asyncio.timeout(10):
            assert await reader.read() == b""
    writer.close()


async def test_a_body_without_an_end_is_refused_so_that_it_is_heard(served: Gateway) -> None:
    reader, writer = await connected(served)
    writer.write(
        b"POST /v1/devig HTTP/1.1\r\nHost: test\r\nContent-Type: application/json\r\nContent-Length: 4000000\r\n\r\n"
    )
    for _ in range(30):
        writer.write(bytes(100_000))
    status, _ = await told(reader)
    assert status.startswith(b"HTTP/1.1 413"), status
    writer.close()


async def test_who_hangs_up_within_a_body_is_no_failure_of_the_gateway(served: Gateway) -> None:
    url = served.client.base_url
    _, writer = await asyncio.open_connection(url.host, url.port)
    writer.write(b"POST /v1/devig HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 20\r\n\r\n{")
    await writer.drain()
    writer.close()

    async def is_counted() -> bool:
        return 'route="/v1/devig"' in (await served.client.get("/metrics")).text

    await until(is_counted)
    counted = [line for line in (await served.client.get("/metrics")).text.splitlines() if 'route="/v1/devig"' in line]
    assert [line for line in counted if "requests_total" in line] == [
        'bet_intel_http_requests_total{method="POST",route="/v1/devig",status="400"} 1.0'
    ]


async def test_who_sends_nothing_does_not_stay(served: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Protocol, "head_seconds", 0.05)
    reader, writer = await connected(served)
    async with asyncio.timeout(10):
        assert await reader.read() == b""
    writer.close()


async def test_who_is_answered_for_long_is_not_late(
    make_database: MakeDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with gateway_on(await make_database(MIGRATIONS), stream_heartbeat_seconds=0.1) as slow:
        # Every heartbeat comes when a head would have been late twice.
        monkeypatch.setattr(Protocol, "head_seconds", 0.05)
        async with streaming(slow.client) as stream:
            assert [(await stream.event()).name for _ in range(3)] == ["snapshot", "heartbeat", "heartbeat"]


@pytest.mark.parametrize("path", ["/metrics", "/livez", "/readyz", "/openapi.json", "/"])
async def test_addresses_without_parameters_take_none(served: Gateway, path: str) -> None:
    problem = await served.problem(f"{path}?name[]=up", 400)
    assert problem["detail"] == "Unknown parameter 'name[]'. This address takes no parameters."


async def test_little_is_repeated_of_what_was_sent(served: Gateway) -> None:
    name = "n" * 1500
    for path, status in (
        (f"/v1/opportunities?{name}=1", 400),
        (f"/v1/opportunities?min_ev={name}", 400),
        (f"/v1/{name}", 404),
        (f"/v1/events/{name}/odds", 404),
    ):
        response = await served.client.get(path)
        assert response.status_code == status
        assert "n" * 50 in response.text
        assert len(response.content) < 2000
