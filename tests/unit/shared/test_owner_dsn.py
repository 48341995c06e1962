"""Where the address comes from that migrations are applied with."""

from pathlib import Path

import pytest
from pydantic import SecretStr
from pydantic_settings import SettingsConfigDict

from bet_intel.shared.entry import WrongSettingsError, owner_dsn
from bet_intel.shared.settings import Settings

OWNER = "BET_INTEL_SMALL_OWNER_DSN"


class SmallSettings(Settings):
    model_config = SettingsConfigDict(env_prefix="BET_INTEL_SMALL_")

    dsn: SecretStr


@pytest.fixture(autouse=True)
def own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BET_INTEL_SMALL_DSN", "postgresql://small@localhost/small")


def test_it_is_that_of_the_owner(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(OWNER, "postgresql://small_owner@localhost/small")
    assert owner_dsn(SmallSettings) == "postgresql://small_owner@localhost/small"


def test_it_may_lie_in_a_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "dsn").write_text("postgresql://small_owner@localhost/small\n")
    monkeypatch.setenv(f"{OWNER}_FILE", str(tmp_path / "dsn"))
    assert owner_dsn(SmallSettings) == "postgresql://small_owner@localhost/small"


def test_a_file_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(f"{OWNER}_FILE", str(tmp_path / "none"))
    with pytest.raises(WrongSettingsError, match=f"{OWNER}_FILE names .*none, which cannot be read"):
        owner_dsn(SmallSettings)


def test_it_is_the_services_own_where_there_is_no_owner() -> None:
    assert owner_dsn(SmallSettings) == "postgresql://small@localhost/small"
