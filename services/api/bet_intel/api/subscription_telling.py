"""Subscriptions follow their account: they are told anew when its tier is another, and end with it."""

from collections.abc import Sequence
from datetime import datetime

from bet_intel.api import account_store
from bet_intel.api import subscription_store as store
from bet_intel.api.domain.accounts import ANONYMOUS, EVERYTHING, LOCAL, OPERATOR, View
from bet_intel.api.problems import UnauthorizedError
from bet_intel.api.telling import subscription_changed, subscription_deleted
from bet_intel.shared.outbox import UnitOfWork
from bet_intel.shared.postgres import Reader, Writer
from bet_intel.shared.times import to_us

_WITHOUT_ROW = (LOCAL, OPERATOR)


async def held_view(connection: Writer, account: str) -> View:
    """What an account sees, held until the transaction ends.

    Raises:
        UnauthorizedError: it was deleted a moment ago.
    """
    if account not in _WITHOUT_ROW and not await account_store.hold(connection, account):
        raise UnauthorizedError("This account is no more.")
    return (await views_of(connection, [account]))[account]


async def views_of(connection: Reader | Writer, accounts: Sequence[str]) -> dict[str, View]:
    """What accounts see, by id; of one that is no more, as much as anybody."""
    tiers = {tier.name: tier.view for tier in await account_store.tiers(connection)}
    of = await account_store.tiers_of(connection, accounts)
    return {
        account: EVERYTHING if account in _WITHOUT_ROW else tiers[of.get(account, ANONYMOUS)] for account in accounts
    }


async def tell_again(unit: UnitOfWork, accounts: Sequence[str], now: datetime) -> None:
    """Tell every subscription of these accounts with what they see now."""
    views = await views_of(unit.connection, accounts)
    for row in await store.lock_all(unit.connection, accounts):
        changed = row._replace(revision=max(row.revision + 1, to_us(now)), updated_at=now)
        await store.put(unit.connection, changed)
        unit.append(subscription_changed(changed, now, views[row.account]))


async def end_all(unit: UnitOfWork, account: str, now: datetime) -> None:
    """End every subscription of an account."""
    for row in await store.lock_all(unit.connection, [account]):
        await store.delete(unit.connection, row.id)
        unit.append(subscription_deleted(row._replace(revision=max(row.revision + 1, to_us(now))), now))
