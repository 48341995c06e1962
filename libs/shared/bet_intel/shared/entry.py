"""`python -m bet_intel.<service> TYPE`: arguments, `--help` with every setting, and how a process ends.

Exit codes: 0 done or asked to stop, 1 failed, 2 asked wrongly or set wrongly.
"""

import argparse
import sys
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Protocol, TypeVar, cast

import uvloop
from pydantic import SecretStr, ValidationError
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, SettingsError

from bet_intel.shared import memory
from bet_intel.shared.migrate import MigrationError
from bet_intel.shared.postgres import DatabaseError
from bet_intel.shared.process import ProcessSettings, Service, StartError, begin_anew, prepare, redrive, run
from bet_intel.shared.rabbitmq.errors import BrokerError, BrokerUnavailableError
from bet_intel.shared.secret_errors import SecretBoxError
from bet_intel.shared.settings import secret
from bet_intel.shared.telemetry import configure_logging

S = TypeVar("S", bound=BaseSettings)

MIGRATE = "migrate"
REDRIVE = "redrive"


class WrongSettingsError(Exception):
    """Settings that a process cannot start with; the message names each, and no value."""


def load(kind: type[S]) -> S:
    """Settings from the environment.

    Raises:
        WrongSettingsError: one is missing or wrong.
    """
    try:
        return kind()
    except ValidationError as error:
        prefix = str(kind.model_config.get("env_prefix", ""))
        wrong = [
            f"{prefix}{'.'.join(str(part) for part in one['loc'])}".upper() + f": {one['msg']}"
            for one in error.errors(include_input=False, include_url=False)
        ]
        raise WrongSettingsError("; ".join(wrong)) from None
    except SettingsError as error:
        raise WrongSettingsError(str(error)) from None


class _HasDsn(Protocol):
    dsn: SecretStr


def owner_dsn(kind: type[BaseSettings]) -> str:
    """The address for migrations: that of the tables' owner where it is given, else the service's own.

    Raises:
        WrongSettingsError: the file that it is in cannot be read, or there is no address at all.
    """
    try:
        given = secret(_owner_dsn(kind))
    except SettingsError as error:
        raise WrongSettingsError(str(error)) from None
    return given or cast("_HasDsn", load(kind)).dsn.get_secret_value()


def _owner_dsn(kind: type[BaseSettings]) -> str:
    return f"{kind.model_config.get('env_prefix', '')}OWNER_DSN"


def main(service: Service, arguments: Sequence[str] | None = None) -> int:
    """Run what the command line asks for; returns the exit code."""
    kind: str = _parser(service).parse_args(arguments).type
    try:
        settings = load(ProcessSettings)
        configure_logging(settings.log_level, json=not sys.stderr.isatty())
        memory.ease()
        with _traced(service.name, kind, settings):
            renewal = uvloop.run(_do(service, kind, settings))
    except (*_SAID, ExceptionGroup) as error:
        said = list(_leaves(error))
        if not all(isinstance(one, _SAID) for one in said):
            raise
        for one in said:
            print(f"bet-intel {service.name} {kind}: {one}", file=sys.stderr)  # noqa: T201 - for who started it
        return 2 if isinstance(said[0], WrongSettingsError) else 1
    if renewal is not None:
        begin_anew()
    return 0


def _traced(service: str, kind: str, settings: ProcessSettings) -> AbstractContextManager[None]:
    if settings.traces_endpoint is None:
        return nullcontext()
    from bet_intel.shared.otlp import exporting  # a process that does not trace does not load it

    return exporting(str(settings.traces_endpoint), settings.traces_ratio, service, kind)


_SAID = (
    WrongSettingsError,
    DatabaseError,
    BrokerError,
    BrokerUnavailableError,
    MigrationError,
    StartError,
    SecretBoxError,
)
"""Errors whose message is all that an operator needs."""


async def _do(service: Service, kind: str, settings: ProcessSettings) -> str | None:
    if kind == MIGRATE:
        await prepare(service, settings)
        return None
    if kind == REDRIVE:
        print(f"{await redrive(service, settings)} dead letters put back")  # noqa: T201 - the answer
        return None
    return await run(service, kind, settings)


def _leaves(error: BaseException) -> Iterator[BaseException]:
    if isinstance(error, BaseExceptionGroup):
        for one in error.exceptions:
            yield from _leaves(one)
    else:
        yield error


def _parser(service: Service) -> argparse.ArgumentParser:
    types = {name: process.help for name, process in service.types.items()}
    types[MIGRATE] = "bring the schema up to date and make the queues; before the others start"
    types[REDRIVE] = "put dead letters back into their queues, for another try"
    lines = ["types:", *(f"  {name:10}{text}" for name, text in types.items()), "", "settings, from the environment:"]
    kinds: list[type[BaseSettings]] = [ProcessSettings, *service.settings]
    for kind in kinds:
        lines += _settings(kind)
    lines.append(f"  {_owner_dsn(service.settings[0]):48}for migrate: the address of the tables' owner")
    parser = argparse.ArgumentParser(
        prog=f"python -m bet_intel.{service.name.replace('-', '_')}",
        description=f"One process of {service.name}.",
        epilog="\n".join(lines),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("type", choices=types, metavar="TYPE", help="what this process does, see below")
    return parser


def _settings(kind: type[BaseSettings]) -> Iterator[str]:
    prefix = str(kind.model_config.get("env_prefix", ""))
    for name, field in kind.model_fields.items():
        alias = field.validation_alias
        variable = alias if isinstance(alias, str) else f"{prefix}{name}".upper()
        yield f"  {variable:48}{_default(field)}"


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    default = field.get_default(call_default_factory=True)
    text = str(default)
    return "" if default is None else "default" if len(text) > 60 else f"default {text}"
