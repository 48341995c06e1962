"""How prices are judged: the operator's pricing profiles, and their starting values (docs/domain.md)."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Any, NamedTuple

from bet_intel.odds import Method

CLOCK_SKEW = 300.0
"""Seconds after the answer that the time of a price may be; a later one is no time."""


class Category(StrEnum):
    """Kinds of market that are judged by bounds of their own."""

    MAIN = "main"
    ALTERNATE = "alternate"
    PROP = "prop"
    OUTRIGHT = "outright"


class Bookmaker(NamedTuple):
    """What is known of a bookmaker: its weight in a pool, its commission on net winnings, and what kind it is."""

    weight: float = 1.0
    commission: float = 0.0
    sharp: bool = False
    exchange: bool = False


@dataclass(frozen=True, slots=True)
class Bounds:
    """Bounds of the gates for one category. Ages in seconds, the rest in probability or in EV per unit staked."""

    stale_seconds: float
    divergence: float
    plausible_ev: float


_BOUNDS = {
    Category.MAIN: Bounds(stale_seconds=600, divergence=0.08, plausible_ev=0.10),
    Category.ALTERNATE: Bounds(stale_seconds=900, divergence=0.12, plausible_ev=0.20),
    Category.PROP: Bounds(stale_seconds=900, divergence=0.10, plausible_ev=0.20),
    Category.OUTRIGHT: Bounds(stale_seconds=900, divergence=0.12, plausible_ev=0.20),
}

_BOOKMAKERS = {
    "pinnacle": Bookmaker(weight=4.0, sharp=True),
    "smarkets": Bookmaker(weight=2.0, commission=0.02, exchange=True),
    "matchbook": Bookmaker(weight=2.0, commission=0.02, exchange=True),
    "prophetx": Bookmaker(weight=2.0, commission=0.02, exchange=True),
    "novig": Bookmaker(weight=2.0, commission=0.02, exchange=True),
    # What the exchange was called before it had a key for each country; its bookmaker is betfair_sb_uk.
    "betfair": Bookmaker(weight=2.0, commission=0.05, exchange=True),
}
_PREFIXES = {"betfair_ex_": Bookmaker(weight=2.0, commission=0.05, exchange=True)}


CONSENSUS = "consensus"
_ANY = "*"


class Slope(NamedTuple):
    """How lines of one sport depend on each other: what half a point is worth in log-odds, by market, and over how many
    half points that is believed."""

    by_market: Mapping[str, float]
    half_points: int


_SLOPES = {
    "basketball_nba": Slope({"spreads": 0.06, "totals": 0.05}, 6),
    "basketball_ncaab": Slope({"spreads": 0.07, "totals": 0.06}, 6),
    "icehockey_nhl": Slope({"spreads": 0.18, "totals": 0.15}, 4),
    "baseball_mlb": Slope({"spreads": 0.20, "totals": 0.12}, 4),
}


@dataclass(frozen=True, slots=True)
class Override:
    """What is otherwise in some sports and markets; of several that concern a market the last one stands.

    `sport` is that of the event, or its league, `market` a market's name; either may end in *, and "" is every one.
    `weights` and `stake_steps` go by bookmaker, or by the beginning of its key with a * behind it: the closest of these
    and of the profile's own holds, the whole key before a beginning and a longer beginning before a shorter one.
    `bounds` are those of `Bounds` that are otherwise, by category.
    """

    sport: str = ""
    market: str = ""
    weights: Mapping[str, float] = field(default_factory=dict)
    stake_steps: Mapping[str, Decimal] = field(default_factory=dict)
    bounds: Mapping[Category, Mapping[str, float]] = field(default_factory=dict)
    min_references: int | None = None
    dispersion: float | None = None
    lowest_probability: float | None = None
    highest_probability: float | None = None

    def concerns(self, sport: str, league: str, market: str) -> bool:
        return _named(self.market, market) and (_named(self.sport, sport) or _named(self.sport, league))

    def covers(self, other: "Override") -> bool:
        """Whether this one concerns every market that `other` does, as far as their patterns say."""
        return _named(self.sport, other.sport) and _named(self.market, other.market)

    def applied(self, profile: "Profile") -> "Profile":
        """`profile` with what is otherwise here."""
        exact = {
            key: profile.bookmaker(key)._replace(weight=weight)
            for key, weight in self.weights.items()
            if not key.endswith(_ANY)
        }
        prefixes = {
            (prefix := key.removesuffix(_ANY)): profile.by_prefix(prefix)._replace(weight=weight)
            for key, weight in self.weights.items()
            if key.endswith(_ANY)
        }
        bounds = {
            category: Bounds(**asdict(bound) | dict(self.bounds.get(category, {})))
            for category, bound in profile.bounds.items()
        }
        gates: dict[str, Any] = {name: value for name in _OVERRIDABLE if (value := getattr(self, name)) is not None}
        return replace(
            profile,
            bookmakers={**profile.bookmakers, **exact},
            bookmaker_prefixes={**profile.bookmaker_prefixes, **prefixes},
            stake_steps={**profile.stake_steps, **self.stake_steps},
            bounds=bounds,
            **gates,
        )


_OVERRIDABLE = ("min_references", "dispersion", "lowest_probability", "highest_probability")


def _named(pattern: str, name: str) -> bool:
    if pattern.endswith(_ANY):
        return name.startswith(pattern.removesuffix(_ANY))
    return pattern in ("", name)


@dataclass(frozen=True, slots=True)
class Profile:
    """One way to price. `revision` is that of the settings it came from (0: the starting values).

    `sharp_references`: judge against sharp bookmakers and exchanges alone, in markets where one of the former, or
    `min_references` of the latter, can be referred to. `worst_case`: judge by the lower end of the band, a lay by the
    higher. `low_hold` and `middle_cost`: how far the inverse net prices of a low hold and of a middle may add up to
    more than 1. `stake` is what an arbitrage must still profit from after rounding to `stake_step`, or to that of each
    bookmaker (`step`): `stake_steps` go by key, or by the beginning of one with a * behind it. `overrides`: what is
    otherwise in some sports and markets (`at`). `limit_weight`: the power of a bookmaker's limit by which its weight
    grows, 0 for none. `slopes`, by league or sport, and `estimate_divergence`: how a line is judged by others that
    somebody prices.
    """

    name: str = CONSENSUS
    revision: int = 0
    method: Method = Method.POWER
    bookmakers: Mapping[str, Bookmaker] = field(default_factory=lambda: dict(_BOOKMAKERS))
    bookmaker_prefixes: Mapping[str, Bookmaker] = field(default_factory=lambda: dict(_PREFIXES))
    bounds: Mapping[Category, Bounds] = field(default_factory=lambda: dict(_BOUNDS))
    behind_newest_seconds: float = 300.0
    min_references: int = 3
    dispersion: float = 0.20
    lowest_probability: float = 0.02
    highest_probability: float = 0.98
    take_ev: float = 0.045
    reopen_seconds: float = 600.0
    sharp_references: bool = False
    worst_case: bool = False
    low_hold: float = 0.02
    middle_cost: float = 0.05
    stake: Decimal = Decimal(1000)
    stake_step: Decimal = Decimal(1)
    stake_steps: Mapping[str, Decimal] = field(default_factory=dict)
    kelly_fraction: float = 0.25
    stake_cap: float = 0.05
    overrides: tuple[Override, ...] = ()
    limit_weight: float = 0.5
    slopes: Mapping[str, Slope] = field(default_factory=lambda: dict(_SLOPES))
    estimate_divergence: float = 0.07
    _known: dict[str, Bookmaker] = field(default_factory=dict, init=False, repr=False, compare=False)
    """What has been found of each bookmaker: there are no more of them than providers have names for."""
    _known_steps: dict[str, Decimal] = field(default_factory=dict, init=False, repr=False, compare=False)
    _known_exchanges: dict[str, str | None] = field(default_factory=dict, init=False, repr=False, compare=False)

    def at(self, sport: str, league: str, market: str) -> "Profile":
        """The profile as it is in one market of one sport."""
        found = self
        for override in self.overrides:
            if override.concerns(sport, league, market):
                found = override.applied(found)
        return found

    @property
    def contradiction(self) -> str | None:
        """What makes every list of the profile, every list in the markets of an override, or the stakes at a bookmaker
        empty; or None."""
        if self.stake < self.stake_step:
            return f"stake {self.stake} is less than one stake_step of {self.stake_step}: nothing could be placed"
        for steps in (self.stake_steps, *(one.stake_steps for one in self.overrides)):
            for key, step in steps.items():
                if self.stake < step:
                    return f"stake {self.stake} is less than one stake_step of {step} of {key}: nothing is placed there"
        for case in (Override(), *self.overrides):
            lowest, highest = self.lowest_probability, self.highest_probability
            for one in self.overrides:
                if one.covers(case):
                    lowest = lowest if one.lowest_probability is None else one.lowest_probability
                    highest = highest if one.highest_probability is None else one.highest_probability
            if lowest >= highest:
                return (
                    f"lowest_probability {lowest} is not below highest_probability {highest} in "
                    f"{case.sport or 'every sport'}, {case.market or 'every market'}: no price would be judged"
                )
        return None

    @property
    def judges_by_the_worse_end(self) -> bool:
        """Whether prices are judged by the end of the band that is worse for the bet. By the method of the worst case
        the pool is the lowest over the methods: a lay's worse end is the other one."""
        return self.worst_case or self.method is Method.WORST_CASE

    def slope(self, sport: str, league: str) -> Slope | None:
        return self.slopes.get(league, self.slopes.get(sport))

    def bookmaker(self, key: str) -> Bookmaker:
        known = self._known.get(key)
        if known is None:
            known = self._known[key] = self.bookmakers.get(key) or self.by_prefix(key)
        return known

    def exchange(self, key: str) -> str | None:
        """Of an exchange with a key for each country what these begin with: its prices are the same under all of them.
        None of any other bookmaker."""
        if key not in self._known_exchanges:
            # The shortest: a longer one says what is otherwise of some of the keys, not that they are another exchange.
            begun = filter(key.startswith, self.bookmaker_prefixes)
            exchanges = (prefix for prefix in begun if self.bookmaker_prefixes[prefix].exchange)
            self._known_exchanges[key] = min(exchanges, key=len, default=None) if self.bookmaker(key).exchange else None
        return self._known_exchanges[key]

    def step(self, key: str) -> Decimal:
        """What stakes at a bookmaker are multiples of."""
        # Apart from `bookmaker`, whose numbers are read of every bookmaker in every pass: this is asked of few.
        known = self._known_steps.get(key)
        if known is None:
            named = [pattern for pattern in self.stake_steps if _named(pattern, key)]
            closest = max(named, key=lambda pattern: (pattern == key, len(pattern)), default=None)
            known = self._known_steps[key] = self.stake_step if closest is None else self.stake_steps[closest]
        return known

    def by_prefix(self, key: str) -> Bookmaker:
        """What is known of a bookmaker by the beginning of its key alone, or of all whose keys begin with `key`."""
        prefix = max(filter(key.startswith, self.bookmaker_prefixes), key=len, default=None)
        return Bookmaker() if prefix is None else self.bookmaker_prefixes[prefix]


_CONSERVATIVE_BOUNDS = {
    Category.MAIN: Bounds(stale_seconds=600, divergence=0.05, plausible_ev=0.10),
    Category.ALTERNATE: Bounds(stale_seconds=900, divergence=0.08, plausible_ev=0.20),
    Category.PROP: Bounds(stale_seconds=900, divergence=0.07, plausible_ev=0.20),
    Category.OUTRIGHT: Bounds(stale_seconds=900, divergence=0.08, plausible_ev=0.20),
}

_STARTING = (
    Profile(),
    Profile(name="sharp", sharp_references=True),
    Profile(
        name="conservative",
        bounds=_CONSERVATIVE_BOUNDS,
        worst_case=True,
        min_references=5,
        dispersion=0.10,
        lowest_probability=0.05,
        highest_probability=0.95,
    ),
)
STARTING: Mapping[str, Profile] = {profile.name: profile for profile in _STARTING}
"""The operator's profiles by name, as they are before anybody changes one."""


def longest_stale(profiles: Iterable[Profile]) -> timedelta:
    """So long after the newest answer every price of it is stale by every profile, whatever time it gave for them."""
    longest = max(
        bounds.stale_seconds
        for profile in profiles
        for each in (profile, *(override.applied(profile) for override in profile.overrides))
        for bounds in each.bounds.values()
    )
    return timedelta(seconds=longest + CLOCK_SKEW)
