"""`make bench`: rows of the table of goals, measured against peers; exit code 1 where a goal is missed."""

import argparse
import json
import platform
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from bench import (
    codec,
    consuming,
    devig_accuracy,
    devig_speed,
    ev_pass,
    fanout,
    gateway,
    gateway_size,
    growing,
    objects,
    over_limit,
    polls,
    publishing,
    way,
)
from bench.measure import Calibration, Result, Row, Verdict, calibrate, number
from bench.page import page
from bet_intel.shared import memory

ROWS = (
    Row("1-4", "a request to the gateway, CPU of its process", gateway.run),
    Row("4b", "asked for four times a quota", over_limit.run),
    Row("5", "event codec, 1,000 quotes", codec.run),
    Row("6", "devig of 100,000 markets, Shin", devig_speed.run_shin),
    Row("7", "devig of 100,000 markets, every method", devig_speed.run_methods),
    Row("8", "devig against roots of 50 digits", devig_accuracy.run),
    Row("9", "kernel of the EV pass over 156,000 quotes", ev_pass.run_kernel),
    Row("9b", "the default pipeline over 156,000 quotes", objects.run),
    Row("10", "one event through the default pipeline", ev_pass.run_one_event),
    Row("11", "a poll stored of which 2 % changed", polls.run),
    Row("12", "events published with confirms", publishing.run),
    Row("13", "consumed and processed", consuming.run),
    Row("14", "from a change of odds to a client of the stream", way.run),
    Row("15", "the stream to 1,000 followers", fanout.run),
    Row("16", "cost against size", ev_pass.run_size),
    Row("16b", "a request to the gateway, cost against size", gateway_size.run),
    Row("17", "one more process", growing.run),
)
_PEERS = (
    "celery",
    "duckdb",
    "fastapi",
    "mpmath",
    "numpy",
    "pandas",
    "penaltyblog",
    "polars",
    "protobuf",
    "psycopg",
    "scipy",
    "shin",
    "sqlalchemy",
)
_LEAST_ROUNDS = 7
_PAGE = Path(__file__).parents[2] / "docs/figures.md"


def main(arguments: Sequence[str]) -> int:
    options = _options(arguments)
    chosen = [row for row in ROWS if not options.rows or row.number in options.rows]
    memory.ease()  # as every process of the services does
    before = calibrate()
    print(f"{'row':>3}  {'what':<62} {'measured':>12} {'goal':>10}  verdict")
    results: list[Result] = []
    for row in chosen:
        begin = time.perf_counter()
        print(f"{row.number:>3}  {row.title}", flush=True)
        figures = list(row.run(options.rounds))
        after = calibrate()
        for figure in figures:
            results.append(Result(row, figure, before, after))
            _print(results[-1])
        print(f"     ({time.perf_counter() - begin:.0f} s; {_words(after)})", flush=True)
        before = after
    missed = [one for one in results if one.is_missed]
    if any(one.verdict is Verdict.NOT_JUDGED for one in results):
        print("Latencies are judged where the machine is quiet before the row and after it. Ratios always are, because")
        print("alternatives take turns.")
    print(f"{len(missed)} of {len(results)} goals missed.")
    if options.json:
        options.json.write_text(json.dumps(_document(results, options.rounds), indent=2) + "\n")
    if options.write:
        _PAGE.write_text(page(results, _versions(), options.rounds, datetime.now(UTC)))
    return 1 if missed else 0


def _words(one: Calibration) -> str:
    return f"calibration: p99/p50 {one.p99 / one.p50:.2f}, {'quiet' if one.quiet else 'busy'}"


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("rows", nargs="*", choices=[*(row.number for row in ROWS), []], help="rows (default: all)")
    parser.add_argument("--rounds", type=int, default=_LEAST_ROUNDS, help="rounds of each comparison (default: 7)")
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    parser.add_argument("--write", action="store_true", help="write docs/figures.md anew, of these rows")
    options = parser.parse_args(arguments)
    if options.rounds < _LEAST_ROUNDS:
        parser.error(f"--rounds is {options.rounds}: a median needs at least {_LEAST_ROUNDS}")
    return options


def _print(result: Result) -> None:
    figure, verdict = result.figure, result.verdict
    goal = f"{'≥' if figure.at_least else '≤'}{number(figure.goal):>7}"
    detail = f"  ({figure.detail})" if figure.detail else ""
    print(
        f"       {figure.what:<60} {number(figure.measured):>9} {figure.unit:<2} {goal}  {verdict}{detail}", flush=True
    )


def _versions() -> dict[str, str]:
    return {name: version(name) for name in _PEERS}


def _document(results: Sequence[Result], rounds: int) -> dict[str, object]:
    return {
        "python": platform.python_version(),
        "versions": _versions(),
        "rounds": rounds,
        "figures": [
            {
                "row": one.row.number,
                "title": one.row.title,
                **asdict(one.figure),
                "calibration": {"before": asdict(one.before), "after": asdict(one.after)},
                "verdict": one.verdict.value,
            }
            for one in results
        ],
    }


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
