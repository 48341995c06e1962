#!/bin/sh
# Has a node take the password that its file holds now, for itself and for its master: beside the one that it began with,
# which clients and other nodes still come with, or with `password.sh only` in its place.
set -eu
new=$(cat /run/secrets/redis_password)
began_with=$(sed -n 's/^requirepass //p' /tmp/login.conf)
REDISCLI_AUTH=$new
export REDISCLI_AUTH
[ "$(redis-cli -e ping 2>/dev/null)" = PONG ] || REDISCLI_AUTH=$began_with

if [ "${1:-}" = only ]; then
    echo "config set requirepass $new"
else
    echo "acl setuser default >$new"
    echo "config set masterauth $new"
fi | redis-cli -e
