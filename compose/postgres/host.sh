#!/bin/bash
# One of the HOSTS of PostgreSQL: NAME. Whoever takes writes is followed; where nobody does, PRIMARY begins.
set -euo pipefail
slot="${NAME//[-.]/_}"
export PGPASSFILE=/tmp/pgpass
(umask 077 && printf '*:*:*:replicator:%s\n' "$(cat /run/secrets/replication_password)" >"$PGPASSFILE")
login="user=replicator passfile=$PGPASSFILE connect_timeout=3"

# Another host that takes writes.
writer() {
    for host in $HOSTS; do
        if [ "$host" != "$NAME" ] &&
            [ "$(psql -qXAtc 'select pg_is_in_recovery()' "host=$host dbname=postgres $login" 2>/dev/null)" = f ]; then
            echo "$host"
            return
        fi
    done
}

if [ -e "$PGDATA/standby.signal" ] || { [ ! -s "$PGDATA/PG_VERSION" ] && [ "$PRIMARY" != "$NAME" ]; }; then
    until primary="$(writer)" && [ -n "$primary" ]; do
        echo "waiting for a primary: $PRIMARY, or whoever of $HOSTS is promoted" >&2
        sleep 2
    done
elif primary="$(writer)" && [ -n "$primary" ]; then
    if [ -s "$PGDATA/PG_VERSION" ]; then
        echo "$NAME was the primary, and may have what $primary lacks: remove its volume to make it a replica anew" >&2
        exit 1
    fi
else
    # The first start, or the primary is started again.
    exec docker-entrypoint.sh "$@"
fi

conninfo="host=$primary user=replicator passfile=$PGPASSFILE application_name=$slot"
# Who has just been promoted has no slots yet.
make_slot="CREATE_REPLICATION_SLOT \"$slot\" PHYSICAL"
until said="$(psql -qXc "$make_slot" "host=$primary dbname=replication replication=true $login" 2>&1)" ||
    [[ "$said" == *"already exists"* ]]; do
    echo "waiting for $primary: $said" >&2
    sleep 2
done
if [ ! -s "$PGDATA/PG_VERSION" ]; then
    pg_basebackup --dbname "$conninfo" --pgdata "$PGDATA" --wal-method stream --slot "$slot" --checkpoint fast \
        --write-recovery-conf
    chmod 700 "$PGDATA"
fi
exec docker-entrypoint.sh "$@" -c "primary_conninfo=$conninfo" -c "primary_slot_name=$slot"
