"""`bet-intel accounts`: who has an account, in a system that runs; by HTTP, with an administrator's key."""

from typing import Annotated, Any, Literal
from uuid import UUID

from cyclopts import Parameter, validators

from bet_intel.compose.commands.errors import CommandError
from bet_intel.compose.commands.output import print_json, print_table
from bet_intel.compose.gateway_client import Gateway

PATH = "/v1/admin/accounts"
Tier = Literal["free", "basic", "premium", "admin"]
Json = Annotated[bool, Parameter(negative=())]


def create_command(
    name: str, /, *, tier: Tier = "free", key: bool = True, url: str | None = None, json: Json = False
) -> int:
    """Make an account, and a key of it.

    Parameters
    ----------
    name:
        Of the account; no other has it.
    tier:
        What it may see and do: /v1/tiers of the gateway says what each gives.
    key:
        Make a key too, which is shown once.
    url:
        Of the gateway; by default what BET_INTEL_URL says, else http://127.0.0.1:8000.
    json:
        Print the answer as JSON.
    """
    with Gateway(url, administers=True) as gateway:
        account = gateway.send("POST", PATH, {"name": name, "tier": tier})
        scopes = ["read", "bets", "subscriptions", "refresh"] + (["admin"] if tier == "admin" else [])
        made = gateway.send("POST", f"{PATH}/{account['id']}/keys", {"scopes": scopes}) if key else None
    if json:
        print_json({"account": account, "key": made})
        return 0
    print(f"account {account['id']}: {name}, {tier}")
    if made is not None:
        tell_key(made)
    return 0


def list_command(*, tier: Tier | None = None, url: str | None = None, json: Json = False) -> int:
    """List accounts, the oldest first.

    Parameters
    ----------
    tier:
        Only those of this tier.
    url:
        Of the gateway; by default what BET_INTEL_URL says, else http://127.0.0.1:8000.
    json:
        Print them as JSON.
    """
    with Gateway(url, administers=True) as gateway:
        found = gateway.pages(PATH, {} if tier is None else {"tier": tier})
    if json:
        print_json({"data": found})
        return 0
    print_table(
        ("id", "name", "tier", "created"),
        ((one["id"], one["name"], one["tier"], one["created_at"][:16]) for one in found),
    )
    return 0


def change_command(
    account: str, /, *, tier: Tier | None = None, name: str | None = None, url: str | None = None, json: Json = False
) -> int:
    """Give an account another tier or name.

    Parameters
    ----------
    account:
        Its id or name.
    tier:
        The tier it gets.
    name:
        The name it gets.
    url:
        Of the gateway; by default what BET_INTEL_URL says, else http://127.0.0.1:8000.
    json:
        Print the account as JSON.
    """
    with Gateway(url, administers=True) as gateway:
        known = account_of(gateway, account)
        wanted = {"name": name or known["name"], "tier": tier or known["tier"]}
        changed = gateway.send("PUT", f"{PATH}/{known['id']}", wanted)
    if json:
        print_json(changed)
    else:
        print(f"account {changed['id']}: {changed['name']}, {changed['tier']}")
    return 0


def delete_command(account: str, /, *, url: str | None = None) -> int:
    """Delete an account with its keys, subscriptions and bets.

    Parameters
    ----------
    account:
        Its id or name.
    url:
        Of the gateway; by default what BET_INTEL_URL says, else http://127.0.0.1:8000.
    """
    with Gateway(url, administers=True) as gateway:
        known = account_of(gateway, account)
        gateway.send("DELETE", f"{PATH}/{known['id']}")
    print(f"account {known['id']} ({known['name']}) is deleted")
    return 0


def audit_command(
    *,
    subject: str | None = None,
    limit: Annotated[int, Parameter(validator=validators.Number(gte=1, lte=200))] = 50,
    url: str | None = None,
    json: Json = False,
) -> int:
    """Show what administrators did, the newest first.

    Parameters
    ----------
    subject:
        Only what was done to this account (its id), tier or profile.
    limit:
        At most so many acts.
    url:
        Of the gateway; by default what BET_INTEL_URL says, else http://127.0.0.1:8000.
    json:
        Print them as JSON.
    """
    with Gateway(url, administers=True) as gateway:
        query = {"limit": limit} | ({} if subject is None else {"subject": subject})
        found = gateway.get("/v1/admin/audit", query)["data"]
    if json:
        print_json({"data": found})
        return 0
    print_table(
        ("when", "who", "what", "to", "detail"),
        ((one["at"][:19], one["actor"], one["act"], one["subject"], _detail(one["detail"])) for one in found),
    )
    return 0


def account_of(gateway: Gateway, account: str) -> Any:
    """The account of that id or name.

    Raises:
        CommandError: there is none.
    """
    try:
        return gateway.get(f"{PATH}/{UUID(account)}")
    except ValueError:
        found = [one for one in gateway.pages(PATH) if one["name"] == account]
    if not found:
        raise CommandError(f"there is no account {account!r}: bet-intel accounts list shows those that there are")
    return found[0]


def tell_key(made: Any) -> None:
    """Show a key that was just made, once."""
    print(f"key {made['id']}, for {', '.join(made['scopes'])}; it is shown now and never again:")
    print(made["key"])


def _detail(detail: dict[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in detail.items() if value not in ("", None))
