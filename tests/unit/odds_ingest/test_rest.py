"""How long a provider is left alone after it failed."""

from datetime import UTC, datetime, timedelta

from bet_intel.odds_ingest.domain.rest import Rest

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
AT_ONCE = timedelta(0)


def test_rests_double_from_a_second_to_64() -> None:
    rest, now, waits = Rest(), NOON, []
    for _ in range(9):
        rest = rest.after_failure(now, AT_ONCE)
        assert rest.until is not None
        waits.append((rest.until - now).total_seconds())
        assert not rest.is_over(now)
        now = rest.until
        assert rest.is_over(now)
    assert waits == [1, 2, 4, 8, 16, 32, 64, 64, 64]


def test_a_rest_is_as_long_as_the_provider_wants() -> None:
    assert Rest().after_failure(NOON, timedelta(minutes=9)) == Rest(1, NOON + timedelta(minutes=9))


def test_calls_that_fail_together_count_as_one_failure() -> None:
    rest = Rest().after_failure(NOON, AT_ONCE)
    for _ in range(3):
        assert rest.after_failure(NOON, AT_ONCE) == rest
    longer = rest.after_failure(NOON, timedelta(seconds=5))
    assert longer == Rest(1, NOON + timedelta(seconds=5))
    assert longer.after_failure(NOON, AT_ONCE) == longer
