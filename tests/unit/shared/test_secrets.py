"""Secrets in files, and boxes for those that are stored."""

from pathlib import Path

import pytest
from cryptography.fernet import Fernet
from pydantic import SecretStr
from pydantic_settings import SettingsConfigDict, SettingsError

from bet_intel.shared.secret_box import SecretBox, key_file
from bet_intel.shared.secret_errors import SecretBoxError
from bet_intel.shared.settings import Settings


class Some(Settings):
    model_config = SettingsConfigDict(env_prefix="SOME_")

    token: SecretStr | None = None
    name: str = ""


def test_a_secret_may_lie_in_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "token"
    file.write_text("open sesame\n")
    monkeypatch.setenv("SOME_TOKEN_FILE", str(file))
    monkeypatch.setenv("SOME_NAME_FILE", str(file))
    settings = Some()
    assert settings.token is not None
    assert (settings.token.get_secret_value(), settings.name) == ("open sesame", "")
    assert "sesame" not in repr(settings)


def test_both_at_once_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_TOKEN_FILE", str(tmp_path / "token"))
    monkeypatch.setenv("SOME_TOKEN", "other")
    with pytest.raises(SettingsError, match="SOME_TOKEN and SOME_TOKEN_FILE are both set"):
        Some()


@pytest.mark.parametrize("content", [None, b"", b" \n", b"\xff\xfe"])
def test_a_file_without_a_secret_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes | None
) -> None:
    file = tmp_path / "token"
    if content is not None:
        file.write_bytes(content)
    monkeypatch.setenv("SOME_TOKEN_FILE", str(file))
    with pytest.raises(SettingsError, match=f"SOME_TOKEN_FILE names {file}, which"):
        Some()


def test_a_box_is_opened_with_the_key_of_before_too() -> None:
    old, new = Fernet.generate_key().decode(), Fernet.generate_key().decode()
    box = SecretBox(old).close(b"secret")
    assert b"secret" not in box
    assert SecretBox(f"{new}\n{old}\n").open(box) == b"secret"
    with pytest.raises(SecretBoxError, match="another key"):
        SecretBox(new).open(box)
    with pytest.raises(SecretBoxError, match="another key"):
        SecretBox(old).open(box[:-1] + b"A")


@pytest.mark.parametrize("keys", ["", " \n", "short", "é" * 44])
def test_what_is_no_key_is_refused(keys: str) -> None:
    with pytest.raises(SecretBoxError, match="32 random bytes"):
        SecretBox(keys)


def test_a_key_file_is_made_once_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "secrets.key"
    key = key_file(path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert key_file(path) == key
    assert SecretBox(key).open(SecretBox(key).close(b"x")) == b"x"
