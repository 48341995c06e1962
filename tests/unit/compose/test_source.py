"""What `bet-intel up` reads, by its options and the environment."""

import time

import pytest

from bet_intel.odds_ingest.providers.port import InvalidSourceError
from bet_intel.odds_ingest.providers.the_odds_api.provider import OddsApiProvider
from bet_intel.odds_ingest.source import Source, open_source
from bet_intel.shared.times import system_clock


def source(text: str | None = None, speed: str | None = None, seed: int | None = None) -> Source:
    return open_source(text, speed, seed, system_clock, time.monotonic)


def test_without_a_key_it_is_the_simulator() -> None:
    assert source().identity == "simulator:1"


def test_a_key_alone_makes_it_the_odds_api(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BET_INTEL_ODDS_API_KEY", "s3cr3t")
    opened = source()
    assert isinstance(opened.provider, OddsApiProvider)
    assert opened.provider.is_live
    assert (opened.identity, opened.folder) == ("the_odds_api", "the-odds-api")
    assert "s3cr3t" not in repr(opened)
    assert source("simulator").identity == "simulator:1"
    assert source(seed=3).identity == "simulator:3", "what else is asked for goes before"


def test_another_address_has_data_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BET_INTEL_ODDS_API_KEY", "s3cr3t")
    monkeypatch.setenv("BET_INTEL_ODDS_API_URL", "http://127.0.0.1:8100/")
    opened = source()
    assert opened.identity == "the_odds_api:http://127.0.0.1:8100"
    assert opened.folder.startswith("the-odds-api-")
    assert not opened.provider.is_live


def test_the_odds_api_without_a_key_says_what_is_missing() -> None:
    with pytest.raises(InvalidSourceError, match="BET_INTEL_ODDS_API_KEY"):
        source("the_odds_api")


def test_nobody_to_ask_for_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BET_INTEL_ODDS_API_KEY", "s3cr3t")
    monkeypatch.setenv("BET_INTEL_ODDS_API_REGIONS", "")
    with pytest.raises(InvalidSourceError, match="BET_INTEL_ODDS_API_REGIONS"):
        source()


def test_a_live_source_has_no_speed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BET_INTEL_ODDS_API_KEY", "s3cr3t")
    with pytest.raises(InvalidSourceError, match="--speed"):
        source("the_odds_api", speed="2")
