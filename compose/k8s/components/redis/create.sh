#!/bin/sh
# Makes the cluster out of the nodes that answer, once.
set -eu
export REDISCLI_AUTH="$(cat /run/secrets/redis_password)"
nodes=""
for name in $NODES; do
    until [ "$(redis-cli -h "$name" ping 2>/dev/null)" = PONG ]; do sleep 1; done
    nodes="$nodes $(getent hosts "$name" | cut -d' ' -f1):6379"
done
first=${NODES%% *}
redis-cli -h "$first" cluster info | grep -q cluster_state:ok && exit 0
# shellcheck disable=SC2086 # one word for each node
redis-cli --cluster create $nodes --cluster-replicas "$REPLICAS" --cluster-yes
