"""Log lines."""

import json
from collections.abc import Iterator
from datetime import datetime

import pytest
import structlog

from bet_intel.shared.telemetry import configure_logging


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    before = structlog.get_config()
    yield
    structlog.configure(**before)


def test_json_lines_have_time_level_and_the_error(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("info", json=True)
    log = structlog.get_logger()
    log.debug("unheard")
    try:
        float("no price")
    except ValueError:
        log.exception("failed", queue="q")
    captured = capsys.readouterr()
    [line] = captured.err.splitlines()
    assert captured.out == ""
    entry = json.loads(line)
    assert (entry["event"], entry["level"], entry["queue"]) == ("failed", "error", "q")
    assert "ValueError: could not convert string to float: 'no price'" in entry["exception"]
    assert datetime.fromisoformat(entry["timestamp"]).utcoffset() is not None


def test_a_person_gets_a_line_without_colours_where_there_is_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("warning", json=False)
    structlog.get_logger().info("unheard")
    structlog.get_logger().warning("waiting", queue="q")
    [line] = capsys.readouterr().err.splitlines()
    assert "waiting" in line
    assert "queue=q" in line
    assert "\x1b" not in line


def test_an_unknown_level_is_refused() -> None:
    with pytest.raises(KeyError, match="LOUD"):
        configure_logging("loud", json=False)
