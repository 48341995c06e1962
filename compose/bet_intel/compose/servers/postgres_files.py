"""The settings of a PostgreSQL host that is reached over TCP and may be a replica."""

from collections.abc import Mapping

MAX_CONNECTIONS = 400

_ALWAYS = {
    "listen_addresses": "127.0.0.1",
    # Only over TCP, as on a network: a socket folder would have to be short and open to the right users.
    "unix_socket_directories": "",
    "max_connections": str(MAX_CONNECTIONS),
    "shared_buffers": "64MB",
    "max_wal_size": "512MB",
    "wal_level": "replica",
    "max_wal_senders": "10",
    "max_replication_slots": "10",
    "hot_standby": "on",
    "wal_log_hints": "on",
    "wal_keep_size": "256MB",
    # A dead replica's slot must not fill the disk.
    "max_slot_wal_keep_size": "2GB",
    "wal_receiver_status_interval": "1s",
    "wal_retrieve_retry_interval": "200ms",
    # Off, an acknowledged row is lost when the primary dies and a replica is promoted.
    "synchronous_commit": "on",
    "full_page_writes": "on",
    # Tables grow from nothing within seconds: a list is read by sorting all of one that has not been analysed yet.
    "autovacuum_naptime": "10s",
    "password_encryption": "scram-sha-256",
    # Short statements over small tables: compiling them costs more than it saves.
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "logging_collector": "off",
    "log_destination": "stderr",
    "log_checkpoints": "off",
    "log_line_prefix": "%m [%p] %q%u@%d ",
}


def host_settings(values: Mapping[str, str]) -> str:
    """``postgresql.conf`` of one host; ``values`` are those that it does not share with every other."""
    lines = (f"{name} = '{_quoted(value)}'\n" for name, value in {**_ALWAYS, **values}.items())
    return "# Written at every start, promotion and re-basing.\n" + "".join(lines)


def host_access() -> str:
    """``pg_hba.conf``: over the loopback interface, with a password."""
    rows = (("all", "all"), ("replication", "replication"))
    return "".join(f"host {database} {user} 127.0.0.1/32 scram-sha-256\n" for database, user in rows)


def _quoted(value: str) -> str:
    return value.replace("\\", "\\\\").replace("'", "''")
