"""What dies again and again is given time."""

from bet_intel.compose.cluster.patience import Patience


def test_at_once_the_first_time_then_later_and_later_but_not_ever_later() -> None:
    patience = Patience(0.0)
    pauses = []
    for now in range(10):
        pauses.append(patience.died(float(now)))
        patience.start(float(now))
    assert pauses == [0.0, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0, 30.0]


def test_a_death_is_told_once_and_the_start_is_due_after_the_pause() -> None:
    patience = Patience(0.0)
    assert not patience.is_over(1.0), "it has not died"
    patience.died(1.0)
    patience.start(1.0)
    assert patience.died(2.0) == 0.5
    assert patience.died(2.1) is None
    assert not patience.is_over(2.4)
    assert patience.is_over(2.5)


def test_what_has_run_for_long_is_started_at_once_again() -> None:
    patience = Patience(0.0)
    for now in (1.0, 2.0, 3.0):
        patience.died(now)
        patience.start(now)
    assert patience.died(63.5) == 0.0
