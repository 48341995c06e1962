"""What is asked for again is ready as bytes: answers are the same as on the long way, and never older than allowed."""

import gzip
import re
from collections.abc import AsyncIterator

import httpx
import pytest

from fixtures.api_gateway import MIGRATIONS, Gateway, gateway_on
from fixtures.api_messages import Market, odds_changed
from fixtures.postgres import MakeDatabase
from fixtures.ready_offers import FOREVER, LIST, OPERATOR, TOKEN, made_anew, offers
from fixtures.waiting import until

pytestmark = pytest.mark.integration


@pytest.fixture
async def served(make_database: MakeDatabase) -> AsyncIterator[Gateway]:
    """Nothing is made anew unless its read model moves, and what is not so any more is given out for an hour."""
    async with gateway_on(await make_database(MIGRATIONS), ready_stale_seconds=FOREVER) as opened:
        await opened.tell(odds_changed(Market()), offers(1, 30))
        yield opened


async def test_the_second_answer_is_that_of_the_long_way(served: Gateway) -> None:
    first, second = [await served.client.get(LIST) for _ in range(2)]
    assert second.content == first.content
    same = {name for name in first.headers if name not in ("date", "x-request-id")}
    assert {name: second.headers[name] for name in same} == {name: first.headers[name] for name in same}
    assert set(second.headers) == set(first.headers)
    assert second.headers["x-request-id"] != first.headers["x-request-id"]


async def test_a_request_id_is_taken_over_unless_it_is_none(served: Gateway) -> None:
    for sent, taken in (("mine-1", True), ("not an id", False)):
        answers = [await served.client.get(LIST, headers={"X-Request-Id": sent}) for _ in range(2)]
        assert [(answer.headers["x-request-id"] == sent) for answer in answers] == [taken, taken]


@pytest.mark.parametrize("coding", ["gzip", "br", "zstd"])
async def test_codings_hold_the_same(served: Gateway, coding: str) -> None:
    plain = await served.client.get(LIST, headers={"Accept-Encoding": "identity"})
    for _ in range(2):
        answer = await served.client.get(LIST, headers={"Accept-Encoding": coding})
        assert answer.headers["content-encoding"] == coding
        assert answer.content == plain.content
        assert int(answer.headers["content-length"]) < len(plain.content) / 4
        assert answer.headers["etag"] != plain.headers["etag"]


async def test_an_answer_that_is_known_is_not_sent_again_in_any_coding(served: Gateway) -> None:
    plain, packed = [
        await served.client.get(LIST, headers={"Accept-Encoding": coding}) for coding in ("identity", "gzip")
    ]
    for known in (plain.headers["etag"], packed.headers["etag"], f'"other", W/{plain.headers["etag"]}', "*"):
        for coding in ("identity", "gzip", "br"):
            answer = await served.client.get(LIST, headers={"If-None-Match": known, "Accept-Encoding": coding})
            assert (answer.status_code, answer.content) == (304, b"")
            assert "content-type" not in answer.headers
    other = await served.client.get(LIST, headers={"If-None-Match": '"another"'})
    assert other.status_code == 200


async def test_it_is_made_anew_when_the_read_model_moves(served: Gateway) -> None:
    before = await served.ids()
    await served.ids()
    made = await made_anew(served)
    await served.tell(offers(2, 3))

    async def renewed() -> bool:
        return await made_anew(served) > made

    await until(renewed)
    assert await served.ids() == ["offer 002", "offer 001", "offer 000"] != before


async def test_what_was_written_or_seen_elsewhere_is_waited_for(served: Gateway) -> None:
    await served.ids()
    await served.database.execute("delete from opportunity")
    position = await served.database.fetchval("select pg_current_wal_flush_lsn()::text")
    high, low = position.split("/")
    token = f"1-{(int(high, 16) << 32) + int(low, 16):X}"
    answer = await served.client.get(LIST, headers={"Read-After": token})
    assert answer.json()["data"] == []


async def test_a_wrong_question_is_refused_however_often(served: Gateway) -> None:
    answers = [await served.client.get(f"{LIST}?sprot=soccer") for _ in range(3)]
    assert [answer.status_code for answer in answers] == [400, 400, 400]


async def test_requests_are_counted_whichever_way_they_took(served: Gateway) -> None:
    for _ in range(5):
        await served.client.get(LIST)
    await served.client.get(LIST, headers={"If-None-Match": "*"})
    metrics = (await served.client.get("/metrics")).text
    assert f'bet_intel_http_requests_total{{method="GET",route="{LIST}",status="200"}} 5.0' in metrics
    assert f'bet_intel_http_requests_total{{method="GET",route="{LIST}",status="304"}} 1.0' in metrics
    assert f'bet_intel_http_request_seconds_count{{route="{LIST}"}} 6.0' in metrics


async def test_no_more_are_kept_than_were_wanted(make_database: MakeDatabase) -> None:
    async with gateway_on(await make_database(MIGRATIONS), ready_answers=2) as few:
        await few.tell(odds_changed(Market()), offers(1, 3))
        for limit in range(1, 6):
            assert len(await few.ids(limit=limit)) == min(limit, 3)
        assert "bet_intel_api_ready_answers 2.0" in (await few.client.get("/metrics")).text


async def test_who_asks_for_something_new_each_time_takes_nobodys_place(make_database: MakeDatabase) -> None:
    """An answer that is ready does not look into the cache."""

    async def looked_up(few: Gateway) -> float:
        metrics = (await few.client.get("/metrics")).text
        not_ready = r'^bet_intel_cache_requests_total\{result="(?:hit|shared|miss)"\} (.*)$'
        return sum(map(float, re.findall(not_ready, metrics, re.MULTILINE)))

    async with gateway_on(await make_database(MIGRATIONS), ready_answers=2) as few:
        await few.tell(odds_changed(Market()))
        for _ in range(2):
            await few.get("/v1/events")
        for limit in range(1, 6):
            await few.get("/v1/events", limit=limit)
        before = await looked_up(few)
        assert before > 0
        await few.get("/v1/events")
        await few.get("/v1/events", limit=5)
        assert await looked_up(few) == before


async def test_bytes_of_gzip_are_what_the_header_says(served: Gateway) -> None:
    async with served.client.stream("GET", LIST, headers={"Accept-Encoding": "gzip"}) as answer:
        raw = b"".join([part async for part in answer.aiter_raw()])
    assert isinstance(answer, httpx.Response)
    assert gzip.decompress(raw).startswith(b'{"data":')


async def test_an_old_address_says_that_it_is_one_however_often(served: Gateway) -> None:
    answers = [await served.client.get("/api/opportunities") for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 200]
    assert all("deprecation" in answer.headers for answer in answers)


async def test_browsers_are_held_back_by_ready_answers_too(served: Gateway) -> None:
    answers = [await served.client.get(LIST) for _ in range(2)]
    assert [answer.headers["x-content-type-options"] for answer in answers] == ["nosniff", "nosniff"]


async def test_a_quota_holds_for_ready_answers(make_database: MakeDatabase) -> None:
    """Without a key: 30 requests a minute, whichever way they take."""
    async with gateway_on(await make_database(MIGRATIONS), access="keys") as closed:
        await closed.tell(odds_changed(Market()), offers(1, 3))
        answers = [await closed.client.get(LIST) for _ in range(35)]
    assert [answer.status_code for answer in answers] == [200] * 30 + [429] * 5
    left = [answer.headers["ratelimit"] for answer in answers[:30]]
    assert [one.split(";")[1] for one in left] == [f"r={30 - number}" for number in range(1, 31)]
    assert all("x-request-id" in answer.headers for answer in answers)
    refused = answers[-1]
    assert refused.json()["type"] == "/problems/quota-exceeded"
    assert int(refused.headers["retry-after"]) > 0


async def test_views_are_not_mixed_up(make_database: MakeDatabase) -> None:
    """Who has no key sees later what the operator sees at once."""
    async with gateway_on(await make_database(MIGRATIONS), access="keys", operator_token=TOKEN) as closed:
        await closed.tell(odds_changed(Market()), offers(1, 3))
        seen = [
            len((await closed.client.get(LIST, headers=headers)).json()["data"])
            for headers in ({}, OPERATOR, {}, OPERATOR)
        ]
        wrong = await closed.client.get(LIST, headers={"Authorization": "Bearer nobody's"})
    assert seen == [0, 3, 0, 3]
    assert wrong.status_code == 401
