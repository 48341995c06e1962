"""The pricing profile that `--profile` names."""

from pathlib import Path

from pydantic import SecretStr, ValidationError

from bet_intel.compose.commands.errors import CommandError, UsageError
from bet_intel.compose.effective_settings import effective_settings
from bet_intel.ev_engine.domain.profile import Profile
from bet_intel.ev_engine.settings import EvEngineSettings, ProfileSettings

CONSENSUS = "consensus"


def named_profile(name: str) -> Profile:
    """`consensus` as the environment sets it for ev-engine, or what is written in the JSON file `name`.

    Raises:
        UsageError: there is no such profile and no such file.
        CommandError: what was found is not a profile.
    """
    if name == CONSENSUS:
        for wrong in effective_settings({"ev-engine": EvEngineSettings}).wrong:
            raise CommandError(f"{wrong.variable or wrong.service}: {wrong.problem}")
        return EvEngineSettings(dsn=SecretStr("")).profile.profile()
    if not name.endswith(".json"):
        raise UsageError(f"there is no profile {name!r}: say {CONSENSUS!r}, or name a .json file with one")
    try:
        return ProfileSettings.model_validate_json(Path(name).expanduser().read_bytes()).profile()
    except OSError as error:
        raise UsageError(f"the profile {name} cannot be read ({error.strerror})") from error
    except ValueError as error:
        raise CommandError(f"{name} is not a pricing profile ({_problem(error)})") from error


def _problem(error: ValueError) -> str:
    if not isinstance(error, ValidationError):
        return str(error)
    first = error.errors(include_input=False, include_url=False)[0]
    return f"{'.'.join(str(part) for part in first['loc'])}: {first['msg']}".removeprefix(": ")
