#!/bin/bash
# One of the HOSTS of PostgreSQL: NAME. Whoever takes writes is followed; where nobody does, PRIMARY begins.
set -euo pipefail
slot="${NAME//[-.]/_}"
export PGPASSFILE=/tmp/pgpass
(umask 077 && printf '*:*:*:replicator:%s\n' "$(cat /run/secrets/replication_password)" >"$PGPASSFILE")
login="user=replicator passfile=$PGPASSFILE connect_timeout=3"

# What another host says: f takes writes, t follows, nothing where it does not answer.
follows() { psql -qXAtc 'select pg_is_in_recovery()' "host=$1 dbname=postgres $login" 2>/dev/null || true; }

# Asks the other hosts: which of them takes writes, and which are silent.
ask() {
    primary="" silent=""
    for host in $HOSTS; do
        [ "$host" != "$NAME" ] || continue
        case "$(follows "$host")" in
            f) primary="$host" && return ;;
            t) ;;
            *) silent="$silent $host" ;;
        esac
    done
}

ask
if [ -e "$PGDATA/standby.signal" ] || { [ ! -s "$PGDATA/PG_VERSION" ] && [ "$PRIMARY" != "$NAME" ]; }; then
    until [ -n "$primary" ]; do
        echo "waiting for a primary: $PRIMARY, or whoever of $HOSTS is promoted" >&2
        sleep 2
        ask
    done
elif [ -s "$PGDATA/PG_VERSION" ]; then
    # The primary is started again, or a former one: who is silent may have been promoted, and its host be starting too,
    # or the network between them. Where several wait so, whoever was promoted last has the latest timeline: he is first.
    timeline="$(pg_controldata "$PGDATA" | sed -n "s/^Latest checkpoint's TimeLineID: *//p")"
    until [ -n "$primary" ] || [ -z "$silent" ] || ((SECONDS * timeline >= ${PATIENCE:-60})); do
        echo "$NAME takes writes unless another host does: waiting for$silent" >&2
        sleep 1
        ask
    done
    if [ -n "$primary" ]; then
        echo "$NAME was the primary, and may have what $primary lacks: remove its volume to make it a replica anew" >&2
        exit 1
    fi
fi
if [ -z "$primary" ]; then
    # The first start, or nobody else takes writes.
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
