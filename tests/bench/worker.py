"""Processes that are measured: started for a row, held still while others have their turn, and ended with it."""

import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from bet_intel.compose.servers.processes import Process

_TESTS = Path(__file__).parents[1]
_END_SECONDS = 20.0


class Worker:
    """`python -m MODULE …`, and the processes that it starts itself."""

    def __init__(self, module: str, *arguments: str, environment: Mapping[str, str] | None = None) -> None:
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("BET_INTEL_")}
        self._process = subprocess.Popen(
            [sys.executable, "-m", module, *arguments],
            env={**inherited, "PYTHONPATH": str(_TESTS), **(environment or {})},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
        )
        self._held: Sequence[int] = ()

    @property
    def pids(self) -> Sequence[int]:
        """Its processes, the first one first."""
        found = [self._process.pid]
        everybody = Process.all()
        for pid in found:
            found += [one.pid for one in everybody if one.parent == pid]
        return found

    @property
    def memory(self) -> int:
        """Bytes, what is shared among its processes once."""
        return sum(one.memory() for pid in self.pids if (one := Process.of(pid)) is not None)

    def hold(self) -> None:
        self._held = self.pids
        for pid in self._held:
            os.kill(pid, signal.SIGSTOP)

    def go_on(self) -> None:
        held, self._held = self._held, ()
        for pid in held:
            os.kill(pid, signal.SIGCONT)

    def seconds(self) -> float:
        """CPU that its threads have taken so far."""
        threads = [thread for pid in self.pids for thread in Path(f"/proc/{pid}/task").iterdir()]
        return sum(int((thread / "schedstat").read_text("ascii").split()[0]) for thread in threads) / 1e9

    def end(self) -> None:
        """Ask it to end; what is left of its processes then is killed."""
        self.go_on()
        started = [one for pid in self.pids[1:] if (one := Process.of(pid)) is not None]
        self._process.terminate()
        try:
            self._process.wait(_END_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        for one in started:
            if one.still_runs:
                os.kill(one.pid, signal.SIGKILL)
