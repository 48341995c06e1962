#!/usr/bin/env bash
# Replaces the containers of services one after the other by new ones, which have the image, the settings and the secrets
# that there are now: `compose/replace.sh api`. The new one is well before an old one is asked to stop, and no two begin
# together, so that nginx, which passes a request on once, always finds a gateway that answers. One of three hosts has one
# container of each, at an address of its own: it is away for a moment, and the other hosts answer.
set -euo pipefail
cd "$(dirname "$0")"

if [ $# = 0 ]; then
    echo "compose/replace.sh SERVICE…" >&2
    exit 2
fi
if grep -qs '^BET_INTEL_HOST=' .env; then
    docker compose -f compose.yaml -f compose.three-hosts.yaml up -d --no-deps --force-recreate --wait "$@"
    exit
fi
for service in "$@"; do
    old=$(docker compose -f compose.yaml ps -q "$service")
    running=$(wc -w <<<"$old")
    for container in $old; do
        docker compose -f compose.yaml up -d --no-deps --no-recreate --wait --scale "$service=$((running + 1))" "$service"
        docker stop "$container" >/dev/null
        docker rm "$container" >/dev/null
    done
    # As many as compose/.env says, where there were fewer, or one more is left of a run that was broken off.
    docker compose -f compose.yaml up -d --no-deps --no-recreate --wait "$service"
done
