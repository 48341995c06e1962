"""The gates a price passes before it is called an opportunity: named, ordered, each with its reason."""

import math
from typing import NamedTuple

from bet_intel.ev_engine.domain.profile import Bounds, Profile


class Candidate(NamedTuple):
    """A price that beats its fair price, with what the gates ask about. Times in seconds, source time.

    `fair` is the probability of the outcome, `wins` that of the bet: of a lay 1 − `fair`. `estimated`: by other lines.
    `divergence`: from the median bookmaker, NaN where nobody is in the consensus of the line.
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


class Gate(NamedTuple):
    """One rule; `reason` is told when it refuses."""

    name: str
    reason: str


NO_EV = "no_ev"
"""What the last of the refusing gates says: a price that is refused for it passes the others."""


REFUSING = (
    Gate("not_started", "event_started"),
    Gate("market_open", "market_suspended"),
    Gate("all_sides_priced", "incomplete_market"),
    Gate("price_fresh", "price_stale"),
    Gate("in_step_with_references", "price_stale"),
    Gate("enough_references", "too_few_books"),
    Gate("references_agree", "divergent_reference"),
    Gate("near_median_book", "divergent_reference"),
    Gate("below_reference_price", "divergent_reference"),
    Gate("probability_not_too_low", "probability_out_of_bounds"),
    Gate("probability_not_too_high", "probability_out_of_bounds"),
    Gate("ev_positive", NO_EV),
)


def _measure(one: Candidate, profile: Profile, bounds: Bounds) -> tuple[Measured, ...]:
    """What each of `REFUSING` measures, in their order, and whether the EV is no more than plausible.

    All at once: a call for each gate takes three times as long as what the gates after a refusal do in vain.
    """
    known = profile.min_references
    divergence = min(bounds.divergence, profile.estimate_divergence) if one.estimated else bounds.divergence
    # What others ask with their margin is more than they think.
    implied = 1.0 if math.isnan(one.implied) else one.implied
    lowest, highest = profile.lowest_probability, profile.highest_probability
    return (
        (one.seconds_to_start > 0, one.seconds_to_start, 0.0),
        (one.market_open, float(one.market_open), 1.0),
        (one.outcomes_priced == one.outcomes, one.outcomes_priced, one.outcomes),
        (one.age <= bounds.stale_seconds, one.age, bounds.stale_seconds),
        (one.behind_newest <= profile.behind_newest_seconds, one.behind_newest, profile.behind_newest_seconds),
        (one.references >= known or one.sharp_reference, one.references, known),
        (one.dispersion <= profile.dispersion, one.dispersion, profile.dispersion),
        # NaN passes, as of a line that others judge, where nobody is whose median it could be held against.
        (not one.divergence > divergence, one.divergence, divergence),
        (one.wins <= implied, one.wins, implied),
        (one.fair >= lowest, one.fair, lowest),
        (one.fair <= highest, one.fair, highest),
        (one.ev > 0, one.ev, 0.0),
        (one.ev <= bounds.plausible_ev, one.ev, bounds.plausible_ev),
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
    measured = _measure(candidate, profile, bounds)
    passed = [said[0] for said in measured]
    if all(passed):
        return Judgement(measured, "", "take" if candidate.ev >= profile.take_ev else "marginal")
    refusing = passed.index(False)
    if refusing == len(REFUSING):
        return Judgement(measured, "", "suspect")
    return Judgement(measured[: refusing + 1], REFUSING[refusing].reason, "no_ev")
