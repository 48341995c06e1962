"""Writing a simulated market as a recording that the replay provider plays."""

import gzip
from datetime import datetime, timedelta
from pathlib import Path

import msgspec

from bet_intel.odds_ingest.providers.simulator.model import Simulation


def write_recording(path: Path, seed: int, start: datetime, step: timedelta, count: int) -> None:
    """Write `count` snapshots, the first at `start` (aware) and one every `step`, as `.jsonl.gz`.

    The same arguments give the same bytes.

    Raises:
        ValueError: the start has no time zone, the step is not above 0, or the name does not end in `.jsonl.gz`.
        OSError: the file cannot be written.
    """
    if start.tzinfo is None:
        raise ValueError("the start of a recording needs a time zone")
    if step <= timedelta(0):
        raise ValueError(f"the step of a recording must be above 0, but is {step}")
    if not path.name.endswith(".jsonl.gz"):
        raise ValueError(f"a recording is written as .jsonl.gz, but the name is {path.name}")
    simulation = Simulation(seed)
    with path.open("wb") as file, gzip.GzipFile("", "wb", fileobj=file, mtime=0) as lines:
        for index in range(count):
            at = start + index * step
            line = {"captured_at": at.isoformat(), "response": simulation.snapshot(at)}
            lines.write(msgspec.json.encode(line) + b"\n")
