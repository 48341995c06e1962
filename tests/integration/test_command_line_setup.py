"""`bet-intel config show` and `doctor` as somebody in a shell meets them."""

import json
import socket
from pathlib import Path

from fixtures.command import bet_intel


def test_config_shows_where_values_come_from_and_no_secret() -> None:
    env = {
        "BET_INTEL_API_POOL_SIZE": "20",
        "BET_INTEL_API_DSN": "postgresql://reader:tr0ub4dor@db.example:5432/api?password=s3cret&sslmode=require",
        "BET_INTEL_NOTIFIER_DSN": "host=db password=hunter2",
        "BET_INTEL_EV_ENGINE_DSN": "postgresql://user:pa/ss@db/x",
        "BET_INTEL_API_POOLSIZE": "20",
        "BET_INTEL_ODDS_API_KEY": "0dd5-k3y",
    }
    for more in ((), ("--json",)):
        ran = bet_intel("config", "show", *more, env=env)
        assert ran.code == 0, ran.err
        assert not any(secret in ran.out for secret in ("tr0ub4dor", "s3cret", "hunter2", "pa/ss", "ss@", "0dd5"))
        assert "db.example" in ran.out
    found = {(one["service"], one["name"]): one for one in ran.answer["settings"]}
    assert found["api", "pool_size"]["value"] == 20
    assert found["api", "pool_size"]["source"] == "environment"
    assert found["api", "pool_size"]["variable"] == "BET_INTEL_API_POOL_SIZE"
    assert found["odds-ingest", "pool_size"]["source"] == "default"
    assert found["odds-ingest", "dsn"]["source"] == "bet-intel up"
    assert ran.answer["unread"] == ["BET_INTEL_API_POOLSIZE"]
    assert {service for service, _ in found} == {
        "odds-ingest",
        "odds-ingest/the_odds_api",
        "ev-engine",
        "api",
        "notifier",
    }


def test_config_shows_whether_there_is_a_key() -> None:
    for key, told in (("", "(unset)"), ("0dd5-k3y", "***")):
        ran = bet_intel("config", "show", env={"BET_INTEL_ODDS_API_KEY": key})
        (line,) = (line for line in ran.out.splitlines() if line.split()[:2] == ["odds-ingest/the_odds_api", "key"])
        assert line.split()[2] == told
    unset = bet_intel("config", "show", "--json").answer["settings"]
    assert next(one for one in unset if one["name"] == "key")["value"] is None


def test_config_names_what_is_wrong_without_its_value() -> None:
    ran = bet_intel("config", "show", "--json", env={"BET_INTEL_API_POOL_SIZE": "s3cret"})
    assert ran.code == 1
    assert [one["variable"] for one in ran.answer["wrong"]] == ["BET_INTEL_API_POOL_SIZE"]
    assert "s3cret" not in ran.err + ran.out


def test_doctor_finds_all_that_up_needs(tmp_path: Path) -> None:
    ran = bet_intel("doctor", "--port", "0", "--json", env={"BET_INTEL_ODDS_API_KEY": "k3y"})
    states = {one["name"]: one["state"] for one in ran.answer["findings"]}
    assert ran.answer["ready"] == (ran.code == 0)
    assert {"Python", "packages", "PostgreSQL", "dbmate", "data folder", "port 0", "settings"} <= states.keys()
    assert states["PostgreSQL"] in ("ok", "warning")
    assert states["dbmate"] == "ok"
    assert "k3y" not in ran.out


def test_doctor_names_what_is_missing_and_the_remedy(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        ran = bet_intel(
            "doctor", "--port", str(port), "--data-dir", str(file / "data"), env={"BET_INTEL_API_POOL_SIZE": "x"}
        )
    assert ran.code == 1
    for said in ("in use", "--port", "is no folder", "--data-dir", "BET_INTEL_API_POOL_SIZE", "config show"):
        assert said in ran.out
    assert "3 of what" in ran.err


def test_doctor_tells_of_data_of_another_version(tmp_path: Path) -> None:
    for name, layout in (("old", 0), ("broken", None)):
        (tmp_path / name).mkdir()
        stamp = {"product": "bet-intel", "source": "s", "layout": layout, "postgresql": 18} if layout is not None else 7
        (tmp_path / name / "source.json").write_text(json.dumps(stamp))
    said = bet_intel("doctor", "--port", "0", "--data-dir", str(tmp_path), "--json").answer["findings"]
    found = {one["name"]: one for one in said if one["name"].startswith("data in")}
    assert "layout 0" in found["data in old"]["found"]
    assert "--fresh" in found["data in old"]["remedy"]
    assert "cannot be read" in found["data in broken"]["found"]
