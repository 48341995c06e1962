"""Headers of answers: the next page, what protects a browser, who else's pages may ask."""

import re

import pytest
from pydantic import SecretStr, ValidationError

from bet_intel.api.settings import ApiSettings
from fixtures.api_gateway import MIGRATIONS, Gateway, gateway_on, served
from fixtures.api_messages import Market, Match, Offer, odds_changed, opportunities_updated
from fixtures.postgres import MakeDatabase

__all__ = ["served"]

pytestmark = pytest.mark.integration


async def ids_by_links(gateway: Gateway, path: str, name: str) -> list[str]:
    """What is listed, page by page, as the Link headers lead."""
    found: list[str] = []
    for _ in range(20):
        response = await gateway.client.get(path)
        assert response.status_code == 200, response.text
        found += [item[name] for item in response.json()["data"]]
        link = response.headers.get("link")
        assert (link is None) == (response.json()["next_cursor"] is None)
        if link is None:
            return found
        led = re.fullmatch(r'<(/[^>]*)>; rel="next"', link)
        assert led is not None
        path = led[1]
    raise AssertionError("the pages never end")


async def test_every_list_leads_to_its_next_page(served: Gateway) -> None:
    for number in range(5):
        match = Match(f"made_up:{number}", sport=f"sport{number}", league=f"league{number}")
        await served.tell(odds_changed(Market(f"market{number}"), match=match))
        await served.tell(opportunities_updated(Offer(f"o{number}", ev=0.02 + number / 100), match=match))
        body = {"event_id": match.id, "bookmaker": "alpha", "market": "h2h", "outcome": "home", "price": 2, "stake": 1}
        assert (await served.client.post("/v1/bets", json=body)).status_code == 201
    everything = [f"o{number}" for number in range(4, -1, -1)]
    assert await ids_by_links(served, "/v1/opportunities?limit=2&sport=sport0,sport1,sport2,sport3,sport4", "id") == (
        everything
    )
    # The second time as it is ready.
    assert await ids_by_links(served, "/v1/opportunities?limit=2", "id") == everything
    assert len(await ids_by_links(served, "/v1/events?limit=2", "id")) == 5
    assert await ids_by_links(served, "/v1/sports?limit=2", "sport") == [f"sport{number}" for number in range(5)]
    assert await ids_by_links(served, "/v1/bookmakers?limit=3", "key") == ["alpha", "beta", "delta", "gamma"]
    assert len(await ids_by_links(served, "/v1/events/made_up:1/history?limit=1", "bookmaker")) == 2
    assert len(set(await ids_by_links(served, "/v1/bets?limit=2", "id"))) == 5
    markets = [f"market{number}" for number in range(5)]
    # An opportunity of a market that no board has is in the list as well.
    assert await ids_by_links(served, "/v1/markets?limit=2", "market") == ["h2h", *markets]


async def test_markets_say_what_is_open_in_each(served: Gateway) -> None:
    await served.tell(
        odds_changed(Market(), Market("totals", 8.5), Market("totals", 9.5, status=2)),
        opportunities_updated(Offer(), Offer("o", market="totals", line=8.5, class_="suspect")),
    )
    answer = await served.get("/v1/markets")
    assert [
        (one["market"], one["open_events"], one["open_lines"], one["suspended_lines"], one["open_opportunities"])
        for one in answer["data"]
    ] == [("h2h", 1, 1, 0, {"take": 1}), ("totals", 1, 2, 1, {"suspect": 1})]
    assert (await served.get("/v1/markets", sport="soccer"))["data"] == []


async def test_every_answer_protects_a_browser(served: Gateway) -> None:
    for path in ("/v1/opportunities", "/v1/nothing", "/v1/opportunities?x=1", "/metrics", "/livez"):
        headers = (await served.client.get(path)).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["x-frame-options"] == "DENY"
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["content-security-policy"] == "default-src 'none'; frame-ancestors 'none'"
    await served.database.execute("alter table sporting_event rename to elsewhere")
    broken = await served.client.get("/v1/events")
    assert (broken.status_code, broken.headers["x-content-type-options"]) == (500, "nosniff")


async def test_other_pages_may_not_ask_unless_set(served: Gateway) -> None:
    answer = await served.client.get("/v1/opportunities", headers={"Origin": "https://example.com"})
    assert not [name for name in answer.headers if name.startswith("access-control")]


async def test_pages_of_the_origins_that_are_set_may_ask(make_database: MakeDatabase) -> None:
    async with gateway_on(await make_database(MIGRATIONS), cors_origins="https://example.com") as open_to_one:
        client, origin = open_to_one.client, {"Origin": "https://example.com"}
        answer = await client.get("/v1/opportunities", headers=origin)
        assert answer.headers["access-control-allow-origin"] == "https://example.com"
        assert "Link" in answer.headers["access-control-expose-headers"]
        other = await client.get("/v1/opportunities", headers={"Origin": "https://elsewhere.example"})
        assert "access-control-allow-origin" not in other.headers
        asked = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "idempotency-key"}
        before = await client.options("/v1/bets", headers={**origin, **asked})
        assert (before.status_code, before.headers["access-control-allow-origin"]) == (200, "https://example.com")
        assert (await client.options("/v1/bets")).headers["allow"] == "GET, HEAD, OPTIONS, POST"
        failed = await client.get("/v1/opportunities?x=1", headers=origin)
        assert (failed.status_code, failed.headers["access-control-allow-origin"]) == (400, "https://example.com")


@pytest.mark.parametrize("path", ["/v1/refresh", "/api/opportunities/refresh"])
async def test_a_page_of_another_site_spends_nothing_where_no_key_is_asked_for(served: Gateway, path: str) -> None:
    """Whoever looks at a page on the machine of a gateway would ask it, without knowing."""
    for origin in ("https://evil.example", "null", "http://127.0.0.1:1"):
        form = {"Origin": origin, "Content-Type": "text/plain"}
        refused = await served.client.post(path, content="{}", headers=form)
        assert (refused.status_code, refused.json()["type"]) == (403, "/problems/forbidden")
        assert "BET_INTEL_API_CORS_ORIGINS" in refused.json()["detail"]
    assert await served.database.fetchval("select count(*) from refresh") == 0
    own = {"Origin": str(served.client.base_url).rstrip("/")}
    assert (await served.client.post(path, headers=own)).status_code == 202


async def test_a_page_that_is_named_may_write_as_its_visitor(make_database: MakeDatabase) -> None:
    async with gateway_on(await make_database(MIGRATIONS), cors_origins="https://example.com") as open_to_one:
        origin = {"Origin": "https://example.com"}
        assert (await open_to_one.client.post("/v1/refresh", headers=origin)).status_code == 202


@pytest.mark.parametrize(
    "origins", ["example.com", "https://example.com/", "https://example.com/path", "*,https://example.com", "null"]
)
def test_what_is_no_origin(origins: str) -> None:
    with pytest.raises(ValidationError, match="origin"):
        ApiSettings(dsn=SecretStr("x"), cors_origins=origins)  # type: ignore[arg-type]


async def test_an_answer_given_again_has_its_headers(make_database: MakeDatabase) -> None:
    key = SecretStr("a" * 43 + "=")
    async with gateway_on(await make_database(MIGRATIONS), secrets_key=key) as gateway:
        body = {"webhook": {"url": "https://example.com/hook"}}
        first, again = [
            await gateway.client.post("/v1/subscriptions", json=body, headers={"Idempotency-Key": "once"})
            for _ in range(2)
        ]
        assert (first.status_code, again.status_code) == (201, 201)
        assert first.json() == again.json()
        assert again.headers["idempotency-replayed"] == "true"
        assert again.headers["etag"] == first.headers["etag"]
        assert again.headers["location"] == first.headers["location"]
        changed = await gateway.client.put(
            again.headers["location"], json=body, headers={"If-Match": again.headers["etag"]}
        )
        assert changed.status_code == 200
