"""Two days of recorded baseball played through a cluster end as they do in the embedded run."""

import pytest

from fixtures.cluster import started, until_outcome
from fixtures.odds_payloads import SHARED_DATA
from fixtures.outcome import outcome
from fixtures.system import data_folder, running

_BASEBALL = SHARED_DATA / "odds_api_mlb_5min/mlb_2026-08-04_2026-08-05.jsonl.gz"
_SECONDS = 600.0

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.drill,
    pytest.mark.xdist_group("cluster-baseball"),
    pytest.mark.skipif(not _BASEBALL.exists(), reason=f"real odds are not here: {_BASEBALL.name}"),
]


def test_two_days_of_baseball_every_five_minutes() -> None:
    """Withdrawals, moved starts, lines that come and go, events that end."""
    source = ("--source", f"replay:{_BASEBALL}", "--speed", "max")
    with data_folder() as folder, running(folder, *source) as system:
        system.until_ready()
        system.until_played(_SECONDS)
        expected = outcome(system)
    assert expected[1], "the recording should end with open opportunities"
    with started("baseball", "--small", "--process", "ev-engine.consume=2", *source) as cluster:
        until_outcome(cluster, expected, _SECONDS)
