"""The settings of the services' processes: addresses in files that only their account may read, the rest as it is."""

import os
import re
import secrets
from collections.abc import Mapping, Sequence
from pathlib import Path

from bet_intel.compose.cluster.broker_users import BrokerUsers
from bet_intel.compose.cluster.databases import Databases
from bet_intel.compose.cluster.engines import VHOST, Engines
from bet_intel.compose.cluster.services import GATEWAY, KINDS, Counts, ProcessKind, Source, processes_of
from bet_intel.compose.servers.folder import ServersFolder
from bet_intel.shared.secret_box import key_file

_SECRETS = "secrets"
_KEYS = ("BET_INTEL_API_SECRETS_KEY", "BET_INTEL_NOTIFIER_SECRETS_KEY")
_TOKEN = "BET_INTEL_API_OPERATOR_TOKEN"  # noqa: S105 - the name of a variable
_OURS = re.compile(
    r"BET_INTEL_((API|EV_ENGINE|ODDS_INGEST|NOTIFIER)_(DSN|OWNER_DSN|PROCESSES|POOL_SIZE|HOST|PORT|SOURCE|SPEED|SEED)"
    r"|BROKER_URL|REDIS_URL|METRICS_HOST|METRICS_PORT|KEY|URL)(_FILE)?"
)
"""What the cluster says itself, and what commands need: what our own environment says of it is meant for another system
or for nobody else."""
_ACCESS = "BET_INTEL_API_ACCESS"


_OWN: dict[str, tuple[str, ...]] = {kind.service: (f"BET_INTEL_{kind.package.upper()}_",) for kind in KINDS.values()}
_OWN["odds-ingest"] += ("BET_INTEL_ODDS_API_",)


def meant_for(service: str, given: Mapping[str, str]) -> dict[str, str]:
    """What of an environment no other service alone has to do with: keys and tokens are known to as few as can be."""
    others = tuple(prefix for one, prefixes in _OWN.items() if one != service for prefix in prefixes)
    return {name: value for name, value in given.items() if not name.startswith(others)}


class Environment:
    """Writes what is secret once; says the environment of each process."""

    def __init__(
        self, folder: ServersFolder, engines: Engines, databases: Databases, users: BrokerUsers, source: Source
    ) -> None:
        self._secrets = folder.path / _SECRETS
        self._secrets.mkdir(mode=0o700, exist_ok=True)
        group = engines.postgres
        # The administrator's, for an operator and `bet-intel tail`; no process has it.
        self._write("broker_url", ",".join(engines.rabbitmq.urls(VHOST)))
        self._redis = self._write("redis_url", _of_all(engines.redis.urls()))
        self._common = {name: value for name, value in os.environ.items() if not _OURS.fullmatch(name)}
        self._common |= self._own_secrets()
        services = {kind.package for kind in KINDS.values()}
        self._brokers = {
            kind.service: self._write(
                f"{kind.package}.broker_url", ",".join(users.urls(engines.rabbitmq, VHOST, kind.service))
            )
            for kind in KINDS.values()
        }
        self._dsns = {
            service: self._write(f"{service}.dsn", _of_all(databases.dsns(group, service))) for service in services
        }
        self._source = source

    def of(self, kind: ProcessKind, counts: Counts, port: int) -> Mapping[str, str]:
        """The environment of a process that is reached at `port`: a gateway by everybody, the others for metrics."""
        prefix = f"BET_INTEL_{kind.package.upper()}_"
        values = {
            "BET_INTEL_BROKER_URL_FILE": self._brokers[kind.service],
            f"{prefix}DSN_FILE": self._dsns[kind.package],
            f"{prefix}PROCESSES": str(max(1, processes_of(counts, kind.service))),
            f"{prefix}POOL_SIZE": str(kind.pool_size),
        }
        if kind.service == GATEWAY.service:
            # The others share nothing by it.
            values["BET_INTEL_REDIS_URL_FILE"] = self._redis
            # Everything of it is on this machine: what comes from here needs no key, unless somebody says otherwise.
            values[_ACCESS] = os.environ.get(_ACCESS, "local")
        if kind is GATEWAY:
            values |= {f"{prefix}HOST": "127.0.0.1", f"{prefix}PORT": str(port)}
        else:
            values["BET_INTEL_METRICS_PORT"] = str(port)
        if kind.service == "odds-ingest":
            given = {"SOURCE": self._source.source, "SPEED": self._source.speed, "SEED": self._source.seed}
            values |= {f"{prefix}{name}": str(value) for name, value in given.items() if value is not None}
        return {**meant_for(kind.service, self._common), **values}

    def _own_secrets(self) -> dict[str, str]:
        """What encrypts the secrets of webhooks, and an operator's token, where nobody has given one."""
        made: dict[str, str] = {}
        key = self._secrets / "secrets.key"
        key_file(key)
        if not any(given in os.environ for one in _KEYS for given in (one, f"{one}_FILE")):
            made |= {f"{one}_FILE": str(key) for one in _KEYS}
        if not any(given in os.environ for given in (_TOKEN, f"{_TOKEN}_FILE")):
            made[f"{_TOKEN}_FILE"] = self._write("operator_token", secrets.token_urlsafe(24))
        return made

    def _write(self, name: str, value: str) -> str:
        path: Path = self._secrets / name
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600), "w") as file:
            file.write(value)
        return str(path)


def _of_all(urls: Sequence[str]) -> str:
    """One address that names every host, of addresses that differ in nothing else."""
    login, _, first = urls[0].rpartition("@")
    _, slash, path = first.partition("/")
    hosts = ",".join(url.rpartition("@")[2].partition("/")[0] for url in urls)
    return f"{login}@{hosts}{slash}{path}"
