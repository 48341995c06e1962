"""Why a price is an opportunity, or is none: sentences made of its working. Pure.

Odds are decimal and rounded to cents, probabilities and EV in percent, ages in whole seconds of source time.
"""

import math
from collections import defaultdict
from collections.abc import Callable, Sequence
from decimal import Decimal

from bet_intel.api.domain.model import Leg
from bet_intel.api.domain.points import told_point
from bet_intel.api.domain.working import BookmakerWorking, Gate, PriceWorking
from bet_intel.odds import Split

LAY = "lay"
OPPORTUNITY, REFUSED, NO_EV, NOT_JUDGED = "opportunity", "refused", "no_ev", "not_judged"

DIFFERENT_OUTCOMES = "different_outcomes"
SAME_EXCHANGE = "same_exchange"

WITHHELD = "Prices went into it that your tier does not see yet: how it came about is told when they are old enough."

_NAMED = 8
"""How many bookmakers are named of a pool, those of the greatest weight; of the others there is the range."""

REASONS = {
    "incomplete_market": "it does not price every outcome, or its book is too thin",
    "no_overround": "its prices add up to less than 100 %",
    "excessive_overround": "its prices add up to more than any bookmaker asks: placeholders",
    "reference_stale": "its prices are too old",
    "outlier_excluded": "it is too far from the others",
    DIFFERENT_OUTCOMES: "it prices other outcomes under this name",
    "not_mutually_exclusive": "more than one outcome wins",
    "not_computable": "the method finds no probabilities between 0 and 1",
    SAME_EXCHANGE: "its exchange counts once, by the newest prices under any of its keys",
    "no_weight": "by its settings it weighs nothing",
    "not_asked": "this profile asks sharper bookmakers alone",
    "reference_missing": "no other bookmaker gives it a fair price",
}

_OF_NO_ONE = {"not_asked", "not_mutually_exclusive"}
"""Reasons that lie in the profile or in the market."""

_GATES: dict[str, Callable[[float, float], str]] = {
    "not_started": lambda value, _: f"the event had started {-value:.0f} s before",
    "market_open": lambda _value, _: "the market is not open",
    "all_sides_priced": lambda value, bound: f"its bookmaker prices {value:.0f} of {bound:.0f} outcomes",
    "price_fresh": lambda value, bound: f"it is {_seconds(value)} old, at most {bound:.0f} s are allowed",
    "in_step_with_references": lambda value, bound: (
        f"it is {value:.0f} s behind the newest price, at most {bound:.0f} s are allowed"
    ),
    "enough_references": lambda value, bound: (
        f"{value:.0f} other bookmakers can be referred to, at least {bound:.0f} or a sharp one are wanted"
    ),
    "references_agree": lambda value, bound: (
        f"the others disagree by {value:.3f} in log-odds, at most {bound:.2f} is allowed"
    ),
    "near_median_book": lambda value, bound: (
        f"the fair probability is {_percent(value)} from the median bookmaker's, at most {_percent(bound)} is allowed"
    ),
    "below_reference_price": lambda value, bound: (
        f"by other lines it would win with {_percent(value)}, more than the {_percent(bound)} that others ask for"
    ),
    "probability_not_too_low": lambda value, bound: (
        f"its fair probability is {_percent(value)}, at least {_percent(bound)} is wanted"
    ),
    "probability_not_too_high": lambda value, bound: (
        f"its fair probability is {_percent(value)}, at most {_percent(bound)} is allowed"
    ),
    "ev_positive": lambda value, _: f"its EV is {_signed(value)}",
    "ev_plausible": lambda value, bound: (
        f"an EV of {_signed(value)} is more than the {_percent(bound)} that prices which are no mistake offer"
    ),
}


def explain(price: PriceWorking) -> list[str]:
    """The sentences of one price: what is offered, who was asked, what they think, what it is worth, the verdict."""
    if price.price is None:
        lay = " to lay" if price.side == LAY else ""
        return [f"{_name(price, price)} offers no price{lay} on {_selection(price)}."]
    sentences = [_offer(price)]
    if _of_another_market(price):
        named = _listed([one.outcome for one in price.outcomes])
        same = f"most bookmakers price other outcomes under this name ({named}), and it is a price of another market"
        return [*sentences, f"It is not judged: {same} ({price.reason})."]
    known = any(one.leave_one_out_weight > 0 for one in price.bookmakers)
    asked = [one for one in price.bookmakers if _weight(price, one) > 0]
    # Of a line that is judged by others it may not be told who was asked there: not those of this one.
    if asked and (known or price.estimated_half_points is None):
        sentences.append(_asked(price, asked))
    left_out = [
        one for one in price.bookmakers if not one.judged and _why_not(one) and not (known and _weight(price, one))
    ]
    if left_out:
        sentences.append(f"Not asked: {_listed(_why_each(price, left_out))}.")
    if price.estimated_half_points is not None:
        sentences.append(_estimated(price, price.estimated_half_points))
    if price.fair_probability is not None:
        sentences.append(_fair(price, price.fair_probability))
    sentences.append(_verdict(price))
    return sentences


def explain_legs(
    kind: str,
    legs: Sequence[Leg],
    steps: Sequence[Decimal],
    worth: tuple[float, float],
    window: tuple[float, float, float] | None,
    away: str | None,
) -> list[str]:
    """The sentences of a combination of an event whose away side is `away`; `steps` are those of the stakes shown,
    `worth` its cost and EV."""
    cost, ev = worth
    bets = [
        f"{'lay' if leg.side == 'lay' else 'back'} {leg.outcome}{_point(leg, away)} at "
        f"{leg.price:.2f} with {leg.title} ({_percent(leg.share)} of the stake)"
        for leg in legs
    ]
    listed = _listed(bets)
    sentences = [f"{listed[0].upper()}{listed[1:]}."]
    net = " + ".join(f"1/{leg.net_price:.3f}" for leg in legs)
    winning = legs[0].winning
    paid = net if winning == 1 else f"({net})/{winning}"
    sentences.append(f"After commission the prices cost {paid} = {_percent(cost)} of what is returned.")
    if kind == "middle" and window is not None:
        low, high, probability = window
        outside = (
            f"one leg wins at every result: {_signed(1.0 / cost - 1.0)} of the stake is certain, before rounding."
            if cost < 1.0
            else f"outside it at most {_percent(1.0 - 1.0 / cost)} of the stake is lost."
        )
        sentences.append(
            f"Both win between {low:g} and {high:g}, with a probability of {_percent(probability)}; {outside}"
        )
        sentences.append(f"By the fair prices at both lines that is worth {_signed(ev)} of the stake.")
    else:
        sentences.append(_covers(legs, 1.0 / cost - 1.0, ev))
    if len(set(steps)) > 1:
        taken = [
            f"{step.normalize():f} with {leg.title}{' (of who backs it)' if leg.side == LAY else ''}"
            for leg, step in zip(legs, steps, strict=True)
        ]
        sentences.append(f"Stakes are multiples of {_listed(taken)}.")
    return sentences


def _covers(legs: Sequence[Leg], won: float, ev: float) -> str:
    """What is won where every outcome is covered: `won` where all stakes stand, `ev` in the mean."""
    is_won = f"{_signed(won)} of the stake is won" if won > 0 else f"{_percent(-won)} of the stake is lost"
    splits = {leg.split for leg in legs}
    if splits == {Split.NONE}:
        winning = legs[0].winning
        who = "One leg always wins" if winning == 1 else f"{winning} legs always win"
        if won > 0:
            return f"{who}: {_signed(won)} of the stake is certain, before rounding."
        return f"{who}: covering everything costs {_percent(-won)} of the stake."
    often = ", and how often is not known" if math.isclose(ev, won) else f"; in the mean that is {_signed(ev)}"
    rounded = ", before rounding" if won > 0 else ""
    if Split.RETURNED in splits:
        none = "won" if won > 0 else "lost"
        result = "it is a draw" if legs[0].line is None else "the result is the line itself"
        return (
            f"Where one leg wins {is_won}{rounded}; where {result} every stake comes back and nothing is {none}{often}."
        )
    return (
        f"Where one leg wins in full {is_won}{rounded}; where the result is the whole number beside the line it is "
        f"half of that{often}."
    )


def _of_another_market(price: PriceWorking) -> bool:
    """Not where it is the others that are."""
    own = next((one.left_out_reason for one in price.bookmakers if one.judged), None)
    named = any(one.outcome == price.outcome for one in price.outcomes)
    return price.reason == DIFFERENT_OUTCOMES and (own == DIFFERENT_OUTCOMES or not named)


def _point(leg: Leg, away: str | None) -> str:
    return "" if leg.line is None else f" ({told_point(leg.market, leg.line, leg.outcome, away)})"


def _offer(price: PriceWorking) -> str:
    age = "of unknown age" if price.age_seconds is None else f"{_seconds(price.age_seconds)} old"
    net = ""
    if price.price is not None and price.net_price is not None and price.net_price < price.price:
        net = f", {price.net_price:.3f} after commission"
    if price.side == LAY and price.net_price is not None:
        net = f" (that is {price.net_price:.3f} per unit of liability against it)"
    offers = "can be laid at" if price.side == LAY else "offers"
    return (
        f"{_name(price, price)} {offers} {price.price:.2f}{net} on {_selection(price)} in {price.event}, {age} as of "
        f"{price.as_of:%Y-%m-%d %H:%M:%S} UTC."
    )


def _selection(price: PriceWorking) -> str:
    market = price.market if price.period == "full" else f"{price.market} {price.period}"
    line = "" if price.line is None else f" {told_point(price.market, price.line, price.outcome, price.away)}"
    subject = "" if not price.subject else f"{price.subject} "
    return f"{subject}{price.outcome} ({market}{line})"


def _weight(price: PriceWorking, one: BookmakerWorking) -> float:
    """Of the pool that judged it, where that is known, else of the consensus; never the judged bookmaker's own."""
    if one.judged:
        return 0.0
    known = any(other.leave_one_out_weight > 0 for other in price.bookmakers)
    return one.leave_one_out_weight if known else one.consensus_weight


def _devigged(price: PriceWorking) -> dict[str, float | None]:
    """What each bookmaker of the market thinks of the outcome."""
    return {
        each.bookmaker: each.devigged_probability
        for outcome in price.outcomes
        if outcome.outcome == price.outcome
        for each in outcome.prices
    }


def _asked(price: PriceWorking, asked: Sequence[BookmakerWorking]) -> str:
    devigged = _devigged(price)
    said = []
    ranked = sorted(asked, key=lambda one: (-_weight(price, one), one.bookmaker))
    for one in ranked[:_NAMED]:
        opinion = devigged.get(one.bookmaker)
        age = "" if one.age_seconds is None else f", {_seconds(one.age_seconds)} old"
        thinks = " nothing" if opinion is None else f" {_percent(opinion)}"
        if price.estimated_half_points is not None:
            thinks = ""  # What it thinks of another line.
        said.append(f"{_name(price, one)}{thinks} (weight {_percent(_weight(price, one))}{age})")
    if price.estimated_half_points is not None:
        if rest := ranked[_NAMED:]:
            said.append(f"and {len(rest)} more with {_percent(sum(_weight(price, one) for one in rest))} of the weight")
        return f"Asked, by the method {price.method}: {_listed(said)}."
    others = [p for one in ranked[_NAMED:] if (p := devigged.get(one.bookmaker)) is not None]
    if others:
        said.append(f"{len(others)} more between {_percent(min(others))} and {_percent(max(others))}")
    return f"The others without their margin, by the method {price.method}: {_listed(said)}."


def _why_not(one: BookmakerWorking) -> str:
    """Why it was not asked; "" where it was."""
    return "outlier_excluded" if one.leave_one_out_outlier else one.left_out_reason or ""


def _why_each(price: PriceWorking, left_out: Sequence[BookmakerWorking]) -> list[str]:
    """Who was not asked, those of one reason together."""
    by_reason: defaultdict[str, list[BookmakerWorking]] = defaultdict(list)
    for one in left_out:
        by_reason[_why_not(one)].append(one)
    return [_why(price, reason, those) for reason, those in by_reason.items()]


def _why(price: PriceWorking, reason: str, those: Sequence[BookmakerWorking]) -> str:
    names = []
    for one in those[:_NAMED]:
        aged = reason == "reference_stale" and one.age_seconds is not None
        names.append(_name(price, one, _seconds(one.age_seconds or 0.0) if aged else ""))
    if more := len(those) - len(names):
        names.append(f"{more} more")
    listed = names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
    each = "each " if len(those) > 1 and reason not in _OF_NO_ONE else ""
    return f"{listed}, {each}because {REASONS.get(reason, reason)}"


def _name(price: PriceWorking, one: BookmakerWorking | PriceWorking, *told: str) -> str:
    """The title of a bookmaker and what is `told` of it; its key as well where another has the title."""
    same = any(other.title == one.title and other.bookmaker != one.bookmaker for other in price.bookmakers)
    beside = ", ".join(filter(None, (one.bookmaker if same else "", *told)))
    return f"{one.title} ({beside})" if beside else one.title


def _fair(price: PriceWorking, fair: float) -> str:
    band = price.band
    width = ""
    if band.low is not None and band.high is not None:
        width = f", between {_percent(band.low)} and {_percent(band.high)} over the methods"
    every = _beside(price) if price.estimated_half_points is None else _at_the_line_itself(price)
    end = "high" if price.side == LAY else "low"
    pooled = f"Pooled, by the {end} end of the band," if price.worst_case else "Pooled"
    return f"{pooled} that is a fair probability of {_percent(fair)}, odds of {1 / fair:.3f}{width}{every}."


def _beside(price: PriceWorking) -> str:
    """The consensus beside what the others think."""
    consensus = price.consensus_probability
    if consensus is None:
        return ""
    left_out = next((one.left_out_reason for one in price.bookmakers if one.judged), None)
    if left_out:
        why = REASONS.get(left_out, left_out)
        return f"; the consensus is {_percent(consensus)}, also without {_name(price, price)}, because {why}"
    return f"; with {_name(price, price)} the consensus is {_percent(consensus)}"


def _at_the_line_itself(price: PriceWorking) -> str:
    """What the few others think who price a line that is judged by other lines; "" where there are none."""
    if any(one.judged and one.left_out_reason == SAME_EXCHANGE for one in price.bookmakers):
        return ""  # One of the others is the judged one under another key, and it is not told which.
    devigged = _devigged(price)
    others = {one.bookmaker: one for one in price.bookmakers if not one.judged and one.consensus_weight > 0}
    said = [p for bookmaker in others if (p := devigged.get(bookmaker)) is not None]
    if not said:
        return ""
    where = "at this line itself" if price.estimated_half_points else "under this name"
    if len(others) == 1:
        (other,) = others.values()
        return f"; {where} {_name(price, other)} alone says {_percent(said[0])}"
    return f"; {where} {len(said)} others say between {_percent(min(said))} and {_percent(max(said))}"


def _verdict(price: PriceWorking) -> str:
    end = "high" if price.side == LAY else "low"
    worst = "" if price.ev_worst is None else f", {_signed(price.ev_worst)} at the {end} end of the band"
    worth = "" if price.ev is None else f"Against it the price is worth {_signed(price.ev)} {_per(price)}{worst}"
    if price.verdict == OPPORTUNITY:
        passed = sum(gate.passed for gate in price.gates)
        doubt = "".join(f"; but {_gate(gate)}" for gate in price.gates if not gate.passed)
        sure = (
            ""
            if price.confidence is None
            else f" That it is better than fair has a probability of {_percent(price.confidence)}."
        )
        return f"{worth}; it passed {passed} gates and is of the class {price.class_}{doubt}.{sure}"
    if price.verdict == NO_EV and price.fair_probability is not None:
        wins = 1 - price.fair_probability if price.side == LAY else price.fair_probability
        needed = f"a net price above {1 / wins:.3f} would be an edge"
        return f"{worth}: no opportunity; {needed} ({price.reason})."
    if price.verdict == REFUSED:
        why = "; ".join(_gate(gate) for gate in price.gates if not gate.passed)
        passed = sum(gate.passed for gate in price.gates)
        after = f" after {passed} gates that it passed" if passed > 1 else ""
        return f"{worth or 'It beats its fair price'}, but it is refused{after}: {why} ({price.reason})."
    return f"It cannot be judged: {_unjudged(price.reason)} ({price.reason})."


def _per(price: PriceWorking) -> str:
    if price.ev_per == "standing_stake":
        return "per unit of the stake that stands (how often it is returned is not counted)"
    if price.push_probability:
        half = " half of" if price.line is not None and price.line * 4 % 2 else ""
        unit = "of liability" if price.side == LAY else "staked"
        returned = "the stake being returned" if price.line is None else f"the line returning{half} the stake"
        return f"per unit {unit}, {returned} in {_percent(price.push_probability)}"
    return "per unit of liability" if price.side == LAY else "per unit staked"


def _estimated(price: PriceWorking, half_points: float) -> str:
    if half_points == 0:
        return "Too few others price this line under its name: it is judged by the same line under another."
    lines = [told_point(price.market, line, price.outcome, price.away) for line in price.estimated_lines]
    named = f" ({' and '.join(lines)})" if lines else ""
    return (
        f"Too few others price this line: it is judged by other lines{named}, the nearest {half_points:g} half points "
        "away."
    )


def _unjudged(reason: str | None) -> str:
    return {
        "incomplete_market": "no other bookmaker prices every outcome",
        "no_overround": "the prices of the others add up to less than 100 %: there is no margin to remove",
        "excessive_overround": "the prices of the others add up to more than any bookmaker asks: placeholders",
        "reference_stale": "the prices of the others are too old",
        DIFFERENT_OUTCOMES: "the bookmakers price different outcomes under this name",
        "not_mutually_exclusive": "more outcomes win than the market's name says",
        "not_asked": "this profile asks sharper bookmakers alone, and no other of these gives it a fair price",
    }.get(reason or "", REASONS["reference_missing"])


def _gate(gate: Gate) -> str:
    say = _GATES.get(gate.gate)
    value = float("inf") if gate.value is None else gate.value
    bound = float("inf") if gate.bound is None else gate.bound
    return gate.gate if say is None else say(value, bound)


def _listed(parts: Sequence[str]) -> str:
    return "; ".join(parts)


def _seconds(age: float) -> str:
    """A price of a clock that is a little ahead is as new as can be."""
    return f"{max(age, 0.0):.0f} s"


def _percent(value: float) -> str:
    return f"{value * 100:.1f} %"


def _signed(value: float) -> str:
    return f"{value * 100:+.1f} %".replace("-", "−")
