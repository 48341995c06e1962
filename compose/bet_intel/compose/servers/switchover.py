"""Another primary for PostgreSQL, without losing what the one before it has acknowledged."""

from bet_intel.compose.servers.postgres import PostgresGroup, PostgresHost
from bet_intel.compose.servers.processes import ServerError

_ORDERLY_SECONDS = 10.0
"""For the primary to send its replicas the end of its log; a hung one is killed then."""


def switch_over(group: PostgresGroup, name: str | None = None) -> PostgresHost:
    """Ends the primary, makes a replica the primary, and every other host its replica; returns the new primary.

    Args:
        group: the hosts; nobody else starts or ends one meanwhile.
        name: of the replica, whatever it has received; else the one that has received most.

    Raises:
        ServerError: no such replica answers, or the switch was begun and is not complete: the message says how far.
    """
    chosen = [host for host in group.replicas if name in (None, host.name)]
    if group.furthest(chosen) is None:
        known = ", ".join(host.name for host in group.replicas) or "none: started with --small?"
        raise ServerError(f"there is no replica to promote that answers (replicas: {known})")
    # Before another takes its place: it would go on taking writes that are lost. And in order: its replicas receive all
    # that it has acknowledged.
    group.stop_host(group.primary, _ORDERLY_SECONDS)
    new = group.furthest(chosen)
    if new is None:
        raise ServerError("the replicas answer no more: the primary stays what it was")
    group.promote(new)
    for host in group.replicas:
        if not group.runs(host):
            try:
                group.rebase(host)
            except ServerError as error:
                raise ServerError(f"{new.name} is the primary; {host.name} is not its replica yet: {error}") from error
    return new
