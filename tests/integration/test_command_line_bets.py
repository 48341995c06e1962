"""`bet-intel bets` against a gateway."""

import asyncio
from pathlib import Path

import pytest

from bet_intel.compose.cli import run
from fixtures.api_gateway import Gateway, served
from fixtures.api_messages import Market, odds_changed
from fixtures.closing_messages import closing_line_fixed, h2h
from fixtures.command import Ran, bet_intel

__all__ = ["served"]

pytestmark = pytest.mark.integration

HEADER = "League,Home,Away,Start,Market,Outcome,Bookmaker,Price,Stake\n"
GOOD = "MLB,Harbour City,Riverside,2026-04-16T23:05:00Z,h2h,home,alpha,2.10,10\n"
UNKNOWN = GOOD.replace("Riverside", "Nobody")


async def bets(served: Gateway, *arguments: str) -> Ran:
    return await asyncio.to_thread(bet_intel, "bets", *arguments, "--url", str(served.client.base_url))


async def test_bets_are_imported_once_listed_and_summed_up(served: Gateway, tmp_path: Path) -> None:
    await served.tell(odds_changed(Market()))
    file = tmp_path / "bets.csv"
    file.write_text(HEADER + GOOD + UNKNOWN + GOOD.replace("2.10", "+110"))
    first = await bets(served, "import", str(file), "--json")
    assert (first.code, first.answer["counts"]) == (1, {"matched": 1, "unmatched": 1, "rejected": 1})
    assert [one["where"] for one in first.answer["bets"]] == [f"{file}, line {line}" for line in (2, 3, 4)]
    assert "no event of these teams" in first.answer["bets"][1]["reason"]
    file.write_text(HEADER + GOOD + UNKNOWN)
    again = await bets(served, "import", str(file))
    assert (again.code, again.out.strip()) == (0, "0 matched, 0 unmatched, 2 known, 0 rejected")
    await served.tell(closing_line_fixed(h2h(1.95, 0.5)))
    listed = await bets(served, "list")
    assert (listed.code, "+5.0 %" in listed.out, "no event of these teams" in listed.out) == (0, True, True)
    summed = await bets(served, "clv", "--json")
    assert (summed.answer["total"]["bets"], summed.answer["total"]["no_vig"]) == (2, pytest.approx(0.05))
    assert "100%" in (await bets(served, "clv")).out


async def test_a_settled_sheet_that_is_imported_again_tells_what_came_back(served: Gateway, tmp_path: Path) -> None:
    await served.tell(odds_changed(Market()))
    file = tmp_path / "bets.csv"
    file.write_text(HEADER + GOOD + GOOD)
    assert (await bets(served, "import", str(file), "--json")).answer["counts"] == {"matched": 2}
    settled = HEADER.strip() + ",Returned,Note\n"
    file.write_text(settled + GOOD.strip().replace("2.10", "2.1") + ",21.00,\n" + GOOD.strip() + ",,\n")
    again = await bets(served, "import", str(file))
    assert (again.code, again.out.strip()) == (0, "0 matched, 0 unmatched, 1 completed, 1 known, 0 rejected")
    assert "2 known" in (await bets(served, "import", str(file))).out
    total = (await bets(served, "clv", "--json")).answer["total"]
    assert (total["bets"], total["staked"], total["returned"]) == (2, "20.0000", "21.0000")


async def test_a_ticket_that_is_another_bets_is_rejected_not_dropped(served: Gateway, tmp_path: Path) -> None:
    await served.tell(odds_changed(Market()))
    file = tmp_path / "bets.csv"
    file.write_text("Ticket," + HEADER + "1001," + GOOD + "1001," + GOOD.replace("home", "away") + "1002," + GOOD)
    told = await bets(served, "import", str(file), "--json")
    assert (told.code, told.answer["counts"]) == (1, {"matched": 2, "rejected": 1})
    assert "is of another bet" in told.answer["bets"][1]["reason"]


async def test_more_bets_than_a_page_are_all_listed(served: Gateway, tmp_path: Path) -> None:
    file = tmp_path / "bets.csv"
    file.write_text(HEADER + GOOD)
    await bets(served, "import", str(file))
    await served.database.execute(
        "insert into bet select (jsonb_populate_record(bet, jsonb_build_object("
        "'id', gen_random_uuid(), 'reference', n))).* from bet, generate_series(2, 405) n"
    )
    listed = (await bets(served, "list", "--json")).answer["data"]
    assert len({one["id"] for one in listed}) == len(listed) == 405
    assert len((await bets(served, "list", "--limit", "203", "--json")).answer["data"]) == 203
    some = await bets(served, "list", "--limit", "1", "--status", "unmatched", "--json")
    assert len(some.answer["data"]) == 1
    assert (await bets(served, "list", "--status", "matched", "--json")).answer["data"] == []


async def test_bets_are_summed_up_by_what_and_for_when_it_is_asked(served: Gateway, tmp_path: Path) -> None:
    file = tmp_path / "bets.csv"
    placed = (GOOD.strip() + f",2026-0{month}-10T12:00:00Z\n" for month in (2, 3, 4))
    file.write_text(HEADER.strip() + ",Placed\n" + "".join(placed))
    await bets(served, "import", str(file))
    during = ("--since", "2026-03-01T00:00:00Z", "--until", "2026-04-01T00:00:00Z")
    march = (await bets(served, "clv", *during, "--by", "month,market", "--json")).answer
    assert march["total"]["bets"] == 1
    assert {by: [one["name"] for one in groups] for by, groups in march["groups"].items()} == {
        "month": ["2026-03"],
        "market": ["h2h"],
    }
    refused = await bets(served, "clv", "--by", "weather")
    assert (refused.code, "weather" in refused.err) == (1, True)


def test_without_a_gateway_it_says_what_to_start(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["bets", "list", "--url", "http://127.0.0.1:9"]) == 1
    assert "no gateway answers at http://127.0.0.1:9" in capsys.readouterr().err
