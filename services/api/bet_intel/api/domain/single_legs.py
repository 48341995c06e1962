"""What is said of each leg of a combination by itself, in sentences, and why a combination is suspect. Pure."""

from collections.abc import Sequence

from bet_intel.api.domain.explanation import LAY, REASONS
from bet_intel.api.domain.model import Leg

_REFUSED = {
    "price_stale": "the price is too old, or too far behind the newest",
    "too_few_books": "too few other bookmakers can be referred to",
    "divergent_reference": "the others disagree, or are far from the median bookmaker",
    "probability_out_of_bounds": "its fair probability is too near to 0 or 1",
    "incomplete_market": "its bookmaker does not price every outcome",
    "market_suspended": "the market is not open",
}


def about_legs(legs: Sequence[Leg], ages: Sequence[float | None]) -> list[str]:
    """A sentence for each leg whose worth is told."""
    return [_leg(leg, age) for leg, age in zip(legs, ages, strict=True) if leg.plausible is not None]


def why_suspect(legs: Sequence[Leg], ev: float) -> list[str]:
    """What makes a whole that is worth `ev` suspect; nothing where that is not told."""
    bounds = [leg.plausible for leg in legs if leg.plausible is not None]
    if not bounds:
        return []
    # The whole and every leg are held against the strictest bound.
    bound = min(bounds)
    parts = [
        f"{leg.outcome} with {leg.title} alone is worth {leg.ev * 100:+.2f} %"
        for leg in legs
        if leg.ev is not None and leg.ev > bound
    ]
    if ev > bound:
        parts.append(f"all together is worth {ev * 100:+.2f} %")
    if not parts:
        return []
    return [f"It is suspect, because {'; '.join(parts)}: prices that are no mistake offer up to {_percent(bound)}."]


def _leg(leg: Leg, age: float | None) -> str:
    old = "of unknown age" if age is None else f"{max(age, 0.0):.0f} s old"
    parts = [f"{leg.title}'s {'lay of ' if leg.side == LAY else ''}{leg.outcome} is {old}", _worth(leg)]
    if leg.left_out:
        parts.append(f"{leg.title} is not in the consensus, because {REASONS.get(leg.left_out, leg.left_out)}")
    if leg.refused and leg.fair is not None:
        why = _REFUSED.get(leg.refused, leg.refused)
        parts.append(f"as a single bet it is refused, because {why} ({leg.refused})")
    return "; ".join(parts) + "."


def _worth(leg: Leg) -> str:
    if leg.fair is None or leg.ev is None or leg.plausible is None:
        why = "" if leg.refused is None else f" ({leg.refused})"
        return f"nobody else says what it is worth{why}"
    band = ""
    if leg.band_low is not None and leg.band_high is not None:
        band = f" ({_percent(leg.band_low)} to {_percent(leg.band_high)} over the methods)"
    return (
        f"by the others it wins with {_percent(leg.fair)}{band} and is worth {_signed(leg.ev)} by itself, where up to "
        f"{_percent(leg.plausible)} is plausible"
    )


def _signed(value: float) -> str:
    return f"{value * 100:+.1f} %".replace("-", "−")


def _percent(value: float) -> str:
    return f"{value * 100:.1f} %"
