"""`make drills`: strikes the running cluster while load runs, and says what came of it; exit code 1 beyond a bound."""

import argparse
import asyncio
import json
import logging
import signal
import sys
import time
from collections.abc import Sequence
from contextlib import aclosing
from pathlib import Path

import structlog

from bet_intel.compose.cluster.engines import SMALL
from bet_intel.compose.servers.processes import ServerError
from drills.catalog import FAULTS
from drills.drill import Fault
from drills.run import FULL, SPEED, drilled, staged
from drills.table import Row, foot, head, lines


def main(arguments: Sequence[str]) -> int:
    options = _options(arguments)
    if options.list:
        for fault in FAULTS:
            print(f"{fault.name:<26} {fault.title:<42} {fault.bound}")
        return 0
    # What drivers say of connections that we cut is no news.
    logging.getLogger("aiormq").setLevel(logging.CRITICAL + 1)
    logging.getLogger("aio_pika").setLevel(logging.CRITICAL + 1)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    chosen = [fault for fault in FAULTS if not options.only or any(fault.name.startswith(one) for one in options.only)]
    try:
        rows, seconds = asyncio.run(_run(chosen, options))
    except ServerError as error:
        print(error, file=sys.stderr)
        return 1
    except asyncio.CancelledError:
        print("ended before its end", file=sys.stderr)
        return 130
    print(foot(rows, seconds))
    if options.json:
        document = {"seconds": round(seconds), "drills": [row.document() for row in rows]}
        options.json.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    return 0 if all(row.within for row in rows) else 1


async def _run(chosen: Sequence[Fault], options: argparse.Namespace) -> tuple[list[Row], float]:
    began = time.monotonic()
    task = asyncio.current_task()
    assert task is not None
    for number in (signal.SIGINT, signal.SIGTERM):
        # In order, so that no cluster is left behind.
        asyncio.get_running_loop().add_signal_handler(number, task.cancel)
    rows: list[Row] = []
    _say("starting a cluster")
    with staged(SMALL if options.small else FULL, speed=options.speed) as stage:
        recording = stage.recording
        print(
            f"{recording.snapshots} snapshots of {recording.events} events, {recording.prices:,} prices each; "
            f"{'one' if options.small else 'three'} of each server; started in {time.monotonic() - began:.0f} s\n"
        )
        print(head())
        # Interrupted, it ends what listens before the loop cancels all there is, which its parts do not bear.
        async with aclosing(drilled(stage, chosen, _say)) as drilling:
            async for row in drilling:
                _say("")
                rows.append(row)
                print("\n".join(lines(row, colours=sys.stdout.isatty())), flush=True)
    return rows, time.monotonic() - began


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make drills", description=__doc__)
    parser.add_argument("only", nargs="*", help="names of drills, or their beginnings (default: all)")
    parser.add_argument("--list", action="store_true", help="name the drills and their bounds")
    parser.add_argument(
        "--small", action="store_true", help="on one server of each kind: not every bound can hold there"
    )
    parser.add_argument("--speed", type=float, default=SPEED, help="how fast the recording is played (default: 240)")
    parser.add_argument("--json", type=Path, help="write the rows to this file")
    options = parser.parse_args(arguments)
    unknown = [one for one in options.only if not any(fault.name.startswith(one) for fault in FAULTS)]
    if unknown:
        parser.error(f"no drill is named or begins with {', '.join(unknown)}: --list names them")
    return options


def _say(sentence: str) -> None:
    """What is under way, on a terminal, in a line that is written over."""
    if sys.stderr.isatty():
        print(f"\r\033[K{sentence[:100]}", end="", file=sys.stderr, flush=True)
    else:
        print(time.monotonic(), sentence, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
