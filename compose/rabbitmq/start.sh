#!/bin/bash
# A node of the cluster, with the cookie that all of them share.
set -euo pipefail
install --mode 400 --owner rabbitmq --group rabbitmq /run/secrets/erlang_cookie /var/lib/rabbitmq/.erlang.cookie
exec docker-entrypoint.sh rabbitmq-server
