"""What workers have handled, told through a pipe: the small write that stands for the work of a message."""

import functools
import os
import select
import zlib
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

PIPE = "BENCH_HANDLED"
"""Variable with the path of the pipe."""
_BYTES = 4
_SECONDS = 120.0


@functools.cache
def _pipe() -> int:
    return os.open(os.environ[PIPE], os.O_WRONLY)


def tell(payloads: Iterable[bytes]) -> None:
    """Say that these are handled, in one write."""
    os.write(_pipe(), b"".join(zlib.crc32(payload).to_bytes(_BYTES, "little") for payload in payloads))


class Handled:
    """The reading end."""

    def __init__(self, path: Path) -> None:
        os.mkfifo(path)
        # For both, so that it has no end while no worker has it open.
        self._pipe = os.open(path, os.O_RDWR)

    def wait(self, expected: Iterable[bytes]) -> None:
        """Return when exactly these are handled.

        Raises:
            RuntimeError: others are, or nothing is for a long time.
        """
        left = Counter(zlib.crc32(payload) for payload in expected)
        missing, read = left.total(), b""
        while missing:
            if not select.select([self._pipe], [], [], _SECONDS)[0]:
                raise RuntimeError(f"{missing} messages were not handled")
            read += os.read(self._pipe, 65_536)
            whole = len(read) - len(read) % _BYTES
            for at in range(0, whole, _BYTES):
                left[int.from_bytes(read[at : at + _BYTES], "little")] -= 1
            missing, read = missing - whole // _BYTES, read[whole:]
        if any(left.values()):
            raise RuntimeError("what was handled is not what was sent")

    def close(self) -> None:
        os.close(self._pipe)
