"""Settings from the environment whose secrets may lie in files: `NAME_FILE` names the file that holds `NAME`."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import AliasChoices
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsError

FILE = "_FILE"


class Settings(BaseSettings):
    """Base of every service's settings."""

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return init_settings, env_settings, _SecretFiles(settings_cls)


def variables(kind: type[BaseSettings], name: str, field: FieldInfo) -> list[str]:
    """The environment variables that a field is read from, upper-case, in their order."""
    alias = field.validation_alias
    if isinstance(alias, str):
        return [alias.upper()]
    if isinstance(alias, AliasChoices):
        return [choice.upper() for choice in alias.choices if isinstance(choice, str)]
    return [f"{kind.model_config.get('env_prefix', '')}{name}".upper()]


def secret(variable: str) -> str | None:
    """What the environment, or the file that it names, says; None where neither does.

    Raises:
        SettingsError: both do, or the file cannot be read.
    """
    path = os.environ.get(variable + FILE)
    return _read(variable, path, os.environ) if path else os.environ.get(variable) or None


def is_secret(field: FieldInfo) -> bool:
    """Whether a field may be read from a file."""
    return "Secret" in str(field.annotation)


class _SecretFiles(PydanticBaseSettingsSource):
    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        found = {name.upper(): value for name, value in os.environ.items()}
        for variable in variables(self.settings_cls, field_name, field):
            if path := found.get(variable + FILE):
                return _read(variable, path, found), field_name, False
        return None, field_name, False

    def __call__(self) -> dict[str, Any]:
        values: dict[str, Any] = {}
        for name, field in self.settings_cls.model_fields.items():
            if is_secret(field):
                value, key, _ = self.get_field_value(field, name)
                if value is not None:
                    values[key] = value
        return values


def _read(variable: str, path: str, environment: Mapping[str, str]) -> str:
    if environment.get(variable):
        raise SettingsError(f"{variable} and {variable}{FILE} are both set: keep one of them")
    try:
        value = Path(path).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not text"
        raise SettingsError(f"{variable}{FILE} names {path}, which cannot be read: {reason}") from error
    if not value:
        raise SettingsError(f"{variable}{FILE} names {path}, which is empty")
    return value
