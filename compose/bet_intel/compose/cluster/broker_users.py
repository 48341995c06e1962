"""A user of RabbitMQ for each service, and what it may do there."""

import re
import secrets
from collections.abc import Mapping

import msgspec

from bet_intel.compose.cluster.services import KINDS
from bet_intel.compose.servers.folder import ServersFolder
from bet_intel.compose.servers.rabbitmq import Permissions, RabbitMQ
from bet_intel.shared.rabbitmq.topology import EXCHANGES

_FILE = "broker-users"
_DEFAULT_EXCHANGE = "amq.default"
_SERVICES = sorted({kind.service for kind in KINDS.values()})


class BrokerUsers(msgspec.Struct, frozen=True):
    """Passwords, by service; a user has the name of its service."""

    passwords: Mapping[str, str]

    def urls(self, rabbitmq: RabbitMQ, vhost: str, service: str) -> list[str]:
        """The addresses of all nodes, as the service may use them."""
        return rabbitmq.urls(vhost, service, self.passwords[service])


def permissions_of(service: str) -> Permissions:
    """A service makes and reads its own queues, those of its dead letters included, and publishes.

    Whoever puts a message into a queue of its own (a task, a dead letter once more) does so by the default exchange,
    which leads to every queue: more than that cannot be told apart there.
    """
    queues = "|".join(
        sorted(_pattern(kind.queues) for kind in KINDS.values() if kind.service == service and kind.queues)
    )
    exchanges = "|".join(sorted(re.escape(one.name) for one in EXCHANGES.exchanges))
    own = f"^({queues}|{exchanges})$"
    return Permissions(own, f"^({queues}|{exchanges}|{re.escape(_DEFAULT_EXCHANGE)})$", own)


def prepare(folder: ServersFolder, rabbitmq: RabbitMQ, vhost: str) -> BrokerUsers:
    """Makes the users that are missing, and says anew what each may do.

    Raises:
        ServerError: no node answers, or it refuses.
    """
    users = folder.once(_FILE, BrokerUsers, _made)
    for service, password in users.passwords.items():
        rabbitmq.create_user(service, password, vhost, permissions_of(service))
    return users


def _made() -> BrokerUsers:
    return BrokerUsers({service: secrets.token_urlsafe(18) for service in _SERVICES})


def _pattern(queues: str) -> str:
    """Of names: all that begin so where it ends with a dot, else a queue of tasks with its delayed and dead ones."""
    return re.escape(queues) + (".*" if queues.endswith(".") else r"(\.DQ|\.XQ)?")
