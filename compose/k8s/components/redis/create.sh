#!/bin/sh
# Makes the cluster out of the nodes that answer, once; nodes that are named later become replicas of its masters.
set -eu
REDISCLI_AUTH=$(cat /run/secrets/redis_password)
export REDISCLI_AUTH
nodes=""
for name in $NODES; do
    until [ "$(redis-cli -h "$name" ping 2>/dev/null)" = PONG ]; do sleep 1; done
    nodes="$nodes $(getent hosts "$name" | cut -d' ' -f1):6379"
done
first=${NODES%% *}
if redis-cli -h "$first" cluster info | grep -q cluster_state:ok; then
    for name in $NODES; do
        # A node that knows itself alone belongs to no cluster yet.
        redis-cli -h "$name" cluster info | tr -d '\r' | grep -qx cluster_known_nodes:1 || continue
        redis-cli --cluster add-node "$(getent hosts "$name" | cut -d' ' -f1):6379" \
            "$(getent hosts "$first" | cut -d' ' -f1):6379" --cluster-slave
    done
    exit 0
fi
# shellcheck disable=SC2086 # one word for each node
redis-cli --cluster create $nodes --cluster-replicas "$REPLICAS" --cluster-yes
