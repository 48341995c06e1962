"""Whether this process has a network or mounts of its own, which can be cut or filled without harm to others."""

import os
from pathlib import Path

_OUTSIDE = "DRILLS_OUTSIDE"
"""The namespaces of who started us, as ``readlink /proc/self/ns/…`` tells them: those of process 1 not everybody may
read."""


def is_apart(kind: str) -> bool:
    """Of `net` or `mnt`."""
    outside = os.environ.get(_OUTSIDE)
    return outside is not None and str(Path(f"/proc/self/ns/{kind}").readlink()) not in outside.split()
