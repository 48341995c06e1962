"""nginx before the gateways."""

import signal
import socket
from collections.abc import Sequence
from importlib.resources import files
from typing import Self

import msgspec

from bet_intel.compose.servers.folder import ServersFolder
from bet_intel.compose.servers.ports import free_port
from bet_intel.compose.servers.processes import ServerProcess
from bet_intel.compose.servers.programs import NGINX

_READY_SECONDS = 20.0


class NginxState(msgspec.Struct, frozen=True):
    """Where it listens, and what it stands before."""

    port: int
    gateways: tuple[str, ...]


class Nginx:
    """One nginx; its configuration is `nginx.conf` beside this file, which a container uses too."""

    connections = 4000
    """How many of one address at once."""
    rate = "1000000r/s"
    """Requests of one address: everybody comes from one here."""
    access_log = "off"

    def __init__(self, folder: ServersFolder, state: NginxState, name: str) -> None:
        self._folder = folder
        self._state = state
        self._name = name

    @classmethod
    def start(
        cls, folder: ServersFolder, gateways: Sequence[str], *, port: int | None = None, name: str = "nginx"
    ) -> Self:
        """Starts it on a port of the loopback interface; returns when it accepts connections.

        Args:
            folder: where it lives.
            gateways: their addresses (`127.0.0.1:8001`). They should answer already: one that does not is left out for
                half a minute.
            port: where it listens, else on a free one.
            name: of its process in the folder.

        Raises:
            ServerError: nginx is not installed, or the port is taken.
        """

        def launch() -> NginxState:
            state = NginxState(port or free_port(), tuple(gateways))
            nginx = cls(folder, state, name)
            nginx.restart()
            return state

        return cls(folder, folder.once(name, NginxState, launch), name)

    @classmethod
    def find(cls, folder: ServersFolder, name: str = "nginx") -> Self | None:
        """The one that a user of the folder has started."""
        state = folder.read(name, NginxState)
        return None if state is None else cls(folder, state, name)

    @property
    def port(self) -> int:
        return self._state.port

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def gateways(self) -> tuple[str, ...]:
        return self._state.gateways

    def pid(self) -> int | None:
        return self._process.find()

    def use(self, gateways: Sequence[str]) -> None:
        """Has it stand before other gateways from now on; requests under way are answered by the old ones."""
        self._state = msgspec.structs.replace(self._state, gateways=tuple(gateways))
        self._folder.write(self._name, self._state)
        self._configure()
        self._process.send(signal.SIGHUP)

    def kill(self) -> None:
        """``kill -9``."""
        self._process.kill()

    def stop(self) -> None:
        """Ends it when the requests under way are answered, open streams after some seconds."""
        self._process.stop(signal.SIGQUIT, 5.0)

    def restart(self) -> None:
        """Starts it where it does not run."""
        self._process.make_folder()
        configuration = self._configure()
        command = [str(NGINX.find("nginx")), "-c", str(configuration), "-p", str(self._process.folder), "-e", "stderr"]
        # Ended by SIGKILL its workers would go on.
        self._process.start(command, ending=signal.SIGTERM)
        self._process.wait_until(self._accepts, _READY_SECONDS)

    def _configure(self) -> str:
        values = {
            "WORKERS": "1",
            "FOLDER": str(self._process.folder),
            "LISTEN": f"127.0.0.1:{self.port}",
            "RATE": self.rate,
            "CONNECTIONS": str(self.connections),
            "ACCESS_LOG": self.access_log,
            "GATEWAYS": " ".join(f"server {address} max_fails=3 fail_timeout=30s;" for address in self.gateways),
            "ALL_GATEWAYS": " ".join(f"server {address} max_fails=0;" for address in self.gateways),
        }
        text = files(__package__).joinpath("nginx.conf").read_text(encoding="utf-8")
        for name, value in values.items():
            text = text.replace(f"${{{name}}}", value)
        return str(self._folder.write_for_servers(f"{self._name}.conf", text))

    def _accepts(self) -> bool:
        try:
            socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
        except OSError:
            return False
        return True

    @property
    def _process(self) -> ServerProcess:
        return self._folder.process(self._name)
