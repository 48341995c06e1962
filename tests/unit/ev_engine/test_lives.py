"""The life of an opportunity: opened, seen, closed for a reason, opened again."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from bet_intel.ev_engine.domain.boards import Board, MarketKey, MarketStatus
from bet_intel.ev_engine.domain.lives import Change, Life, OpportunityKey, live_on
from bet_intel.ev_engine.domain.pricing import price
from bet_intel.ev_engine.domain.profile import Profile
from fixtures.engine_boards import AS_OF, H2H, START, board, boards, line

PROFILE = Profile()
REOPEN = PROFILE.reopen_seconds
FOUR = {name: {"Away": 1.91, "Home": 1.91} for name in ("alpha", "beta", "gamma", "delta")}


def better(home: float) -> Board:
    """Four books at 1.91 and one that offers `home` instead: its fair probability is one half."""
    return board({**FOUR, "soft": {"Away": 1.80, "Home": home}})


def at(seconds: float) -> datetime:
    return AS_OF + timedelta(seconds=seconds)


def shown(markets: Mapping[MarketKey, Board], seconds: float, lives: list[Life], start: datetime = START) -> Change:
    """The change after a pass at `seconds`, every price confirmed at that moment."""
    fresh = {
        key: Board(
            one.revision,
            one.status,
            one.outcomes,
            one.bookmakers,
            one.back,
            one.lay,
            one.limit,
            one.updated_us + round(seconds * 1e6),
        )
        for key, one in markets.items()
    }
    (priced,) = price([boards(fresh, as_of=at(seconds), start=start)], PROFILE)
    return live_on({life.key: life for life in lives}, (priced,))


def only(change: Change) -> Life:
    ((life, _),) = change.open
    return life


def ended(change: Change) -> Life:
    assert change.open == []
    (life,) = change.closed
    return life


def test_an_opportunity_opens() -> None:
    life = only(shown({H2H: better(2.06)}, 0, []))
    assert (life.opening, life.opened, life.first_seen, life.last_seen) == (1, AS_OF, AS_OF, AS_OF)
    assert (life.peak_ev, life.peak_at) == (life.ev, AS_OF)
    assert abs(life.ev - 0.03) < 1e-12  # 0.5 · 2.06 − 1
    assert life.open


def test_while_it_is_seen_it_keeps_its_id_and_its_peak() -> None:
    first = only(shown({H2H: better(2.06)}, 0, []))
    higher = only(shown({H2H: better(2.10)}, 60, [first]))
    lower = only(shown({H2H: better(2.04)}, 120, [higher]))
    assert first.id == higher.id == lower.id
    assert (lower.opened, lower.first_seen, lower.last_seen, lower.opening) == (AS_OF, AS_OF, at(120), 1)
    assert (lower.ev, lower.peak_ev, lower.peak_at) == (0.5 * 2.04 - 1, higher.ev, at(60))


def test_an_equal_ev_later_does_not_move_the_peak() -> None:
    first = only(shown({H2H: better(2.06)}, 0, []))
    assert only(shown({H2H: better(2.06)}, 60, [first])).peak_at == AS_OF


def test_it_closes_when_its_price_is_no_longer_better() -> None:
    first = only(shown({H2H: better(2.06)}, 0, []))
    life = ended(shown({H2H: better(1.95)}, 60, [first]))
    assert (life.closed, life.close_reason, life.last_seen) == (at(60), "no_ev", AS_OF)


def test_it_closes_with_the_reason_of_the_gate_that_refuses_it() -> None:
    first = only(shown({H2H: better(2.06)}, 0, []))
    good = better(2.06)
    suspended = Board(2, MarketStatus.SUSPENDED, *(getattr(good, name) for name in Board.__slots__[2:]))
    assert ended(shown({H2H: suspended}, 60, [first])).close_reason == "market_suspended"
    stale = board({**FOUR, "soft": {"Away": 1.80, "Home": 2.06}}, ages={"soft": 400})
    assert ended(shown({H2H: stale}, 60, [first])).close_reason == "price_stale"
    assert ended(shown({H2H: better(2.06)}, 60, [first], start=at(60))).close_reason == "event_started"
    two = board({"alpha": FOUR["alpha"], "beta": FOUR["beta"], "soft": {"Away": 1.80, "Home": 2.06}})
    assert ended(shown({H2H: two}, 60, [first])).close_reason == "too_few_books"


def test_it_closes_as_withdrawn_when_its_price_or_its_market_is_gone() -> None:
    first = only(shown({H2H: better(2.06)}, 0, []))
    assert ended(shown({H2H: board(FOUR)}, 60, [first])).close_reason == "withdrawn"
    assert ended(shown({H2H: Board(2, MarketStatus.CLOSED)}, 60, [first])).close_reason == "withdrawn"
    assert ended(shown({}, 60, [first])).close_reason == "withdrawn"
    assert ended(shown({}, 60, [first], start=at(30))).close_reason == "event_started"


def test_without_anybody_to_compare_with_the_reference_is_missing() -> None:
    first = only(shown({H2H: better(2.06)}, 0, []))
    alone = board({"soft": {"Away": 1.80, "Home": 2.06}})
    assert ended(shown({H2H: alone}, 60, [first])).close_reason == "reference_missing"


def test_back_within_the_time_it_keeps_id_first_seen_and_peak_and_counts_the_opening() -> None:
    first = only(shown({H2H: better(2.10)}, 0, []))
    gone = ended(shown({H2H: better(1.95)}, 60, [first]))
    back = only(shown({H2H: better(2.06)}, 60 + REOPEN, [gone]))
    assert (back.id, back.first_seen, back.opening) == (first.id, AS_OF, 2)
    assert (back.opened, back.last_seen, back.closed, back.close_reason) == (
        at(60 + REOPEN),
        at(60 + REOPEN),
        None,
        None,
    )
    assert (back.peak_ev, back.peak_at) == (first.ev, AS_OF)
    higher = only(shown({H2H: better(2.16)}, 60 + REOPEN, [gone]))
    assert (higher.peak_ev, higher.peak_at) == (higher.ev, at(60 + REOPEN))


def test_back_after_the_time_it_is_a_new_one() -> None:
    first = only(shown({H2H: better(2.06)}, 0, []))
    gone = ended(shown({H2H: better(1.95)}, 60, [first]))
    new = only(shown({H2H: better(2.06)}, 60 + REOPEN + 0.001, [gone]))
    assert new.id != first.id
    assert (new.opening, new.first_seen, new.key) == (1, at(60 + REOPEN + 0.001), first.key)


def test_a_closed_one_that_is_not_seen_is_left_alone() -> None:
    first = only(shown({H2H: better(2.06)}, 0, []))
    gone = ended(shown({H2H: better(1.95)}, 60, [first]))
    assert shown({H2H: better(1.95)}, 120, [gone]) == ([], [], [], [])


def test_the_id_is_made_of_the_key_and_the_opening_in_source_time() -> None:
    assert only(shown({H2H: better(2.06)}, 0, [])).id == only(shown({H2H: better(2.10)}, 0, [])).id
    assert only(shown({H2H: better(2.06)}, 0, [])).id != only(shown({H2H: better(2.06)}, 1, [])).id
    assert only(shown({H2H: better(2.06)}, 0, [])).id != only(shown({line("totals", 8.5): better(2.06)}, 0, [])).id


def test_keys_of_different_opportunities_differ() -> None:
    legs = (("Home", "soft", "back"),)
    key = OpportunityKey("e", MarketKey("totals", "full", 8.5, ""), "consensus", "ev", legs)
    others = [
        key._replace(event_id="f"),
        key._replace(market=key.market._replace(market="spreads")),
        key._replace(market=key.market._replace(period="first_half")),
        key._replace(market=key.market._replace(line=9.0)),
        key._replace(market=key.market._replace(line=None)),
        key._replace(market=key.market._replace(subject="B. Rivers")),
        key._replace(profile="sharp"),
        key._replace(kind="arbitrage"),
        key._replace(legs=(("Away", "soft", "back"),)),
        key._replace(legs=(("Home", "other", "back"),)),
        key._replace(legs=(("Home", "soft", "lay"),)),
    ]
    assert len({one.text() for one in [key, *others]}) == len(others) + 1
