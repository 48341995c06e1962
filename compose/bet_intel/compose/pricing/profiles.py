"""The pricing profile that `--profile` names."""

from pathlib import Path

from pydantic import SecretStr, ValidationError

from bet_intel.compose.commands.errors import CommandError, UsageError
from bet_intel.compose.effective_settings import effective_settings
from bet_intel.ev_engine.domain.profile import CONSENSUS, STARTING, Profile
from bet_intel.ev_engine.settings import EvEngineSettings, ProfileSettings


def named_profile(name: str) -> Profile:
    """`consensus`, `sharp` or `conservative` as the environment sets it for ev-engine, or what the JSON file `name`
    changes in `consensus`.

    Raises:
        UsageError: there is no such profile and no such file.
        CommandError: what was found is not a profile.
    """
    if name in STARTING:
        for wrong in effective_settings({"ev-engine": EvEngineSettings}).wrong:
            raise CommandError(f"{wrong.variable or wrong.service}: {wrong.problem}")
        return next(one for one in EvEngineSettings(dsn=SecretStr("")).profiles() if one.name == name)
    if not name.endswith(".json"):
        raise UsageError(f"there is no profile {name!r}: say {' or '.join(STARTING)}, or name a .json file with one")
    try:
        return ProfileSettings.model_validate_json(Path(name).expanduser().read_bytes()).profile(STARTING[CONSENSUS])
    except OSError as error:
        raise UsageError(f"the profile {name} cannot be read ({error.strerror})") from error
    except ValueError as error:
        raise CommandError(f"{name} is not a pricing profile ({_problem(error)})") from error


def _problem(error: ValueError) -> str:
    if not isinstance(error, ValidationError):
        return str(error)
    first = error.errors(include_input=False, include_url=False)[0]
    return f"{'.'.join(str(part) for part in first['loc'])}: {first['msg']}".removeprefix(": ")
