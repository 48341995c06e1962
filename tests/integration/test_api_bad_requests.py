"""Requests that cannot be answered: each a problem that says what to do, and repeats little of what was sent."""

import asyncio
import json

import pytest

from fixtures.api_gateway import Gateway, served

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
