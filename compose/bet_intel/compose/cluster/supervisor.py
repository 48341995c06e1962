"""``python -m bet_intel.compose.cluster.supervisor FOLDER SIZES``: starts a cluster and keeps it running.

It uses the folder: when it ends, however that comes, every server in it ends too.
"""

import os
import signal
import sys
import threading
from pathlib import Path

import msgspec

from bet_intel.compose.cluster import databases
from bet_intel.compose.cluster.engines import Engines, Sizes
from bet_intel.compose.servers.folder import ServersFolder
from bet_intel.compose.servers.processes import Process, ServerError
from bet_intel.shared.migrate import MigrationError

STATE = "cluster"

_LOOK_SECONDS = 1.0


class ClusterState(msgspec.Struct, frozen=True):
    """The supervisor (process id and start, in clock ticks since boot), and how far it has come."""

    pid: int
    started: int
    sizes: Sizes
    ready: bool = False

    @property
    def supervisor_runs(self) -> bool:
        process = Process.of(self.pid)
        return process is not None and process.started == self.started and process.runs


def supervise(path: Path, sizes: Sizes) -> None:
    """Runs a cluster until SIGTERM or SIGINT.

    Raises:
        ServerError, MigrationError: it could not be started.
    """
    asked_to_end = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: asked_to_end.set())
    me = Process.of(os.getpid())
    if me is None:
        raise ServerError("/proc is not mounted")
    with ServersFolder.use(path) as folder:
        state = ClusterState(me.pid, me.started, sizes)
        folder.write(STATE, state)
        engines = Engines.start(folder, sizes)
        databases.prepare(folder, engines.postgres)
        folder.write(STATE, msgspec.structs.replace(state, ready=True))
        _say("ready")
        while not asked_to_end.wait(_LOOK_SECONDS):
            # Whoever promotes a replica must not see the old primary come back in between.
            with folder.lock("servers"):
                engines.restart_dead(_say)
        _say("ending")


def _say(sentence: str) -> None:
    print(sentence, flush=True)


def main() -> None:
    try:
        supervise(Path(sys.argv[1]), msgspec.json.decode(sys.argv[2], type=Sizes))
    except (ServerError, MigrationError) as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
