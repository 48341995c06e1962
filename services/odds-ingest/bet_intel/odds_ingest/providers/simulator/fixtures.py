"""The simulated leagues and their fixtures: every slot of time has one match, decided by the seed alone."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

from bet_intel.odds_ingest.providers.simulator.noise import stream, uniform

_PLACES = (
    "Harbour City", "Northgate", "Silverlake", "Eastmoor", "Riverbend", "Stonebridge", "Westhaven", "Oakfield",
    "Lakeside", "Redhill", "Ashford Vale", "Millbrook", "Kingsport", "Fairview", "Granite Bay", "Elmwood",
    "Saltmarsh", "Highcliff", "Copperton", "Maplewood", "Thornbury Cross", "Seaview", "Pine Ridge", "Foxhollow",
    "Glenmore", "Whitewater", "Ironbridge Hill", "Sunport", "Marlow Heath", "Brackenfell", "Old Quay", "Windermoor",
)  # fmt: skip
_NICKNAMES = ("Herons", "Foxes", "Comets", "Anchors", "Lynx", "Ravens", "Miners", "Pilots")
_NINES = ("Millers", "Captains", "Otters", "Kites", "Masons", "Hornets", "Drovers", "Sailors")
_SINGLES = (
    "Alder", "Ash", "Aspen", "Balsam", "Beech", "Birch", "Cedar", "Cherry", "Chestnut", "Cypress", "Elder", "Elm",
    "Fir", "Hawthorn", "Hazel", "Hemlock", "Hickory", "Holly", "Hornbeam", "Juniper", "Larch", "Laurel", "Linden",
    "Maple", "Mulberry", "Oak", "Pine", "Poplar", "Rowan", "Spruce", "Walnut", "Willow",
)  # fmt: skip
_SIDES, _STRENGTH = 0, 1  # indexes of a fixture's traits in its stream


class Sport(Enum):
    """What kind of contest a league plays, and so which markets it has."""

    SOCCER = "soccer"
    BASKETBALL = "basketball"
    BASEBALL = "baseball"
    TENNIS = "tennis"


@dataclass(frozen=True, slots=True)
class League:
    """A league with one match in every slot of time.

    `slot` seconds lie between two starts, the first of them `offset` seconds after the epoch. A match is in the feed
    from `lead` seconds before its start to `in_play` seconds after it.
    """

    sport: Sport
    key: str
    title: str
    teams: tuple[str, ...]
    slot: int
    offset: int
    lead: int
    in_play: int


LEAGUES = (
    League(
        Sport.SOCCER, "soccer_simulated_premier", "Simulated Premier", tuple(f"{place} FC" for place in _PLACES),
        slot=720, offset=0, lead=7_800, in_play=300,
    ),
    League(
        Sport.BASKETBALL, "basketball_simulated_league", "Simulated Basketball League",
        tuple(f"{place} {_NICKNAMES[i % len(_NICKNAMES)]}" for i, place in enumerate(_PLACES)),
        slot=900, offset=240, lead=8_100, in_play=240,
    ),
    League(
        Sport.BASEBALL, "baseball_simulated_league", "Simulated Baseball League",
        tuple(f"{place} {_NINES[i % len(_NINES)]}" for i, place in enumerate(_PLACES)),
        slot=660, offset=540, lead=9_000, in_play=270,
    ),
    League(
        Sport.TENNIS, "tennis_simulated_open", "Simulated Open", tuple(f"Player {name}" for name in _SINGLES),
        slot=600, offset=420, lead=5_400, in_play=180,
    ),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Fixture:
    """One match. `key` is its stream of random numbers, `start` its start in seconds since the epoch."""

    league: League
    id: str
    key: int
    start: int
    home: str
    away: str

    @property
    def listed_from(self) -> int:
        """When the match enters the feed, in seconds since the epoch."""
        return self.start - self.league.lead

    @property
    def strength(self) -> float:
        """How strong the home side is for the whole match, uniform in [0, 1)."""
        return uniform(self.key, _STRENGTH)

    @property
    def favours_home(self) -> bool:
        return self.strength >= 0.5


def fixtures(seed: int, at: float) -> Iterator[Fixture]:
    """Every match in the feed at `at` (seconds since the epoch), by league and start."""
    for league in LEAGUES:
        first = math.floor((at - league.in_play - league.offset) / league.slot) + 1
        last = math.floor((at + league.lead - league.offset) / league.slot)
        for slot in range(first, last + 1):
            yield _fixture(seed, league, slot)


def _fixture(seed: int, league: League, slot: int) -> Fixture:
    """The match of a slot.

    Four neighbouring teams share two neighbouring slots of a round and are paired anew in every round, so that no team
    is in two matches of the feed at a time.
    """
    key = stream(seed, league.key, slot)
    round_number, place = divmod(slot, len(league.teams) // 2)
    block, half = divmod(place, 2)
    group = league.teams[4 * block : 4 * block + 4]
    partner = 1 + int(3 * uniform(stream(seed, league.key, "round", round_number, block), 0))
    pair = (group[0], group[partner]) if half == 0 else tuple(t for i, t in enumerate(group) if i not in (0, partner))
    home, away = pair if uniform(key, _SIDES) < 0.5 else (pair[1], pair[0])
    return Fixture(
        league=league,
        id=f"{key:016x}{stream(seed, league.key, slot, 'id'):016x}",
        key=key,
        start=slot * league.slot + league.offset,
        home=home,
        away=away,
    )
