"""`python -m bet_intel.<service> --help`: every type of process, and every setting that one may read."""

import inspect
import re

import pytest
from pydantic_settings import BaseSettings

import bet_intel.api.processes
import bet_intel.ev_engine.processes
import bet_intel.notifier.processes
import bet_intel.odds_ingest.processes
from bet_intel.shared.entry import main
from bet_intel.shared.process import ProcessSettings, Service

_MODULES = (
    bet_intel.api.processes,
    bet_intel.ev_engine.processes,
    bet_intel.notifier.processes,
    bet_intel.odds_ingest.processes,
)


def helped(service: Service, capsys: pytest.CaptureFixture[str]) -> str:
    with pytest.raises(SystemExit) as ended:
        main(service, ["--help"])
    assert ended.value.code == 0
    return capsys.readouterr().out


@pytest.mark.parametrize("module", _MODULES, ids=lambda module: module.SERVICE.name)
def test_help_prints_every_type_and_every_setting(module: object, capsys: pytest.CaptureFixture[str]) -> None:
    service: Service = module.SERVICE  # type: ignore[attr-defined]  # what each of them is there for
    printed = helped(service, capsys)
    for name, kind in service.types.items():
        assert re.search(rf"^  {name} +{re.escape(kind.help)}$", printed, re.MULTILINE)
    read: list[type[BaseSettings]] = [ProcessSettings, *service.settings]
    for settings in read:
        prefix = str(settings.model_config.get("env_prefix", ""))
        for name, field in settings.model_fields.items():
            alias = field.validation_alias
            variable = alias if isinstance(alias, str) else f"{prefix}{name}".upper()
            [line] = re.findall(rf"^  {variable} .*$", printed, re.MULTILINE)
            assert not field.is_required() or line.endswith("required")


@pytest.mark.parametrize("module", _MODULES, ids=lambda module: module.SERVICE.name)
def test_no_process_reads_settings_that_help_does_not_know(module: object) -> None:
    service: Service = module.SERVICE  # type: ignore[attr-defined]  # as above
    read = set(re.findall(r"\bload\((\w+)\)", inspect.getsource(module)))  # type: ignore[arg-type]  # a module
    assert read <= {settings.__name__ for settings in service.settings}
