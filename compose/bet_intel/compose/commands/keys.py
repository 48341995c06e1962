"""`bet-intel keys`: API keys of accounts, in a system that runs; by HTTP, with an administrator's key."""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Literal

from cyclopts import Parameter, validators

from bet_intel.compose.commands.accounts import PATH, Json, account_of, tell_key
from bet_intel.compose.commands.output import print_json, print_table
from bet_intel.compose.gateway_client import Gateway

Scope = Literal["read", "bets", "subscriptions", "refresh", "admin"]


def create_command(
    account: str,
    /,
    *,
    name: str = "",
    scope: Annotated[tuple[Scope, ...], Parameter(negative=())] = ("read", "bets", "subscriptions", "refresh"),
    days: Annotated[float | None, Parameter(validator=validators.Number(gt=0, lte=36_500))] = None,
    url: str | None = None,
    json: Json = False,
) -> int:
    """Make a key of an account: it is shown once.

    Parameters
    ----------
    account:
        Id or name of the account.
    name:
        Of the key, for its owner.
    scope:
        What it may be used for; may be given several times.
    days:
        After how many days it ends; by default never.
    url:
        Of the gateway; by default what BET_INTEL_URL says, else http://127.0.0.1:8000.
    json:
        Print the answer as JSON.
    """
    body: dict[str, object] = {"name": name, "scopes": list(scope)}
    if days is not None:
        body["expires_at"] = (datetime.now(UTC) + timedelta(days=days)).isoformat()
    with Gateway(url, administers=True) as gateway:
        made = gateway.send("POST", f"{PATH}/{account_of(gateway, account)['id']}/keys", body)
    if json:
        print_json(made)
    else:
        tell_key(made)
    return 0


def list_command(account: str, /, *, url: str | None = None, json: Json = False) -> int:
    """List the keys of an account, the oldest first.

    Parameters
    ----------
    account:
        Id or name of the account.
    url:
        Of the gateway; by default what BET_INTEL_URL says, else http://127.0.0.1:8000.
    json:
        Print them as JSON.
    """
    with Gateway(url, administers=True) as gateway:
        answer = gateway.get(f"{PATH}/{account_of(gateway, account)['id']}/keys")
    if json:
        print_json(answer)
        return 0
    print_table(
        ("id", "name", "hint", "state", "scopes", "created", "ends", "last used"),
        (
            (
                one["id"],
                one["name"],
                f"…{one['hint']}……",
                one["state"],
                ",".join(one["scopes"]),
                one["created_at"][:16],
                (one["expires_at"] or "")[:16],
                (one["last_used_at"] or "")[:16],
            )
            for one in answer["data"]
        ),
    )
    return 0


def rotate_command(
    account: str,
    key: str,
    /,
    *,
    overlap_hours: Annotated[float, Parameter(validator=validators.Number(gte=0, lte=720))] = 24.0,
    url: str | None = None,
    json: Json = False,
) -> int:
    """Replace a key by a new one; the old one goes on working for a while.

    Parameters
    ----------
    account:
        Id or name of the account.
    key:
        Id of the key.
    overlap_hours:
        For how long the old one still works.
    url:
        Of the gateway; by default what BET_INTEL_URL says, else http://127.0.0.1:8000.
    json:
        Print the answer as JSON.
    """
    with Gateway(url, administers=True) as gateway:
        path = f"{PATH}/{account_of(gateway, account)['id']}/keys/{key}/rotate"
        made = gateway.send("POST", path, {"overlap_seconds": overlap_hours * 3600})
    if json:
        print_json(made)
    else:
        tell_key(made)
    return 0


def revoke_command(account: str, key: str, /, *, url: str | None = None) -> int:
    """Revoke a key: every gateway refuses it within a second.

    Parameters
    ----------
    account:
        Id or name of the account.
    key:
        Id of the key.
    url:
        Of the gateway; by default what BET_INTEL_URL says, else http://127.0.0.1:8000.
    """
    with Gateway(url, administers=True) as gateway:
        gateway.send("DELETE", f"{PATH}/{account_of(gateway, account)['id']}/keys/{key}")
    print(f"key {key} is revoked")
    return 0
