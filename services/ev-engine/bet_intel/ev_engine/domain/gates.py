"""The gates a price passes before it is called an opportunity: named, ordered, each with its reason."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from bet_intel.ev_engine.domain.profile import Bounds, Profile


class Candidate(NamedTuple):
    """A price that beats its fair price, with what the gates ask about. Times in seconds, source time.

    `fair` is the probability of the outcome, `wins` that of the bet: of a lay 1 − `fair`. `estimated`: by other lines.
    `implied`: what other bookmakers ask for the same bet, margin and all, NaN where that is not to be asked.
    """

    seconds_to_start: float
    market_open: bool
    outcomes: int
    outcomes_priced: int
    age: float
    behind_newest: float
    references: int
    sharp_reference: bool
    dispersion: float
    divergence: float
    fair: float
    wins: float
    ev: float
    implied: float = math.nan
    estimated: bool = False


Measured = tuple[bool, float, float]
"""Whether a gate lets pass, the value it measured, and the bound it held it against."""


class Verdict(NamedTuple):
    """What a gate said: the value it measured and the bound it held it against."""

    gate: str
    passed: bool
    value: float
    bound: float


@dataclass(frozen=True, slots=True)
class Gate:
    """One rule. `measure` gives (passed, value, bound); `reason` is told when it refuses."""

    name: str
    reason: str
    measure: Callable[[Candidate, Profile, Bounds], Measured]


def _at_most(value: float, bound: float) -> Measured:
    return value <= bound, value, bound


def _not_started(candidate: Candidate, profile: Profile, bounds: Bounds) -> Measured:
    return candidate.seconds_to_start > 0, candidate.seconds_to_start, 0.0


def _market_open(candidate: Candidate, profile: Profile, bounds: Bounds) -> Measured:
    return candidate.market_open, float(candidate.market_open), 1.0


def _all_sides(candidate: Candidate, profile: Profile, bounds: Bounds) -> Measured:
    return candidate.outcomes_priced == candidate.outcomes, candidate.outcomes_priced, candidate.outcomes


def _fresh(candidate: Candidate, profile: Profile, bounds: Bounds) -> Measured:
    return _at_most(candidate.age, bounds.stale_seconds)


def _in_step(candidate: Candidate, profile: Profile, bounds: Bounds) -> Measured:
    return _at_most(candidate.behind_newest, profile.behind_newest_seconds)


def _references(candidate: Candidate, profile: Profile, bounds: Bounds) -> Measured:
    enough = candidate.references >= profile.min_references or candidate.sharp_reference
    return enough, candidate.references, profile.min_references


def _agreement(candidate: Candidate, profile: Profile, bounds: Bounds) -> Measured:
    return _at_most(candidate.dispersion, profile.dispersion)


def _near_the_median(candidate: Candidate, profile: Profile, bounds: Bounds) -> Measured:
    bound = min(bounds.divergence, profile.estimate_divergence) if candidate.estimated else bounds.divergence
    return _at_most(candidate.divergence, bound)


def _below_reference(candidate: Candidate, profile: Profile, bounds: Bounds) -> Measured:
    """What others ask with their margin is more than they think."""
    return _at_most(candidate.wins, 1.0 if math.isnan(candidate.implied) else candidate.implied)


def _not_too_long(candidate: Candidate, profile: Profile, bounds: Bounds) -> Measured:
    return candidate.fair >= profile.lowest_probability, candidate.fair, profile.lowest_probability


def _not_too_short(candidate: Candidate, profile: Profile, bounds: Bounds) -> Measured:
    return candidate.fair <= profile.highest_probability, candidate.fair, profile.highest_probability


def _positive(candidate: Candidate, profile: Profile, bounds: Bounds) -> Measured:
    return candidate.ev > 0, candidate.ev, 0.0


REFUSING = (
    Gate("not_started", "event_started", _not_started),
    Gate("market_open", "market_suspended", _market_open),
    Gate("all_sides_priced", "incomplete_market", _all_sides),
    Gate("price_fresh", "price_stale", _fresh),
    Gate("in_step_with_references", "price_stale", _in_step),
    Gate("enough_references", "too_few_books", _references),
    Gate("references_agree", "divergent_reference", _agreement),
    Gate("near_median_book", "divergent_reference", _near_the_median),
    Gate("below_reference_price", "divergent_reference", _below_reference),
    Gate("probability_not_too_low", "probability_out_of_bounds", _not_too_long),
    Gate("probability_not_too_high", "probability_out_of_bounds", _not_too_short),
    Gate("ev_positive", "no_ev", _positive),
)

_PLAUSIBLE = "ev_plausible"


_ASKED = (*(gate.name for gate in REFUSING), _PLAUSIBLE)


class Judgement(NamedTuple):
    """What the gates measured, in the order they were asked. `refused` is the first refusing gate's reason, or ""."""

    measured: tuple[Measured, ...]
    refused: str
    ev_class: str

    @property
    def verdicts(self) -> tuple[Verdict, ...]:
        return tuple(Verdict(gate, *said) for gate, said in zip(_ASKED, self.measured, strict=False))


def judge(candidate: Candidate, profile: Profile, bounds: Bounds) -> Judgement:
    """Ask every gate until one refuses; what passes is classed `take`, `marginal`, or `suspect` where the EV is larger
    than prices that are no mistake offer."""
    measured = []
    for gate in REFUSING:
        said = gate.measure(candidate, profile, bounds)
        measured.append(said)
        if not said[0]:
            return Judgement(tuple(measured), gate.reason, "no_ev")
    said = _at_most(candidate.ev, bounds.plausible_ev)
    measured.append(said)
    if not said[0]:
        return Judgement(tuple(measured), "", "suspect")
    return Judgement(tuple(measured), "", "take" if candidate.ev >= profile.take_ev else "marginal")
