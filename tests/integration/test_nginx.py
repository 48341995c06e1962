"""nginx before gateways: what it tries again, what it does not, and that events pass through it at once."""

import asyncio

import pytest

from bet_intel.api.problem_types import PROBLEM_TYPES
from bet_intel.compose.servers.folder import ServersFolder
from bet_intel.compose.servers.nginx import Nginx
from bet_intel.compose.servers.ports import free_port
from fixtures.before_gateways import Upstream, folder, listening, start
from fixtures.waiting import until

__all__ = ["folder"]

pytestmark = pytest.mark.integration

_TOGETHER = 90
_FAILURES = 3
"""After which nginx leaves a gateway out."""
_SOON = 30.0
"""Seconds: half of what nginx waits where it is not told for how long, and far from what a slow machine adds."""


async def test_requests_go_to_every_gateway_and_name_the_client(folder: ServersFolder) -> None:
    first, second = Upstream("first"), Upstream("second")
    async with listening(first) as one, listening(second) as two, await start(folder, [one, two]) as client:
        answers = {(await client.get("/v1/events", headers={"X-Forwarded-For": "1.2.3.4"})).text for _ in range(6)}

    assert answers == {"first", "second"}
    assert all("x-forwarded-for: 127.0.0.1\r\n" in head.lower() for head in first.taken + second.taken)
    assert not any("1.2.3.4" in head for head in first.taken + second.taken)


async def test_connections_to_a_gateway_are_used_again_however_many_ask_together(folder: ServersFolder) -> None:
    gateway = Upstream("gateway", together=_TOGETHER)
    # All are answered when the last of them has come: a read has two seconds, an export as long as it takes.
    path = "/v1/exports/history"
    async with listening(gateway) as one, await start(folder, [one]) as client:
        for _ in range(3):
            answers = await asyncio.gather(*(client.get(path) for _ in range(_TOGETHER)))
            assert {answer.status_code for answer in answers} == {200}

    assert (len(gateway.taken), gateway.connections) == (3 * _TOGETHER, _TOGETHER)


async def test_who_takes_more_than_a_share_is_told_as_the_gateways_tell(
    folder: ServersFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Nginx, "connections", 1)
    gateway = Upstream("gateway")
    async with listening(gateway) as one, await start(folder, [one]) as client, client.stream("GET", "/v1/stream"):
        for path in ("/v1/events", "/v1/exports/history", "/v1/stream", "/docs"):
            refused = await client.get(path)
            assert (refused.status_code, refused.headers["content-type"]) == (429, "application/problem+json")
            assert refused.headers["retry-after"] == "1"
            problem = refused.json()
            assert problem["type"] in {f"/problems/{kind.name}" for kind in PROBLEM_TYPES}
            assert (problem["status"], "detail" in problem) == (429, True)
        gateway.event.set()


async def test_a_read_that_a_gateway_dies_of_is_answered_by_another(folder: ServersFolder) -> None:
    broken, good = Upstream("broken", broken=True), Upstream("good")
    async with listening(broken) as one, listening(good) as two, await start(folder, [one, two]) as client:
        answers = [await client.get("/v1/events") for _ in range(10)]

    assert len(broken.taken) == _FAILURES
    assert [answer.text for answer in answers] == ["good"] * 10


_KEYLESS: list[tuple[str, dict[str, str]]] = [(method, {}) for method in ("POST", "PATCH", "PUT", "DELETE")]
# The gateways keep answers by the keys of POST alone.
_KEYS_OF_OTHERS = [(method, {"Idempotency-Key": "k"}) for method in ("PATCH", "PUT", "DELETE")]


@pytest.mark.parametrize(("method", "headers"), _KEYLESS + _KEYS_OF_OTHERS)
@pytest.mark.parametrize("answer", ["", "500 Internal Server Error"], ids=["dies", "500"])
async def test_a_write_is_tried_again_only_with_an_idempotency_key(
    folder: ServersFolder, method: str, headers: dict[str, str], answer: str
) -> None:
    failing = [Upstream(name, broken=not answer, status=answer) for name in ("first", "second")]
    async with listening(failing[0]) as one, listening(failing[1]) as two, await start(folder, [one, two]) as client:
        said = await client.request(method, "/v1/subscriptions/1", headers=headers)
    assert said.status_code == (500 if answer else 502)
    assert sum(len(gateway.taken) for gateway in failing) == 1


@pytest.mark.parametrize("method", ["POST", "PATCH", "PUT", "DELETE"])
async def test_a_write_that_nobody_has_got_is_sent_to_another(folder: ServersFolder, method: str) -> None:
    good = Upstream("good")
    async with listening(good) as one, await start(folder, [f"127.0.0.1:{free_port()}", one]) as client:
        answers = [await client.request(method, "/v1/subscriptions/1") for _ in range(2)]
    assert [answer.text for answer in answers] == ["good"] * 2
    assert len(good.taken) == 2


@pytest.mark.parametrize("path", ["/v1/subscriptions?x=1", "/api/opportunities/refresh"])
async def test_a_write_with_an_idempotency_key_is_answered_by_another(folder: ServersFolder, path: str) -> None:
    broken, good = Upstream("broken", broken=True), Upstream("good")
    async with listening(broken) as one, listening(good) as two, await start(folder, [one, two]) as client:
        answer = await client.post(path, headers={"Idempotency-Key": "k"})
    assert answer.text == "good"
    assert [head.split("\r\n")[0] for head in broken.taken + good.taken] == [f"POST {path} HTTP/1.1"] * 2
    assert "idempotency-key: k\r\n" in good.taken[0].lower()


@pytest.mark.parametrize("path", ["/health", "/livez", "/readyz", "/docs", "/api/opportunities", "/v1/events"])
async def test_a_frozen_gateway_holds_neither_readers_nor_writes_with_a_key(folder: ServersFolder, path: str) -> None:
    frozen, good = Upstream("frozen", frozen=True), Upstream("good")
    key = {"Idempotency-Key": "k"}
    async with listening(frozen) as one, listening(good) as two, await start(folder, [one, two]) as client:
        asking = [client.get(path) for _ in range(4)]
        asking += [client.post(path, headers=key) for _ in range(4) if path != "/health"]
        answers = await asyncio.gather(*asking)

    assert [answer.text for answer in answers] == ["good"] * len(answers)
    assert frozen.taken
    assert max(answer.elapsed.total_seconds() for answer in answers) < _SOON


async def test_gateways_that_have_all_failed_are_asked_all_the_same(folder: ServersFolder) -> None:
    """As when what all of them wait for was away for a moment."""
    gateways = [Upstream("first", broken=True), Upstream("second", broken=True)]
    key = {"Idempotency-Key": "k"}
    async with (
        listening(gateways[0]) as one,
        listening(gateways[1]) as two,
        await start(folder, [one, two]) as client,
    ):
        for _ in range(2 * _FAILURES):
            assert (await client.get("/v1/events")).status_code == 502
        for gateway in gateways:
            gateway.broken = False
        answers = [await client.get("/v1/events") for _ in range(4)]
        answers += [await client.post("/v1/subscriptions", headers=headers) for headers in (key, {}) for _ in range(4)]
    assert [answer.status_code for answer in answers] == [200] * 12


async def test_events_pass_as_they_come(folder: ServersFolder) -> None:
    gateway = Upstream("gateway")
    async with (
        listening(gateway) as one,
        await start(folder, [one]) as client,
        client.stream("GET", "/v1/stream") as answer,
    ):
        lines = answer.aiter_lines()
        assert await anext(lines) == "data: one"
        gateway.event.set()
        assert [line async for line in lines if line] == ["data: two"]


async def test_gateways_are_replaced_while_it_runs(folder: ServersFolder) -> None:
    first, second = Upstream("first"), Upstream("second")
    async with listening(first) as one, listening(second) as two, await start(folder, [one]) as client:
        assert (await client.get("/", headers={"Connection": "close"})).text == "first"
        nginx = Nginx.find(folder)
        assert nginx is not None
        pid = nginx.pid()
        nginx.use([two])

        async def replaced() -> bool:
            # The old worker closes connections that are kept: each request has one of its own.
            return (await client.get("/", headers={"Connection": "close"})).text == "second"

        await until(replaced)
        assert nginx.pid() == pid
