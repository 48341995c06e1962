#!/bin/sh
# Made from compose/redis/start.sh by `make deploy-files`.
# A node of the cluster. It is a cache: nothing is written to disk but who the other nodes are.
set -eu
password=$(cat /run/secrets/redis_password)
umask 077
printf 'requirepass %s\nmasterauth %s\n' "$password" "$password" >/tmp/login.conf
exec redis-server /tmp/login.conf --port 6379 --dir /data --save "" --appendonly no \
    --maxmemory "$MAXMEMORY" --maxmemory-policy allkeys-lru \
    --cluster-enabled yes --cluster-config-file nodes.conf --cluster-node-timeout 2000 \
    --cluster-require-full-coverage no --cluster-replica-validity-factor 0
