"""A database for each service, and what its roles may do there."""

import asyncio
import secrets
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor

import msgspec

from bet_intel.compose.databases import SERVICES, migrations
from bet_intel.compose.server_files import SUPERUSER
from bet_intel.compose.servers.folder import ServersFolder
from bet_intel.compose.servers.postgres import PostgresGroup
from bet_intel.shared.migrate import migrate
from bet_intel.shared.postgres.provision import grant, owner_of, provision

_FILE = "databases"


class Passwords(msgspec.Struct, frozen=True):
    """Of the roles of one service: the one it runs as, named like it, and the owner, who migrates."""

    service: str
    owner: str


class Databases(msgspec.Struct, frozen=True):
    """What is needed to reach every service's database."""

    passwords: Mapping[str, Passwords]

    def dsns(self, group: PostgresGroup, service: str) -> list[str]:
        """The address of a service's database on every host, as the service may use it."""
        return group.dsns(service, service, self.passwords[service].service)

    def owner_dsn(self, group: PostgresGroup, service: str) -> str:
        """The address of a service's database on the primary, for migrations."""
        return group.dsn(group.primary, service, owner_of(service), self.passwords[service].owner)


def prepare(folder: ServersFolder, group: PostgresGroup) -> Databases:
    """Makes what is missing, and brings every schema up to date; returns when the replicas have it.

    Raises:
        DatabaseError: the primary does not answer, or refuses.
        MigrationError: a migration failed.
    """
    databases = folder.once(_FILE, Databases, _passwords)
    with ThreadPoolExecutor(len(SERVICES)) as pool:
        list(pool.map(lambda service: _prepare(databases, group, service), SERVICES))
    group.wait_for_replicas()
    return databases


def find(folder: ServersFolder) -> Databases | None:
    """Those that somebody has made in the folder."""
    return folder.read(_FILE, Databases)


def _prepare(databases: Databases, group: PostgresGroup, service: str) -> None:
    own, owner_dsn = databases.passwords[service], databases.owner_dsn(group, service)
    admin_dsn = group.dsn(group.primary, SUPERUSER)
    asyncio.run(provision(admin_dsn, service, password=own.service, owner_password=own.owner))
    migrate(owner_dsn, migrations(service))
    asyncio.run(grant(owner_dsn, service))


def _passwords() -> Databases:
    return Databases({service: Passwords(secrets.token_urlsafe(18), secrets.token_urlsafe(18)) for service in SERVICES})
