"""What is one team's name spelled otherwise, and what may be another team's."""

import pytest

from bet_intel.odds_ingest.domain.names import same_team


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Atlético Madrid", "Atletico Madrid"),
        ("St. Louis Cardinals", "St Louis Cardinals"),
        ("Saint-Étienne", "St Etienne"),
        ("Harbour & Port Albion", "Harbour and Port Albion"),
        ("LA Clippers", "Los Angeles Clippers"),
        ("LA", "Los Angeles"),
        ("NY Mets", "New York Mets"),
        ("L.A. Galaxy", "L A Galaxy"),
        ("Hawai'i", "Hawaii"),
    ],
)
def test_spellings_of_one_name(one: str, other: str) -> None:
    assert same_team(one, other)
    assert same_team(other, one)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("LA Clippers", "Los Angeles Lakers"),
        ("Los Angeles Lakers", "Los Angeles Clippers"),
        ("Manchester United", "Manchester City"),
        ("Inter", "Inter Miami"),
        ("Texas", "Texas State"),
        ("New York Mets", "New York Yankees"),
        ("Chicago", "Chicago Cubs"),
        ("A", "Ajax"),
        ("日本", "中国"),
        ("", "Los Angeles"),
    ],
)
def test_what_may_be_another_team(one: str, other: str) -> None:
    assert not same_team(one, other)
    assert not same_team(other, one)
