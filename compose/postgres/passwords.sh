#!/bin/bash
# On the primary: has every role take the password that its file holds now.
set -euo pipefail

take() {
    psql --quiet --set ON_ERROR_STOP=1 --username postgres --dbname postgres \
        --set role="$1" --set password="$(cat "$2")" <<'SQL'
alter role :"role" password :'password';
SQL
}

take postgres /run/secrets/postgres_password
take replicator /run/secrets/replication_password
take exporter /run/secrets/exporter_password
for service in api ev_engine notifier odds_ingest; do
    take "$service" "/run/secrets/${service}_password"
    take "${service}_owner" "/run/secrets/${service}_owner_password"
done
