"""wrk, as a process that ends by itself, and what it says at its end."""

import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import msgspec

from load.views import Weighted

_MIX = Path(__file__).with_name("mix.lua")
MARK = "load-seen"
"""A header that one request of so many carries, for nginx to tell of it."""
_ONE_OF = 20
_THREADS = 1
_TIMEOUT = "10s"
_GRACE_SECONDS = 30.0


class Summary(msgspec.Struct, frozen=True):
    """Requests that were answered, times in milliseconds, and failures by kind; `status` counts answers of 400 and
    above."""

    requests: int
    seconds: float
    p50: float
    p95: float
    p99: float
    bytes: int
    connect: int
    read: int
    write: int
    timeout: int
    status: int

    @property
    def errors(self) -> int:
        return self.connect + self.read + self.write + self.timeout + self.status

    @property
    def rate(self) -> float:
        """Requests a second."""
        return self.requests / self.seconds


class WrkError(Exception):
    """wrk did not run; the message is what it said."""


@dataclass(frozen=True, slots=True)
class Wrk:
    """Asks at `url` for `seconds`, over so many connections, with `key` as the bearer's token. A connection asks again
    at once, or after `pause` milliseconds on average."""

    url: str
    seconds: int
    connections: int
    key: str
    pause: int = 0

    def run(self, views: Weighted, meanwhile: Callable[[], None] | None = None) -> Summary:
        """`meanwhile` is called once it has begun, and should take less time than it.

        Raises:
            WrkError: it could not be run.
        """
        with tempfile.NamedTemporaryFile("w", prefix="bet-intel-load-", encoding="ascii") as paths:
            paths.writelines(f"{weight:.9f} {path}\n" for weight, path in views)
            paths.flush()
            command = ["wrk", f"-t{_THREADS}", f"-c{self.connections}", f"-d{self.seconds}s", "--timeout", _TIMEOUT]
            arguments = [paths.name, self.key, str(self.pause), MARK, str(_ONE_OF)]
            process = subprocess.Popen(
                [*command, "-s", str(_MIX), self.url, "--", *arguments],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
            )
            try:
                if meanwhile is not None:
                    meanwhile()
                said, _ = process.communicate(timeout=self.seconds + _GRACE_SECONDS)
            finally:
                process.kill()
                process.wait()
        if process.returncode:
            raise WrkError(said.strip())
        return msgspec.json.decode(said.strip().splitlines()[-1], type=Summary)
