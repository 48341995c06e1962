#!/bin/bash
# One of the hosts of PostgreSQL: NAME. PRIMARY takes writes; any other begins as a base backup of it, and follows it,
# also one that has followed another before.
set -euo pipefail
slot="${NAME//-/_}"
if [ "$PRIMARY" = "$NAME" ]; then
    if [ -e "$PGDATA/standby.signal" ]; then
        echo "$NAME follows another: promote it before it is named as the primary (BET_INTEL_PRIMARY)" >&2
        exit 1
    fi
    exec docker-entrypoint.sh "$@"
fi
if [ -s "$PGDATA/PG_VERSION" ] && [ ! -e "$PGDATA/standby.signal" ]; then
    echo "$NAME was the primary, and may have what $PRIMARY lacks: remove its volume to make it a replica anew" >&2
    exit 1
fi
export PGPASSFILE=/tmp/pgpass
(umask 077 && printf '*:*:*:replicator:%s\n' "$(cat /run/secrets/replication_password)" >"$PGPASSFILE")
primary="host=$PRIMARY user=replicator passfile=$PGPASSFILE application_name=$slot"
# Who has just been promoted has no slots yet.
make_slot="CREATE_REPLICATION_SLOT $slot PHYSICAL"
until said="$(psql -qXc "$make_slot" "$primary dbname=replication replication=true connect_timeout=5" 2>&1)" ||
    [[ "$said" == *"already exists"* ]]; do
    echo "waiting for $PRIMARY: $said" >&2
    sleep 2
done
if [ ! -s "$PGDATA/PG_VERSION" ]; then
    pg_basebackup --dbname "$primary" --pgdata "$PGDATA" --wal-method stream --slot "$slot" --checkpoint fast \
        --write-recovery-conf
    chmod 700 "$PGDATA"
fi
exec docker-entrypoint.sh "$@" -c "primary_conninfo=$primary" -c "primary_slot_name=$slot"
