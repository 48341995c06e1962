"""`bet-intel config show`: the settings of every service as they are here."""

from typing import Annotated

import msgspec
from cyclopts import Parameter

from bet_intel.compose.commands.output import complain, print_json, print_table
from bet_intel.compose.effective_settings import MADE_BY_UP, Effective, Setting, effective_settings


def show_command(*, json: Annotated[bool, Parameter(negative=())] = False) -> int:
    """Every setting, its value and where it comes from.

    Parameters
    ----------
    json:
        Print the answer as JSON.
    """
    effective = effective_settings()
    if json:
        print_json(effective)
    else:
        _show(effective)
    if effective.wrong:
        complain(f"wrong settings: {len(effective.wrong)}; `bet-intel up` would not start")
        return 1
    return 0


def _show(effective: Effective) -> None:
    print_table(
        ("service", "setting", "value", "from"),
        ((one.service, one.name, _value(one), _source(one)) for one in effective.settings),
    )
    for one in effective.wrong:
        print(f"wrong: {one.variable or one.service}: {one.problem}")
    for name in effective.unread:
        print(f"read by nothing: {name}")


def _value(setting: Setting) -> str:
    if setting.value is None:
        return "" if setting.source == MADE_BY_UP else "(unset)"
    return setting.value if isinstance(setting.value, str) else msgspec.json.encode(setting.value).decode()


def _source(setting: Setting) -> str:
    if setting.source == "default":
        return f"default; set {setting.variable}"
    return f"environment, {setting.variable}" if setting.source == "environment" else f"made by {setting.source}"
