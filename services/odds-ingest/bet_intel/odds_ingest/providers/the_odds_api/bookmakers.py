"""The regions of The Odds API and the bookmakers in each (its list of bookmakers, 2026).

The service decides what a region holds: this list only helps to ask for less. A bookmaker that is missing here is asked
for by its key.
"""

from collections.abc import Mapping

_KEYS = {
    "us": "betmgm betonlineag betrivers betus bovada draftkings fanatics fanduel lowvig mybookieag williamhill_us",
    "us2": (
        "ballybet betanysports betparx espnbet fliff hardrockbet hardrockbet_az hardrockbet_fl hardrockbet_oh rebet"
    ),
    "us_dfs": "betr_us_dfs pick6 prizepicks underdog",
    "us_ex": "betopenly kalshi novig polymarket prophetx",
    "uk": (
        "betfair_ex_uk betfair_sb_uk betfred_uk betvictor betway boylesports casumo coral grosvenor ladbrokes_uk "
        "leovegas livescorebet matchbook paddypower skybet smarkets sport888 unibet_uk virginbet williamhill"
    ),
    "eu": (
        "betanysports betclic betclic_fr betfair_ex_eu betonlineag betsson codere_it coolbet everygame gtbets "
        "leovegas_se marathonbet matchbook mybookieag nordicbet onexbet parionssport_fr pinnacle pmu_fr sport888 "
        "suprabets tipico_de unibet_fr unibet_it unibet_nl unibet_se williamhill winamax_de winamax_fr"
    ),
    "fr": "betclic_fr netbet_fr parionssport_fr pmu_fr unibet_fr winamax_fr",
    "se": "atg_se betsson leovegas_se mrgreen_se nordicbet svenskaspel_se unibet_se",
    "au": (
        "bet365_au betfair_ex_au betr_au betright boombet dabble_au ladbrokes_au neds playup pointsbetau sportsbet tab "
        "tabtouch unibet"
    ),
}

REGIONS: Mapping[str, frozenset[str]] = {region: frozenset(keys.split()) for region, keys in _KEYS.items()}
"""Region key → bookmaker keys."""
