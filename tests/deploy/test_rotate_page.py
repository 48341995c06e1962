"""What docs/operations/runbooks/rotate-secrets.md has an operator type: what is new stands, and who uses it has it."""

import re
import subprocess
from collections.abc import Mapping

import pytest

from deploy.faults import PROJECT
from fixtures.simulated_docker import Simulation
from fixtures.typed_pages import Desk, typed

_PAGE = (PROJECT / "docs/operations/runbooks/rotate-secrets.md").read_text("utf-8")
_BESIDE = ("compose/compose.observability.yaml", "compose/compose.tls.yaml")
_BROUGHT = ("NEW-KEY", "NEW-PASSWORD", "NEW-CERTIFICATE", "NEW-TLS-KEY")
# Encrypts what is stored.
_KEPT = {"secrets_key"}
# The page shows one service of four.
_OF_OTHERS = re.compile(r"(?:ev_engine|odds_ingest|notifier)_")
# A server that runs is told: who (by name), what is called in it, of which secrets. Passwords of roles only the first
# start reads; a replica reads its own when it starts again.
_TOLD = (
    (r"postgres-\d", "/passwords.sh", r"(?!replication).*_password"),
    (r"postgres-1", "/passwords.sh", "replication_password"),
    (r"rabbitmq-\d", "rabbitmqctl import_definitions", "rabbitmq_definitions.json"),
    (r"redis-\d", "/password.sh only", "redis_password"),
    ("grafana", "grafana cli admin reset-admin-password", "grafana_password"),
    ("nginx", "-s reload", "tls_.*"),
)
_ITS_OWN = ("redis",)


@pytest.fixture(scope="module")
def rotated(desk: Desk) -> Mapping[str, str]:
    """The secrets as they were, where all runs; since then the page was followed."""
    desk.begin(beside=_BESIDE, secrets=True)
    before = _secrets(desk)
    desk.forget()
    for name in _BROUGHT:
        (desk.root / name).touch(0o600)
        (desk.root / name).write_text(f"of {name}", "utf-8")
    desk.type(typed(_PAGE))
    return before


def test_what_is_new_stands_when_the_script_runs_again(rotated: Mapping[str, str], desk: Desk) -> None:
    after = _secrets(desk)
    subprocess.run([desk.root / "compose/secrets.sh"], check=True)

    assert _secrets(desk) == after
    same = {name for name, text in rotated.items() if after[name] == text and not _OF_OTHERS.match(name)}
    assert same == _KEPT


def test_what_was_known_is_nowhere_any_more(rotated: Mapping[str, str], desk: Desk) -> None:
    after = _secrets(desk)
    known = [text for name, text in rotated.items() if name.endswith("_password") and after[name] != text]
    assert len(known) > 6
    assert [name for name, text in after.items() for one in known if one in text] == []


def test_who_reads_a_secret_has_the_new_one(rotated: Mapping[str, str], desk: Desk) -> None:
    after = _secrets(desk)
    docker = desk.docker()
    assert rotated != after
    assert [
        (one.service, name)
        for one in docker.containers
        for name in one.files
        if one.read.get(name) != after.get(name) and not _told(docker, one.service, name)
    ] == []


def test_containers_may_read_what_was_brought(rotated: Mapping[str, str], desk: Desk) -> None:
    assert "odds_api_key" in rotated
    for name in ("odds_api_key", "smtp_password", "tls_certificate", "tls_key"):
        file = desk.root / "compose/secrets" / name
        assert file.read_text("utf-8").startswith("of NEW-")
        assert file.stat().st_mode & 0o004


def _told(docker: Simulation, service: str, secret: str) -> bool:
    kind = service.partition("-")[0]
    said = [" ".join(event["words"]) for event in docker.events if event["verb"] == "exec"]
    whom = service if kind in _ITS_OWN else kind
    return any(
        re.fullmatch(who, service) and re.fullmatch(of, secret) and any(whom in one and what in one for one in said)
        for who, what, of in _TOLD
    )


def _secrets(desk: Desk) -> dict[str, str]:
    return {file.name: file.read_text("utf-8") for file in (desk.root / "compose/secrets").iterdir()}
