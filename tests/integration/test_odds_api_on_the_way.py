"""What stands between us and The Odds API, or its own clock, says things that are not to be believed."""

import asyncio
import gzip
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from pydantic import SecretStr

from bet_intel.odds_ingest.domain.budget import Budget
from bet_intel.odds_ingest.providers.the_odds_api.pollable import PollableOddsApi
from bet_intel.odds_ingest.providers.the_odds_api.settings import OddsApiSettings
from fixtures.fake_odds_api import FULL_MATCH, NOW, SOCCER, TWO_RESPONSES, fake_odds_api, write
from fixtures.odds_ingest_service import MIGRATIONS
from fixtures.postgres import MakeDatabase
from fixtures.scheduling import Feed, scheduled

pytestmark = pytest.mark.integration

BEGIN = datetime(2026, 1, 31, 12, tzinfo=UTC)


async def test_a_portal_that_asks_for_a_login_ends_nothing(make_database: MakeDatabase, tmp_path: Path) -> None:
    clock = Feed(BEGIN, {})
    page = b"HTTP/1.1 401 Unauthorized\r\ncontent-length: 7\r\nconnection: close\r\n\r\n<html/>"
    closed, seen = False, 0

    async with fake_odds_api([write(tmp_path / "tape.jsonl.gz", *TWO_RESPONSES)]) as stand:
        host, port = stand.url.removeprefix("http://").split(":")

        async def portal(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            nonlocal seen
            request = await reader.readuntil(b"\r\n\r\n")
            if closed and b"/odds?" in request.partition(b"\r\n")[0]:
                seen += 1
                writer.write(page)
            else:
                there, on = await asyncio.open_connection(host, int(port))
                on.write(request.replace(b"\r\n", b"\r\nconnection: close\r\n", 1))
                writer.write(await there.read())
                on.close()
            await writer.drain()
            writer.close()

        async with await asyncio.start_server(portal, "127.0.0.1", 0) as listening:
            url = f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
            settings = OddsApiSettings(key=SecretStr("local-key"), url=url, leagues=(SOCCER,))
            provider = PollableOddsApi(settings, lambda: clock.now, lambda: (clock.now - BEGIN).total_seconds())
            stand.opened.append(provider)
            async with scheduled(await make_database(MIGRATIONS), provider, clock, Budget(day=100)) as run:
                closed = True
                await run.until(BEGIN + timedelta(minutes=10))
                assert run.poller.failure is None
                assert run.statuses[-1].error_kind == "transient"
                assert "proxy" in run.statuses[-1].message
                # It was never charged.
                assert seen > 0
                assert (await run.quota.state()).left.day == 100


@pytest.mark.parametrize(
    ("recorded", "expected"),
    [("2099-01-01T00:00:00+00:00", NOW), ("2019-03-01T12:00:00+00:00", datetime(2019, 3, 1, 12, tzinfo=UTC))],
)
async def test_a_date_of_the_future_is_not_believed_and_one_of_a_recording_is(
    tmp_path: Path, recorded: str, expected: datetime
) -> None:
    path = tmp_path / "tape.jsonl.gz"
    path.write_bytes(gzip.compress(json.dumps({"captured_at": recorded, "response": [FULL_MATCH]}).encode() + b"\n"))
    async with fake_odds_api([path]) as stand:
        answer = await stand.provider(leagues=(SOCCER,)).fetch(0)
    assert answer.as_of == expected
