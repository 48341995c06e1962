"""The collector of reference cycles, set for processes that have much in flight at a time."""

import gc

_YOUNG = 10_000
"""New containers after which the young ones are looked through; Python's own 700 fit a script. A service has thousands
of tasks, futures and messages alive at a time, each for a few milliseconds: looked through so often, they are found
alive each time. Cycles that are garbage meanwhile are a few megabytes at most."""


def ease() -> None:
    """Call it once, with the modules loaded and before the work begins. What is there by then stays for as long as the
    process does, and is never looked through again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(_YOUNG, 10, 10)
