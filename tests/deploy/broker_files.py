"""What a node of RabbitMQ makes before it lets anybody in: the virtual host, and the users of ADR 28 with their rights.

A password is named by its file in `compose/secrets`, and put in its place by `compose/secrets.sh`.
"""

import json
from typing import Any

import msgspec

from bet_intel.compose.cluster.broker_users import permissions_of
from bet_intel.compose.cluster.engines import VHOST
from bet_intel.compose.cluster.services import KINDS
from bet_intel.compose.servers.rabbitmq import Permissions

ADMINISTRATOR = "bet-intel"
WATCHER = "keda"
"""Asks the management how long queues are; it makes, writes and reads nothing."""
_NOTHING = "^$"


def definitions() -> str:
    """As RabbitMQ reads it."""
    services = sorted({kind.service for kind in KINDS.values()})
    users = [
        _user(ADMINISTRATOR, "rabbitmq_password", "administrator"),
        _user(WATCHER, "keda_password", "management"),
        *(_user(service, f"{service.replace('-', '_')}_broker_password", "") for service in services),
    ]
    return json.dumps(
        {
            "users": users,
            "vhosts": [{"name": VHOST, "metadata": {"default_queue_type": "quorum"}}],
            "permissions": [
                {"user": user["name"], "vhost": VHOST, **msgspec.to_builtins(granted(user["name"]))} for user in users
            ],
        },
        indent=2,
    )


def granted(user: str) -> Permissions:
    """What a user may make, write and read."""
    if user == ADMINISTRATOR:
        return Permissions(".*", ".*", ".*")
    return Permissions(_NOTHING, _NOTHING, _NOTHING) if user == WATCHER else permissions_of(user)


def _user(name: str, password: str, tags: str) -> dict[str, Any]:
    return {"name": name, "password": f"@{password}@", "tags": tags}
