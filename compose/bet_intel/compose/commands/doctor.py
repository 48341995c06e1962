"""`bet-intel doctor`: whether everything is there that `bet-intel up` needs."""

import os
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from bet_intel.compose.commands.output import complain, print_json, print_table
from bet_intel.compose.data_folder import default_data_dir
from bet_intel.compose.diagnosis import State, diagnose

_WIDTH = 120


def doctor_command(
    *,
    port: int = 8000,
    host: str = "127.0.0.1",
    data_dir: Path | None = None,
    json: Annotated[bool, Parameter(negative=())] = False,
) -> int:
    """Check that everything `bet-intel up` needs is there, and say how to get what is not.

    Parameters
    ----------
    port:
        Port that the HTTP gateway would listen on.
    host:
        Address that the HTTP gateway would listen on.
    data_dir:
        Folder for the data (default: as of `bet-intel up`).
    json:
        Print the answer as JSON.
    """
    folder = (data_dir or default_data_dir()).expanduser().absolute()
    findings = diagnose(host, port, folder)
    missing = sum(one.state is State.MISSING for one in findings)
    if json:
        print_json({"ready": not missing, "uid": os.geteuid(), "findings": findings})
    else:
        print_table(
            ("", "what", "found", "what to do"),
            ((one.state.value, one.name, one.found, one.remedy) for one in findings),
            width=_WIDTH,
        )
    if missing:
        complain(f"{missing} of what `bet-intel up` needs {'is' if missing == 1 else 'are'} missing")
        return 1
    return 0
