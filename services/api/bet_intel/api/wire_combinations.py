"""The combinations of an `opportunities.updated` → what the read model keeps of them. Pure."""

from collections import Counter
from collections.abc import Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import NamedTuple

from bet_intel.api.domain.model import EventFacts, Leg, MarketKey, OpenCombination
from bet_intel.api.wire_values import SIDES, market_keys, number, pools_of, time
from bet_intel.events.v1.opportunities_updated_pb2 import OpportunitiesUpdated
from bet_intel.odds import Split, returns_stake_on_draw, threshold
from bet_intel.shared.columns import ColumnError, Columns
from bet_intel.shared.times import from_us

_LAY = SIDES[1]
_TWO = 2
_TOTAL = ("Over", "Under")
_PLAIN = Decimal(1)
_FINEST = Decimal("0.0001")


def combinations(
    message: OpportunitiesUpdated,
    tables: Mapping[str, Columns],
    event: EventFacts,
    bookmakers: Sequence[tuple[str, str]],
) -> list[OpenCombination]:
    """Every combination of a set that was read and checked."""
    strings = list(message.strings)
    columns = {name: column.tolist() for name, column in tables["combinations"].items()}
    keys = market_keys(tables["markets"], strings)
    profiles: list[int] = tables["markets"]["profile_s"].tolist()
    legs = _legs(tables, strings, bookmakers, event.home)
    found = []
    for row, id in enumerate(columns["id_s"]):
        key = keys[columns["market"][row]]
        found.append(
            OpenCombination(
                id=strings[id],
                event_id=event.id,
                sport=event.sport,
                league=event.league,
                commence_time=event.commence_time,
                kind=strings[columns["kind_s"][row]],
                profile=strings[profiles[columns["market"][row]]],
                class_=strings[columns["class_s"][row]],
                market=key.market,
                period=key.period,
                subject=key.subject,
                legs=legs.get(row, []),
                cost=columns["cost"][row],
                ev=columns["ev"][row],
                window_low=number(columns["window_low"][row]),
                window_high=number(columns["window_high"][row]),
                window_probability=number(columns["window_probability"][row]),
                opening=columns["opening"][row],
                opened_at=from_us(columns["opened_us"][row]),
                first_seen=from_us(columns["first_seen_us"][row]),
                last_seen=from_us(columns["last_seen_us"][row]),
                peak_ev=columns["peak_ev"][row],
                peak_at=from_us(columns["peak_us"][row]),
                as_of=from_us(message.as_of_us),
                revision=message.revision,
            )
        )
    return found


def _legs(
    tables: Mapping[str, Columns], strings: Sequence[str], bookmakers: Sequence[tuple[str, str]], home: str | None
) -> dict[int, list[Leg]]:
    """By the row of the combination."""
    legs = {name: column.tolist() for name, column in tables["legs"].items()}
    keys = market_keys(tables["markets"], strings)
    categories = tables["markets"]["category_s"].tolist()
    outcome_market = tables["outcomes"]["market"].tolist()
    outcome_name = tables["outcomes"]["outcome_s"].tolist()
    pooled_as = pools_of(tables, len(keys))
    told = ("market", "bookmaker", "last_update_us", "left_out_s")
    references = (tables["references"][name].tolist() for name in told)
    outcomes, sizes = Counter(outcome_market), Counter(legs["combination"])
    winners = tables["pooling"]["winning"].tolist()
    parts = {(market, book): (us, why) for market, book, us, why in zip(*references, strict=True)}
    steps = _steps(tables["leg_steps"], strings, len(legs["combination"]))
    worths = _worths(tables["leg_worths"], strings, len(legs["combination"]))
    found: dict[int, list[Leg]] = {}
    for row, combination in enumerate(legs["combination"]):
        outcome, book = legs["outcome"][row], legs["bookmaker"][row]
        market, worth = outcome_market[outcome], worths[row]
        confirmed, left_out = parts.get((pooled_as[market], book), (0, None))
        found.setdefault(combination, []).append(
            Leg(
                market=keys[market].market,
                line=keys[market].line,
                category=strings[categories[market]],
                outcome=strings[outcome_name[outcome]],
                bookmaker=bookmakers[book][0],
                title=bookmakers[book][1],
                side=SIDES[legs["side"][row]],
                price=legs["price"][row],
                net_price=legs["net_price"][row],
                limit=number(legs["limit"][row]),
                share=legs["share"][row],
                fair=number(legs["fair"][row]),
                last_update=time(confirmed),
                step=steps[row],
                split=_split(keys[market], strings[outcome_name[outcome]], SIDES[legs["side"][row]], home)
                if outcomes[market] == _TWO
                else Split.NONE,
                winning=_winning(winners[market], outcomes[market], SIDES[legs["side"][row]])
                if winners and sizes[combination] == outcomes[market] > _TWO
                # Backing and laying one outcome covers the others, however many of them win.
                else 1,
                ev=worth.ev,
                plausible=worth.plausible,
                band_low=worth.low,
                band_high=worth.high,
                left_out=None if left_out is None else strings[left_out] or None,
                refused=worth.refused,
            )
        )
    return found


def _winning(winners: int, outcomes: int, side: str) -> int:
    """How many legs win where every outcome is backed, or every one laid: the lays of those that do not come."""
    return outcomes - winners if side == _LAY else winners


def _split(market: MarketKey, outcome: str, side: str, home: str | None) -> Split:
    """What becomes of a bet's stake where the result is the whole number beside its line, or a draw that gives it
    back."""
    if returns_stake_on_draw(market.market):
        return Split.RETURNED
    if (line := market.line) is None:
        return Split.NONE
    # The home side wins a spread where its margin is above minus its point.
    total = outcome in _TOTAL
    at = threshold(line if total else 0.0 - line)
    if at is None:
        return Split.NONE
    above = outcome == (_TOTAL[0] if total else home)
    return at.split if above == (side != _LAY) else at.split.other_side


class _Worth(NamedTuple):
    """What a leg is worth by itself, and what is said of its price."""

    ev: float | None = None
    plausible: float | None = None
    low: float | None = None
    high: float | None = None
    refused: str | None = None


def _worths(table: Columns, strings: Sequence[str], legs: int) -> list[_Worth]:
    """One for each leg."""
    evs, refused = table["ev"].tolist(), table["refused_s"].tolist()
    if not evs:  # of an engine that told none
        return [_Worth()] * legs
    if len(evs) != legs:
        raise ColumnError(f"leg_worths has {len(evs)} rows, legs {legs}")
    numbers = ([number(each) for each in table[name].tolist()] for name in ("ev", "plausible", "band_low", "band_high"))
    return list(map(_Worth, *numbers, [strings[row] or None for row in refused]))


def _steps(table: Columns, strings: Sequence[str], legs: int) -> list[Decimal]:
    """One for each leg."""
    rows = table["step_s"].tolist()
    if not rows:  # of an engine that told none: it rounded to the same step everywhere
        return [_PLAIN] * legs
    if len(rows) != legs:
        raise ColumnError(f"leg_steps has {len(rows)} rows, legs {legs}")
    return [_step(strings[row]) for row in rows]


def _step(text: str) -> Decimal:
    try:
        step = Decimal(text)
    except InvalidOperation as error:
        raise ColumnError(f"leg_steps.step_s has {text!r}, which is no decimal") from error
    if not (step.is_finite() and step >= _FINEST):
        raise ColumnError(f"leg_steps.step_s has {text!r}: a step is {_FINEST} or more")
    return step
