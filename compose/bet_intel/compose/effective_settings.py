"""Every service's settings as they are in this environment: value, where it comes from, and never a secret."""

import os
import re
from collections.abc import Mapping
from typing import Any

import msgspec
from pydantic import SecretStr, ValidationError
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, SettingsError

from bet_intel.api.settings import ApiSettings
from bet_intel.compose.redaction import HIDDEN, shown, without_secrets
from bet_intel.ev_engine.settings import EvEngineSettings
from bet_intel.notifier.settings import NotifierSettings
from bet_intel.odds_ingest.providers.the_odds_api.settings import OddsApiSettings
from bet_intel.odds_ingest.settings import OddsIngestSettings
from bet_intel.shared.settings import FILE, is_secret
from bet_intel.shared.settings import variables as variables_of

SERVICES: Mapping[str, type[BaseSettings]] = {
    "odds-ingest": OddsIngestSettings,
    "odds-ingest/the_odds_api": OddsApiSettings,
    "ev-engine": EvEngineSettings,
    "api": ApiSettings,
    "notifier": NotifierSettings,
}
PREFIX = "BET_INTEL_"
_DSN = "dsn"
MADE_BY_UP = "bet-intel up"
_FIELD = re.compile(r'field "(\w+)"')


class Setting(msgspec.Struct, frozen=True):
    """One setting. `source` is `default`, `environment`, `file`, or `bet-intel up`, which makes the value when it
    starts (null here, as what is unset). `variable` is the environment variable that sets it."""

    service: str
    name: str
    variable: str
    value: Any
    source: str


class Wrong(msgspec.Struct, frozen=True):
    """A setting that the service refuses to start with. The value is not told: it may be a secret."""

    service: str
    variable: str
    problem: str


class Effective(msgspec.Struct, frozen=True):
    """`unread` are variables that begin like ours and that nothing reads: mistyped, or of another version."""

    settings: list[Setting]
    wrong: list[Wrong]
    unread: list[str]


def effective_settings(services: Mapping[str, type[BaseSettings]] = SERVICES) -> Effective:
    """The settings that the services would start with in the environment of this process."""
    found = {name.upper(): name for name in os.environ}
    settings: list[Setting] = []
    wrong: list[Wrong] = []
    read: set[str] = set()
    for service, kind in services.items():
        values, problems = _values(kind)
        for name, field in kind.model_fields.items():
            variables = variables_of(kind, name, field)
            read.update(variables)
            files = [f"{each}{FILE}" for each in variables if is_secret(field)]
            read.update(files)
            variable = next((found[each] for each in variables if each in found), variables[0])
            problem = next(
                (problems.pop(key) for key in list(problems) if key.upper() in {name.upper(), *variables}), None
            )
            if problem is not None:
                wrong.append(Wrong(service, variable, problem))
            file = next((found[each] for each in files if each in found), None)
            if file is not None and variable not in os.environ:
                settings.append(Setting(service, name, file, HIDDEN, "file"))
            elif variable in os.environ:
                value = HIDDEN if problem is not None else _told(name, field, variable, values)
                settings.append(Setting(service, name, variable, value, "environment"))
            elif name == _DSN:
                settings.append(Setting(service, name, variable, None, MADE_BY_UP))
            else:
                default = None if field.is_required() else field.get_default(call_default_factory=True)
                settings.append(Setting(service, name, variable, shown(values.get(name, default)), "default"))
        wrong += [Wrong(service, "", problem) for problem in problems.values()]
    unread = sorted(name for upper, name in found.items() if upper.startswith(PREFIX) and upper not in read)
    return Effective(settings, wrong, unread)


def _values(kind: type[BaseSettings]) -> tuple[dict[str, Any], dict[str, str]]:
    """What the environment and the defaults give, by field; or what is wrong with them, by field or variable."""
    # Something in place of what `bet-intel up` makes, so that the rest can be looked at.
    made: dict[str, Any] = {_DSN: SecretStr("")} if _DSN in kind.model_fields else {}
    try:
        settings = kind(**made)
    except ValidationError as error:
        return {}, _problems(error)
    except SettingsError as error:  # a value that should be JSON and is not
        named = _FIELD.search(str(error))
        return {}, {named[1] if named else "": f"this is not JSON ({error.__cause__})" if named else str(error)}
    return {name: getattr(settings, name) for name in kind.model_fields if name not in made}, {}


def _problems(error: ValidationError) -> dict[str, str]:
    """What is wrong by field, each with the place within its value."""
    problems: dict[str, list[str]] = {}
    for one in error.errors(include_input=False, include_url=False):
        field, *place = [str(part) for part in one["loc"]] or [""]
        told = one["msg"].removeprefix("Value error, ")
        problems.setdefault(field, []).append(f"{'.'.join(place)}: {told}" if place else told)
    return {field: "; ".join(told) for field, told in problems.items()}


def _told(name: str, field: FieldInfo, variable: str, values: Mapping[str, Any]) -> Any:
    """The value that the environment gives; as it is written there, where the settings as a whole are wrong."""
    written = os.environ[variable]
    if name == _DSN:
        return shown(SecretStr(written))
    if name in values:
        return shown(values[name])
    return HIDDEN if is_secret(field) else without_secrets(written)
