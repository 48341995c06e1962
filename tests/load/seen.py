"""How long each gateway took, as nginx saw it: what the gateways themselves measure begins when they come to a request,
and has nothing of its wait for that."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Self

import msgspec

from bet_intel.compose.servers.folder import ServersFolder
from bet_intel.compose.servers.nginx import Nginx
from bet_intel.compose.servers.processes import ServerError
from load.wrk import MARK

_LOG = "seen.log"

Times = Mapping[str, Sequence[float]]
"""By a gateway's address: milliseconds from a marked request's arrival at nginx to the end of its answer."""


class _Line(msgspec.Struct):
    """A line of nginx's log. Where a request went to several gateways, all of them are named."""

    gateway: str
    seconds: float


class Log:
    """What nginx writes down of marked requests."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._read = 0

    @classmethod
    def begin(cls, folder: ServersFolder) -> Self:
        """Has nginx write it from now on, before the gateways that it has, until it is given others.

        Raises:
            ServerError: nginx does not run.
        """
        nginx = Nginx.find(folder)
        if nginx is None:
            raise ServerError("nginx does not run")
        path = folder.process("nginx").folder / _LOG
        nginx.access_log = f"{path} json if=$http_{MARK.replace('-', '_')}"
        nginx.use(nginx.gateways)
        return cls(path)

    def news(self) -> Times:
        """What was written since the last time."""
        if not self._path.exists():  # nginx has not read its file anew yet
            return {}
        with self._path.open("rb") as lines:
            lines.seek(self._read)
            said = lines.read()
            self._read = lines.tell()
        return told(said)


def told(lines: bytes) -> Times:
    """What whole lines of the log say of whoever answered."""
    times: dict[str, list[float]] = defaultdict(list)
    for line in lines.splitlines():
        one = msgspec.json.decode(line, type=_Line)
        times[one.gateway.rpartition(",")[2].strip()].append(1000 * one.seconds)
    return times
