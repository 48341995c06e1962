#!/bin/sh
# Alertmanager, whose file knows no variables: what is set in alertmanager.env is put into it before.
set -eu
storage=${STORAGE:-/alertmanager}
told=$storage/alertmanager.yaml

# What means something to sed is escaped.
put() { printf 's|%s|%s|' "$1" "$(printf %s "$2" | sed 's/[&|\\]/\\&/g')"; }

if [ -n "${ALERTS_TO:-}" ]; then
    : "${SMTP_HOST:?is to be set as well, as HOST:PORT}"
    from=${SMTP_FROM:-$ALERTS_TO}
    sed -e "$(put operators@example.com "$ALERTS_TO")" -e "$(put mail.example.com:587 "$SMTP_HOST")" \
        -e "$(put bet-intel@example.com "$from")" -e "$(put user@example.com "${SMTP_USER:-$from}")" \
        "$(dirname "$0")/alertmanager.yaml" >"$told"
else
    echo "nobody hears of alerts: ALERTS_TO and SMTP_HOST are not set" >&2
    cp "$(dirname "$0")/alertmanager.yaml" "$told"
fi
exec alertmanager --config.file="$told" --storage.path="$storage" "$@"
