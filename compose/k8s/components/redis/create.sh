#!/bin/sh
# Made from compose/redis/create.sh by `make deploy-files`.
# Makes the cluster out of the nodes that answer, once; nodes that are named later become replicas of its masters. Nodes
# that were a cluster and have begun again at other addresses are told where the others are.
set -eu
REDISCLI_AUTH=$(cat /run/secrets/redis_password)
export REDISCLI_AUTH

address() { getent hosts "$1" | cut -d' ' -f1; }
# Whether a node's view of the cluster has this line.
says() { redis-cli -h "$1" cluster info | tr -d '\r' | grep -qx "$2"; }

nodes=""
member=""
for name in $NODES; do
    until [ "$(redis-cli -h "$name" ping 2>/dev/null)" = PONG ]; do sleep 1; done
    nodes="$nodes $(address "$name"):6379"
    # A node that knows itself alone belongs to no cluster yet.
    [ -n "$member" ] || says "$name" cluster_known_nodes:1 || member=$name
done
if [ -z "$member" ]; then
    # shellcheck disable=SC2086 # one word for each node
    redis-cli --cluster create $nodes --cluster-replicas "$REPLICAS" --cluster-yes
    exit 0
fi

strangers=""
members=""
for name in $NODES; do
    if says "$name" cluster_known_nodes:1; then strangers="$strangers $name"; else members="$members $name"; fi
done
# A node keeps the addresses of the others, and where all have changed none finds another. One that begins takes the
# cluster for whole until it has missed them, so all are introduced; where nothing has changed it changes nothing.
for name in $members; do
    redis-cli -h "$member" cluster meet "$(address "$name")" 6379
done
left=60
for name in $members; do
    until says "$name" cluster_state:ok; do
        if [ "$left" = 0 ]; then
            echo "$name does not find a majority of the masters: start them, or make the cluster anew on empty volumes" >&2
            exit 1
        fi
        left=$((left - 1))
        sleep 1
    done
done
for name in $strangers; do
    redis-cli --cluster add-node "$(address "$name"):6379" "$(address "$member"):6379" --cluster-slave
done
