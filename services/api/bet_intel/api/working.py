"""A stored opportunities.updated → the working it holds. Pure."""

from collections.abc import Sequence, Set
from functools import cached_property
from typing import Any

from msgspec.structs import replace

from bet_intel.api.domain.explanation import NO_EV, NOT_JUDGED, OPPORTUNITY, REFUSED
from bet_intel.api.domain.model import MarketKey
from bet_intel.api.domain.working import (
    Band,
    BookmakerPrice,
    BookmakerWorking,
    FairMarket,
    FairOutcome,
    Gate,
    LeaveOneOut,
    OutcomeWorking,
    PriceWorking,
    Working,
)
from bet_intel.api.other_pools import Members, Opinions
from bet_intel.api.terms import terms_of
from bet_intel.api.unjudged import Unjudged, working_elsewhere
from bet_intel.api.wire_values import bookmakers_of, market_keys, number, pools_of, time
from bet_intel.events.v1.opportunities_updated_pb2 import OpportunitiesUpdated
from bet_intel.odds import expected_value, lay_as_back, net_price
from bet_intel.shared.columns import read
from bet_intel.shared.times import from_us

_SIDES = {"back": 0, "lay": 1}


class SetWorking:
    """The working of one event's set. `body` was accepted before, so it is known to keep its layout."""

    def __init__(self, body: bytes) -> None:
        message = OpportunitiesUpdated.FromString(body)
        tables = read(message)
        self._message = message
        self._strings = list(message.strings)
        self._keys = market_keys(tables["markets"], self._strings)
        self._bookmakers = bookmakers_of(tables["bookmakers"], self._strings)
        self._pool = pools_of(tables, len(self._keys))
        self._tables: dict[str, dict[str, list[Any]]] = {
            name: {column: values.tolist() for column, values in table.items()} for name, table in tables.items()
        }
        self._opinions = Opinions(self._tables, self._strings, self._pool)

    @cached_property
    def _unjudged(self) -> Unjudged:
        return Unjudged(self._tables, self._strings)

    @property
    def odds_revision(self) -> int:
        """Of the event, when its prices were taken into the set."""
        return self._message.odds_revision

    @cached_property
    def _rows_of_ids(self) -> dict[str, int]:
        return {self._strings[id]: row for row, id in enumerate(self._tables["opportunities"]["id_s"])}

    def __contains__(self, id: object) -> bool:
        return id in self._rows_of_ids

    def opportunity(self, id: str) -> Working:
        """The working of one opportunity of the set.

        Raises:
            KeyError: the set does not hold it.
        """
        row = self._rows_of_ids[id]
        opportunities = self._tables["opportunities"]
        markets = self._tables["markets"]
        market = self._tables["outcomes"]["market"][opportunities["outcome"][row]]
        pool, judged = self._leave_one_out_pool(row), opportunities["bookmaker"][row]
        lines = [line for line, _ in self._opinions.lines(self._pool[market], judged)]
        return Working(
            as_of=from_us(self._message.as_of_us),
            odds_revision=self._message.odds_revision,
            pricing_revision=self._pricing_revision(self._strings[markets["profile_s"][market]]),
            method=self._strings[markets["method_s"][market]],
            books_used=markets["books_used"][market],
            dispersion=number(markets["dispersion"][market]),
            leave_one_out=LeaveOneOut(
                opportunities["fair"][row],
                Band(number(opportunities["band_low"][row]), number(opportunities["band_high"][row])),
                number(opportunities["dispersion"][row]),
                sum(weight > 0 for weight, _ in pool.values()),
            ),
            outcomes=self._outcomes(market),
            bookmakers=self._market_bookmakers(market, judged, pool, lines),
            gates=self._gates(row),
            estimated_lines=self._lines(lines),
            worst_case=self._by_the_worse_end(market),
        )

    def _pricing_revision(self, profile: str) -> int:
        told = self._tables["profiles"]
        names = [self._strings[row] for row in told["profile_s"]]
        revision: int = told["revision"][names.index(profile)] if profile in names else self._message.pricing_revision
        return revision

    def price(
        self, key: MarketKey, outcome: str, bookmaker: str, profile: str, side: str = "back"
    ) -> PriceWorking | None:
        """The working of any price to back or to lay, as a profile judges it; None where the set does not hold market,
        outcome or bookmaker."""
        market = self._market_row(key, profile)
        books = [key for key, _ in self._bookmakers]
        if market is None or bookmaker not in books:
            return None
        book = books.index(bookmaker)
        row, pool = self._outcome_row(market, outcome), self._pool[market]
        if row is None and not self._unjudged.offered(pool, outcome):
            return None
        working = self._price_working(market, row, outcome, book, profile, side)
        price = self._unjudged.other_price(pool, book, outcome, side)
        if price is None:
            return working
        told = working_elsewhere(working, price, self._net(price, profile, book, side))
        return replace(
            told,
            age_seconds=self._age(self._confirmed({pool}).get(book, 0)),
            bookmakers=self._market_bookmakers(market, book, {}, ()),
        )

    def category(self, key: MarketKey, profile: str) -> str | None:
        """Of a market as a profile judges it; None where the set does not hold it."""
        row = self._market_row(key, profile)
        return None if row is None else self._strings[self._tables["markets"]["category_s"][row]]

    def _price_working(
        self, market: int, row: int | None, name: str, book: int, profile: str, side: str
    ) -> PriceWorking:
        """`row` of the outcome `name`, None where it is of another market under this name."""
        key = self._keys[market]
        bookmaker, title = self._bookmakers[book]
        outcomes = self._outcomes(market)
        nothing = OutcomeWorking(name, None, Band(None, None), [])
        shown = next((one for one in outcomes if one.outcome == name), nothing)
        offered = next((one for one in shown.prices if one.bookmaker == bookmaker), None)
        lays = side == "lay"
        price = None if offered is None else offered.lay if lays else offered.back
        net = None if price is None else self._net(price, profile, book, side)
        refusals = "refused_lays" if lays else "refusals"
        found, refused = self._opportunity_row(row, book, side), self._refusal_row(refusals, row, book)
        worst_case = self._by_the_worse_end(market)
        told = self._pool_outcome_row(market, name)
        opinion = self._opinions.of(self._pool[market], told, book, lays=lays, worst_case=worst_case)
        fair, band = opinion.fair, opinion.band or shown.consensus_band
        end = band.high if lays else band.low
        ev, ev_worst = (
            None if p is None or net is None else expected_value(1.0 - p if lays else p, net)
            for p in (fair, None if opinion.band is None else end)
        )
        gates: list[Gate] = []
        verdict = NO_EV
        reason: str | None = "no_ev"
        ev_class: str | None = None
        if found is not None:
            of = self._tables["opportunities"]
            fair, ev, ev_worst = of["fair"][found], of["ev"][found], of["ev_worst"][found]
            band = Band(number(of["band_low"][found]), number(of["band_high"][found]))
            verdict, reason, ev_class = OPPORTUNITY, None, self._strings[of["class_s"][found]]
            gates = self._gates(found)
        elif refused is not None:
            of = self._tables[refusals]
            verdict, reason = REFUSED, self._strings[of["reason_s"][refused]]
            gates = self._passed("refused_lay_gates" if lays else "refusal_gates", refused)
            gate = self._strings[of["gate_s"][refused]]
            gates.append(Gate(gate, False, number(of["value"][refused]), number(of["bound"][refused])))
        elif fair is None:
            of_market = self._strings[self._tables["markets"]["reason_s"][market]] or "reference_missing"
            verdict, reason = NOT_JUDGED, self._unjudged.reason(self._pool[market], book) or of_market
        pool = self._leave_one_out_pool(found) if found is not None else opinion.pool
        terms = terms_of(self._tables, self._strings, key, found, side)
        away = terms.half_points if found is not None else opinion.half_points
        event = self._message.event
        return PriceWorking(
            event=f"{event.home} v {event.away}" if event.home else event.league_title,
            away=event.away or None,
            profile=profile,
            market=key.market,
            period=key.period,
            line=key.line,
            subject=key.subject or None,
            outcome=name,
            bookmaker=bookmaker,
            title=title,
            side=side,
            price=price,
            net_price=net,
            age_seconds=None if offered is None else offered.age_seconds,
            verdict=verdict,
            reason=reason,
            class_=ev_class,
            ev_per=terms.per,
            push_probability=terms.push,
            confidence=terms.confidence,
            estimated_half_points=away,
            estimated_lines=self._lines(opinion.lines),
            worst_case=worst_case,
            fair_probability=fair,
            consensus_probability=shown.consensus_probability,
            band=band,
            ev=ev,
            ev_worst=ev_worst,
            as_of=from_us(self._message.as_of_us),
            method=self._strings[self._tables["markets"]["method_s"][market]],
            books_used=self._tables["markets"]["books_used"][market],
            dispersion=number(self._tables["markets"]["dispersion"][market]),
            outcomes=outcomes,
            bookmakers=self._market_bookmakers(market, book, pool, opinion.lines),
            gates=gates or Gate.of_ev(ev),
        )

    def _market_row(self, key: MarketKey, profile: str) -> int | None:
        profiles = self._tables["markets"]["profile_s"]
        rows = (row for row, one in enumerate(self._keys) if one == key and self._strings[profiles[row]] == profile)
        return next(rows, None)

    def _outcome_row(self, market: int, name: str) -> int | None:
        outcomes = self._tables["outcomes"]
        pairs = zip(outcomes["market"], outcomes["outcome_s"], strict=True)
        return next((row for row, (m, o) in enumerate(pairs) if m == market and self._strings[o] == name), None)

    def _pool_outcome_row(self, market: int, name: str) -> int | None:
        return self._outcome_row(self._pool[market], name)

    def _net(self, price: float, profile: str, book: int, side: str) -> float:
        return (lay_as_back if side == "lay" else net_price)(price, self._commission(profile, book))

    def _commission(self, profile: str, book: int) -> float:
        told = self._tables["commissions"]
        rows = zip(told["profile_s"], told["bookmaker"], told["commission"], strict=True)
        return next((c for name, row, c in rows if row == book and self._strings[name] == profile), 0.0)

    def _by_the_worse_end(self, market: int) -> bool:
        told = self._tables["pooling"]["worst_end"]
        return bool(told and told[market])

    def _passed(self, table: str, refused: int) -> list[Gate]:
        """The gates that a refused price had passed."""
        gates = self._tables[table]
        return [
            Gate(self._strings[gates["gate_s"][row]], True, number(gates["value"][row]), number(gates["bound"][row]))
            for row, of_refusal in enumerate(gates["refusal"])
            if of_refusal == refused
        ]

    def _opportunity_row(self, outcome: int | None, book: int, side: str) -> int | None:
        of = self._tables["opportunities"]
        rows = zip(of["outcome"], of["bookmaker"], of["side"], strict=True)
        return next((row for row, found in enumerate(rows) if found == (outcome, book, _SIDES[side])), None)

    def _refusal_row(self, table: str, outcome: int | None, book: int) -> int | None:
        of = self._tables[table]
        pairs = zip(of["outcome"], of["bookmaker"], strict=True)
        return next((row for row, pair in enumerate(pairs) if pair == (outcome, book)), None)

    def fair_markets(self, profile: str) -> dict[MarketKey, FairMarket]:
        """Fair prices of every market that a pricing profile has judged."""
        markets = self._tables["markets"]
        return {
            self._keys[row]: FairMarket(
                category=self._strings[markets["category_s"][row]],
                method=self._strings[markets["method_s"][row]],
                books_used=markets["books_used"][row],
                dispersion=number(markets["dispersion"][row]),
                not_computable=self._strings[markets["reason_s"][row]] or None,
                outcomes=[
                    FairOutcome(outcome.outcome, outcome.consensus_probability, outcome.consensus_band)
                    for outcome in self._outcomes(row, with_prices=False)
                ],
            )
            for row, profile_row in enumerate(markets["profile_s"])
            if self._strings[profile_row] == profile
        }

    def _outcomes(self, market: int, *, with_prices: bool = True) -> list[OutcomeWorking]:
        outcomes = self._tables["outcomes"]
        return [
            OutcomeWorking(
                self._strings[outcomes["outcome_s"][row]],
                number(outcomes["consensus"][row]),
                Band(number(outcomes["band_low"][row]), number(outcomes["band_high"][row])),
                self._prices(self._strings[outcomes["outcome_s"][row]], self._pool[market]) if with_prices else [],
            )
            for row, of_market in enumerate(outcomes["market"])
            if of_market == market
        ]

    def _prices(self, name: str, market: int) -> list[BookmakerPrice]:
        """The prices of an outcome; `market` is the row that tells them."""
        prices = self._tables["prices"]
        outcomes = self._tables["outcomes"]
        rows = range(len(outcomes["market"]))
        wanted = {
            row
            for row in rows
            if outcomes["market"][row] == market and self._strings[outcomes["outcome_s"][row]] == name
        }
        confirmed = self._confirmed({market})
        return [
            BookmakerPrice(
                bookmaker=self._bookmakers[prices["bookmaker"][row]][0],
                title=self._bookmakers[prices["bookmaker"][row]][1],
                back=number(prices["back"][row]),
                lay=number(prices["lay"][row]),
                devigged_probability=number(prices["devigged"][row]),
                age_seconds=self._age(confirmed.get(prices["bookmaker"][row], 0)),
            )
            for row, of_outcome in enumerate(prices["outcome"])
            if of_outcome in wanted
        ]

    def _confirmed(self, markets: Set[int]) -> dict[int, int]:
        """When (µs) each bookmaker last confirmed its prices, the oldest of them."""
        told = self._tables["references"]
        found: dict[int, int] = {}
        for market, bookmaker, us in zip(told["market"], told["bookmaker"], told["last_update_us"], strict=True):
            if market in markets:
                found[bookmaker] = min(us, found.get(bookmaker, us))
        return found

    def _lines(self, markets: Sequence[int]) -> list[float]:
        return [line for row in markets if (line := self._keys[row].line) is not None]

    def _age(self, us: int) -> float | None:
        return (self._message.as_of_us - us) / 1e6 if us else None

    def _market_bookmakers(
        self, market: int, judged: int, pool: Members, lines: Sequence[int]
    ) -> list[BookmakerWorking]:
        references = self._tables["references"]
        workings = []
        shown = set()
        for row, of_market in enumerate(references["market"]):
            if of_market != self._pool[market]:
                continue
            bookmaker = references["bookmaker"][row]
            us = references["last_update_us"][row]
            shown.add(bookmaker)
            weight, outlier = pool.get(bookmaker, (0.0, False))
            workings.append(
                BookmakerWorking(
                    bookmaker=self._bookmakers[bookmaker][0],
                    title=self._bookmakers[bookmaker][1],
                    last_update=time(us),
                    age_seconds=self._age(us),
                    overround=number(references["overround"][row]),
                    consensus_weight=references["weight"][row],
                    left_out_reason=self._strings[references["left_out_s"][row]] or None,
                    leave_one_out_weight=weight,
                    leave_one_out_outlier=outlier,
                    judged=bookmaker == judged,
                )
            )
        # Who was asked about a line by another line, and does not price this one; as old as the older of its prices.
        confirmed = self._confirmed({self._pool[line] for line in lines})
        workings += [
            BookmakerWorking(
                bookmaker=self._bookmakers[bookmaker][0],
                title=self._bookmakers[bookmaker][1],
                last_update=time(confirmed.get(bookmaker, 0)),
                age_seconds=self._age(confirmed.get(bookmaker, 0)),
                overround=None,
                consensus_weight=0.0,
                left_out_reason=None,
                leave_one_out_weight=weight,
                leave_one_out_outlier=outlier,
                judged=False,
            )
            for bookmaker, (weight, outlier) in pool.items()
            if bookmaker not in shown
        ]
        return workings

    def _leave_one_out_pool(self, opportunity: int) -> Members:
        pool = self._tables["leave_one_out"]
        return {
            pool["bookmaker"][row]: (pool["weight"][row], bool(pool["outlier"][row]))
            for row, of_opportunity in enumerate(pool["opportunity"])
            if of_opportunity == opportunity
        }

    def _gates(self, opportunity: int) -> list[Gate]:
        gates = self._tables["gates"]
        return [
            Gate(
                self._strings[gates["gate_s"][row]],
                bool(gates["passed"][row]),
                number(gates["value"][row]),
                number(gates["bound"][row]),
            )
            for row, of_opportunity in enumerate(gates["opportunity"])
            if of_opportunity == opportunity
        ]
