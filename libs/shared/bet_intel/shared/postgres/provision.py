"""Makes a service's database and its two roles, and gives each no more than it needs.

The owner (`api_owner`) migrates; the service's own role (`api`) reads and writes rows and can change no table. What it
has to make or drop while it runs, partitions, it does through functions of the owner's (migration 0003). The admin is
needed once, the owner with each migration.
"""

import re
from urllib.parse import unquote, urlsplit

import asyncpg

from bet_intel.shared.postgres.connections import DatabaseError
from bet_intel.shared.postgres.hosts import addresses

_NAME = re.compile(r"[a-z][a-z0-9_]{0,55}")
_SECONDS = 30.0
_OWNER = "_owner"


def owner_of(role: str) -> str:
    """The role that owns the database of a service's role."""
    return f"{role}{_OWNER}"


def role_of_owner(dsn: str) -> str | None:
    """The service's role, where `dsn` is its owner's; None where it is another's, who needs no rights given."""
    user = unquote(urlsplit(addresses(dsn)[0].dsn).username or "")
    return user.removesuffix(_OWNER) if user.endswith(_OWNER) else None


async def provision(
    admin_dsn: str, name: str, *, password: str | None = None, owner_password: str | None = None, limit: int = -1
) -> None:
    """Make what is missing of database `name`, its role of the same name and its owner; may be repeated.

    Args:
        admin_dsn: of a role that may make roles and databases, on the primary.
        name: of the database and of the service's role.
        password: of the service's role; without one it cannot log in where passwords are asked for.
        owner_password: of the owner.
        limit: of connections of the service's role on a host, −1 for none.

    Raises:
        DatabaseError: the name is none, or the server refuses; the message holds no password.
    """
    if not _NAME.fullmatch(name):
        raise DatabaseError(f"{name!r} cannot be a database: use lower-case letters, digits and underscores")
    addresses(admin_dsn)  # where it cannot be read, the driver's own words would quote it
    owner = owner_of(name)
    try:
        admin = await asyncpg.connect(admin_dsn, timeout=_SECONDS, command_timeout=_SECONDS)
        try:
            for role, secret in ((name, password), (owner, owner_password)):
                await _ensure_role(admin, role, secret)
            await admin.execute(f'alter role "{name}" connection limit {int(limit)}')
            if not await admin.fetchval("select exists (select from pg_database where datname = $1)", name):
                # An admin that is no superuser must be a member of the role it makes an owner.
                await admin.execute(f'grant "{owner}" to current_user')
                await admin.execute(f'create database "{name}" owner "{owner}"')
            await admin.execute(f'revoke all on database "{name}" from public')
            await admin.execute(f'grant connect on database "{name}" to "{name}"')
        finally:
            await admin.close(timeout=_SECONDS)
    except (OSError, asyncpg.PostgresError) as error:
        raise DatabaseError(f"database {name!r} was not provisioned: {error}") from error


async def grant(owner_dsn: str, role: str) -> None:
    """Give a service's role its rights on the tables, sequences and functions there are; after every migration.

    Raises:
        DatabaseError: the server refuses.
    """
    addresses(owner_dsn)
    try:
        owner = await asyncpg.connect(owner_dsn, timeout=_SECONDS, command_timeout=_SECONDS)
        try:
            async with owner.transaction():
                await owner.execute(
                    f"""
                    set local lock_timeout = '5s';
                    grant usage on schema public to "{role}";
                    grant select, insert, update, delete on all tables in schema public to "{role}";
                    grant usage, select on all sequences in schema public to "{role}";
                    revoke execute on all functions in schema public from public;
                    grant execute on all functions in schema public to "{role}";
                    revoke insert, update, delete on schema_migrations from "{role}";
                    """  # noqa: S608 - names of roles of ours
                )
        finally:
            await owner.close(timeout=_SECONDS)
    except (OSError, asyncpg.PostgresError) as error:
        raise DatabaseError(f"role {role!r} was not given its rights: {error}") from error


async def _ensure_role(admin: "asyncpg.Connection[asyncpg.Record]", role: str, password: str | None) -> None:
    if not await admin.fetchval("select exists (select from pg_roles where rolname = $1)", role):
        await admin.execute(f'create role "{role}" login')
    if password is not None:
        # A statement that makes a role takes no parameters; the server itself quotes the password.
        quoted = await admin.fetchval("select quote_literal($1::text)", password)
        await admin.execute(f'alter role "{role}" password {quoted}')
