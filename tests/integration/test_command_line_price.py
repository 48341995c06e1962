"""`bet-intel price` as somebody in a shell meets it."""

import gzip
import json
from pathlib import Path

import pytest

from fixtures.command import BOOKS, bet_intel, response, written
from fixtures.odds_payloads import AWAY, HOME, bookmaker, event, market


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


def test_price_keeps_an_opportunity_beside_an_absurd_time(tmp_path: Path) -> None:
    """One wrong clock in another event makes nothing else old; what it dates is named and judged against nothing."""
    alone = bet_intel("price", written(tmp_path, response()), "--json").answer
    ahead = bookmaker("ahead", market("h2h", (HOME, 2.6), (AWAY, 2.4)), last_update="2026-02-21T11:59:00Z")
    neighbour = event(*response()[0]["bookmakers"][:-1], ahead, id="neighbour")

    report = bet_intel("price", written(tmp_path, [neighbour, *response()]), "--json").answer

    assert report["as_of"] == alone["as_of"]
    assert report["events"][1] == alone["events"][0]
    assert report["summary"]["opportunities"] == alone["summary"]["opportunities"]
    assert alone["summary"]["opportunities"]["take"] == 1
    (told,) = report["rejections"]
    assert told["where"] == "the_odds_api:neighbour.bookmakers[ahead]"


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
    assert "BET_INTEL_EV_ENGINE_PROFILE: this is not JSON" in wrong.err
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
        (b'{"message": "%s"}' % (b"x" * 100_000), f"({'x' * 300}…)"),
        (b'{"a": 1}', "unknown kind"),
        (b"3", "neither an array nor an object"),
        (b'{"captured_at": "2026-01-31T12:00:00Z", "response": 7}', "array"),
        pytest.param(gzip.compress(json.dumps(response()).encode())[:-40], "gzip", id="cut short"),
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


def test_a_price_that_other_lines_judge_has_its_class_where_its_own_has_no_fair_price(tmp_path: Path) -> None:
    """An exchange without lays, alone at its line: between 7.5 and 9.5 others think .52 of Over, and it pays 2.00."""
    by_line = {7.5: (1.68, 2.20), 9.5: (2.08, 1.76)}
    others = [
        bookmaker(key, market("totals", ("Over", over, at), ("Under", under, at)))
        for at, (over, under) in by_line.items()
        for key in (f"alpha{at:.0f}", f"beta{at:.0f}", f"gamma{at:.0f}")
    ]
    alone = bookmaker("matchbook", market("totals", ("Over", 2.00, 8.5), ("Under", 1.92, 8.5)))
    path = written(tmp_path, [event(*others, alone)])
    (one,) = bet_intel("price", path, "--json", "--min-ev", "0").answer["events"][0]["markets"]
    (over,) = [o for line in one["lines"] if line["line"] == 8.5 for o in line["outcomes"] if o["outcome"] == "Over"]
    (found,) = over["opportunities"]
    assert (over["fair_probability"], over["not_computable"]["reason"]) == (None, "incomplete_market")
    assert found["ev"] == pytest.approx(found["leave_one_out_fair_probability"] * found["net_price"] - 1)
    shown = bet_intel("price", path, "--all").out.splitlines()
    (row,) = [line for line in shown if "8.5" in line and "Over" in line]
    assert found["class"] in row
    assert "incomplete_market" not in row
