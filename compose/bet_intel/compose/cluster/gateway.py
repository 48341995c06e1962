"""nginx before the gateways, kept in step with them."""

import time
from collections.abc import Callable, Sequence
from typing import Self

from bet_intel.compose.cluster.fleet import Member, answers
from bet_intel.compose.servers.folder import ServersFolder
from bet_intel.compose.servers.nginx import Nginx
from bet_intel.compose.servers.processes import ServerError

_AGAIN_SECONDS = 5.0


class Front:
    """Belongs to the supervisor."""

    def __init__(self, nginx: Nginx, say: Callable[[str], None]) -> None:
        self._nginx = nginx
        self._say = say
        self._again_at = 0.0

    @classmethod
    def start(
        cls, folder: ServersFolder, gateways: Sequence[Member], port: int | None, say: Callable[[str], None]
    ) -> Self:
        """Before gateways that answer.

        Raises:
            ServerError: nginx does not start.
        """
        return cls(Nginx.start(folder, [_address(one) for one in gateways], port=port), say)

    def keep(self, gateways: Sequence[Member]) -> None:
        """Send requests to these gateways, to new ones as soon as they are ready; start nginx again where it died."""
        known = set(self._nginx.gateways)
        wanted = [_address(one) for one in gateways if _address(one) in known or answers(one)]
        try:
            if wanted and set(wanted) != known:
                self._nginx.use(wanted)
            if self._nginx.pid() is None and time.monotonic() > self._again_at:
                self._again_at = time.monotonic() + _AGAIN_SECONDS
                self._say("nginx has died and is started again")
                # Its workers may have outlived it, and its port is theirs.
                self._nginx.kill()
                self._nginx.restart()
        except ServerError as error:
            self._say(f"nginx: {error}")

    def stop(self) -> None:
        self._nginx.stop()


def _address(member: Member) -> str:
    return f"127.0.0.1:{member.port}"
