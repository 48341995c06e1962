"""`bet-intel up` as the person at the keyboard meets it."""

import contextlib
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest

from fixtures.system import System, data_folder, running

pytestmark = pytest.mark.e2e

# Prices are told to 4 places; one of a lay, per unit of its liability, has more.
_ROUNDED = 0.5e-4


def _up(*arguments: str, port: int = 0) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "bet_intel.compose.cli", "up", "--port", str(port), *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_simulator_shows_opportunities_and_stops_at_ctrl_c() -> None:
    with data_folder() as folder, running(folder) as system:
        system.until_ready()
        system.until_said("first answer")
        system.until(lambda: bool(system.get("/v1/opportunities")["data"]), "showing opportunities")
        listed = system.get("/v1/opportunities?limit=100")["data"]
        for one in listed:
            assert one["ev"] == pytest.approx(_expected_value(one), abs=_ROUNDED), one
        working = system.get(f"/v1/opportunities/{listed[0]['id']}")
        assert working["ev"] == pytest.approx(_expected_value(working), abs=_ROUNDED)
        status = system.get("/v1/status")
        assert {service["service"] for service in status["services"]} == {"odds-ingest", "ev-engine", "api", "notifier"}
        assert [provider["state"] for provider in status["providers"]] == ["polling"]
        _refresh(system)
        assert system.interrupt() == 0
        assert "stopped" in system.said()
        assert "best opportunities" not in system.said(), "a table is for a terminal"


@pytest.mark.parametrize("moment", [0.6, 1.0, 1.5, 2.0])
def test_asked_to_stop_while_starting_it_leaves_nothing_running(moment: float) -> None:
    with data_folder() as folder, running(folder) as system:
        with contextlib.suppress(subprocess.TimeoutExpired):
            system.process.wait(moment)
        system.process.send_signal(signal.SIGTERM)
        system.process.send_signal(signal.SIGINT)
        system.until_dead(20, "asked to stop while starting")
        assert not (folder / "postgres/postmaster.pid").exists(), system.said()


def test_a_closed_terminal_stops_everything() -> None:
    with data_folder() as folder, running(folder) as system:
        system.until_ready()
        system.process.send_signal(signal.SIGHUP)
        system.until_dead(20, "its terminal closed")
        assert system.process.returncode == 0
        assert not (folder / "postgres/postmaster.pid").exists()


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("--log-level", "loud"), 2, "loud"),
        (("--host", ""), 1, "--host"),
    ],
)
def test_wrong_options_are_refused_in_a_sentence(arguments: tuple[str, ...], code: int, said: str) -> None:
    with data_folder() as folder:
        refused = _up("--data-dir", str(folder), *arguments)
    assert refused.returncode == code
    assert said in refused.stderr + refused.stdout
    assert "Traceback" not in refused.stderr


def test_a_port_that_cannot_be_is_refused() -> None:
    with data_folder() as folder:
        refused = _up("--data-dir", str(folder), port=99999)
    assert refused.returncode == 2
    assert "65535" in refused.stderr


def _expected_value(of: dict[str, Any]) -> float:
    """By the fields beside it, as their descriptions say: of a back bet, or of a lay per unit of its liability, where
    the stake stands; on a quarter line one half of it stands whatever happens."""
    wins = of["fair_probability"] if of["side"] == "back" else 1 - of["fair_probability"]
    line = of["market"]["line"]
    quarter = line is not None and line * 2 % 1 != 0
    stands = 1 - (of["push_probability"] or 0) * (0.5 if quarter else 1)
    return float(stands * (wins * of["net_price"] - 1))


def _refresh(system: System) -> None:
    """The simulator is asked at once, and says so; also that it does not have what somebody asks for."""
    url = f"http://127.0.0.1:{system.port}/v1/refresh"
    unknown = httpx.post(url, json={"sports": ["quidditch"]}, trust_env=False, timeout=10).headers["location"]
    system.until(lambda: system.get(unknown)["state"] != "pending", "refused", 10)
    assert (system.get(unknown)["state"], system.get(unknown)["error_kind"]) == ("failed", "validation")
    asked = httpx.post(url, trust_env=False, timeout=10)
    assert asked.status_code == 202
    place = asked.headers["location"]
    system.until(lambda: system.get(place)["state"] != "pending", "refreshed", 10)
    done = system.get(place)
    assert (done["state"], done["provider"], done["credits"]) == ("done", "simulator", 0)
    assert done["as_of"] >= done["requested_at"]


def test_port_in_use_is_said_before_anything_starts() -> None:
    with socket.socket() as taken, data_folder() as folder:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        refused = _up("--data-dir", str(folder), port=port)
        assert refused.returncode == 1
        assert f"port {port}" in refused.stderr
        assert "--port" in refused.stderr
        assert not folder.exists()


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("--source", "replay:/nowhere/at-all.jsonl"), 1, "/nowhere/at-all.jsonl"),
        (("--source", "betfair"), 2, "unknown source 'betfair'"),
        (("--source", "replay:x.json", "--speed", "3x"), 2, "--speed is '3x'"),
        (("--source", "replay:x.json", "--seed", "3"), 2, "--seed is for the simulator"),
        (("--source", "simulator", "--speed", "60"), 2, "--speed is for recordings"),
        (("--source", "the_odds_api"), 2, "set BET_INTEL_ODDS_API_KEY"),
    ],
)
def test_bad_sources_are_refused_in_a_sentence(arguments: tuple[str, ...], code: int, said: str) -> None:
    """2 where something else was to be asked for, 1 where it could not be done."""
    with data_folder() as folder:
        refused = _up("--data-dir", str(folder), *arguments)
        assert not folder.exists(), "nothing was started"
    assert refused.returncode == code
    assert said in refused.stderr
    assert "Traceback" not in refused.stderr


def test_folder_of_another_source_is_refused_and_kept(tmp_path: Path) -> None:
    recording = tmp_path / "one.json"
    recording.write_bytes((Path(__file__).parents[1] / "fixtures/odds_api_v4_made_up.json").read_bytes())
    with data_folder() as folder:
        with running(folder, "--source", f"replay:{recording}") as system:
            system.until_played(30)
            assert system.interrupt() == 0
        refused = _up("--data-dir", str(folder))
        assert refused.returncode == 1
        assert "--fresh" in refused.stderr
        with running(folder, "--source", f"replay:{recording}") as again:
            again.until_ready()
            again.until(lambda: "played to its end" in again.said(), "played", 30)


def test_second_start_on_a_folder_in_use_is_refused() -> None:
    with data_folder() as folder, running(folder) as system:
        system.until_ready()
        refused = _up("--data-dir", str(folder))
        assert refused.returncode == 1
        assert "is using" in refused.stderr


@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [
        ("BET_INTEL_EV_ENGINE_PROFILE", '{"method": "median"}', "BET_INTEL_EV_ENGINE_PROFILE: method: "),
        ("BET_INTEL_EV_ENGINE_PROFILE", "{", "BET_INTEL_EV_ENGINE_PROFILE: this is not JSON"),
        ("BET_INTEL_NOTIFIER_RULES", '[{"id": "a"}, {"id": "a"}]', "used twice"),
    ],
)
def test_wrong_settings_are_named(monkeypatch: pytest.MonkeyPatch, variable: str, value: str, said: str) -> None:
    monkeypatch.setenv(variable, value)
    with data_folder() as folder:
        refused = _up("--data-dir", str(folder))
    assert refused.returncode == 1
    assert said in refused.stderr
    assert "Traceback" not in refused.stderr
