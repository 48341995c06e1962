"""How many processes there may be, and how many there are to be for what waits."""

import pytest

from bet_intel.compose.cluster.autoscale import Policy, Scaling
from bet_intel.compose.cluster.environment import meant_for
from bet_intel.compose.cluster.services import KINDS, NORMAL, ONE_OF_EACH, check, connections
from bet_intel.compose.servers.postgres_files import MAX_CONNECTIONS
from bet_intel.compose.servers.processes import ServerError

_WORKERS = [name for name in KINDS if name.endswith(".worker")]


def test_the_normal_cluster_and_every_worker_at_eight_fit_into_postgresql() -> None:
    check(ONE_OF_EACH, MAX_CONNECTIONS)
    check(NORMAL, MAX_CONNECTIONS)
    check({**NORMAL, **dict.fromkeys(_WORKERS, 8)}, MAX_CONNECTIONS)


def test_connections_are_those_of_all_processes_of_a_service() -> None:
    # A pool of 4, a probe and the session of a ticker each.
    assert connections({"ev-engine.consume": 3, "ev-engine.worker": 2})["ev-engine"] == 5 * 6


def test_too_many_are_refused_with_what_they_need() -> None:
    with pytest.raises(ServerError, match=r"connections \(.*notifier 576.*room for 390"):
        check({**NORMAL, "notifier.consume": 16, "notifier.worker": 16}, MAX_CONNECTIONS)
    with pytest.raises(ServerError, match=r"odds-ingest\.schedule=9: between 0 and 2"):
        check({"odds-ingest.schedule": 9}, MAX_CONNECTIONS)


@pytest.mark.parametrize(
    ("kind", "queue", "fed"),
    [
        ("api.consume", "api.odds-changed", True),
        ("api.consume", "api.odds-changed.dead", False),
        ("ev-engine.consume", "api.odds-changed", False),
        ("notifier.worker", "notifications", True),
        ("notifier.worker", "notifications.DQ", False),
        ("api.serve", "api.odds-changed", False),
    ],
)
def test_a_kind_is_fed_from_its_queues_alone(kind: str, queue: str, *, fed: bool) -> None:
    assert KINDS[kind].is_fed_from(queue) is fed


@pytest.mark.parametrize(("depth", "enough"), [(0, 2), (100, 2), (101, 3), (400, 8), (100_000, 8)])
def test_one_process_for_so_many_messages_within_bounds(depth: int, enough: int) -> None:
    assert Policy(least=2, most=8, messages=50).enough(depth) == enough


def test_more_at_once_and_fewer_one_by_one_after_a_calm() -> None:
    scaling = Scaling(Policy(least=2, most=8, messages=50, calm=10.0))
    assert scaling.decide(500, 2, now=0.0) == 8
    assert scaling.decide(10, 8, now=1.0) == 8
    assert scaling.decide(10, 8, now=10.9) == 8
    assert scaling.decide(10, 8, now=11.0) == 7
    assert scaling.decide(0, 7, now=12.0) == 7
    assert scaling.decide(0, 7, now=21.0) == 6


def test_a_wave_begins_the_calm_anew() -> None:
    scaling = Scaling(Policy(least=2, most=8, messages=50, calm=10.0))
    assert scaling.decide(0, 4, now=0.0) == 4
    assert scaling.decide(200, 4, now=9.0) == 4
    assert scaling.decide(0, 4, now=11.0) == 4
    assert scaling.decide(0, 4, now=21.0) == 3


def test_the_key_of_a_provider_and_the_token_of_an_operator_are_given_to_their_own_service_alone() -> None:
    given = {
        "PATH": "/bin",
        "BET_INTEL_LOG_LEVEL": "debug",
        "BET_INTEL_ODDS_API_KEY": "k",
        "BET_INTEL_API_OPERATOR_TOKEN_FILE": "/t",
        "BET_INTEL_NOTIFIER_SECRETS_KEY": "s",
        "BET_INTEL_EV_ENGINE_CALC_SHARDS": "4",
    }
    every = {"PATH", "BET_INTEL_LOG_LEVEL"}
    assert {kind.service: meant_for(kind.service, given).keys() - every for kind in KINDS.values()} == {
        "odds-ingest": {"BET_INTEL_ODDS_API_KEY"},
        "api": {"BET_INTEL_API_OPERATOR_TOKEN_FILE"},
        "notifier": {"BET_INTEL_NOTIFIER_SECRETS_KEY"},
        "ev-engine": {"BET_INTEL_EV_ENGINE_CALC_SHARDS"},
    }
    assert all(every <= meant_for(kind.service, given).keys() for kind in KINDS.values())
