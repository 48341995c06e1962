"""What a process tells of itself: when it was started, which is not when it began anew in its own place."""

import os
import subprocess
import sys
import time

_PROGRAM = """
import os, sys
from prometheus_client import CollectorRegistry
from bet_intel.shared.service_metrics import show_build

registry = CollectorRegistry()
show_build(registry, "notifier", "worker")
labels = {"service": "notifier", "process": "worker"}
print(registry.get_sample_value("bet_intel_process_start_time_seconds", labels), flush=True)
if sys.argv[1:] == ["anew"]:
    os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:-1]])
"""


def started(*arguments: str) -> list[float]:
    """What it says one time after the other."""
    command = [sys.executable, "-c", _PROGRAM, *arguments]
    said = subprocess.run(command, check=True, capture_output=True, text=True, env=os.environ.copy()).stdout
    return [float(line) for line in said.split()]


def test_a_process_that_begins_anew_in_its_own_place_was_started_once() -> None:
    before = time.time()
    first, second = started("anew")
    assert first == second
    # The kernel's clock ticks a hundred times a second, and its start is told in whole seconds.
    assert before - 2 <= first <= time.time() + 2


def test_another_process_was_started_at_another_time() -> None:
    [first] = started()
    [second] = started()
    assert second > first
