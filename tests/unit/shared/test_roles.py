"""Who is the primary and who may answer, from what the hosts say of themselves."""

import random
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bet_intel.shared.postgres.connections import DatabaseError
from bet_intel.shared.postgres.hosts import addresses
from bet_intel.shared.postgres.positions import Position, lsn
from bet_intel.shared.postgres.provision import role_of_owner
from bet_intel.shared.postgres.roles import Observation, Roles

A, B, C = "a", "b", "c"
NOBODY_BUSY = {A: 0, B: 0, C: 0}


def primary(timeline: int, lsn: int, at: float) -> Observation:
    return Observation(False, Position(timeline, lsn), at)


def replica(timeline: int, lsn: int, at: float) -> Observation:
    return Observation(True, Position(timeline, lsn), at)


def roles(*, max_lag: int = 1000) -> Roles:
    """A is the primary at 100, B and C are replicas at 90 and 100."""
    known = Roles((A, B, C), max_lag)
    known.observe(A, primary(1, 100, 1.0))
    known.observe(B, replica(1, 90, 1.0))
    known.observe(C, replica(1, 100, 1.0))
    return known


def who(known: Roles) -> str | None:
    """The primary, asked anew."""
    return known.primary


def test_the_highest_timeline_wins_over_a_primary_that_comes_back() -> None:
    known = roles()
    known.lose(A, 2.0)
    assert who(known) is None
    known.observe(B, primary(2, 110, 3.0))
    known.observe(C, replica(2, 110, 3.0))
    known.lose(A, 3.0)
    assert who(known) == B
    known.observe(A, primary(1, 100, 4.0))
    assert who(known) == B
    assert known.is_superseded(A)
    known.lose(B, 5.0)
    known.observe(A, primary(1, 100, 6.0))
    known.observe(C, replica(2, 110, 6.0))
    assert who(known) is None, "what was promoted once is remembered while it is away"


def test_a_host_is_not_the_primary_before_the_others_were_asked_again() -> None:
    """A former primary comes back just after another was promoted, which nobody has noticed yet."""
    known = roles()
    known.lose(A, 2.0)
    known.observe(A, primary(1, 100, 3.0))
    assert who(known) is None
    assert known.awaited
    known.observe(B, primary(2, 110, 3.1))
    known.observe(C, replica(1, 100, 3.2))
    known.observe(A, primary(1, 100, 3.2))
    assert who(known) == B


def test_two_primaries_of_one_timeline_are_none() -> None:
    known = roles()
    known.observe(B, primary(1, 100, 2.0))
    assert who(known) is None
    assert set(known.rivals()) == {A, B}
    assert known.is_superseded(A)


def test_an_unknown_lag_qualifies_nobody() -> None:
    known = roles()
    known.observe(A, primary(2, 120, 2.0))
    known.lose(B, 2.0)
    assert known.lag(B) is None
    assert known.lag(C) is None, "of C nobody knows yet whether it follows the new timeline"
    choice = known.read(None, NOBODY_BUSY, random.Random(1))
    assert choice == (A, "no_replica")


def test_without_a_primary_the_freshest_replica_answers_but_no_token_that_it_lacks() -> None:
    known = roles()
    known.lose(A, 2.0)
    assert known.read(None, NOBODY_BUSY, random.Random(1)) == (C, "no_primary")
    assert known.read(Position(1, 100), NOBODY_BUSY, random.Random(1)) == (C, "no_primary")
    assert known.read(Position(1, 101), NOBODY_BUSY, random.Random(1)) is None


def test_a_primary_of_yesterday_is_not_believed_by_who_starts_while_the_new_one_is_away() -> None:
    """A was the primary, B was promoted and is away; C has replayed what B wrote."""
    known = Roles((A, B, C), 1000)
    for at in (1.0, 2.0):
        known.observe(A, primary(1, 100, at))
        known.lose(B, at)
        known.observe(C, replica(2, 110, at))
    assert who(known) is None
    assert known.is_superseded(A)


HOSTS = st.sampled_from((A, B, C))
TIMELINES = st.integers(1, 3)
BYTES = st.integers(0, 50)
EVENTS = st.lists(
    st.tuples(HOSTS, st.sampled_from(("primary", "replica", "lost")), TIMELINES, BYTES), min_size=1, max_size=30
)


@given(EVENTS, TIMELINES, BYTES, st.integers(0, 60), st.randoms(use_true_random=False))
def test_whatever_happens_a_token_is_served_by_nobody_behind_it(
    events: Sequence[tuple[str, str, int, int]], timeline: int, at: int, max_lag: int, rng: random.Random
) -> None:
    known = Roles((A, B, C), max_lag)
    highest = 0
    for number, (host, kind, of, byte) in enumerate(events):
        if kind == "lost":
            known.lose(host, float(number))
        else:
            known.observe(host, Observation(kind == "replica", Position(of, byte), float(number)))
            highest = max(highest, of)
    token = Position(timeline, at)
    choice = known.read(token, NOBODY_BUSY, rng)
    if choice is not None and choice.host != known.primary:
        seen = known.seen(choice.host)
        assert seen is not None
        assert seen.is_replica
        assert seen.position.timeline >= timeline
        assert seen.position.lsn >= at
    if known.primary is not None:
        seen = known.seen(known.primary)
        assert seen is not None
        assert not seen.is_replica
        assert seen.position.timeline == highest, "no host is written to once a later one was promoted"


@given(st.integers(1, 2**32 - 1), st.integers(0, 2**64 - 1))
def test_a_token_comes_back_as_it_was_given_out(timeline: int, at: int) -> None:
    assert Position.parse(str(Position(timeline, at))) == Position(timeline, at)


@pytest.mark.parametrize("token", ["", "1", "1-", "-1", "1-g", "1-1-1", "1-11111111111111111", "1 -1", "1-1\n", "ab-1"])
def test_what_is_no_token_is_refused_with_an_example(token: str) -> None:
    with pytest.raises(ValueError, match="one looks like 1-16B3748"):
        Position.parse(token)


def test_a_log_sequence_number_is_a_number_of_bytes() -> None:
    assert lsn("16/B374D848") == 0x16B374D848


def test_a_dsn_of_several_hosts_is_taken_apart() -> None:
    found = addresses("postgresql://api:p%40ss%2Cword@one:5432,[::1]:5433,three/api?application_name=x")
    assert [each.name for each in found] == ["one:5432", "[::1]:5433", "three"]
    assert found[1].dsn == "postgresql://api:p%40ss%2Cword@[::1]:5433/api?application_name=x"


def test_a_dsn_of_several_sockets_is_taken_apart() -> None:
    found = addresses("postgresql://api@/api?host=/run/a,/run/b&port=5432,5433")
    assert [each.name for each in found] == ["/run/a:5432", "/run/b:5433"]
    assert found[1].dsn == "postgresql://api@/api?host=/run/b&port=5433"


def test_one_socket_is_left_as_it_is() -> None:
    dsn = "postgresql://api@/api?host=/run/a&port=5432"
    [found] = addresses(dsn)
    assert (found.name, found.dsn) == ("/run/a", dsn)


@pytest.mark.parametrize(
    ("dsn", "said"),
    [
        ("api", "cannot be read"),
        ("mysql://secret@host/api", "cannot be read"),
        ("postgresql://u:secret/pw@one:1/api", "special characters"),
        ("postgresql://u:1secret/pw@one:1/api", "special characters"),
        ("postgresql://u:1?secret@one:1/api", "special characters"),
        ("postgresql://u:1#secret@one:1/api", "special characters"),
        ("postgresql://u:p@secret/pw@one:1/api", "special characters"),
        ("postgresql://u:pw@one:secret/api", "special characters"),
        ("postgresql://u:pw@secret:70000/api", "special characters"),
        ("postgresql://u:secret@one:1,one:1/api", "name each once"),
        ("postgresql://u:secret@one:1,,two:1/api", "name each once"),
        ("postgresql://u:secret@/api?host=/a,/b&port=1,2,3", "2 hosts and 3 ports"),
    ],
)
def test_a_dsn_that_cannot_be_meant_says_why_and_not_the_password(dsn: str, said: str) -> None:
    with pytest.raises(DatabaseError, match=said) as refused:
        addresses(dsn)
    assert "secret" not in str(refused.value)


def test_the_role_of_an_owner_is_found_among_several_hosts() -> None:
    assert role_of_owner("postgresql://api_owner:x@one:5432,[::1]:5433/api") == "api"
    assert role_of_owner("postgresql://api:x@one:5432,[::1]:5433/api") is None
