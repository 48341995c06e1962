"""SQL that reads which markets there are."""

from bet_intel.api.domain.accounts import View
from bet_intel.api.read_model import Conditions, Record, see
from bet_intel.shared.postgres import Reader


async def markets(connection: Reader, sports: tuple[str, ...], leagues: tuple[str, ...]) -> list[Record]:
    """Open markets of open events by name and period: of how many events, and how many lines of them."""
    where = Conditions("m.status <> 'closed'", "e.status = 'open'")
    where.add_if("e.sport = any({})", sports)
    where.add_if("e.league = any({})", leagues)
    return await connection.fetch(
        f"""
        select m.market, m.period, count(distinct m.event_id) as events, count(*) as lines,
            count(*) filter (where m.status = 'suspended') as suspended, max(m.as_of) as changed_at
        from market m join sporting_event e on e.id = m.event_id
        where {where} group by m.market, m.period
        """,  # noqa: S608 - Conditions writes numbers, never a value
        *where.arguments,
    )


async def opportunities(
    connection: Reader, profile: str, sports: tuple[str, ...], leagues: tuple[str, ...], view: View
) -> list[Record]:
    """Open opportunities of a profile by market, period and class."""
    where = Conditions()
    where.add("profile = {}", profile)
    where.add_if("sport = any({})", sports)
    where.add_if("league = any({})", leagues)
    see(where, view, "category", "first_seen")
    return await connection.fetch(
        f"""
        select market, period, class, count(*) as opportunities
        from opportunity where {where} group by market, period, class order by class
        """,  # noqa: S608 - Conditions writes numbers, never a value
        *where.arguments,
    )
