"""Bad input over HTTP: what the adapter says that `bet-intel up` polls with, and that the feed goes on."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest

from e2e.bad_input_matrix import MATRIX, Named, Status, Taken, assert_piece, cells, good_is_shown
from e2e.test_fake_odds_api import Service, serving
from fixtures.bad_input import LEAGUE, recording
from fixtures.system import System, data_folder, running

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("bad input over HTTP")]


class Polled(NamedTuple):
    system: System
    service: Service


@contextmanager
def polling(path: Path) -> Iterator[Polled]:
    with pytest.MonkeyPatch.context() as env, serving(str(path), "--speed", "max") as service, data_folder() as folder:
        for name, value in {
            "KEY": "local",
            "URL": service.url,
            "LEAGUES": f"soccer_made_up_leage,{LEAGUE}",
            "INTERVAL": "0.2",
            "ATTEMPTS": "1",
            "READ_TIMEOUT": "0.5",
            "BREAKER_THRESHOLD": "100",
        }.items():
            env.setenv(f"BET_INTEL_ODDS_API_{name}", value)
        with running(folder) as system:
            system.until_ready()
            system.until(service.at_end, "at the end of the recording")
            yield Polled(system, service)


@pytest.fixture(scope="module")
def polled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Polled]:
    with polling(recording(tmp_path_factory.mktemp("served") / "bad.jsonl.gz")) as polled:
        yield polled


def failing(system: System, cell: Status) -> bool:
    (provider,) = system.get("/v1/status")["providers"]
    return (provider["error_kind"], provider["state"]) == (cell.kind, "failing") and cell.said in provider["message"]


def going_on(system: System) -> bool:
    (provider,) = system.get("/v1/status")["providers"]
    return bool(provider["state"] == "polling")


# Spent credits pause the feed: they come last.
@pytest.mark.parametrize("case", [one for one in cells("HTTP", Status) if one not in {"unknown sport", "wrong key"}])
def test_http_failure_is_in_the_status_and_the_feed_goes_on(polled: Polled, case: str) -> None:
    cell = MATRIX["HTTP"][case]
    assert isinstance(cell, Status)
    system, service = polled
    system.until(lambda: going_on(system), "going on")
    service.client.post("/fake/faults", params={"fail": cell.fault}).raise_for_status()
    system.until(lambda: failing(system, cell), f"degraded by {case}")
    assert good_is_shown(system)
    if case != "spent key":
        system.until(lambda: going_on(system), f"going on after {case}")


def test_http_wrong_key_ends_the_feed_and_the_gateway_goes_on(tmp_path: Path) -> None:
    cell = MATRIX["HTTP"]["wrong key"]
    assert isinstance(cell, Status)
    with polling(recording(tmp_path / "bad.jsonl.gz")) as (system, service):
        service.client.post("/fake/faults", params={"fail": cell.fault}).raise_for_status()
        system.until(lambda: failing(system, cell), "degraded by a wrong key")
        assert good_is_shown(system)


def test_http_unknown_sport_is_named_once_and_the_others_are_polled(polled: Polled) -> None:
    cell = MATRIX["HTTP"]["unknown sport"]
    assert isinstance(cell, Status)
    assert polled.system.said().count(cell.said) == 1
    assert good_is_shown(polled.system)


def test_http_calls_are_in_the_metrics(polled: Polled) -> None:
    shown = polled.system.request("/metrics").text
    assert 'bet_intel_provider_calls_total{call="odds",error_kind="none",outcome="answered"' in shown
    assert 'bet_intel_provider_breaker_state{provider="the_odds_api",state="closed"}' in shown
    assert "bet_intel_provider_credits_left{" in shown


@pytest.mark.parametrize("case", cells("HTTP", Named, Taken))
def test_http_piece_is_named_and_hides_nothing(polled: Polled, case: str) -> None:
    assert_piece(polled.system, MATRIX["HTTP"][case], case)
