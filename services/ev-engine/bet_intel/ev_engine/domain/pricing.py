"""One pass: boards of many events in, fair prices and the prices that beat them out.

Markets with the same number of outcomes are priced together as one tensor of outcomes × bookmakers × markets
(`bet_intel.odds.fair_prices`), so that a pass costs a few array operations however many events it holds.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from bet_intel.ev_engine.domain.boards import EventBoards
from bet_intel.ev_engine.domain.categories import categories
from bet_intel.ev_engine.domain.combinations import Combination, combinations
from bet_intel.ev_engine.domain.comparable import comparable
from bet_intel.ev_engine.domain.draws import Draws
from bet_intel.ev_engine.domain.judging import Asks, PricedGroup
from bet_intel.ev_engine.domain.lines import Terms
from bet_intel.ev_engine.domain.pools import Pooled
from bet_intel.ev_engine.domain.priced import FairMarket, PricedMarket
from bet_intel.ev_engine.domain.profile import Profile
from bet_intel.ev_engine.domain.tensors import Entry, Group, Scopes, same_basis
from bet_intel.ev_engine.domain.voters import Voters
from bet_intel.ev_engine.domain.winners import winners
from bet_intel.odds import base_market

_AT_ONCE = 256
"""Events whose tensors are made together: those of more do not fit into the processor's caches, and cost more each."""


_CELLS = 8_000
"""Numbers of pools that take about as long as the calls of NumPy for one more group."""


class PricedEvent(NamedTuple):
    """Everything one profile thinks of one event."""

    boards: EventBoards
    profile: Profile
    markets: Sequence[PricedMarket]
    combinations: tuple[Combination, ...] = ()


def price(events: Sequence[EventBoards], profile: Profile) -> list[PricedEvent]:
    """What one profile thinks of every open market of `events`."""
    return [priced for (priced,) in price_side_by_side(events, (profile,))]


def price_side_by_side(events: Sequence[EventBoards], profiles: Sequence[Profile]) -> list[tuple[PricedEvent, ...]]:
    """Price every open market of `events`: for each event what each of `profiles` thinks of it.

    Ages and starts are judged against each event's own `as_of`. What profiles have in common is done once: one whose
    bookmakers, method and fresh references are those of another has that one's fair prices.
    """
    return [
        priced
        for begin in range(0, len(events), _AT_ONCE)
        for priced in _priced(events[begin : begin + _AT_ONCE], profiles)
    ]


def _priced(events: Sequence[EventBoards], profiles: Sequence[Profile]) -> list[tuple[PricedEvent, ...]]:
    bases: list[tuple[Profile, list[PricedGroup | _OneSided]]] = []
    by_profile: list[list[PricedEvent]] = []
    for profile in profiles:
        scopes = Scopes(profile)
        groups = next((groups for known, groups in bases if same_basis(known, profile)), None)
        if groups is None:
            groups = _groups(events, scopes)
            bases.append((profile, groups))
        draws = Draws(_pools(groups, scopes))
        markets: defaultdict[str, list[PricedMarket]] = defaultdict(list)
        asks = Asks()
        for group in groups:
            for entry, market in zip(group.entries, group.price(scopes, draws, asks), strict=True):
                markets[entry.boards.event.id].append(market)
        by_profile.append([_event(boards, scopes, markets[boards.event.id], asks) for boards in events])
    return list(zip(*by_profile, strict=True))


def _pools(groups: "Sequence[PricedGroup | _OneSided]", profile: Scopes) -> Iterator[Pooled]:
    return (group.pooled(profile) for group in groups if isinstance(group, PricedGroup))


def _event(boards: EventBoards, scopes: Scopes, markets: list[PricedMarket], asks: Asks) -> PricedEvent:
    markets.sort(key=_order)
    return PricedEvent(boards, scopes.profile, markets, combinations(boards, scopes, markets, asks))


def _groups(events: Sequence[EventBoards], profile: Scopes) -> "list[PricedGroup | _OneSided]":
    by_outcomes: defaultdict[tuple[int, int], list[Entry]] = defaultdict(list)
    for boards in events:
        votes = Voters(boards, profile).among
        kept = {key: comparable(key, board, votes) for key, board in boards.priced()}
        kinds = categories(((key, one.board) for key, one in kept.items()), votes)
        for key, (board, others) in kept.items():
            by_outcomes[len(board.outcomes), winners(key.market)].append(Entry(boards, key, board, others, kinds[key]))
    groups: list[PricedGroup | _OneSided] = []
    for (outcomes, winning), entries in by_outcomes.items():
        if outcomes <= winning:
            groups.append(_OneSided(entries))
        else:
            groups += [PricedGroup(Group(alike, profile, winning)) for alike in _by_width(entries, outcomes)]
    return groups


def _by_width(entries: list[Entry], outcomes: int) -> list[list[Entry]]:
    """Markets of about as many bookmakers, where that saves more than another group costs: in a tensor every market is
    as wide as the widest, and a pool without each bookmaker is as many numbers as the square of that. What is read from
    each other (`Lines`) stays together."""
    widths = [len(entry.board.bookmakers) for entry in entries]
    widest, narrowest = max(widths), min(widths)
    if outcomes * len(entries) * (widest * widest - narrowest * narrowest) <= _CELLS:
        return [entries]
    curves: defaultdict[tuple[str, str, str, str], list[Entry]] = defaultdict(list)
    for entry in entries:
        key = entry.key
        curves[entry.boards.event.id, base_market(key.market), key.period, key.subject].append(entry)
    by_size: defaultdict[int, list[Entry]] = defaultdict(list)
    for lines in curves.values():
        by_size[max(len(entry.board.bookmakers) for entry in lines).bit_length()] += lines
    groups: list[list[Entry]] = []
    width = 0
    for size in sorted(by_size, reverse=True):
        alike = by_size[size]
        own = max(len(entry.board.bookmakers) for entry in alike)
        if groups and outcomes * len(alike) * (width * width - own * own) <= _CELLS:
            groups[-1] += alike
        else:
            groups.append(alike)
            width = own
    return groups


def _order(market: PricedMarket) -> tuple[str, str, str, float]:
    key = market.key
    return key.market, key.period, key.subject, key.line if key.line is not None else 0.0


class _OneSided:
    """Markets of a single outcome: nothing is complete, and there is no fair price."""

    def __init__(self, entries: Sequence[Entry]) -> None:
        self.entries = entries

    def price(self, _profile: Scopes, _draws: Draws, _asks: Asks) -> Iterator[PricedMarket]:
        return map(_one_sided, self.entries)


def _one_sided(entry: Entry) -> PricedMarket:
    board = entry.board
    books = len(board.bookmakers)
    nothing = np.full(len(board.outcomes), np.nan)
    by_book = np.full((len(board.outcomes), books), np.nan)
    fair = FairMarket(
        reason="incomplete_market",
        consensus=nothing,
        band_low=nothing,
        band_high=nothing,
        devigged=by_book,
        leave_one_out=by_book,
        laid=by_book,
        share=np.zeros(books),
        overround=np.full(books, np.nan),
        left_out=("incomplete_market",) * books,
        dispersion=np.nan,
        books_used=0,
        terms=Terms.plain(books),
        weight=np.zeros(books),
        mid=np.zeros(books, dtype=np.bool_),
        winning=1,
    )
    return PricedMarket(entry.key, board, entry.category, fair, (), {}, (), None)
