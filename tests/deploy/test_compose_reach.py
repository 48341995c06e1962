"""Who reaches whom, how containers begin again and end, and what images are made of: a fault of each kind makes
`make check-deploy` fail."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from deploy.composing import MAIN
from fixtures.deploy_copy import Fault, Look, Seed, seeded

_NGINX = "compose/bet_intel/compose/servers/nginx.conf"
_SECRETS = "compose/secrets.sh"
_TLS = "compose/nginx/tls.conf"
_REAL_IP = "compose/nginx/real-ip.conf"
_BALANCER = "compose/compose.balancer.yaml"
_API = "services/api/Dockerfile"
_INSIDE = r"(  notifier-worker:[\s\S]*?networks: )\[inside, outside\]"
_FAULTS: Mapping[str | Look, Sequence[Seed]] = {
    "compose": [
        (MAIN, _INSIDE, r"\1[inside]", "notifier-worker has no way to *"),
        (MAIN, r"(  ev-engine-worker:\n)", r"\1    networks: [inside, outside]\n", "ev-engine-worker has a way"),
        (MAIN, r"(&postgres\n    <<: \*server\n)", r"\1    networks: [inside, outside]\n", "postgres-2 has a way"),
        (MAIN, r"internal: true", "internal: false", "who is inside has a way out"),
        (MAIN, r"server api:8000 resolve max_fails=3", "server api:8001 resolve max_fails=3", "are api:8001"),
        (MAIN, r"(ALL_GATEWAYS: .*)server api:", r"\1server apis:", "ALL_GATEWAYS of nginx are apis:8000"),
        (MAIN, r"127.0.0.1:8080/health", "127.0.0.1:8081/health", "asked for its health on [8081]"),
        (MAIN, r":8080\"\]", ':80"]', "nginx listens on [8080], and is reached on [80]"),
        (_TLS, r"listen 8443", "listen 9443", "nginx listens on [8080, 9443], and is reached on [8080, 8443]"),
        (MAIN, r"stop_grace_period: 40s", "stop_grace_period: 4s", "api is killed after 4 s"),
        (MAIN, r"restart: unless-stopped\n  read_only", 'restart: "no"\n  read_only', "api is started again no"),
        (MAIN, r"MAXMEMORY: 400mb", "MAXMEMORY: 800mb", "redis-1 keeps 800mb"),
        (MAIN, r"initdb.d/primary", "initdb/primary", "given /docker-entrypoint-initdb/primary.sh, which nobody"),
        (_SECRETS, r"postgres-1:5432,", "postgres-1:5433,", "api_dsn has not the addresses"),
        (_SECRETS, r"postgres-3:5432", "postgres-4:5432", "postgres-3:5432, postgres-4:5432"),
        (_SECRETS, r"rabbitmq-1:5672,", "rabbitmq-1:5671,", "broker_url has not the addresses"),
        (_SECRETS, r"redis-6:6379", "redis-9:6379", "redis_url has not the addresses"),
        (_SECRETS, r"node:6379", "node:6380", "redis_passwords.json has not the addresses"),
        (_SECRETS, r"hosts=postgres-1:5432", "hosts=postgres-2:5432", "secrets.sh --small: api_dsn has not"),
        (_BALANCER, r"real-ip.conf.template", "real.conf.template", "nginx does not read what is made of"),
    ],
    "nginx": [
        (_BALANCER, r"BALANCER: ", "BALANCERS: ", "real-ip.conf: ${BALANCER} is given by nobody"),
        (_REAL_IP, r"set_real_ip_from", "set_real_ip_of", "set_real_ip_of"),
        (_NGINX, r"        least_conn;\n", "", "upstream gateways: least_conn is None"),
        (_NGINX, r"Forwarded-For \$remote_addr", "Forwarded-For $proxy_add_x_forwarded_for", "X-Forwarded-For is $p"),
        (
            _NGINX,
            r"(location @write \{\n)",
            r"\1            proxy_set_header X-Real-IP $remote_addr;\n",
            "location @write: proxy_set_header X-Forwarded-For is None",
        ),
        (MAIN, r'WORKERS: "2"', "WORKERS: auto", "nginx has WORKERS auto"),
    ],
    "images": [
        (_API, r"COPY services/api services/api", "COPY services services", "copies other than the libraries"),
        (_API, r'"\.\[api\]"', '".[notifier]"', "installs what another service needs"),
        (".dockerignore", r"!libs\n", "!libs\n!compose\n", ".dockerignore: lets compose in or out"),
    ],
}


@seeded(_FAULTS)
def test_a_fault_is_found(copy: Path, capsys: pytest.CaptureFixture[str], fault: Fault) -> None:
    fault.assert_found(copy, capsys)
