#!/bin/bash
# Once, on a new primary: the role that replicas stream as, that of the exporter, which reads figures and no rows, and
# each service's database with its two roles (the owner migrates, the service's own reads and writes rows:
# docs/operations/databases.md).
set -euo pipefail

run() { psql --quiet --set ON_ERROR_STOP=1 --username postgres --dbname postgres "$@"; }

run --set password="$(cat /run/secrets/replication_password)" <<'SQL'
create role replicator replication login password :'password';
SQL
run --set password="$(cat /run/secrets/exporter_password)" <<'SQL'
create role exporter login password :'password' in role pg_monitor;
SQL

for service in api ev_engine notifier odds_ingest; do
    run --set name="$service" --set owner="${service}_owner" \
        --set password="$(cat "/run/secrets/${service}_password")" \
        --set owner_password="$(cat "/run/secrets/${service}_owner_password")" <<'SQL'
create role :"name" login password :'password';
create role :"owner" login password :'owner_password';
create database :"name" owner :"owner";
revoke all on database :"name" from public;
grant connect on database :"name" to :"name";
SQL
done
echo "host replication replicator all scram-sha-256" >>"$PGDATA/pg_hba.conf"
