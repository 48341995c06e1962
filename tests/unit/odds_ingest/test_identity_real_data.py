"""Real payloads: no event of theirs is taken for another."""

import gzip
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from bet_intel.odds_ingest.domain.identity import identify
from bet_intel.odds_ingest.domain.state import EventState, advance
from bet_intel.odds_ingest.providers.the_odds_api.parse import parse_response
from fixtures.odds_payloads import SHARED_DATA

NO_DATA = "the real payloads are not beside this checkout: ../shared/data"


class _Line(msgspec.Struct):
    response: msgspec.Raw


def test_no_event_of_twelve_sports_is_taken_for_another() -> None:
    folder = SHARED_DATA / "odds_api_world_2026_04_16" / "v4_json_reconstructed"
    if not folder.exists():
        pytest.skip(NO_DATA)
    for path in sorted(folder.glob("*.json")):
        parsed = parse_response(path.read_bytes(), provider="the_odds_api")
        identified = identify(parsed.events, [], parsed.leagues)
        assert len(identified.shown) == len(parsed.events) > 0
        assert (identified.rejections, identified.notes) == ([], [])


def test_two_days_of_series_between_the_same_teams_are_as_many_events_as_they_have_ids() -> None:
    recording = _recording()
    known: dict[str, EventState] = {}
    for line in gzip.decompress(recording.read_bytes()).splitlines():
        response = msgspec.json.decode(line, type=_Line).response
        parsed = parse_response(bytes(response), provider="the_odds_api")
        identified = identify(parsed.events, known.values(), parsed.leagues)
        assert (identified.rejections, identified.notes) == ([], [])
        assert {id: id for id in identified.shown} == identified.told_ids
        for id, odds in identified.shown.items():
            known[id] = advance(known.get(id), odds, datetime(2026, 8, 4, tzinfo=UTC), 1)
    assert len(known) == 38


def _recording() -> Path:
    paths = sorted((SHARED_DATA / "odds_api_mlb_5min").glob("*.jsonl.gz"))
    if not paths:
        pytest.skip(NO_DATA)
    return paths[0]
