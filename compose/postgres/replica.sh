#!/bin/bash
# A replica: a base backup of the primary the first time, then PostgreSQL as the image starts it.
# Once it has been promoted it stays what it is: what it finds in its folder decides.
set -euo pipefail
if [ ! -s "$PGDATA/PG_VERSION" ]; then
    printf '*:*:*:replicator:%s\n' "$(cat /run/secrets/replication_password)" >/tmp/pgpass
    chmod 600 /tmp/pgpass
    PGPASSFILE=/tmp/pgpass pg_basebackup --host "$PRIMARY" --username replicator --pgdata "$PGDATA" \
        --wal-method stream --slot "$SLOT" --checkpoint fast --write-recovery-conf
    chmod 700 "$PGDATA"
fi
exec docker-entrypoint.sh postgres "$@"
