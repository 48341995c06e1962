"""What is looked at before a database is used: who answers, and whether it is the database that the service needs.

What only a person can mend is a `DatabaseError` that says how; what may come by itself is waited for.
"""

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

import asyncpg
import structlog

from bet_intel.shared.postgres.connections import DRIVER_ERRORS, DatabaseError, hang_up
from bet_intel.shared.postgres.hosts import Address, Host, addresses
from bet_intel.shared.postgres.options import Options
from bet_intel.shared.postgres.roles import Roles
from bet_intel.shared.postgres.watch import Watch, reason

_log = structlog.get_logger(__name__)

_MIGRATION = re.compile(r"(\d+).*\.sql")
_GRANTED = (
    "run the service's `migrate` as the owner of its tables (BET_INTEL_…_OWNER_DSN), which gives the role its rights"
)
_LISTED = 5
_WAIT_SECONDS = 0.5
_CHECK_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Budget:
    """How many connections a service may hold on each host: `processes` with a pool of `pool_size` each, a probe, and
    the session of its ticker's lock."""

    processes: int
    pool_size: int

    @property
    def connections(self) -> int:
        return self.processes * (self.pool_size + 2)


def remedy(error: BaseException, role: str, database: str) -> str | None:
    """What to do about a refusal; None where it is no refusal, so that waiting may help."""
    match error:
        case asyncpg.InvalidPasswordError():
            return f"the login of role {role!r} was refused: is the password in the DSN the one it was given?"
        case asyncpg.InvalidAuthorizationSpecificationError():
            return (
                f"role {role!r} may not log in: does it exist (provisioning makes it), and does pg_hba.conf let it in "
                "from here?"
            )
        case asyncpg.InvalidCatalogNameError():
            return f"there is no database {database!r}: provision it, then migrate it, or mend the DSN"
        case asyncpg.UndefinedTableError():
            return f"database {database!r} is not migrated: run the service's `migrate` first"
        case asyncpg.InsufficientPrivilegeError(severity_en="FATAL"):  # at the login, before anything was asked
            return f"role {role!r} may not connect to database {database!r}: provision it again, as its admin"
        case asyncpg.InsufficientPrivilegeError():
            return f"role {role!r} lacks a right in database {database!r}: {_GRANTED}"
        case asyncpg.ClientConfigurationError() | ValueError():
            return (
                "the DSN cannot be used: write postgresql://role:password@host:port/database, and after a ? only what "
                "PostgreSQL knows"
            )
    return None


async def until_ready(name: str, hosts: Mapping[str, Host], watch: Watch, roles: Roles, options: Options) -> None:
    """Returns when a host answers and is the database that is needed, and where a primary is needed, one of several
    is known; says what it waits for.

    Raises:
        DatabaseError: nobody is there within `options.wait`, all that are refuse, or something is missing in it.
    """
    found = {host: each.address for host, each in hosts.items()}
    deadline = asyncio.get_running_loop().time() + options.wait
    answering = await _until_one_answers(name, found, lambda: _ask(hosts, watch), options.wait)
    if options.needs_primary and len(hosts) > 1:
        await _until_primary(name, hosts, watch, roles, deadline)
    chosen = roles.primary or answering
    await _check(name, found[chosen], options)


async def _until_primary(name: str, hosts: Mapping[str, Host], watch: Watch, roles: Roles, deadline: float) -> None:
    said = ""
    while roles.primary is None:
        described = watch.described()
        left = deadline - asyncio.get_running_loop().time()
        if left <= 0:
            raise DatabaseError(f"{name}: no primary takes writes: {described}; start it, or promote a replica")
        if described != said:
            _log.warning("waiting for a primary", database=name, hosts=described)
            said = described
        await asyncio.sleep(min(_WAIT_SECONDS, left))
        await _ask(hosts, watch)


async def until_primary(name: str, dsn: str, wait: float) -> str:
    """The DSN of the one host that takes writes, waited for; whatever is in the database. Says what it waits for.

    Raises:
        DatabaseError: no host answers as a primary within `wait` seconds, all that answer refuse, or several hosts take
            writes: a former primary that came back.
    """
    found = {address.name: address for address in addresses(dsn)}

    async def ask() -> dict[str, Exception]:
        answers = await asyncio.gather(*(_knock(address) for address in found.values()))
        problems = {host: problem for host, problem in zip(found, answers, strict=True) if problem is not None}
        writing = [host for host in found if host not in problems]
        if len(writing) > 1:
            raise DatabaseError(f"{name}: {' and '.join(writing)} both take writes: stop the one that was the primary")
        silent = [host for host, problem in problems.items() if not isinstance(problem, _ReplicaError)]
        if silent:
            problems |= {host: _UnsureError(f"it takes writes, as {' or '.join(silent)} may") for host in writing}
        return problems

    return found[await _until_one_answers(name, found, ask, wait)].dsn


async def _until_one_answers(
    name: str, found: Mapping[str, Address], ask: Callable[[], Awaitable[Mapping[str, Exception]]], wait: float
) -> str:
    """The first host that `ask` tells no problem of."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + wait
    said = ""
    while True:
        problems = await ask()
        for host in found:
            if host not in problems:
                return host
        described = "; ".join(f"{host}: {_said(found[host], error)}" for host, error in problems.items())
        may_come = [error for host, error in problems.items() if _remedy(found[host], error) is None]
        if not may_come or loop.time() >= deadline:
            waited = f" within {wait:g} s" if wait and may_come else ""
            raise DatabaseError(f"{name}: no connection to its database{waited}: {described}")
        if described != said:
            _log.warning("waiting for the database", database=name, reason=described)
            said = described
        await asyncio.sleep(min(_WAIT_SECONDS, max(0.0, deadline - loop.time())))


class _ReplicaError(Exception):
    """It answers, and takes no writes."""


class _UnsureError(Exception):
    """It takes writes, and so may another, by now, that does not answer."""


async def _knock(address: Address) -> Exception | None:
    try:
        connection = await asyncpg.connect(address.dsn, timeout=_CHECK_SECONDS)
        try:
            is_replica = await connection.fetchval("select pg_is_in_recovery()", timeout=_CHECK_SECONDS)
        finally:
            hang_up(connection)
    except (*DRIVER_ERRORS, ValueError) as error:
        return error
    return _ReplicaError("it is a replica") if is_replica else None


async def _ask(hosts: Mapping[str, Host], watch: Watch) -> dict[str, Exception]:
    """Ask every host; again, so that no host is taken for the primary by what another said before it."""
    problems: dict[str, Exception] = {}
    for _ in range(2 if len(hosts) > 1 else 1):
        answers = await asyncio.gather(*(watch.ask(host) for host in hosts))
        problems = {host: problem for host, problem in zip(hosts, answers, strict=True) if problem is not None}
    return problems


def _login(address: Address) -> tuple[str, str]:
    """The role and the database of a DSN."""
    parts = urlsplit(address.dsn)
    return unquote(parts.username or "the default one"), unquote(parts.path.lstrip("/")) or "the default one"


def _remedy(address: Address, error: Exception) -> str | None:
    return remedy(error, *_login(address))


def _said(address: Address, error: Exception) -> str:
    if isinstance(error, _ReplicaError):
        return f"{error}; promote one where there is no primary"
    if isinstance(error, _UnsureError):
        return f"{error}; start it, or name the primary alone"
    advice = _remedy(address, error)
    if advice and isinstance(error, asyncpg.ClientConfigurationError | ValueError):
        return advice  # what the driver says of a DSN quotes it
    return f"{reason(error)}; {advice}" if advice else f"{reason(error)}; is PostgreSQL started there?"


async def _check(name: str, address: Address, options: Options) -> None:
    where = f"{name}: the database {_login(address)[1]!r} at {address.name}"
    try:
        connection = await asyncpg.connect(address.dsn, timeout=_CHECK_SECONDS, command_timeout=_CHECK_SECONDS)
        try:
            if options.migrations:
                await check_schema(connection, options.migrations, where)
            await check_budget(connection, Budget(options.processes, options.max_size), where)
        finally:
            await connection.close(timeout=_CHECK_SECONDS)
    except DRIVER_ERRORS as error:
        raise DatabaseError(f"{where} cannot be looked at: {_said(address, error)}") from error


async def check_schema(
    connection: "asyncpg.Connection[asyncpg.Record]", directories: Sequence[Path], where: str
) -> None:
    """Whether every migration of the folders is applied, and the role may use every table.

    Raises:
        DatabaseError: not so; it names what is missing.
    """
    wanted = {match[1]: file.name for file in _files(directories) if (match := _MIGRATION.fullmatch(file.name))}
    try:
        applied = {row["version"] for row in await connection.fetch("select version from schema_migrations")}
    except asyncpg.UndefinedTableError:
        applied = set()
    except asyncpg.InsufficientPrivilegeError:
        raise DatabaseError(await _without_right(connection, where, ["select on schema_migrations"])) from None
    missing = [name for version, name in sorted(wanted.items()) if version not in applied]
    if missing:
        raise DatabaseError(
            f"{where} is not migrated, {_listed(missing)} missing: run the service's `migrate` step first"
        )
    rows = await connection.fetch(
        """
        select format('%s on %I', lower(wanted), relname) as lacking
        from pg_class join pg_namespace namespace on namespace.oid = relnamespace
        cross join unnest(array['SELECT', 'INSERT', 'UPDATE', 'DELETE']) as wanted
        where nspname = 'public' and relkind in ('r', 'p') and not relispartition and relname <> 'schema_migrations'
            and not has_table_privilege(pg_class.oid, wanted)
        order by relname, wanted
        """
    )
    if rows:
        raise DatabaseError(await _without_right(connection, where, [row["lacking"] for row in rows]))


async def check_budget(connection: "asyncpg.Connection[asyncpg.Record]", budget: Budget, where: str) -> None:
    """Whether the server has room for every connection that the service may open.

    Raises:
        DatabaseError: it has not.
    """
    [row] = await connection.fetch(
        """
        select current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int as room,
            (select rolconnlimit from pg_roles where rolname = current_user) as of_role
        """
    )
    of_role: int = row["of_role"]
    room: int = row["room"] if of_role < 0 else min(row["room"], of_role)
    if budget.connections > room:
        limit = "the limit of its role" if of_role == room else "max_connections"
        raise DatabaseError(
            f"{where} has room for {room} connections ({limit}), and {budget.processes} processes with pools of "
            f"{budget.pool_size} may need {budget.connections}: lower the pool size or raise the limit"
        )


def _files(directories: Sequence[Path]) -> list[Path]:
    return sorted(file for directory in directories for file in directory.glob("*.sql"))


async def _without_right(connection: "asyncpg.Connection[asyncpg.Record]", where: str, lacking: Sequence[str]) -> str:
    role = await connection.fetchval("select current_user")
    return f"role {role!r} lacks rights in {where}: {_listed(lacking)}: {_GRANTED}"


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
    return ", ".join(names[:_LISTED]) + more
