"""What Compose makes of the files with what an operator puts beside them."""

import shutil
from pathlib import Path

import pytest

from deploy.composing import MAIN, configuration, rendered
from deploy.faults import PROJECT


@pytest.fixture
def copy(tmp_path: Path, tools: Path) -> Path:
    assert tools.is_dir()
    shutil.copytree(
        PROJECT / "compose", tmp_path / "compose", ignore=shutil.ignore_patterns("secrets", "*.py", "*.env")
    )
    shutil.copytree(PROJECT / "compose/hosts", tmp_path / "compose/hosts", dirs_exist_ok=True)
    return tmp_path


def test_what_a_service_alone_is_set_reaches_its_own_containers_alone(copy: Path) -> None:
    (copy / "compose/bet-intel.env").write_text("BET_INTEL_LOG_LEVEL=debug\n", "utf-8")
    (copy / "compose/odds-ingest.env").write_text("BET_INTEL_ODDS_API_REGIONS=eu\n", "utf-8")
    (copy / "compose/notifier.env").write_text("BET_INTEL_NOTIFIER_RULES=ev > 2%\n", "utf-8")

    services = configuration(copy)["services"]

    def given(variable: str) -> set[str]:
        return {name for name, one in services.items() if variable in (one.get("environment") or {})}

    assert given("BET_INTEL_ODDS_API_REGIONS") == {"odds-ingest", "odds-ingest-worker", "odds-ingest-migrate"}
    assert given("BET_INTEL_NOTIFIER_RULES") == {"notifier", "notifier-worker", "notifier-migrate"}
    ours = {name for name, one in services.items() if one.get("image", "").startswith("bet-intel/")}
    assert given("BET_INTEL_LOG_LEVEL") == ours


def test_with_tls_the_open_port_can_be_kept_to_the_host(copy: Path) -> None:
    options = ["-f", MAIN, "-f", "compose/compose.tls.yaml"]
    nginx = rendered(copy, *options, environment={"BET_INTEL_PORT": "127.0.0.1:8080"})["services"]["nginx"]

    assert {one["target"]: one.get("host_ip") for one in nginx["ports"]} == {8080: "127.0.0.1", 8443: None}
    assert "`BET_INTEL_PORT=127.0.0.1:8080`" in (PROJECT / "docs/operations/compose.md").read_text("utf-8")
