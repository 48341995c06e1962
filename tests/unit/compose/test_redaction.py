"""What `bet-intel config show` may show of a value."""

import pytest
from pydantic import AliasChoices, Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from bet_intel.compose.effective_settings import effective_settings
from bet_intel.compose.redaction import shown, without_secrets


@pytest.mark.parametrize(
    ("secret", "expected"),
    [
        ("postgresql://me:pw@db:5432/x", "postgresql://me:***@db:5432/x"),
        ("postgresql://me@/x?host=/run/pg&port=5432", "postgresql://me@/x?host=/run/pg&port=5432"),
        ("postgresql://me:p@w@db/x?password=pw&sslmode=require", "postgresql://me:***@db/x?password=***&sslmode=require"),
        ("postgresql://me:p/w@db/x", "***"),
        ("postgresql://me:p?w@db/x", "***"),
        ("postgresql://me:p#w@db/x", "***"),
        ("postgresql://me:p]w[@db/x", "***"),
        ("host=db password=pw", "***"),
        ("redis://:pw@cache:6379/0", "redis://:***@cache:6379/0"),
        ("https://hooks.example/services/T1/pw", "***"),
        ("a7f3pw", "***"),
        ("", None),
        (" ", None),
    ],
)  # fmt: skip
def test_of_a_secret_only_the_way_to_a_server_is_shown(secret: str, expected: str | None) -> None:
    assert shown(SecretStr(secret)) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("amqp://me:pw@mq:5672/", "amqp://me:***@mq:5672/"),
        ("https://api.example/v4?apiKey=pw&x=1", "https://api.example/v4?apiKey=***&x=1"),
        ("dbname=x password='p w' host=y", "dbname=x password=*** host=y"),
        ('{"bot_token": "pw"}', '{"bot_token": ***}'),
        ("plain", "plain"),
    ],
)
def test_secrets_in_plain_texts_are_hidden(text: str, expected: str) -> None:
    assert without_secrets(text) == expected


class Made(BaseSettings):
    model_config = SettingsConfigDict(env_prefix="BET_INTEL_MADE_")

    key: SecretStr | None = Field(default=None, validation_alias=AliasChoices("BET_INTEL_KEY", "BET_INTEL_OLD_KEY"))
    size: int = 3


def test_a_setting_is_found_by_each_of_its_names(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BET_INTEL_OLD_KEY", "pw")
    effective = effective_settings({"made": Made})
    (key, size) = effective.settings
    assert (key.variable, key.value, key.source) == ("BET_INTEL_OLD_KEY", "***", "environment")
    assert (size.variable, size.value, size.source) == ("BET_INTEL_MADE_SIZE", 3, "default")
    assert "BET_INTEL_OLD_KEY" not in effective.unread


def test_a_wrong_value_is_not_shown_and_uncovers_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BET_INTEL_KEY", "pw")
    monkeypatch.setenv("BET_INTEL_MADE_SIZE", "many")
    effective = effective_settings({"made": Made})
    assert [(one.name, one.value) for one in effective.settings] == [("key", "***"), ("size", "***")]
    assert [one.variable for one in effective.wrong] == ["BET_INTEL_MADE_SIZE"]
