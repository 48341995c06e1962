"""What `make load` measures with, and how it judges: the runs themselves are the command's."""

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from math import isnan
from types import SimpleNamespace
from typing import cast

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client import Counter as Counted

from bet_intel.compose.servers.folder import ServersFolder
from bet_intel.compose.servers.nginx import Nginx
from bet_intel.compose.servers.programs import NGINX, Program
from drills.recording import Recording
from drills.stage import Stage, StageError
from fixtures.before_gateways import folder
from fixtures.polling import holds_within
from fixtures.servers import need
from load import __main__ as command
from load import report
from load.gateways import Gateway, Share, Used, between, quantile, said
from load.goals import Goal, judged
from load.run import Load, Run, check_plays, snapshots
from load.seen import Log, told
from load.views import ALONE, HOT, KILLED, SHARED, ZIPF, hot, zipf
from load.wrk import Summary, Wrk

__all__ = ["folder"]

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


def test_connections_that_rest_ask_for_less() -> None:
    need(WRK)
    with server(200) as (url, _):
        summary = Wrk(url, 1, 4, KEY, pause=50).run(hot())
    assert 0 < summary.requests <= 4 * 1.5 * 1_000 / 50, "four connections, a rest of 50 ms, for a second"


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
    before = {
        "one": Gateway(1, ":1", 1.0, 10, 0, Counter(miss=5, hit=5)),
        "two": Gateway(2, ":2", 1.0, 10, 0, Counter(miss=1)),
    }
    after = {
        "one": Gateway(1, ":1", 1.5, 1010, 3, Counter(miss=10, made=2, hit=25, ready=113)),
        "two": Gateway(9, ":2", 0.1, 5, 1, Counter(miss=3)),
    }
    used = between(before, after, {":1": [float(ms) for ms in range(100, 0, -1)], ":2": [7.0]})
    assert set(used.gateways) == {"one"}, "a gateway that was started again is no measure"
    share = used.gateways["one"]
    assert [share.requests, share.errors, share.cpu_us] == pytest.approx([1000, 3, 500])
    assert (share.p50, share.p95, share.p99) == (50, 95, 99)
    assert used.mean_cpu_us == pytest.approx(500)
    assert used.hit_rate == pytest.approx(0.95)
    assert used.redis_hit_rate == pytest.approx(0.8)


def test_a_gateway_tells_its_requests_and_errors_of_reads_alone() -> None:
    registry = CollectorRegistry()
    requests = Counted("bet_intel_http_requests", "", ("route", "method", "status"), registry=registry)
    for route, status, number in (("/v1/events", "200", 5), ("/v1/events", "503", 2), ("/metrics", "500", 9)):
        requests.labels(route, "GET", status).inc(number)
    Counted("bet_intel_cache_requests", "", ("result",), registry=registry).labels("hit").inc(4)

    told = said(7, generate_latest(registry).decode())

    assert (told.pid, told.requests, told.errors) == (7, 7, 2)
    assert told.cache == {"hit": 4}


def test_nginx_tells_how_long_marked_requests_took_at_each_gateway(folder: ServersFolder) -> None:
    need(WRK)
    need(NGINX)
    with server(200) as (one, _), server(200) as (other, _):
        nginx = Nginx.start(folder, [url.removeprefix("http://") for url in (one, other)])
        log = Log.begin(folder)
        assert holds_within(10, (folder.process("nginx").folder / "seen.log").exists)
        summary = Wrk(nginx.url, 1, 4, KEY).run(hot())
        times, again = log.news(), log.news()
    assert times.keys() == {url.removeprefix("http://") for url in (one, other)}
    assert again == {}
    seen = [ms for of_one in times.values() for ms in of_one]
    assert all(0 <= ms < 10_000 for ms in seen)
    assert 0 < len(seen) < summary.requests / 4, "one in twenty"


def test_what_was_tried_twice_is_told_of_who_answered() -> None:
    lines = b'{"gateway":"10.0.0.1:80","seconds":0.002}\n{"gateway":"10.0.0.1:80, 10.0.0.2:80","seconds":0.016}\n'
    assert told(lines) == {"10.0.0.1:80": [2.0], "10.0.0.2:80": [16.0]}


@pytest.mark.parametrize(("q", "expected"), [(0.0, 1.0), (0.25, 1.0), (0.5, 2.0), (0.51, 3.0), (1.0, 4.0)])
def test_a_quantile_is_one_of_the_values(q: float, expected: float) -> None:
    assert quantile([1.0, 2.0, 3.0, 4.0], q) == expected


def test_a_quantile_of_nothing_is_no_number() -> None:
    assert isnan(quantile([], 0.5))


@pytest.mark.parametrize("load", [Load(), Load(seconds=60, rounds=5)])
def test_a_recording_is_longer_than_the_load(load: Load) -> None:
    runs = 6 * load.rounds + 2
    # A snapshot every six seconds; gateways are warmed for two before each run, and take their time to come and go.
    assert snapshots(load, runs, pace=6) * 6 > runs * (load.seconds + 2 + 10)


class Played(Stage):
    """One that has played so much of a recording of ten snapshots."""

    def __init__(self, position: int) -> None:
        self._position = position
        self.recording = cast("Recording", SimpleNamespace(snapshots=10))

    def position(self) -> int:
        return self._position


def test_load_without_a_replay_is_none() -> None:
    check_plays(Played(9))
    with pytest.raises(StageError, match="recording has ended"):
        check_plays(Played(10))


def run(
    title: str,
    gateways: int,
    summary: Summary = FAST,
    cpu: float = 100.0,
    hits: float | None = 0.99,
    redis: float | None = 0.66,
) -> Run:
    share = Share(100.0, 0.0, cpu, 4.0, 15.0, 40.0)
    return Run(
        title, gateways, summary, Used({f"api.serve.{number + 1}": share for number in range(gateways)}, hits, redis)
    )


def verdicts(*runs: Run) -> dict[str, bool | None]:
    return {goal.what: goal.reached for goal in judged(runs) if goal.goal}


GOOD = (
    run(HOT, 1),
    run(HOT, 2),
    run(HOT, 3),
    run(SHARED, 1),
    run(SHARED, 3),
    run(ZIPF, 3),
    run(KILLED, 3),
    run(ALONE, 3, redis=0.97),
)


def test_every_goal_can_be_reached() -> None:
    assert set(verdicts(*GOOD).values()) == {True}


@pytest.mark.parametrize(
    ("index", "bad", "what"),
    [
        (2, run(HOT, 3, Summary(9_000, 10.0, 5.0, 20.0, 50.0, 1, 0, 0, 0, 0, 0)), "requests/s, three"),
        (2, run(HOT, 3, Summary(20_000, 10.0, 5.0, 20.0, 200.0, 1, 0, 0, 0, 0, 0)), "p99, three"),
        (1, run(HOT, 2, Summary(20_000, 10.0, 5.0, 20.0, 50.0, 1, 0, 0, 0, 0, 1)), "failed requests"),
        (4, run(SHARED, 3, cpu=120.0), "CPU of a request"),
        (6, run(KILLED, 3, Summary(20_000, 10.0, 5.0, 20.0, 50.0, 1, 0, 1, 0, 0, 0)), "failed requests while"),
        (5, run(ZIPF, 3, hits=0.94), "answers of filtered views"),
        (7, run(ALONE, 3, redis=0.94), "Redis' hit rate"),
    ],
)
def test_each_goal_can_be_missed(index: int, bad: Run, what: str) -> None:
    missed = {goal for goal, reached in verdicts(*GOOD[:index], bad, *GOOD[index + 1 :]).items() if reached is False}
    assert [goal for goal in missed if goal.startswith(what)] == list(missed) != []


def test_what_cannot_be_said_is_not_reached() -> None:
    said = verdicts(*GOOD[:5], run(ZIPF, 3, hits=None), GOOD[6], run(ALONE, 3, redis=None))
    assert [what for what, reached in said.items() if not reached] == [
        "answers of filtered views that nobody had to make",
        "Redis' hit rate, where gateways keep nothing ready",
    ]


def test_cpu_at_as_many_connections_in_all_is_shown_and_judged_by_nobody() -> None:
    found = list(judged([*GOOD[:2], run(HOT, 3, cpu=130.0), *GOOD[3:]]))
    [shown] = [goal for goal in found if not goal.goal]
    assert (shown.what, shown.figure) == ("the same, as many connections in all", "1.30")
    assert "| the same, as many connections in all |  | 1.30 |  |  |" in list(report.goals(found))


@pytest.mark.parametrize(("hits", "code"), [(0.99, 0), (None, 1), (0.5, 1)])
def test_the_command_fails_where_a_goal_is_missed_or_cannot_be_read(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], hits: float | None, code: int
) -> None:
    monkeypatch.setattr(command, "runs", lambda *_: iter([*GOOD[:5], run(ZIPF, 3, hits=hits), *GOOD[6:]]))
    assert command.main([]) == code
    assert ("cannot be said" in capsys.readouterr().out) == (hits is None)


def test_the_aim_stands_beside_the_floor() -> None:
    [rate] = [goal for goal in judged(GOOD) if goal.aim]
    assert (rate.reached, rate.aim, rate.aimed) == (True, "3,000", False)
    fast = run(HOT, 3, Summary(40_000, 10.0, 5.0, 20.0, 50.0, 1, 0, 0, 0, 0, 0))
    [rate] = [goal for goal in judged([*GOOD[:2], fast, *GOOD[3:]]) if goal.aim]
    assert rate.aimed


def test_the_page_shows_every_run_and_goal() -> None:
    page = report.page(GOOD, [*judged(GOOD), Goal("a", "b", "c", None)], Load(), "load.svg")
    assert page.count(f"| {HOT} |") == 3 + (1 + 2 + 3)
    assert page.count(f"| {SHARED} |") == 2 + (1 + 3)
    assert "| 2,000 | 5.0 | 20.0 | 50.0 | 0 | 100 | 99.0% | 66.0% |" in page
    assert f"| {HOT} | 3 | api.serve.2 | 10 | 4 | 15 | 40 | 0 | 100 |" in page
    assert "| reached | 3,000: not yet |" in page
    assert "cannot be said" in page
    assert max(map(len, (line for line in page.splitlines() if not line.startswith("|")))) <= 120
