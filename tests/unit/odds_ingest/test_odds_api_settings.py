"""Settings of the provider, and that they keep their secret."""

import pytest
from pydantic import ValidationError

from bet_intel.odds_ingest.providers.the_odds_api.settings import OddsApiSettings


@pytest.fixture(autouse=True)
def _key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BET_INTEL_ODDS_API_KEY", "s3cr3t ")


def test_the_key_alone_is_enough() -> None:
    settings = OddsApiSettings()
    assert settings.key.get_secret_value() == "s3cr3t"
    assert settings.url == "https://api.the-odds-api.com"
    assert settings.leagues
    assert "s3cr3t" not in repr(settings)
    assert "s3cr3t" not in settings.model_dump_json()


def test_lists_have_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BET_INTEL_ODDS_API_LEAGUES", "soccer_epl, baseball_mlb,soccer_epl")
    assert OddsApiSettings().leagues == ("soccer_epl", "baseball_mlb")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("LEAGUES", "Premier League"),
        ("LEAGUES", ""),
        ("URL", "ftp://example.org"),
        ("URL", "https://example.org?apiKey=1"),
        ("URL", "https://user:pass@example.org"),
        ("URL", "garbage"),
        ("URL", "http://[::1"),
        ("URL", "http://127.0.0.1:99999"),
        ("URL", "http://exa mple.org"),
        ("URL", "https://api.the-odds-api.com/v4/"),
        ("READ_TIMEOUT", "inf"),
        ("INTERVAL", "nan"),
        ("KEY", "s3cr3t s3cr3t"),
        ("ODDS_FORMAT", "fractional"),
    ],
)
def test_wrong_ones_are_refused_without_showing_a_value(name: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(f"BET_INTEL_ODDS_API_{name}", value)
    with pytest.raises(ValidationError) as raised:
        OddsApiSettings()
    assert "s3cr3t" not in str(raised.value)
    assert raised.value.errors()[0]["loc"][0] == name.lower()
