"""The environment variables that a service's processes read."""

from collections.abc import Iterable, Iterator
from functools import cache
from importlib import import_module

from pydantic_settings import BaseSettings

from bet_intel.shared.process import ProcessSettings, Service
from bet_intel.shared.settings import FILE, variables

_OURS = "BET_INTEL_"


@cache
def known(service: str) -> frozenset[str]:
    """Of `ev-engine`, say: every setting, also as the file it may lie in."""
    found: Service = import_module(f"bet_intel.{service.replace('-', '_')}.processes").SERVICE
    kinds: list[type[BaseSettings]] = [ProcessSettings, *found.settings]
    names = {
        variable
        for kind in kinds
        for name, field in kind.model_fields.items()
        for variable in variables(kind, name, field)
    }
    names.add(f"{found.settings[0].model_config.get('env_prefix', '')}OWNER_DSN")
    return frozenset(names | {name + FILE for name in names})


def unknown(service: str, given: Iterable[str]) -> Iterator[str]:
    """What is given and nobody reads."""
    yield from (name for name in given if name.startswith(_OURS) and name not in known(service))
