"""A database for each service, and what its roles may do there."""

import secrets
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor

import msgspec

from bet_intel.compose.databases import SERVICES, migrations
from bet_intel.compose.servers.folder import ServersFolder
from bet_intel.compose.servers.postgres import PostgresGroup
from bet_intel.shared.migrate import migrate

_FILE = "databases"

# Makes the partitions of the line history as the days come, and drops old ones: it must own them.
_OWNS_ITS_TABLES = frozenset({"api"})


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
        return group.dsn(group.primary, service, f"{service}_owner", self.passwords[service].owner)


def prepare(folder: ServersFolder, group: PostgresGroup) -> Databases:
    """Makes what is missing, and brings every schema up to date; returns when the replicas have it.

    Raises:
        MigrationError: a migration failed.
        ServerError: the primary does not answer.
    """
    databases = folder.once(_FILE, Databases, lambda: _make(group))
    with ThreadPoolExecutor(len(SERVICES)) as pool:
        list(pool.map(lambda service: migrate(databases.owner_dsn(group, service), migrations(service)), SERVICES))
    group.wait_for_replicas()
    return databases


def find(folder: ServersFolder) -> Databases | None:
    """Those that somebody has made in the folder."""
    return folder.read(_FILE, Databases)


def _make(group: PostgresGroup) -> Databases:
    passwords = {service: Passwords(secrets.token_urlsafe(18), secrets.token_urlsafe(18)) for service in SERVICES}
    for service, own in passwords.items():
        owner = f"{service}_owner"
        group.sql(
            group.primary,
            f"create role {owner} login password '{own.owner}'",
            f"create role {service} login password '{own.service}'",
            f"create database {service} owner {owner}",
            # Nobody else's role may even look in.
            f"revoke all on database {service} from public",
            f"grant connect on database {service} to {service}",
            *([f"grant {owner} to {service}"] if service in _OWNS_ITS_TABLES else []),
        )
        group.sql(
            group.primary,
            "revoke all on schema public from public",
            f"alter schema public owner to {owner}",
            f"grant usage on schema public to {service}",
            f"alter default privileges for role {owner} grant select, insert, update, delete on tables to {service}",
            f"alter default privileges for role {owner} grant usage, select on sequences to {service}",
            f"alter default privileges for role {owner} grant execute on functions to {service}",
            database=service,
        )
    return Databases(passwords)
