"""Alertmanager as it is deployed tells whom an operator has set, by mail; where it cannot, it says so by a metric."""

import asyncio
import os
import shutil
import subprocess
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import contextmanager
from email.header import decode_header, make_header
from pathlib import Path

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from bet_intel.compose.observability.catalogue import Catalogue
from bet_intel.compose.servers.ports import free_port
from deploy.faults import PROJECT
from fixtures.deploy_tools import missing
from fixtures.mail_server import MailServer, mail_server
from fixtures.no_tls import NO_TLS
from fixtures.waiting import until

_FAILED = "alertmanager_notifications_failed_total"
_END_SECONDS = 20.0
_TOLD_WITHIN = 60.0


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Its files, but that it tells at once, soon gives up what is refused, and is to use a server that knows no TLS."""
    made = tmp_path / "alertmanager"
    shutil.copytree(PROJECT / "compose/alertmanager", made)
    file = made / "alertmanager.yaml"
    text = file.read_text("utf-8").replace("global:\n", "global:\n  smtp_require_tls: false\n")
    text = text.replace("group_wait: 10s", "group_wait: 100ms").replace("group_interval: 5m", "group_interval: 1s")
    file.write_text(text, "utf-8")
    return made


@pytest.fixture
async def mails() -> AsyncIterator[MailServer]:
    async with mail_server() as server:
        yield server


@contextmanager
def alertmanager(folder: Path, told: Mapping[str, str]) -> Iterator[str]:
    """Its address, started as its container does, which has it by another name than Debian."""
    found = shutil.which("alertmanager") or shutil.which("prometheus-alertmanager")
    if found is None:
        missing("Alertmanager is not installed: scripts/deploy-tools")
    programs, storage = folder.parent / "bin", folder.parent / "storage"
    programs.mkdir()
    storage.mkdir()
    (programs / "alertmanager").symlink_to(found)
    address = f"127.0.0.1:{free_port()}"
    with (folder.parent / "log").open("wb") as log:
        process = subprocess.Popen(
            [folder / "start.sh", f"--web.listen-address={address}", "--cluster.listen-address="],
            env={"PATH": f"{programs}:{os.environ['PATH']}", "STORAGE": str(storage), **told},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
    try:
        yield f"http://{address}"
    finally:
        process.terminate()
        process.wait(_END_SECONDS)


async def _alert(url: str) -> None:
    """As the install page says."""

    def added() -> bool:
        command = ["amtool", f"--alertmanager.url={url}", "alert", "add", "Test", "severity=critical"]
        return subprocess.run(command, capture_output=True, check=False).returncode == 0

    await until(lambda: asyncio.to_thread(added), _TOLD_WITHIN)


async def test_who_is_set_is_told_and_by_the_server_that_is_set(folder: Path, mails: MailServer) -> None:
    set_ = {"ALERTS_TO": "night&day@ops.example.net", "SMTP_HOST": mails.address, "SMTP_FROM": "bets@ops.example.net"}
    with alertmanager(folder, set_) as url:
        await _alert(url)
        await until(lambda: bool(mails.mails), _TOLD_WITHIN)
    [(sender, receiver, mail), *_] = mails.mails
    assert (sender, receiver) == ("bets@ops.example.net", "night&day@ops.example.net")
    assert "Test" in str(make_header(decode_header(mail["Subject"])))


async def test_a_mail_that_is_refused_is_counted_by_what_the_page_lists(folder: Path, mails: MailServer) -> None:
    mails.refuses = True
    listed = Catalogue.read(PROJECT / "docs/operations/metrics.md").foreign[_FAILED]
    with alertmanager(folder, {"ALERTS_TO": "me@ops.example.net", "SMTP_HOST": mails.address}) as url:
        await _alert(url)
        async with httpx.AsyncClient(trust_env=False, verify=NO_TLS) as client:

            async def is_counted() -> bool:
                families = text_string_to_metric_families((await client.get(f"{url}/metrics")).text)
                samples = [one for family in families for one in family.samples if one.name == _FAILED]
                assert all(listed <= one.labels.keys() for one in samples)
                return any(one.labels["integration"] == "email" and one.value for one in samples)

            await until(is_counted, _TOLD_WITHIN)
    assert mails.mails == []


def test_it_runs_and_says_so_where_nobody_is_set(folder: Path) -> None:
    with alertmanager(folder, {}):
        log = folder.parent / "log"
        told = folder.parent / "storage/alertmanager.yaml"
        asyncio.run(until(lambda: told.is_file() and "nobody hears of alerts" in log.read_text("utf-8")))
    assert told.read_text("utf-8") == (folder / "alertmanager.yaml").read_text("utf-8")


def test_half_of_what_is_to_be_set_is_refused(folder: Path) -> None:
    ran = subprocess.run(
        [folder / "start.sh"],
        env={"PATH": os.environ["PATH"], "STORAGE": str(folder), "ALERTS_TO": "me@ops.example.net"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode != 0
    assert "SMTP_HOST" in ran.stderr
