#!/usr/bin/env bash
# Makes compose/secrets, which compose.yaml reads: a password for everybody, and what holds one beside (addresses, logins).
# A password stays unless its file is empty or gone; the rest is written from the passwords at each run, in the files that
# are there, for containers see no other. Which servers this host has is in compose/.env, and stays: all of them, unless
# `compose/secrets.sh --small` says one of each kind, or `--full` all of them from now on.
set -euo pipefail
cd "$(dirname "$0")"

# Of lines that set the same the last one counts.
case "${1:-}" in
--small | --full) cat "hosts/${1#--}.env" >>.env ;;
"") grep -qs '^COMPOSE_PROFILES=' .env || cat hosts/full.env >>.env ;;
*)
    echo "compose/secrets.sh [--small | --full]" >&2
    exit 2
    ;;
esac
servers=$(sed -n 's/^COMPOSE_PROFILES=//p' .env | tail -n 1)

umask 077
mkdir -p secrets
# Containers read them as users of their own; the folder lets nobody else of this host in.
chmod 700 secrets

hosts="postgres-1:5432,postgres-2:5432,postgres-3:5432"
brokers="rabbitmq-1:5672,rabbitmq-2:5672,rabbitmq-3:5672"
shards="redis-1:6379,redis-2:6379,redis-3:6379,redis-4:6379,redis-5:6379,redis-6:6379"
case ",$servers," in
*,full,* | *,host-*) ;;
*)
    hosts=postgres-1:5432
    brokers=rabbitmq-1:5672
    shards=redis-1:6379,redis-2:6379,redis-3:6379
    ;;
esac

random() { head -c 24 /dev/urandom | base64 | tr '+/' '-_' | tr -d '=\n'; }
once() { [ -s "secrets/$1" ] || printf %s "${2:-$(random)}" >"secrets/$1"; }
put() { printf %s "$2" >"secrets/$1"; }

once postgres_password
once replication_password
once exporter_password
once redis_password
once rabbitmq_password
once keda_password
once erlang_cookie
once operator_token
once grafana_password
# Of a provider, for whoever reads one, and of the server that sends mails of alerts: put them in.
once odds_api_key put-your-key-here
once smtp_password put-your-password-here
# A key of Fernet: 32 bytes in URL-safe base64.
once secrets_key "$(head -c 32 /dev/urandom | base64 | tr '+/' '-_' | tr -d '\n')"
for service in api ev_engine notifier odds_ingest; do
    once "${service}_password"
    once "${service}_owner_password"
    once "${service}_broker_password"
    put "${service}_dsn" "postgresql://$service:$(cat "secrets/${service}_password")@$hosts/$service"
    put "${service}_owner_dsn" \
        "postgresql://${service}_owner:$(cat "secrets/${service}_owner_password")@$hosts/$service"
    put "${service}_broker_url" \
        "amqp://${service//_/-}:$(cat "secrets/${service}_broker_password")@$brokers/bet-intel"
done
# The administrator's, for an operator: no container is given it.
put broker_url "amqp://bet-intel:$(cat secrets/rabbitmq_password)@$brokers/bet-intel"
put redis_url "redis://:$(cat secrets/redis_password)@$shards"
# What the exporters log in with, at every server.
nodes=""
for node in 1 2 3 4 5 6; do
    nodes="$nodes${nodes:+, }\"redis://redis-$node:6379\": \"$(cat secrets/redis_password)\""
done
put redis_passwords.json "{$nodes}"
put postgres_exporter.yaml "auth_modules:
  bet-intel:
    type: userpass
    userpass: {username: exporter, password: \"$(cat secrets/exporter_password)\"}
    options: {sslmode: disable, dbname: postgres}
"
# What a node of RabbitMQ makes before it lets anybody in: in the file, each password is named by its own.
definitions=$(cat rabbitmq/definitions.json)
for password in rabbitmq keda api_broker ev_engine_broker notifier_broker odds_ingest_broker; do
    definitions=${definitions//"@${password}_password@"/"$(cat "secrets/${password}_password")"}
done
put rabbitmq_definitions.json "$definitions"
chmod 644 secrets/*
