"""An event's set of opportunities, as `opportunities.updated` tells it."""

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from itertools import accumulate
from typing import Any, NamedTuple
from uuid import uuid4

import numpy as np
import numpy.typing as npt

from bet_intel.ev_engine.domain.boards import EventBoards, FloatArray, MarketKey
from bet_intel.ev_engine.domain.combinations import Kind
from bet_intel.ev_engine.domain.lives import Change, Life
from bet_intel.ev_engine.domain.priced import Priced, PricedMarket, Side, ev_per
from bet_intel.ev_engine.domain.pricing import PricedEvent
from bet_intel.ev_engine.domain.profile import Profile
from bet_intel.ev_engine.domain.stakes import Bet, stakes
from bet_intel.ev_engine.wire import SOURCE, fill_bookmakers, market_columns, wire_event
from bet_intel.ev_engine.wire_estimates import ToldMarket, fill_estimates
from bet_intel.ev_engine.wire_legs import fill_legs
from bet_intel.ev_engine.wire_unjudged import fill_unjudged
from bet_intel.events.v1.opportunities_updated_pb2 import OpportunitiesUpdated
from bet_intel.shared.columns import Strings, fill
from bet_intel.shared.messaging import Message
from bet_intel.shared.times import to_us

OPPORTUNITIES_UPDATED = "opportunities.updated.v1"

_SIDES = {Side.BACK: 0, Side.LAY: 1}


def opportunities_updated(side_by_side: Sequence[PricedEvent], change: Change, revision: int) -> Message:
    """The whole set of an event's open opportunities over all profiles, with the working behind them."""
    state = side_by_side[0].boards
    profiles = [priced.profile for priced in side_by_side]
    body = OpportunitiesUpdated(
        as_of_us=to_us(state.as_of),
        revision=revision,
        odds_revision=state.odds_revision,
        pricing_revision=max(profile.revision for profile in profiles),
    )
    body.event.CopyFrom(wire_event(state.event))
    strings = Strings()
    bookmakers = fill_bookmakers(body.bookmakers, state, strings)
    rows = [_Row(priced.profile, market) for priced in side_by_side for market in priced.markets]
    filling = _Filling(body, strings, bookmakers, rows)
    filling.markets()
    filling.pools(state)
    filling.refusals()
    filling.opportunities(change)
    filling.terms(change, side_by_side)
    filling.certainties(change)
    filling.combinations(change)
    filling.profiles(profiles)
    body.strings.extend(strings.table())
    return Message(
        id=str(uuid4()),
        type=OPPORTUNITIES_UPDATED,
        source=SOURCE,
        subject=state.event.id,
        time=state.as_of,
        revision=revision,
        data=body.SerializeToString(),
    )


class _Row(NamedTuple):
    """A market as one profile sees it: one row of `markets`."""

    profile: Profile
    market: PricedMarket


class _Filling:
    """A message under construction."""

    def __init__(
        self, body: OpportunitiesUpdated, strings: Strings, bookmakers: dict[str, int], rows: Sequence[_Row]
    ) -> None:
        self._body = body
        self._strings = strings
        self._bookmakers = bookmakers
        self._rows = rows
        self._market_rows: defaultdict[str, dict[MarketKey, int]] = defaultdict(dict)
        self._first_outcome: list[int] = []
        self._pooled_as: list[int] = []
        count = 0
        for number, row in enumerate(rows):
            self._market_rows[row.profile.name][row.market.key] = number
            self._first_outcome.append(count)
            self._pooled_as.append(self._same_pool(number))
            count += len(row.market.board.outcomes)

    def _same_pool(self, number: int) -> int:
        """The first row with the market's very pool, itself where there is none before."""
        row = self._rows[number]
        seen: set[str] = set()
        for earlier in self._rows[:number]:
            name = earlier.profile.name
            if name in seen or name == row.profile.name:
                continue
            seen.add(name)
            at = self._market_rows[name].get(row.market.key)
            if at is not None and self._pooled_as[at] == at and _pooled_alike(self._rows[at], row):
                return at
        return number

    def _outcome(self, profile: str, market: PricedMarket, outcome: int) -> int:
        return self._first_outcome[self._market_rows[profile][market.key]] + outcome

    def markets(self) -> None:
        strings, rows = self._strings, self._rows
        markets = [row.market for row in rows]
        fill(
            self._body.markets,
            **market_columns([market.key for market in markets], strings),
            profile_s=strings.rows(row.profile.name for row in rows),
            method_s=strings.rows(row.profile.method.value for row in rows),
            category_s=strings.rows(market.category.value for market in markets),
            reason_s=strings.rows(market.fair.reason for market in markets),
            dispersion=[market.fair.dispersion for market in markets],
            books_used=[market.fair.books_used for market in markets],
        )
        fill(
            self._body.outcomes,
            market=[number for number, market in enumerate(markets) for _ in market.board.outcomes],
            outcome_s=[strings.row(name) for market in markets for name in market.board.outcomes],
            consensus=joined(market.fair.consensus for market in markets),
            band_low=joined(market.fair.band_low for market in markets),
            band_high=joined(market.fair.band_high for market in markets),
        )
        fill(
            self._body.pooling,
            winning=[market.fair.winning for market in markets],
            worst_end=[row.profile.judges_by_the_worse_end for row in rows],
        )
        aliases = [(number, at) for number, at in enumerate(self._pooled_as) if number != at]
        fill(
            self._body.same_pools,
            market=[number for number, _ in aliases],
            pooled_as=[at for _, at in aliases],
        )

    def pools(self, boards: EventBoards) -> None:
        """References, prices and what the others think of them, of markets whose pool is told here."""
        told = [(number, row.market) for number, row in enumerate(self._rows) if self._pooled_as[number] == number]
        markets = [market for _, market in told]
        books = [[self._bookmakers[key] for key in market.board.bookmakers] for market in markets]
        fill(
            self._body.references,
            market=[number for number, market in told for _ in market.board.bookmakers],
            bookmaker=[row for of_market in books for row in of_market],
            last_update_us=joined(market.board.updated_us for market in markets),
            weight=joined(market.fair.share for market in markets),
            overround=joined(market.fair.overround for market in markets),
            left_out_s=[self._strings.row(reason) for market in markets for reason in market.fair.left_out],
        )
        fill(
            self._body.reference_weights,
            weight=joined(market.fair.weight for market in markets),
            mid=joined(market.fair.mid for market in markets),
        )
        first = dict(zip(range(len(markets)), accumulate(map(len, books), initial=0), strict=False))
        twins = [
            (first[n] + b, first[n] + to) for n, one in enumerate(markets) for b, to in one.fair.counted_as.items()
        ]
        fill(
            self._body.same_exchanges,
            reference=[reference for reference, _ in twins],
            counted_as=[to for _, to in twins],
        )
        outcome = [
            self._first_outcome[number] + o
            for number, market in told
            for o in range(len(market.board.outcomes))
            for _ in market.board.bookmakers
        ]
        fill(
            self._body.prices,
            outcome=outcome,
            bookmaker=[
                row
                for of_market, market in zip(books, markets, strict=True)
                for _ in market.board.outcomes
                for row in of_market
            ],
            back=joined(market.board.back for market in markets),
            lay=joined(market.board.lay for market in markets),
            devigged=joined(market.fair.devigged for market in markets),
        )
        # What is left out of every market equals its consensus where it does not count: only what is known is told.
        without = joined(market.fair.leave_one_out for market in markets)
        known = np.flatnonzero(~np.isnan(without.astype(np.float64)))
        fill(self._body.judged, price=known, fair=without[known])

        estimated = [
            ToldMarket(market, self._first_outcome[number], self._market_rows[self._rows[number].profile.name])
            for number, market in told
        ]
        fill_estimates(self._body, estimated, self._bookmakers)
        fill_unjudged(self._body, markets, boards, self._strings)

    def refusals(self) -> None:
        for side, table, gates in (
            (Side.BACK, self._body.refusals, self._body.refusal_gates),
            (Side.LAY, self._body.refused_lays, self._body.refused_lay_gates),
        ):
            found = [(row, one) for row in self._rows for one in row.market.refusals if one.side is side]
            verdicts = [one.judgement.verdicts for _, one in found]
            last = [asked[-1] for asked in verdicts]
            fill(
                table,
                outcome=[self._outcome(row.profile.name, row.market, one.outcome) for row, one in found],
                bookmaker=[self._bookmakers[row.market.board.bookmakers[one.bookmaker]] for row, one in found],
                gate_s=self._strings.rows(verdict.gate for verdict in last),
                reason_s=self._strings.rows(one.judgement.refused for _, one in found),
                value=[verdict.value for verdict in last],
                bound=[verdict.bound for verdict in last],
            )
            passed = [(number, verdict) for number, asked in enumerate(verdicts) for verdict in asked[:-1]]
            fill(
                gates,
                refusal=[number for number, _ in passed],
                gate_s=[self._strings.row(verdict.gate) for _, verdict in passed],
                value=[verdict.value for _, verdict in passed],
                bound=[verdict.bound for _, verdict in passed],
            )

    def opportunities(self, change: Change) -> None:
        strings, bookmakers = self._strings, self._bookmakers
        lives = [life for life, _ in change.open]
        sightings = [sighting for _, sighting in change.open]
        priced = [sighting.priced for sighting in sightings]
        fill(
            self._body.opportunities,
            id_s=strings.rows(life.id for life in lives),
            kind_s=[strings.row(Kind.EV)] * len(lives),
            outcome=[self._outcome(one.profile, one.market, one.priced.outcome) for one in sightings],
            bookmaker=[bookmakers[one.market.board.bookmakers[one.priced.bookmaker]] for one in sightings],
            side=[_SIDES[one.side] for one in priced],
            price=[one.price for one in priced],
            net_price=[one.net_price for one in priced],
            limit=[one.limit for one in priced],
            fair=[one.fair for one in priced],
            band_low=[one.band_low for one in priced],
            band_high=[one.band_high for one in priced],
            ev=[one.ev for one in priced],
            ev_worst=[one.ev_worst for one in priced],
            class_s=strings.rows(one.judgement.ev_class for one in priced),
            dispersion=[one.dispersion for one in priced],
            **_life_columns(lives),
        )
        pools = [
            (row, book, share, outlier)
            for row, one in enumerate(sightings)
            for book, share, outlier in _pool(one.market, one.priced)
        ]
        fill(
            self._body.leave_one_out,
            opportunity=[row for row, _, _, _ in pools],
            bookmaker=[bookmakers[book] for _, book, _, _ in pools],
            weight=[share for _, _, share, _ in pools],
            outlier=[outlier for _, _, _, outlier in pools],
        )
        verdicts = [(row, verdict) for row, one in enumerate(priced) for verdict in one.judgement.verdicts]
        fill(
            self._body.gates,
            opportunity=[row for row, _ in verdicts],
            gate_s=[strings.row(verdict.gate) for _, verdict in verdicts],
            passed=[verdict.passed for _, verdict in verdicts],
            value=[verdict.value for _, verdict in verdicts],
            bound=[verdict.bound for _, verdict in verdicts],
        )
        fill(
            self._body.closed,
            id_s=strings.rows(life.id for life in change.closed),
            reason_s=strings.rows(life.close_reason or "" for life in change.closed),
        )

    def terms(self, change: Change, side_by_side: Sequence[PricedEvent]) -> None:
        """How each opportunity's bet is settled, and how much it is worth staking."""
        worth = {priced.profile.name: stakes(priced.markets, priced.profile) for priced in side_by_side}
        sightings = [sighting for _, sighting in change.open]
        pushes = [one.priced.push for one in sightings]
        fill(
            self._body.terms,
            opportunity=range(len(sightings)),
            push=pushes,
            per_s=self._strings.rows(ev_per(sighting.priced) for sighting in sightings),
            stake=[
                worth[one.profile][Bet(one.market.key, one.priced.outcome, one.priced.bookmaker, one.priced.side)]
                for one in sightings
            ],
        )

    def certainties(self, change: Change) -> None:
        """How sure it is that each opportunity is one."""
        priced = [sighting.priced for _, sighting in change.open]
        fill(
            self._body.certainties,
            opportunity=range(len(priced)),
            confidence=[one.confidence for one in priced],
            half_points=[math.nan if one.estimate is None else one.estimate.half_points for one in priced],
        )

    def combinations(self, change: Change) -> None:
        strings = self._strings
        lives = [life for life, _ in change.combined]
        found = [one.combination for _, one in change.combined]
        nan = float("nan")
        fill(
            self._body.combinations,
            id_s=strings.rows(life.id for life in lives),
            kind_s=strings.rows(one.kind for one in found),
            market=[self._market_rows[one.profile][one.combination.market.key] for _, one in change.combined],
            cost=[one.cost for one in found],
            ev=[one.ev for one in found],
            class_s=strings.rows(one.ev_class for one in found),
            window_low=[one.window.low if one.window else nan for one in found],
            window_high=[one.window.high if one.window else nan for one in found],
            window_probability=[one.window.probability if one.window else nan for one in found],
            **_life_columns(lives),
        )
        legs = [(row, one.profile, leg) for row, (_, one) in enumerate(change.combined) for leg in one.combination.legs]
        fill(
            self._body.legs,
            combination=[row for row, _, _ in legs],
            outcome=[self._outcome(profile, leg.market, leg.outcome) for _, profile, leg in legs],
            bookmaker=[self._bookmakers[leg.market.board.bookmakers[leg.bookmaker]] for _, _, leg in legs],
            side=[_SIDES[leg.side] for _, _, leg in legs],
            price=[leg.price for _, _, leg in legs],
            net_price=[leg.net_price for _, _, leg in legs],
            limit=[leg.limit for _, _, leg in legs],
            share=[leg.share for _, _, leg in legs],
            fair=[leg.fair for _, _, leg in legs],
        )
        fill_legs(self._body, [leg for _, _, leg in legs], strings)

    def profiles(self, profiles: Sequence[Profile]) -> None:
        fill(
            self._body.profiles,
            profile_s=self._strings.rows(profile.name for profile in profiles),
            revision=[profile.revision for profile in profiles],
        )
        charged = [
            (profile.name, row, commission)
            for profile in profiles
            for key, row in self._bookmakers.items()
            if (commission := profile.bookmaker(key).commission)
        ]
        fill(
            self._body.commissions,
            profile_s=self._strings.rows(name for name, _, _ in charged),
            bookmaker=[row for _, row, _ in charged],
            commission=[commission for _, _, commission in charged],
        )


def _pooled_alike(one: _Row, other: _Row) -> bool:
    """Whether the same market has the same working in two profiles, number for number."""
    a, b = one.market, other.market
    return (
        one.profile.method is other.profile.method
        and a.fair.left_out == b.fair.left_out
        and _equal(a.fair.weight, b.fair.weight)
        and _equal(a.fair.share, b.fair.share)
        and _equal(a.fair.devigged, b.fair.devigged)
        and _equal(a.fair.leave_one_out, b.fair.leave_one_out)
    )


def _equal(one: FloatArray, other: FloatArray) -> bool:
    # Profiles that have a pool in common show the very arrays.
    return one is other or np.array_equal(one, other, equal_nan=True)


def joined(arrays: "Iterable[npt.NDArray[np.generic]]") -> "npt.NDArray[Any]":
    parts = [array.ravel() for array in arrays]
    return np.concatenate(parts) if parts else np.empty(0)


def _pool(market: PricedMarket, one: Priced) -> "Iterable[tuple[str, float, bool]]":
    """Who was asked about a price, with their shares, and who was left out as an outlier."""
    if one.estimate is not None:
        return [(book, share, book in one.estimate.outliers) for book, share in one.estimate.shares.items()]
    return zip(market.board.bookmakers, one.shares.tolist(), one.outliers.tolist(), strict=True)


def _life_columns(lives: Sequence[Life]) -> dict[str, list[int] | list[float]]:
    return {
        "opened_us": [to_us(life.opened) for life in lives],
        "first_seen_us": [to_us(life.first_seen) for life in lives],
        "last_seen_us": [to_us(life.last_seen) for life in lives],
        "opening": [life.opening for life in lives],
        "peak_ev": [life.peak_ev for life in lives],
        "peak_us": [to_us(life.peak_at) for life in lives],
    }
