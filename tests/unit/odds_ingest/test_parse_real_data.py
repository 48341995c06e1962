"""Real responses of several years are read without losing anything but what is truly broken in them."""

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from bet_intel.odds_ingest.domain.quotes import Side
from bet_intel.odds_ingest.providers.the_odds_api.parse import parse_response
from fixtures.odds_payloads import SHARED_DATA, prices

pytestmark = pytest.mark.skipif(not SHARED_DATA.is_dir(), reason=f"no real odds at {SHARED_DATA}")

OLD = sorted((SHARED_DATA / "odds_api_v4_2021").glob("*.json"))
WORLD = sorted((SHARED_DATA / "odds_api_world_2026_04_16" / "v4_json_reconstructed").glob("*.json"))


def outcomes(response: list[dict[str, Any]]) -> list[tuple[dict[str, Any], dict[str, Any], dict[str, Any]]]:
    return [
        (bookmaker, market, outcome)
        for event in response
        for bookmaker in event["bookmakers"]
        for market in bookmaker["markets"]
        for outcome in market["outcomes"]
    ]


@pytest.mark.parametrize("path", [*OLD, *WORLD], ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_every_sound_price_of_a_real_response_is_read(path: Path) -> None:
    text = path.read_bytes()
    written = outcomes(json.loads(text))
    # The rebuilt files hold prices of 1.0 and, for some bookmakers, no time at all.
    sound = [row for row in written if row[2]["price"] > 1 and (row[0]["last_update"] or row[1].get("last_update"))]

    parsed = parse_response(text, provider="the_odds_api")

    read = prices(parsed.events)
    assert len(read) == len(sound)
    assert sorted(read.values()) == sorted(round(row[2]["price"], 4) for row in sound)
    assert sum(quote.side is Side.LAY for _, _, quote in read) == sum("_lay" in row[1]["key"] for row in sound)
    assert bool(parsed.rejections) == (len(sound) < len(written))


def test_an_american_recording_is_read_whole() -> None:
    path = SHARED_DATA / "odds_api_mlb_5min" / "mlb_2026-08-04_2026-08-05.jsonl.gz"
    seen = 0
    with gzip.open(path) as lines:
        for number, line in enumerate(lines):
            if number % 40:
                continue
            response = json.loads(line)["response"]

            parsed = parse_response(response, provider="the_odds_api")

            assert parsed.rejections == ()
            read = prices(parsed.events)
            assert len(read) == len(outcomes(response))
            assert all(1 < price < 102 for price in read.values())
            seen += len(read)
    assert seen > 10_000
