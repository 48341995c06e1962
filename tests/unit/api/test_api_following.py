"""What a follower is told of a combination that changes: also of what its filters, its tier and its stakes look at."""

from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from bet_intel.api.domain.accounts import EVERYTHING, View
from bet_intel.api.domain.combinations import KnownCombination, changed
from bet_intel.api.domain.model import FeedEntry, OpenCombination, OpportunitySet
from bet_intel.api.feed import Entry
from bet_intel.api.following import BY_DEFAULT, Wanted, told
from bet_intel.api.read_model import OpportunityFilter
from bet_intel.api.wire import opportunity_set
from fixtures.combination_messages import ARBITRAGE, Engine
from fixtures.engine_boards import H2H

MAIN = View(("main",))


@pytest.fixture(scope="module")
def board() -> OpportunitySet:
    """A set of one arbitrage, of low and high."""
    told_set = opportunity_set(Engine().tells({H2H: ARBITRAGE}).data)
    (one,) = (each for each in told_set.combinations if each.profile == "consensus")
    return replace(told_set, combinations=[one])


def known(one: OpenCombination) -> KnownCombination:
    return KnownCombination(**{name: getattr(one, name) for name in KnownCombination._fields})


def of_legs(one: OpenCombination, **changes: Any) -> OpenCombination:
    """With another first leg."""
    return replace(one, legs=[replace(one.legs[0], **changes), *one.legs[1:]])


def told_of(entries: list[FeedEntry], **filters: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    """Kind and data of what one is told who follows what these filters select."""
    which = OpportunityFilter("consensus", **{"classes": ("take", "marginal"), **filters})
    for seq, each in enumerate(entries, 1):
        payload = msgspec.json.decode(msgspec.json.encode(each.payload))
        entry = Entry(seq, each.kind, each.event_id, each.as_of, payload)
        frame = told(entry, 1, Wanted(which, frozenset(BY_DEFAULT), "decimal"))
        if frame is not None:
            lines = dict(line.split(": ", 1) for line in frame.decode().splitlines() if line)
            yield lines["event"], msgspec.json.decode(lines["data"])


def moves(board: OpportunitySet, before: OpenCombination, now: OpenCombination | None) -> list[FeedEntry]:
    following = replace(board, combinations=[] if now is None else [now])
    return changed({before.id: known(before)}, [following]).entries


@pytest.mark.parametrize("bookmaker", ["low", "other"])
def test_who_follows_a_bookmaker_is_told_when_it_comes_and_when_it_goes(board: OpportunitySet, bookmaker: str) -> None:
    (one,) = board.combinations
    entries = moves(board, one, of_legs(one, bookmaker="other", price=one.legs[0].price + 0.01))
    ((kind, data),) = told_of(entries, bookmakers=(bookmaker,))
    assert kind == "arbitrage.updated"
    assert [leg["bookmaker"]["key"] for leg in data["legs"]] == ["other", "high"]
    assert not list(told_of(entries, bookmakers=("nobody",)))


def test_it_closes_for_a_tier_that_does_not_see_a_leg_any_more_and_opens_when_it_does(board: OpportunitySet) -> None:
    (seen,) = board.combinations
    unseen = of_legs(seen, category="alternate")
    leaves, comes = moves(board, seen, unseen), moves(board, unseen, seen)
    ((kind, gone),) = told_of(leaves, view=MAIN)
    assert (kind, gone["id"], gone["close_reason"]) == ("arbitrage.closed", seen.id, "out_of_view")
    assert [kind for kind, _ in told_of(comes, view=MAIN)] == ["arbitrage.opened"]
    assert not list(told_of(moves(board, unseen, None), view=MAIN))
    assert [kind for kind, _ in told_of(leaves + comes, view=EVERYTHING)] == ["arbitrage.updated"] * 2


def test_of_an_entry_that_does_not_tell_the_legs_of_before_nobody_is_told_what_he_does_not_see(
    board: OpportunitySet,
) -> None:
    (seen,) = board.combinations
    (entry,) = moves(board, seen, of_legs(seen, category="alternate"))
    del entry.payload["legs_before"]
    assert not list(told_of([entry], view=MAIN))


def test_a_limit_that_turns_it_into_a_loss_closes_it(board: OpportunitySet) -> None:
    """What the first leg takes at most is less than a step of the stakes."""
    (fine,) = board.combinations
    limited = of_legs(fine, limit=0.4)
    ((kind, gone),) = told_of(moves(board, fine, limited))
    assert (kind, gone["close_reason"]) == ("arbitrage.closed", "rounded_away")
    assert [kind for kind, _ in told_of(moves(board, limited, fine))] == ["arbitrage.opened"]
    assert not list(told_of(moves(board, limited, None)))


def test_one_that_becomes_suspect_is_told_once_more(board: OpportunitySet) -> None:
    (fine,) = board.combinations
    suspect = replace(fine, class_="suspect")
    ((kind, data),) = told_of(moves(board, fine, suspect))
    assert (kind, data["class"]) == ("arbitrage.updated", "suspect")
    dearer = of_legs(suspect, price=suspect.legs[0].price + 0.01)
    assert not list(told_of(moves(board, suspect, dearer)))


def test_what_has_not_changed_is_no_news(board: OpportunitySet) -> None:
    (one,) = board.combinations
    assert moves(board, one, one) == []
