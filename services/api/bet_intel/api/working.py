"""A stored opportunities.updated → the working it holds. Pure."""

from functools import cached_property
from typing import Any

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
    Working,
)
from bet_intel.api.wire import bookmakers_of, market_keys, number, pools_of, time
from bet_intel.events.v1.opportunities_updated_pb2 import OpportunitiesUpdated
from bet_intel.shared.columns import read
from bet_intel.shared.times import from_us


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
        pool = self._leave_one_out_pool(row)
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
            bookmakers=self._market_bookmakers(market, opportunities["bookmaker"][row], pool),
            gates=self._gates(row),
        )

    def _pricing_revision(self, profile: str) -> int:
        told = self._tables["profiles"]
        names = [self._strings[row] for row in told["profile_s"]]
        revision: int = told["revision"][names.index(profile)] if profile in names else self._message.pricing_revision
        return revision

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
        prices, references = self._tables["prices"], self._tables["references"]
        outcomes = self._tables["outcomes"]
        rows = range(len(outcomes["market"]))
        wanted = {
            row
            for row in rows
            if outcomes["market"][row] == market and self._strings[outcomes["outcome_s"][row]] == name
        }
        confirmed = {
            bookmaker: us
            for of_market, bookmaker, us in zip(
                references["market"], references["bookmaker"], references["last_update_us"], strict=True
            )
            if of_market == market
        }
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

    def _age(self, us: int) -> float | None:
        return (self._message.as_of_us - us) / 1e6 if us else None

    def _market_bookmakers(
        self, market: int, judged: int, pool: dict[int, tuple[float, bool]]
    ) -> list[BookmakerWorking]:
        references = self._tables["references"]
        workings = []
        for row, of_market in enumerate(references["market"]):
            if of_market != self._pool[market]:
                continue
            bookmaker = references["bookmaker"][row]
            us = references["last_update_us"][row]
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
        return workings

    def _leave_one_out_pool(self, opportunity: int) -> dict[int, tuple[float, bool]]:
        """Bookmaker's row → share and whether it was left out as an outlier."""
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
