"""`bet-intel` as somebody in a shell meets it: answers, exit codes, and what it says of bad input."""

import gzip
import json
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from fixtures.command import bet_intel
from fixtures.odds_payloads import AWAY, HOME, bookmaker, event, market

BOOKS = {
    "pinnacle": (2.00, 1.95),
    "alpha": (1.98, 1.93),
    "beta": (1.99, 1.92),
    "gamma": (2.01, 1.90),
    "soft": (2.20, 1.75),
}


def response(**members: Any) -> list[dict[str, Any]]:
    """One match; `soft` pays more for the home win than the others think right."""
    return [event(*(bookmaker(key, market("h2h", (HOME, a), (AWAY, b))) for key, (a, b) in BOOKS.items()), **members)]


def written(folder: Path, content: object, name: str = "response.json") -> str:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
    return str(path)


@pytest.mark.parametrize(
    ("prices", "method", "expected", "parameter"),
    [
        ("2.6 2.4 4.3", "shin", (0.372994, 0.404779, 0.222227), ("z", 0.0169425)),
        ("1.5 2.74", "shin", (0.6508516, 0.3491484), ("z", 0.0317273)),
        ("2.7 2.3 4.4", "multiplicative", (0.358738, 0.421127, 0.220135), None),
        ("2.7 2.3 4.4", "power", (0.359171, 0.423731, 0.217098), ("k", 1.0309132)),
        ("2.7 2.3 4.4", "shin", (0.359344, 0.423244, 0.217412), ("z", 0.0162364)),
        ("2.7 2.3 4.4", "odds_ratio", (0.358810, 0.422561, 0.218628), ("c", 1.0511691)),
        ("2.7 2.3 4.4", "additive", (0.359562, 0.423974, 0.216464), None),
    ],
)
def test_devig_gives_the_published_examples(
    prices: str, method: str, expected: tuple[float, ...], parameter: tuple[str, float] | None
) -> None:
    ran = bet_intel("devig", *prices.split(), "--method", method, "--json")

    assert (ran.code, ran.err) == (0, "")
    assert [one["fair_probability"] for one in ran.answer["outcomes"]] == pytest.approx(expected, abs=5e-7)
    assert ran.answer["overround"] == pytest.approx(sum(1 / float(price) for price in prices.split()) - 1)
    if parameter:
        assert ran.answer["parameter"]["name"] == parameter[0]
        assert ran.answer["parameter"]["value"] == pytest.approx(parameter[1], abs=5e-8)
    for one in ran.answer["outcomes"]:
        assert one["fair_odds"] == pytest.approx(1 / one["fair_probability"], abs=5e-5)
        assert one["band"]["low"] <= one["fair_probability"] <= one["band"]["high"]


def test_devig_reads_american_prices_and_shows_a_table() -> None:
    ran = bet_intel("devig", "-110", "+150", "-200", "--winners", "2")
    assert ran.code == 1
    assert "no margin" in ran.err
    ran = bet_intel("devig", "-110", "-110")
    assert ran.code == 0
    assert "1.909" in ran.out
    assert "+100" in ran.out
    assert "overround +4.8 %" in ran.out


def test_additive_below_zero_is_flagged_and_shown() -> None:
    prices = [str(1 / r) for r in (0.87, 0.2, 0.1, 0.05, 0.02, 0.01)]
    ran = bet_intel("devig", *prices, "--method", "additive", "--json", "--odds-format", "decimal")
    assert ran.code == 1
    assert ran.answer["status"] == "negative"
    assert ran.answer["outcomes"][-1]["fair_probability"] < 0
    assert ran.answer["outcomes"][-1]["fair_odds"] is None
    assert "--method" in ran.err
    k = bet_intel("devig", *prices, "--json", "--odds-format", "decimal").answer["parameter"]["value"]
    assert k == pytest.approx(1.3748383, abs=5e-8)


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("devig", "2.5"), 2, "at least two"),
        (("devig",), 2, "at least two"),
        (("devig", "2.5", "1.0"), 2, "1.0 is no price"),
        (("devig", "2.5", "0.4"), 2, "0.4 is no price"),
        (("devig", "2.6", "-110"), 2, "2.6 reads as decimal odds and -110 as American"),
        (("devig", "2,6", "2.4"), 2, "decimal point"),
        (("devig", "nan", "2.4"), 2, "'nan'"),
        (("devig", "1e400", "2.4"), 2, "1e400"),
        (("devig", "2.2", "2.2"), 1, "no margin to remove"),
        (("devig", "2", "2", "--method", "magic"), 2, "shin"),
        (("devig", "2", "2", "--methd", "shin"), 2, "--method"),
        (("devig", "1.5", "2.5", "--winners", "2"), 2, "--winners"),
        (("ev", "2.1"), 2, "--probability or --fair-odds"),
        (("ev", "2.1", "--probability", "1.2"), 2, "between 0 and 1"),
        (("ev", "2.1", "--probability", ".5", "--commission", "1"), 2, "--commission"),
        (("ev", "2.1", "--probability", ".5", "--lay", "--free-bet"), 2, "choose one"),
        (("ev", "2.1", "--probability", ".8", "--push", ".3"), 2, "exceed"),
        (("convert",), 2, "at least one value"),
        (("convert", "1"), 2, "no price"),
        (("convert", "50", "--from", "american"), 2, "American"),
        (("nothing",), 2, "nothing"),
        (("price",), 2, "FILE"),
        (("price", "/nowhere/at/all.json"), 1, "/nowhere/at/all.json"),
        (("price", "--methd", "x"), 2, "--method"),
        (("price", "-", "--profile", "mine"), 2, "consensus"),
        (("price", "-", "--as-of", "yesterday"), 2, "--as-of"),
        (("price", "-", "--as-of", "2026-01-31T12:00:00"), 2, "zone"),
        (("price", "-", "--class", "great"), 2, "suspect"),
    ],
)
def test_what_cannot_be_is_refused_in_a_sentence(arguments: tuple[str, ...], code: int, said: str) -> None:
    ran = bet_intel(*arguments, "--json")
    assert ran.code == code
    assert said in ran.err
    assert ran.err.count("\n") == 1
    assert ran.answer["error"]["kind"] == ("usage" if code == 2 else "failed")
    assert said in ran.answer["error"]["message"]


def test_ev_of_each_kind_of_bet() -> None:
    def ev(*arguments: str) -> Any:
        ran = bet_intel("ev", *arguments, "--json")
        assert ran.code == 0, ran.err
        return ran.answer

    back = ev("2.10", "--probability", "50%")
    assert (back["ev"], back["kelly_fraction"]) == pytest.approx((0.05, 0.05 / 1.1))
    assert ev("+110", "--fair-odds", "+100", "--commission", "2%")["ev"] == pytest.approx(0.5 * (1 + 1.1 * 0.98) - 1)
    assert ev("1.95", "--probability", "0.5", "--push", "0.1")["ev"] == pytest.approx(0.5 * 0.95 - 0.4)
    assert ev("3", "--probability", "0.4", "--free-bet")["ev"] == pytest.approx(0.8)
    lay = ev("3.4", "--probability", "0.28", "--lay", "--commission", "0.05")
    assert lay["ev"] == pytest.approx((0.72 * 0.95 - 0.28 * 2.4) / 2.4)
    assert lay["per"] == "liability"
    for bet in (back, lay):
        kind = ["--lay", "--commission", "0.05"] if bet is lay else []
        even = ev(str(bet["price"]), "--probability", f"{bet['breakeven_probability']:.15f}", *kind)
        assert even["ev"] == pytest.approx(0, abs=1e-12)


def test_convert() -> None:
    values = bet_intel("convert", "2.5", "-110", "+150", "40%", "151", "--json").answer["values"]
    assert [one["read_as"] for one in values] == ["decimal", "american", "american", "probability", "american"]
    assert [one["decimal"] for one in values] == pytest.approx([2.5, 1 + 100 / 110, 2.5, 2.5, 2.51])
    assert [one["american"] for one in values] == [150, -110, 150, 150, 151]
    assert bet_intel("convert", "151", "--from", "decimal", "--json").answer["values"][0]["decimal"] == 151


def test_price_tells_two_numbers_apart(tmp_path: Path) -> None:
    events = response()
    events[0]["bookmakers"][-1] = bookmaker("soft", market("h2h", (HOME, 2.07), (AWAY, 1.87)))
    ran = bet_intel("price", written(tmp_path, events), "--json")

    assert (ran.code, ran.err) == (0, "")
    report = ran.answer
    (line,) = report["events"][0]["markets"][0]["lines"]
    home = next(one for one in line["outcomes"] if one["outcome"] == HOME)
    (found,) = home["opportunities"]
    assert found["bookmaker"] == home["best"]["bookmaker"] == "soft"
    # The soft book thinks less of the home side than the others: the consensus hears it, its own judgement does not.
    assert found["leave_one_out_fair_probability"] > home["fair_probability"]
    assert (found["books_used"], home["books_used"]) == (4, 5)
    assert found["ev"] == pytest.approx(found["leave_one_out_fair_probability"] * 2.07 - 1)
    assert found["ev_worst"] == pytest.approx(found["band"]["low"] * 2.07 - 1)
    assert home["band"]["low"] <= home["fair_probability"] <= home["band"]["high"]
    assert home["fair_odds"] == pytest.approx(1 / home["fair_probability"], abs=5e-5)
    assert home["not_computable"] is None
    assert sum(one["fair_probability"] for one in line["outcomes"]) == pytest.approx(1)
    assert report["as_of"] == "2026-01-31T11:59:00Z"
    assert report["as_of_from"] == "newest_last_update"


def test_price_says_why_there_is_no_fair_price(tmp_path: Path) -> None:
    sides = [event(*(bookmaker(key, market("h2h", (HOME, 2.1))) for key in BOOKS))]
    outcome = bet_intel("price", written(tmp_path, sides), "--json").answer["events"][0]["markets"][0]["lines"][0][
        "outcomes"
    ][0]
    assert outcome["fair_probability"] is None
    assert outcome["not_computable"]["reason"] == "incomplete_market"
    assert outcome["opportunities"] == []
    assert outcome["best"]["price"] == 2.1


@pytest.mark.parametrize("wrap", ["response", "event", "historical", "recording", "gzip"])
def test_price_takes_a_response_in_each_form(wrap: str) -> None:
    events = response()
    forms = {
        "response": json.dumps(events, indent=1),
        "event": json.dumps(events[0], indent=1),
        "historical": json.dumps({"timestamp": "2026-01-31T12:01:00Z", "data": events}),
        "recording": f"{json.dumps({'captured_at': '2026-01-31T12:00:00Z', 'response': []})}\n\n"
        f"{json.dumps({'captured_at': '2026-01-31T12:01:00Z', 'response': events})}\n",
    }
    text = forms.get(wrap, forms["recording"]).encode()
    ran = bet_intel("price", "-", "--json", stdin=gzip.compress(text) if wrap == "gzip" else text)
    assert ran.code == 0, ran.err
    assert ran.answer["summary"]["opportunities"]["take"] == 1
    told = {"historical": "timestamp", "recording": "captured_at", "gzip": "captured_at"}
    assert ran.answer["as_of_from"] == told.get(wrap, "newest_last_update")
    if wrap in ("recording", "gzip"):
        assert (ran.answer["input"]["line"], ran.answer["input"]["lines"]) == (3, 3)
        first = bet_intel("price", "-", "--line", "1", stdin=text)
        assert first.code == 0
        assert "line 1" in first.out
        assert bet_intel("price", "-", "--line", "2", stdin=text).code == 2


def test_as_of_decides_age_and_start(tmp_path: Path) -> None:
    path = written(tmp_path, response())
    for as_of, reason in (("2026-01-31T13:00:00Z", "reference_stale"), ("2026-01-31T11:59:30+00:00", None)):
        report = bet_intel("price", path, "--as-of", as_of, "--json").answer
        assert report["as_of_from"] == "as_of"
        computed = report["events"][0]["markets"][0]["lines"][0]["outcomes"][0]["not_computable"]
        assert (computed and computed["reason"]) == reason
    started = written(tmp_path, response(commence_time="2026-01-31T11:00:00Z"))
    assert bet_intel("price", started, "--json").answer["summary"]["refused"] == {"event_started": 1}


def test_filters_do_what_they_say(tmp_path: Path) -> None:
    path = written(tmp_path, response())
    shown = [bet_intel("price", path, *more, "--json").answer["summary"]["shown"] for more in (
        (), ("--min-ev", "0.5"), ("--class", "suspect"), ("--class", "suspect", "--class", "take"))]  # fmt: skip
    assert shown == [1, 0, 0, 1]
    methods = {bet_intel("price", path, "--method", one, "--json").answer["method"] for one in ("shin", "power")}
    assert methods == {"shin", "power"}


def test_the_profile_is_that_of_up_or_of_a_file(tmp_path: Path) -> None:
    path = written(tmp_path, response())
    profile = '{"method": "shin", "take_ev": 0.5}'
    by_setting = bet_intel("price", path, "--json", env={"BET_INTEL_EV_ENGINE_PROFILE": profile})
    by_file = bet_intel("price", path, "--json", "--profile", written(tmp_path, profile.encode(), "mine.json"))
    for ran in (by_setting, by_file):
        assert ran.code == 0, ran.err
        assert ran.answer["method"] == "shin"
        assert ran.answer["summary"]["opportunities"] == {"take": 0, "marginal": 1, "suspect": 0}
    over = bet_intel("price", path, "--json", "--method", "probit", env={"BET_INTEL_EV_ENGINE_PROFILE": profile})
    assert over.answer["method"] == "probit"
    for broken, said in ((b'{"way": "shin"}', "way"), (b"{", "JSON")):
        ran = bet_intel("price", path, "--profile", written(tmp_path, broken, "broken.json"))
        assert (ran.code, said in ran.err) == (1, True)
    wrong = bet_intel("price", path, env={"BET_INTEL_EV_ENGINE_PROFILE": "{"})
    assert wrong.code == 1
    assert "config show" in wrong.err
    assert bet_intel("price", path, "--profile", "/nowhere.json").code == 2


def test_the_table_is_best_first_and_shows_no_control_characters(tmp_path: Path) -> None:
    events = response() + response(id="second", home_team="Home [b]\x1b[31m", away_team="Away")
    for one in events[1]["bookmakers"]:
        one["markets"][0]["outcomes"][0]["name"] = "Home [b]\x1b[31m"
        one["markets"][0]["outcomes"][1]["name"] = "Away"
        if one["key"] == "soft":
            one["markets"][0]["outcomes"][0]["price"] = 2.15
    ran = bet_intel("price", written(tmp_path, events))
    assert ran.code == 0, ran.err
    rows = [line for line in ran.out.splitlines() if "Soft" in line]
    assert [HOME in row for row in rows] == [True, False]
    assert "Home [b]" in rows[1]
    assert "\x1b" not in ran.out
    everything = bet_intel("price", written(tmp_path, events), "--all")
    assert everything.out.count("h2h") == 4


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is empty"),
        (b"<html>502</html>", "'<html>502</html>'"),
        (b'[{"id": 1', "not JSON"),
        (b"[" * 100_000, "not JSON"),
        (b'{"message": "spent", "error_code": "OUT_OF_USAGE_CREDITS"}', "OUT_OF_USAGE_CREDITS: spent"),
        (b'{"a": 1}', "unknown kind"),
        (b'{"captured_at": "2026-01-31T12:00:00Z", "response": 7}', "array"),
        (gzip.compress(json.dumps(response()).encode())[:-40], "gzip"),
    ],
)
def test_input_that_is_no_response_is_named_with_the_remedy(tmp_path: Path, content: bytes, said: str) -> None:
    path = written(tmp_path, content)
    ran = bet_intel("price", path)
    assert ran.code == 1
    assert said in ran.err
    assert path in ran.err
    assert "Traceback" not in ran.err


def test_a_response_of_which_nothing_can_be_read_fails_and_says_why(tmp_path: Path) -> None:
    ran = bet_intel("price", written(tmp_path, [{"id": 1}]), "--json")
    assert ran.code == 1
    assert ran.answer["rejections"][0]["where"] == "events[0]"
    assert "events[0]" in ran.err
    empty = bet_intel("price", written(tmp_path, []))
    assert empty.code == 0
    assert "0 events" in empty.out


def test_one_bad_event_never_hides_a_good_one(tmp_path: Path) -> None:
    ran = bet_intel("price", written(tmp_path, [{"id": 7}, *response(), None]))
    assert ran.code == 0
    assert "Soft" in ran.out
    assert "events[0]" in ran.err
    assert "events[2]" in ran.err


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


@pytest.mark.parametrize("command", ["up", "price", "devig", "ev", "convert", "doctor", "config show"])
def test_help_shows_options_and_examples(command: str) -> None:
    ran = bet_intel(*command.split(), "--help")
    assert ran.code == 0
    assert "Examples" in ran.out
    assert f"bet-intel {command}" in ran.out
    assert (command == "up") or "--json" in ran.out
    listed = bet_intel("--help").out
    assert command.split()[0] in listed


def test_small_commands_do_not_wait_for_the_services() -> None:
    """What is imported decides how long a command takes to start; a time would measure the machine."""
    heavy = ("asyncpg", "pydantic", "starlette", "uvicorn", "uvloop", "google.protobuf", "structlog", "rich")
    code = (
        "import sys; from bet_intel.compose.cli import run; code = run(sys.argv[1:]);"
        f"print([name for name in {heavy!r} if name in sys.modules], file=sys.stderr); sys.exit(code)"
    )
    for arguments in (("devig", "2", "1.9"), ("ev", "2", "--probability", "0.6"), ("convert", "2")):
        ran = subprocess.run(
            [sys.executable, "-c", code, *arguments, "--json"], capture_output=True, text=True, timeout=60, check=True
        )
        assert ran.stderr == "[]\n"


def test_a_reader_that_leaves_early_is_no_error(tmp_path: Path) -> None:
    events = [one for n in range(300) for one in response(id=str(n))]
    process = subprocess.Popen(
        [sys.executable, "-m", "bet_intel.compose.cli", "price", written(tmp_path, events), "--json"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.read(10)
    process.stdout.close()
    assert b"Traceback" not in process.stderr.read()
    process.stderr.close()
    process.wait(30)
