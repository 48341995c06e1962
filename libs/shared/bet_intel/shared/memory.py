"""The memory of processes that have much in flight at a time: the collector of reference cycles, and the allocator."""

import ctypes
import gc

_YOUNG = 10_000
"""New containers after which the young ones are looked through; Python's own 700 fit a script. A service has thousands
of tasks, futures and messages alive at a time, each for a few milliseconds: looked through so often, they are found
alive each time. Cycles that are garbage meanwhile are a few megabytes at most."""

_MAPPED_FROM, _KEPT = 32 << 20, 32 << 20
"""Bytes: blocks this large are mapped for themselves, and so much is kept that is free at the end of the heap. By
itself glibc maps a block from 128 kB on, and gives back to the kernel what has just been freed: the arrays of a pass,
or the bytes of an answer, would be made of pages that the kernel fills with zeros one by one, again and again."""
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_ARENA_MAX = -1, -3, -8  # malloc.h of glibc


def ease() -> None:
    """Call it once, with the modules loaded and before the work begins. What is there by then stays for as long as the
    process does, and is never looked through again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(_YOUNG, 10, 10)
    # Other C libraries have other allocators, which keep memory by rules of their own.
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_MMAP_THRESHOLD, _MAPPED_FROM)
        mallopt(_M_TRIM_THRESHOLD, _KEPT)
        # Of as many heaps as there are threads each would keep so much; of threads only one at a time allocates.
        mallopt(_M_ARENA_MAX, 1)
