"""What starts after what, and what runs on a small host: a fault of each kind makes `make check-deploy` fail."""

import re
import subprocess
from pathlib import Path

import pytest

from deploy.composing import MAIN, SMALL, rendered
from deploy.faults import PROJECT
from fixtures.deploy_copy import Fault, checked, seeded, spoil

_THREE = "compose/compose.three-hosts.yaml"
_SERVER = re.compile(r"((?:postgres|rabbitmq|redis)-\d):\d+")
_HEALTH_OF_RABBITMQ = r"    healthcheck: \{test: \[CMD, rabbitmq.*\n"
_FAULTS = [
    (
        MAIN,
        r"depends_on: \{api: \{condition: service_healthy\}\}",
        "depends_on: [api]",
        "nginx does not wait until api is",
    ),
    (MAIN, r"(api-migrate: \{condition: )service_completed_successfully", r"\1service_healthy", "nobody asks for its"),
    (MAIN, r"notifier-migrate: \{condition", "api-migrate: {condition", "notifier does not wait for notifier-migrate"),
    (MAIN, r"      rabbitmq-1: \{condition: service_healthy\}\n", "", "api-migrate does not wait for rabbitmq-1"),
    (MAIN, r"      rabbitmq-3: \{condition: .*\n", "", "notifier-migrate does not wait for rabbitmq-3"),
    (MAIN, r"(rabbitmq-2: .*), required: false", r"\1", "depends on undefined service"),
    (
        MAIN,
        r"      redis-create: \{condition: service_completed_successfully\}\n",
        "",
        "api does not wait for redis-create",
    ),
    (MAIN, r"      redis-3: \{condition: service_healthy\}\n", "", "redis-create does not wait for redis-3"),
    (MAIN, _HEALTH_OF_RABBITMQ, "", "waits for rabbitmq-1, which nobody asks for its health"),
    (MAIN, r"max_fails=3 fail", "max_fails=1 fail", "GATEWAYS of nginx: api:8000 has resolve max_fails=1"),
    (MAIN, r"max_fails=0", "max_fails=3", "ALL_GATEWAYS of nginx: api:8000 has resolve max_fails=3"),
    (MAIN, r"resolve max_fails=3", "max_fails=3", "GATEWAYS of nginx: api:8000 has max_fails=3 fail_timeout=30s, not"),
    (MAIN, r"resolver 127.0.0.11 valid=2s ipv6=off; ", "", "nobody is asked again where api:8000 is"),
    (MAIN, r" valid=2s", "", "nobody is asked again where api:8000 is, every few seconds"),
    (MAIN, r"nginx:1.28-alpine", "nginx:1.26-alpine", "nginx:1.26-alpine looks for api:8000 once"),
    (SMALL, r"PROFILES=", "PROFILES=full", "small.env: runs postgres-1, postgres-2"),
    (SMALL, r"POSTGRES_HOSTS.*\n", "", "small.env: postgres-1 waits for postgres-2, which does not run"),
    (SMALL, r"REDIS_NODES.*\n", "", "small.env: Redis is made of redis-4, which does not run"),
    (SMALL, r"REPLICAS=0", "REPLICAS=1", "each of three masters is to have 1 replicas"),
    (MAIN, r"(  notifier-worker:\n    <<: \*service\n)", r"\1    profiles: [full]\n", "small.env: no notifier-worker"),
]


@seeded({"compose": _FAULTS})
def test_a_fault_is_found(copy: Path, capsys: pytest.CaptureFixture[str], fault: Fault) -> None:
    fault.assert_found(copy, capsys)


def test_on_three_hosts_as_well_a_gateway_is_left_out_after_three_failures(
    copy: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    spoil(copy, _THREE, r"22:8000 max_fails=3", "22:8000 max_fails=9")

    assert "host 3: GATEWAYS of nginx: 172.31.250.22:8000 has max_fails=9" in checked("hosts", copy, capsys)[1]


def test_the_addresses_of_a_small_host_are_of_servers_that_run_there(copy: Path) -> None:
    secrets = copy / "compose/secrets"
    subprocess.run([copy / "compose/secrets.sh", "--small"], check=True)
    services = rendered(copy, "-f", MAIN)["services"]

    addresses = {
        file.name: set(_SERVER.findall(file.read_text("utf-8")))
        for file in secrets.iterdir()
        if file.name.endswith(("_dsn", "_url"))
    }
    assert len(addresses) == 14
    assert {
        name: named - services.keys() for name, named in addresses.items() if not named or named - services.keys()
    } == {}


def test_migrations_are_told_the_primary_alone_where_a_host_stays_away(copy: Path) -> None:
    subprocess.run([copy / "compose/secrets.sh"], check=True)
    secrets = copy / "compose/secrets"
    before = {file.name: file.read_text("utf-8") for file in secrets.iterdir()}
    [command] = re.findall(
        r"^ {4}(sed .*)", (PROJECT / "docs/operations/runbooks/failover.md").read_text("utf-8"), re.M
    )

    subprocess.run(command, shell=True, check=True, cwd=copy)  # noqa: S602 - as an operator types it

    after = {file.name: file.read_text("utf-8") for file in secrets.iterdir()}
    changed = {name: after[name] for name in before if before[name] != after[name]}
    every = "postgres-1:5432,postgres-2:5432,postgres-3:5432"
    assert len(changed) == 4
    assert changed == {name: before[name].replace(every, "postgres-2:5432") for name in changed}
    subprocess.run([copy / "compose/secrets.sh"], check=True)
    assert before == {file.name: file.read_text("utf-8") for file in secrets.iterdir()}


@pytest.mark.parametrize(
    "page", ["compose/compose.yaml", "docs/operations/compose.md", "docs/operations/runbooks/phases.md"]
)
def test_a_small_host_is_told_what_it_is_once(page: str) -> None:
    text = (PROJECT / page).read_text("utf-8")
    assert "secrets.sh --small" in text
    assert "--env-file" not in text
