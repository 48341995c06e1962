"""`bet-intel up` on a terminal: the table of the best opportunities and the progress bar share the screen."""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from bet_intel.odds_ingest.providers.simulator.recording import write_recording
from fixtures.no_tls import NO_TLS
from fixtures.system import data_folder
from fixtures.terminal import Terminal, terminal

pytestmark = pytest.mark.e2e

_TITLE = "best opportunities, as of "
_ROW = re.compile(r"\s*([+-]\d+\.\d %)\s+(take|marginal)\s.*\s(\d+\.\d\d)\s+(\d+\.\d\d)\s+(\d+ s|\?)$")


def rows(lines: list[str]) -> list[tuple[str, ...]]:
    """EV, class, price and fair price of each row of the table."""
    return [match.groups()[:4] for line in lines if (match := _ROW.match(line))]


def served(port: int | None) -> list[dict[str, Any]]:
    response = httpx.get(
        f"http://127.0.0.1:{port}/v1/opportunities?limit=10", trust_env=False, verify=NO_TLS, timeout=10
    )
    data: list[dict[str, Any]] = response.json()["data"]
    return data


def is_whole(lines: list[str]) -> bool:
    """Whether the display is there once, with all its rows below its title: nothing left over from an earlier one."""
    titles = [index for index, line in enumerate(lines) if _TITLE in line]
    in_rows = [index for index, line in enumerate(lines) if _ROW.match(line)]
    return len(titles) == 1 and bool(in_rows) and in_rows == list(range(titles[0] + 3, titles[0] + 3 + len(in_rows)))


def bars(lines: list[str]) -> list[int]:
    """The lines that show a progress bar."""
    return [index for index, line in enumerate(lines) if "playing" in line]


def as_of(lines: list[str]) -> str:
    return next((line for line in lines if _TITLE in line), "")


def until_renewed(screen: Terminal, times: int) -> list[str]:
    lines = screen.until(is_whole, "showing a table")
    for _ in range(times):
        before = as_of(lines)
        lines = screen.until(lambda now, before=before: is_whole(now) and as_of(now) != before, "renewing the table")  # type: ignore[misc] # mypy does not infer a lambda's default
    return lines


def test_table_shows_what_the_gateway_serves_and_is_renewed_in_place() -> None:
    with data_folder() as folder, terminal(folder) as screen:
        lines = until_renewed(screen, 3)
        assert sum("first answer" in line for line in lines) == 1, "what was said before stays above"

        answered: list[dict[str, Any]] = []

        def as_served(lines: list[str]) -> bool:
            # Of what is compared, not of a later answer: prices move on.
            answered[:] = served(screen.port)
            listed = [
                (f"{100 * one['ev']:+.1f} %", one["class"], f"{one['price']:.2f}", f"{one['fair_odds']:.2f}")
                for one in answered
            ]
            return bool(listed) and rows(lines) == listed

        lines = screen.until(as_served, "showing what /v1/opportunities answers")
        assert any(answered[0]["bookmaker"]["title"][:8] in line for line in lines)

        code, lines = screen.press_ctrl_c()
        assert code == 0
        said = [index for index, line in enumerate(lines) if "stopped" in line or "SIGINT" in line]
        assert len(said) == 2
        assert is_whole(lines)
        assert min(said) > max(index for index, line in enumerate(lines) if _ROW.match(line)), "the table is above"


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    path = tmp_path / "simulated.jsonl.gz"
    write_recording(path, 7, datetime(2026, 1, 31, 12, tzinfo=UTC), timedelta(seconds=60), 60)
    return path


def test_progress_bar_and_table_do_not_disturb_each_other(recording: Path) -> None:
    with data_folder() as folder, terminal(folder, "--source", f"replay:{recording}", "--speed", "60") as screen:
        until_renewed(screen, 3)
        # Not between the drawing of one and of the other.
        lines = screen.until(lambda now: is_whole(now) and bool(bars(now)), "showing both")
        assert len(bars(lines)) == 1, "\n".join(lines)
        (bar,) = bars(lines)
        assert re.search(r"\d+/60, [\d,]+ prices, 2026-01-31 1\d:\d\d UTC", lines[bar])
        assert bar > max(index for index, line in enumerate(lines) if _ROW.match(line))
        code, _ = screen.press_ctrl_c()
        assert code == 0


def test_no_table_leaves_the_progress_bar_alone(recording: Path) -> None:
    arguments = ("--source", f"replay:{recording}", "--speed", "60", "--no-table")
    with data_folder() as folder, terminal(folder, *arguments) as screen:
        lines = screen.until(lambda lines: any("5/60" in line for line in lines), "playing the fifth answer")
        assert len(bars(lines)) == 1
        assert not as_of(lines)
        assert screen.press_ctrl_c()[0] == 0


def test_narrow_terminal_keeps_one_line_a_row() -> None:
    with data_folder() as folder, terminal(folder, columns=72) as screen:
        lines = until_renewed(screen, 1)
        assert all(len(line) <= 72 for line in lines)
        assert screen.press_ctrl_c()[0] == 0
