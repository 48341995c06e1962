"""From a response to priced events, on the way that the services take it.

odds-ingest's parser and contract, ev-engine's reading of the contract and pricing: nothing is computed here, so that
`bet-intel price` cannot differ from `bet-intel up`.
"""

from collections.abc import Sequence
from datetime import datetime

from bet_intel.ev_engine.domain.boards import EventBoards, apply
from bet_intel.ev_engine.domain.pricing import PricedEvent, price
from bet_intel.ev_engine.domain.profile import Profile
from bet_intel.ev_engine.wire import board_update
from bet_intel.odds_ingest.domain.quotes import EventOdds
from bet_intel.odds_ingest.domain.state import advance
from bet_intel.odds_ingest.wire import odds_changed

_FIRST_REVISION = 1
_PASS = 64
"""Events priced together, as in the engine: the tensors of a pass grow with them, the numbers do not change."""


def price_answer(events: Sequence[EventOdds], as_of: datetime, profile: Profile) -> list[PricedEvent]:
    """Price the events of one answer taken at `as_of` (source time), in their order, by one profile."""
    priced: list[PricedEvent] = []
    for begin in range(0, len(events), _PASS):
        priced += price([_boards(odds, as_of) for odds in events[begin : begin + _PASS]], profile)
    return priced


def _boards(odds: EventOdds, as_of: datetime) -> EventBoards:
    message = odds_changed(advance(None, odds, as_of, _FIRST_REVISION))
    boards = apply(None, board_update(message))
    if boards is None:
        raise AssertionError("the first update of an event always tells something")
    return boards
