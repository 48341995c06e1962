"""`bet-intel price` says of a response what `bet-intel up` makes of it."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fixtures.command import bet_intel
from fixtures.odds_payloads import AWAY, HOME, SHARED_DATA, bookmaker, event, market
from fixtures.system import data_folder, opportunities, running

pytestmark = pytest.mark.e2e

REAL = SHARED_DATA / "odds_api_world_2026_04_16" / "v4_json_reconstructed" / "soccer_epl.json"
MADE_UP = [
    event(
        *(
            bookmaker(key, market("h2h", (HOME, a), (AWAY, b)), market("totals", ("Over", b, 2.5), ("Under", a, 2.5)))
            for key, (a, b) in {
                "pinnacle": (2.0, 1.95),
                "alpha": (1.98, 1.93),
                "beta": (1.99, 1.92),
                "soft": (2.2, 1.75),
            }.items()
        )
    )
]


def priced(path: Path) -> dict[tuple[Any, ...], dict[str, Any]]:
    """Every opportunity of any class and EV, by the key that the gateway's are compared by."""
    ran = bet_intel("price", str(path), "--min-ev", "0", *_classes("take", "marginal", "suspect"), "--json")
    assert ran.code == 0, ran.err
    found = {}
    for match in ran.answer["events"]:
        for of in match["markets"]:
            for line in of["lines"]:
                key = (match["id"], of["market"], of["period"], line["line"], line["subject"] or "")
                for outcome in line["outcomes"]:
                    for one in outcome["opportunities"]:
                        found[*key, outcome["outcome"], one["bookmaker"], one["side"]] = one
    return found


def _classes(*classes: str) -> Iterator[str]:
    for one in classes:
        yield from ("--class", one)


@pytest.mark.parametrize("source", ["made up", "real"])
def test_price_and_up_find_the_same_opportunities(tmp_path: Path, source: str) -> None:
    if source == "real" and not REAL.is_file():
        pytest.skip(f"no real odds at {REAL}")
    path = tmp_path / "response.json"
    path.write_bytes(REAL.read_bytes() if source == "real" else json.dumps(MADE_UP).encode())
    with data_folder() as folder, running(folder, "--source", f"replay:{path}") as system:
        system.until_ready()
        system.until_played(60)
        served = opportunities(system)

    found = priced(path)

    assert found
    assert found.keys() == served.keys()
    for key, one in found.items():
        other = served[key]
        assert one["leave_one_out_fair_probability"] == pytest.approx(other["fair_probability"], rel=1e-9)
        assert (one["ev"], one["ev_worst"]) == pytest.approx((other["ev"], other["ev_worst"]), abs=1e-9)
        assert (one["class"], one["price"]) == (other["class"], other["price"])
