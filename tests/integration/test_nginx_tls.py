"""nginx with the example of TLS: what a client is offered and refused, and what the gateways are told."""

import asyncio
import ssl
import warnings
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any, cast

import httpx
import pytest
from starlette.types import Receive, Scope, Send

from bet_intel.api.app import Api
from bet_intel.api.server import THIS_MACHINE, listen, serve
from bet_intel.compose.servers.folder import ServersFolder
from fixtures.before_gateways import Upstream, folder, listening, start
from fixtures.tls import Example, example
from fixtures.waiting import running

__all__ = ["folder"]

pytestmark = pytest.mark.integration

_HSTS = "strict-transport-security"
_CLIENT = "127.0.0.9"
"""Of this machine, and not the address that nginx has."""
_STRANGER = "192.0.2.1"


@dataclass(frozen=True, slots=True)
class Both:
    """Clients of one nginx."""

    plain: httpx.AsyncClient
    secure: httpx.AsyncClient
    example: Example


@asynccontextmanager
async def before(folder: ServersFolder, *gateways: str) -> AsyncIterator[Both]:
    """nginx with the example before gateways."""
    told = example(folder)
    async with (
        await start(folder, gateways) as plain,
        httpx.AsyncClient(
            transport=httpx.AsyncHTTPTransport(verify=told.context(), local_address=_CLIENT),
            base_url=told.url,
            timeout=10,
        ) as secure,
    ):
        yield Both(plain, secure, told)


async def test_requests_over_tls_reach_the_gateways_which_are_told_so(folder: ServersFolder) -> None:
    gateway = Upstream("gateway")
    said = {"Host": "bets.example.com:8443", "X-Forwarded-Proto": "gopher", "X-Forwarded-For": "1.2.3.4"}
    async with listening(gateway) as one, before(folder, one) as asked:
        over_tls = [await asked.secure.get(path, headers=said) for path in ("/docs", "/v1/events", "/health")]
        over_tls.append(await asked.secure.post("/v1/subscriptions", headers=said))
        in_the_open = await asked.plain.get("/v1/events", headers=said)

    assert {(answer.http_version, answer.text) for answer in over_tls} == {("HTTP/1.1", "gateway")}
    assert in_the_open.text == "gateway"
    heads = [head.lower().split("\r\n") for head in gateway.taken]
    told = [[line for line in head if line.startswith(("host:", "x-forwarded-"))] for head in heads]
    host = "host: bets.example.com:8443"
    assert [set(lines) for lines in told] == [
        *([{host, f"x-forwarded-for: {_CLIENT}", "x-forwarded-proto: https"}] * 4),
        {host, "x-forwarded-for: 127.0.0.1", "x-forwarded-proto: http"},
    ]


async def test_browsers_are_told_over_tls_alone_to_stay_with_it(folder: ServersFolder) -> None:
    """RFC 6797, 7.2: over plain HTTP it must not be said. What nginx answers by itself says it too."""
    gateway = Upstream("gateway")
    async with listening(gateway) as one, before(folder, one) as asked:
        passed, plain = await asked.secure.get("/v1/events"), await asked.plain.get("/v1/events")
        refused = await asked.secure.post("/v1/subscriptions", content=b"x" * ((1 << 20) + 1))

    assert refused.status_code == httpx.codes.REQUEST_ENTITY_TOO_LARGE
    assert [answer.headers.get(_HSTS) for answer in (passed, refused)] == ["max-age=31536000"] * 2
    assert _HSTS not in plain.headers


async def test_events_pass_over_tls_as_they_come(folder: ServersFolder) -> None:
    gateway = Upstream("gateway")
    async with (
        listening(gateway) as one,
        before(folder, one) as asked,
        asked.secure.stream("GET", "/v1/stream") as answer,
    ):
        lines = answer.aiter_lines()
        assert await anext(lines) == "data: one"
        gateway.event.set()
        assert [line async for line in lines if line] == ["data: two"]


async def test_what_is_sent_in_the_open_to_the_port_of_tls_reaches_no_gateway(folder: ServersFolder) -> None:
    gateway = Upstream("gateway")
    async with listening(gateway) as one, before(folder, one) as asked:
        answer = await asked.plain.get(asked.example.url.replace("https", "http") + "/v1/events")

    assert answer.status_code == httpx.codes.BAD_REQUEST
    assert gateway.taken == []


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3], ids=lambda one: one.name)
async def test_versions_that_are_safe_are_spoken_with_a_secret_of_each_connection(
    folder: ServersFolder, version: ssl.TLSVersion
) -> None:
    gateway = Upstream("gateway")
    async with listening(gateway) as one, before(folder, one) as asked:
        spoken = await _spoken(asked.example, _context(asked.example, version))

    assert spoken.version() == {"TLSv1_2": "TLSv1.2", "TLSv1_3": "TLSv1.3"}[version.name]
    # Neither by HTTP/2, which the example does not offer.
    assert spoken.selected_alpn_protocol() == "http/1.1"
    cipher = spoken.cipher()
    assert cipher is not None
    assert cipher[0].startswith(("ECDHE-", "TLS_AES_", "TLS_CHACHA20_"))


@pytest.mark.parametrize(
    ("version", "ciphers", "reason"),
    [
        (ssl.TLSVersion.TLSv1, "ALL:@SECLEVEL=0", "PROTOCOL_VERSION"),
        (ssl.TLSVersion.TLSv1_1, "ALL:@SECLEVEL=0", "PROTOCOL_VERSION"),
        (ssl.TLSVersion.TLSv1_2, "ECDHE-RSA-AES128-SHA:ECDHE-ECDSA-AES128-SHA:@SECLEVEL=0", "HANDSHAKE_FAILURE"),
        (ssl.TLSVersion.TLSv1_2, "AES128-GCM-SHA256:@SECLEVEL=0", "HANDSHAKE_FAILURE"),
    ],
    ids=["TLS 1.0", "TLS 1.1", "a cipher that does not authenticate", "the same secret for all connections"],
)
async def test_what_is_not_safe_any_more_is_refused(
    folder: ServersFolder, version: ssl.TLSVersion, ciphers: str, reason: str
) -> None:
    gateway = Upstream("gateway")
    async with listening(gateway) as one, before(folder, one) as asked:
        with pytest.raises(ssl.SSLError) as refused:
            await _spoken(asked.example, _context(asked.example, version, ciphers))

    # Told by nginx, not found by the client itself.
    assert reason in str(refused.value.reason)
    assert "ALERT" in str(refused.value.reason)


@pytest.mark.parametrize(
    ("trusted", "believed"),
    [(THIS_MACHINE, f"https {_CLIENT}"), (_STRANGER, "http 127.0.0.1")],
    ids=["nginx", "another"],
)
async def test_a_gateway_believes_whom_it_trusts_that_a_request_came_over_tls(
    folder: ServersFolder, trusted: str, believed: str
) -> None:
    async with _gateway(trusted) as address, before(folder, address) as asked:
        assert (await asked.secure.get("/docs")).text == believed


async def test_a_gateway_believes_no_client_that_it_came_over_tls() -> None:
    said = {"X-Forwarded-Proto": "https", "X-Forwarded-For": "1.2.3.4"}
    transport = httpx.AsyncHTTPTransport(local_address=_CLIENT)
    async with _gateway(THIS_MACHINE) as address, httpx.AsyncClient(transport=transport) as client:
        assert (await client.get(f"http://{address}/docs", headers=said)).text == f"http {_CLIENT}"


@asynccontextmanager
async def _gateway(trusted: str) -> AsyncIterator[str]:
    """The server of the gateways with something that says by which scheme and by whom it was asked."""

    async def asgi(scope: Scope, _: Receive, send: Send) -> None:
        body = f"{scope['scheme']} {scope['client'][0]}".encode()
        headers = [(b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    listening_on = listen("127.0.0.1", 0)
    api = SimpleNamespace(asgi=asgi, connections=SimpleNamespace(set_function=lambda _: None), drain=lambda: None)
    async with running(serve(cast("Api", api), listening_on, trusted_proxies=trusted)):
        yield f"127.0.0.1:{listening_on.getsockname()[1]}"


def _context(told: Example, version: ssl.TLSVersion, ciphers: str = "") -> ssl.SSLContext:
    context = told.context()
    if ciphers:
        context.set_ciphers(ciphers)
    with warnings.catch_warnings():
        # Of the old ones Python warns; here they are to be refused.
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = context.maximum_version = version
    context.set_alpn_protocols(["h2", "http/1.1"])
    return context


async def _spoken(told: Example, context: ssl.SSLContext) -> ssl.SSLObject:
    """What client and server have agreed on."""
    _, writer = await asyncio.open_connection("127.0.0.1", told.port, ssl=context, server_hostname="127.0.0.1")
    agreed: Any = writer.get_extra_info("ssl_object")
    writer.close()
    return cast("ssl.SSLObject", agreed)
