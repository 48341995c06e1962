"""What `make load` measures with, and how it judges: the runs themselves are the command's."""

import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from bet_intel.compose.servers.programs import Program
from fixtures.servers import need
from load import report
from load.gateways import Reading, Used, between
from load.goals import Goal, judged
from load.run import Load, Run
from load.views import HOT, hot, zipf
from load.wrk import Summary, Wrk

WRK = Program("wrk", "wrk", ("wrk",), ("/usr/bin",), ("wrk", "-v"))
KEY = "a-key"
FAST = Summary(20_000, 10.0, 5.0, 20.0, 50.0, 1_000_000, 0, 0, 0, 0, 0)


@contextmanager
def server(answer: int) -> Iterator[tuple[str, Counter[str]]]:
    """A server that answers with a status who carries the key, and counts what it is asked for."""
    asked: Counter[str] = Counter()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            asked[self.path] += 1
            self.send_response(answer if self.headers["authorization"] == f"Bearer {KEY}" else 401)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    listening = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    serving = threading.Thread(target=listening.serve_forever, kwargs={"poll_interval": 0.05})
    serving.start()
    try:
        yield f"http://127.0.0.1:{listening.server_port}", asked
    finally:
        listening.shutdown()
        serving.join()
        listening.server_close()


def test_wrk_asks_for_wanted_views_more_often_and_tells_what_came_of_it() -> None:
    need(WRK)
    began: list[bool] = []
    with server(200) as (url, asked):
        summary = Wrk(url, 1, 4, KEY).run([(9.0, "/often"), (1.0, "/seldom")], lambda: began.append(True))
    assert began == [True]
    assert summary.errors == 0
    assert 0 < summary.requests <= sum(asked.values())
    assert set(asked) == {"/often", "/seldom"}
    assert asked["/often"] > 3 * asked["/seldom"]
    assert 0 < summary.p50 <= summary.p95 <= summary.p99


def test_an_answer_that_is_an_error_counts_as_failed() -> None:
    need(WRK)
    with server(503) as (url, asked):
        summary = Wrk(url, 1, 2, KEY).run(hot())
    assert summary.status == summary.requests == summary.errors > 0
    assert set(asked) == {HOT}


def test_the_filtered_views_are_200_by_zipf() -> None:
    views = zipf()
    assert len({path for _, path in views}) == 200
    assert [weight for weight, _ in views[:4]] == [1, 1 / 2, 1 / 3, 1 / 4]


def test_what_gateways_used_between_two_readings() -> None:
    before = Reading({"one": 1, "two": 2}, {"one": 1.0, "two": 1.0}, {"one": 10, "two": 10}, Counter(miss=5, hit=5))
    after = Reading({"one": 1, "two": 9}, {"one": 1.5, "two": 0.1}, {"one": 1010, "two": 5}, Counter(miss=6, hit=24))
    used = between(before, after)
    assert used.requests == {"one": 1000}, "a gateway that was started again is no measure"
    assert used.cpu_us == {"one": pytest.approx(500)}
    assert used.mean_cpu_us == pytest.approx(500)
    assert used.hit_rate == pytest.approx(0.95)


def run(title: str, gateways: int, summary: Summary = FAST, cpu: float = 100.0, hits: float | None = 0.99) -> Run:
    requests: Mapping[str, float] = {f"api.serve.{number}": 100.0 for number in range(1, gateways + 1)}
    return Run(title, gateways, summary, Used(requests, dict.fromkeys(requests, cpu), hits))


def verdicts(*runs: Run) -> dict[str, bool | None]:
    return {goal.what: goal.reached for goal in judged(runs)}


GOOD = (run(HOT, 1), run(HOT, 2), run(HOT, 3), run("views", 3), run("killed", 3))


def test_every_goal_can_be_reached() -> None:
    assert set(verdicts(*GOOD).values()) == {True}


@pytest.mark.parametrize(
    ("index", "bad", "what"),
    [
        (2, run(HOT, 3, Summary(9_000, 10.0, 5.0, 20.0, 50.0, 1, 0, 0, 0, 0, 0)), "requests/s, three"),
        (2, run(HOT, 3, Summary(20_000, 10.0, 5.0, 20.0, 200.0, 1, 0, 0, 0, 0, 0)), "p99, three"),
        (1, run(HOT, 2, Summary(20_000, 10.0, 5.0, 20.0, 50.0, 1, 0, 0, 0, 0, 1)), "failed requests"),
        (2, run(HOT, 3, cpu=120.0), "CPU of a request"),
        (4, run("killed", 3, Summary(20_000, 10.0, 5.0, 20.0, 50.0, 1, 0, 1, 0, 0, 0)), "failed requests while"),
        (3, run("views", 3, hits=0.94), "answers of filtered views"),
    ],
)
def test_each_goal_can_be_missed(index: int, bad: Run, what: str) -> None:
    missed = {goal for goal, reached in verdicts(*GOOD[:index], bad, *GOOD[index + 1 :]).items() if reached is False}
    assert [goal for goal in missed if goal.startswith(what)] == list(missed) != []


def test_the_page_shows_every_run_and_goal() -> None:
    page = report.page(GOOD, [*judged(GOOD), Goal("a", "b", "c", None)], Load(), "load.svg")
    assert page.count(f"| {HOT} |") == 3
    assert "| 2,000 | 5.0 | 20.0 | 50.0 | 0 | 100 | 10, 10, 10 | 99.0% |" in page
    assert "cannot be said" in page
    assert max(map(len, (line for line in page.splitlines() if not line.startswith("|")))) <= 120
