"""`bet-intel bets import` where the gateway does not take a bet at once, or not any more."""

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from bet_intel.compose.cli import run

pytestmark = pytest.mark.integration

KEPT: Mapping[str, Any] = {"id": "bet", "unmatched_reason": None}
_SLEEP = "bet_intel.compose.bets.importing.sleep"
BUSY: Mapping[str, Any] = {"detail": "This was asked for too often."}


@dataclass
class Scripted:
    """Answers each bet in turn with a status, its Retry-After and a body; `taken` are the stakes of those asked for."""

    script: list[tuple[int, str | None, Mapping[str, Any]]]
    taken: list[str] = field(default_factory=list)


@contextmanager
def answering(scripted: Scripted) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            scripted.taken.append(asked["stake"])
            status, retry_after, body = scripted.script.pop(0)
            told = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(told)))
            if retry_after is not None:
                self.send_header("Retry-After", retry_after)
            self.end_headers()
            self.wfile.write(told)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    serving = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    serving.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        serving.join()
        server.server_close()


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The waits that were asked for; none takes its time."""
    asked: list[float] = []
    monkeypatch.setattr(_SLEEP, asked.append)
    return asked


@pytest.fixture
def file(tmp_path: Path) -> str:
    rows = "".join(f"alpha,h2h,home,2.1,{stake},event\n" for stake in (1, 2, 3))
    path = tmp_path / "bets.csv"
    path.write_text(f"bookmaker,market,outcome,price,stake,event_id\n{rows}alpha,h2h,home,many,4,event\n")
    return str(path)


def test_a_quota_is_waited_for_and_the_file_is_finished(
    file: str, waits: list[float], capsys: pytest.CaptureFixture[str]
) -> None:
    scripted = Scripted([(201, None, KEPT), (429, "54", BUSY), (503, "1", BUSY), *[(201, None, KEPT)] * 2])
    with answering(scripted) as url:
        assert run(["bets", "import", file, "--url", url]) == 1  # for the line that is no bet
    told = capsys.readouterr()
    assert (scripted.taken, waits) == (["1", "2", "2", "2", "3"], [54.0, 1.0])
    assert "3 matched, 0 unmatched, 0 known, 1 rejected" in told.out
    assert f"{file}, line 3: waiting 54 s: This was asked for too often." in told.err


def test_patience_has_an_end(file: str, waits: list[float], capsys: pytest.CaptureFixture[str]) -> None:
    scripted = Scripted([(201, None, KEPT), *[(503, "1", BUSY)] * 1000])
    with answering(scripted) as url:
        assert run(["bets", "import", file, "--url", url]) == 1
    assert 240 <= sum(waits) <= 300
    assert waits == sorted(waits)
    assert "given up after" in capsys.readouterr().err


@pytest.mark.parametrize("refusal", [(500, None, {"detail": "Broken."}), (503, None, {"detail": "Not configured."})])
def test_what_ends_it_leaves_the_report(
    file: str,
    waits: list[float],
    capsys: pytest.CaptureFixture[str],
    refusal: tuple[int, str | None, Mapping[str, Any]],
) -> None:
    with answering(Scripted([(201, None, KEPT), refusal])) as url:
        assert run(["bets", "import", file, "--url", url]) == 1
    told = capsys.readouterr()
    assert told.out.startswith("1 matched, 0 unmatched, 0 known, 1 rejected\n2 unanswered, from ")
    assert f"{file}, line 3" in told.out
    assert (refusal[2]["detail"] in told.err, waits) == (True, [])


def test_the_report_is_json_where_it_is_asked_for(file: str, capsys: pytest.CaptureFixture[str]) -> None:
    with answering(Scripted([(201, None, KEPT), (500, None, {"detail": "Broken."})])) as url:
        assert run(["bets", "import", file, "--url", url, "--json"]) == 1
    answer = json.loads(capsys.readouterr().out)
    assert [one["status"] for one in answer["bets"]] == ["matched", "unanswered", "unanswered", "rejected"]
    assert answer["counts"] == {"matched": 1, "unanswered": 2, "rejected": 1}
    assert "Broken." in answer["error"]["message"]


def test_who_ends_it_is_told_what_is_kept(
    file: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(_: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(_SLEEP, interrupted)
    with answering(Scripted([(201, None, KEPT), (429, "54", BUSY)])) as url:
        assert run(["bets", "import", file, "--url", url]) == 130
    assert "2 unanswered" in capsys.readouterr().out
