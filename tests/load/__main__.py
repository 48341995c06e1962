"""`make load`: how many requests a cluster answers through nginx, and how fast; exit code 1 where a goal is missed, or
nobody can say whether it is."""

import argparse
import logging
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path

import msgspec
import structlog

from bet_intel.compose.servers.processes import ServerError
from drills.stage import StageError
from load import report
from load.goals import judged
from load.run import Load, runs
from load.wrk import WrkError

_PAGES = Path(__file__).parents[2] / "docs/operations"
_PLOT = "load.svg"
_LONGEST, _MOST = 60, 512


def main(arguments: Sequence[str]) -> int:
    options = _options(arguments)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    load = Load(options.seconds, options.connections, options.rounds)
    try:
        done = list(runs(load, _say))
    except (ServerError, StageError, WrkError) as error:
        print(error, file=sys.stderr)
        return 1
    found = list(judged(done))
    print("\n".join([*report.table(done), "", *report.gateways(done), "", *report.goals(found)]))
    if options.write:
        (_PAGES / "load.md").write_text(report.page(done, found, load, _PLOT), "utf-8")
        report.draw(done, _PAGES / _PLOT)
    if options.json:
        document = {
            "runs": [
                {
                    "title": run.title,
                    "gateways": run.gateways,
                    **msgspec.to_builtins(run.summary),
                    **asdict(run.used),
                }
                for run in done
            ],
            "goals": [asdict(goal) for goal in found],
        }
        options.json.write_text(msgspec.json.format(msgspec.json.encode(document), indent=2).decode() + "\n", "utf-8")
    return 0 if all(goal.reached for goal in found if goal.goal) else 1


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make load", description=__doc__)
    parser.add_argument("--seconds", type=_up_to(_LONGEST), default=10, help="of each run (default: 10)")
    parser.add_argument("--connections", type=_up_to(_MOST), default=64, help="that are kept open (default: 64)")
    parser.add_argument("--rounds", type=_up_to(5), default=1, help="of one, two and three gateways (default: 1)")
    parser.add_argument("--write", action="store_true", help="write docs/operations/load.md and its plot anew")
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    return parser.parse_args(arguments)


def _up_to(most: int) -> Callable[[str], int]:
    def number(text: str) -> int:
        value = int(text)
        if not 1 <= value <= most:
            raise argparse.ArgumentTypeError(f"between 1 and {most}")
        return value

    return number


def _say(sentence: str) -> None:
    print(f"… {sentence}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
