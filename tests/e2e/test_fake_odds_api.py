"""`bet-intel up` polls The Odds API over HTTP: a local one, in a process of its own, that plays a recording."""

import contextlib
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from bet_intel.odds_ingest.domain.quotes import Answer
from bet_intel.odds_ingest.providers.simulator.fixtures import LEAGUES
from bet_intel.odds_ingest.providers.simulator.recording import write_recording
from bet_intel.odds_ingest.providers.the_odds_api.market_names import FULL_PERIOD
from bet_intel.odds_ingest.providers.the_odds_api.requests import FEATURED
from e2e.last_snapshot import assert_opportunities, board_shown, last_answer
from fixtures.no_tls import NO_TLS
from fixtures.odds_payloads import SHARED_DATA
from fixtures.system import board, data_folder, opportunities, port_said, running

pytestmark = pytest.mark.e2e

KEY = "s3cr3t-of-the-operator"
_START = datetime(2026, 5, 2, 12, 0, tzinfo=UTC)
_MLB = SHARED_DATA / "odds_api_mlb_5min/mlb_2026-08-04_2026-08-05.jsonl.gz"
_LEAGUES = ",".join(league.key for league in LEAGUES)


class Service:
    """`bet-intel fake-odds-api` in a process of its own."""

    def __init__(self, *arguments: str) -> None:
        command = [sys.executable, "-m", "bet_intel.compose.cli", "fake-odds-api", *arguments]
        self.process = subprocess.Popen(
            [*command, "--port", "0", "--rate", "0", "--quota", "1000000"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        self.url = f"http://127.0.0.1:{self._port()}"
        self.client = httpx.Client(base_url=self.url, trust_env=False, verify=NO_TLS)

    def _port(self) -> int:
        assert self.process.stdout is not None
        said = ""
        while (port := port_said(said)) is None:
            line = self.process.stdout.readline().decode(errors="replace")
            said += line
            assert line, f"it ended with {self.process.wait(20)} before it served: {said}"
        return port

    def close(self) -> None:
        assert self.process.stdout is not None
        self.client.close()
        self.process.terminate()
        self.process.wait(20)
        self.process.stdout.close()

    def status(self) -> dict[str, Any]:
        status: dict[str, Any] = self.client.get("/fake/status").json()
        return status

    def at_end(self) -> bool:
        status = self.status()
        return bool(status["position"] == status["length"])


@contextlib.contextmanager
def serving(*arguments: str) -> Iterator[Service]:
    service = Service(*arguments)
    try:
        yield service
    finally:
        service.close()


@pytest.fixture
def odds_api(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """The settings of a run; the key, and where to ask."""
    monkeypatch.setenv("BET_INTEL_ODDS_API_KEY", KEY)
    monkeypatch.setenv("BET_INTEL_ODDS_API_INTERVAL", "0")
    monkeypatch.setenv("BET_INTEL_ODDS_API_LEAGUES", _LEAGUES)
    return monkeypatch


def _featured(answer: Answer) -> Answer:
    """What of an answer a call for a whole league shows: neither props nor periods nor alternate lines."""
    events = tuple(
        replace(
            odds,
            markets={
                key: board
                for key, board in odds.markets.items()
                if key.market in FEATURED and key.period == FULL_PERIOD
            },
        )
        for odds in answer.events
    )
    return replace(answer, events=events)


def _assert_polling_equals_replay(recording: Path, odds_api: pytest.MonkeyPatch, seconds: float) -> None:
    last = _featured(last_answer(recording))
    expected = board_shown(last)
    with serving(str(recording), "--speed", "max") as service, data_folder() as folder:
        odds_api.setenv("BET_INTEL_ODDS_API_URL", service.url)
        with running(folder, "--log-level", "debug") as system:
            system.until_ready()
            system.until(service.at_end, "at the end of the recording", seconds)
            system.until(lambda: board(system) == expected, "showing the board of the replay")
            system.until(
                lambda: all(
                    provider["state"] == "polling" and datetime.fromisoformat(provider["as_of"]) == last.as_of
                    for provider in system.get("/v1/status")["providers"]
                ),
                "as old as the recording",
            )
            assert_opportunities(opportunities(system), last)
            for file in folder.rglob("*"):
                if file.is_file():
                    assert KEY.encode() not in file.read_bytes(), f"the key is in {file}"
            assert system.interrupt() == 0
            assert "the odds api answered" in system.said()
            assert KEY not in system.said()


def test_simulated_recording(tmp_path: Path, odds_api: pytest.MonkeyPatch) -> None:
    recording = tmp_path / "simulated.jsonl.gz"
    write_recording(recording, seed=7, start=_START, step=timedelta(seconds=60), count=20)
    odds_api.setenv("BET_INTEL_ODDS_API_REGIONS", "us,uk,eu,au")
    _assert_polling_equals_replay(recording, odds_api, seconds=120)


@pytest.mark.skipif(not _MLB.exists(), reason=f"real odds are not here: {_MLB.name}")
def test_two_days_of_baseball(odds_api: pytest.MonkeyPatch) -> None:
    """Each of the 432 snapshots by a call of its own."""
    odds_api.setenv("BET_INTEL_ODDS_API_LEAGUES", "baseball_mlb")
    odds_api.setenv("BET_INTEL_ODDS_API_REGIONS", "us")
    odds_api.setenv("BET_INTEL_ODDS_API_ODDS_FORMAT", "american")
    _assert_polling_equals_replay(_MLB, odds_api, seconds=300)


def test_a_dead_key_is_told_to_the_operator_and_the_gateway_goes_on(
    tmp_path: Path, odds_api: pytest.MonkeyPatch
) -> None:
    recording = tmp_path / "simulated.jsonl.gz"
    write_recording(recording, seed=7, start=_START, step=timedelta(seconds=60), count=2)
    with serving(str(recording), "--fail", "503:3", "--fail", "deactivated-key:always") as service:
        odds_api.setenv("BET_INTEL_ODDS_API_URL", service.url)
        with data_folder() as folder, running(folder) as system:
            system.until_ready()
            system.until(
                lambda: any(one["error_kind"] == "auth" for one in system.get("/v1/status")["providers"]),
                "saying that the key is dead",
            )
            (provider,) = system.get("/v1/status")["providers"]
            assert provider["state"] == "failing"
            assert "BET_INTEL_ODDS_API_KEY" in provider["message"]
            assert system.request("/v1/events").status_code == 200
            assert system.interrupt() == 0
            assert KEY not in system.said()
