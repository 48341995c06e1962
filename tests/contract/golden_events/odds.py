"""The golden events of odds: what they are, and what they were when they closed."""

from google.protobuf.message import Message

from bet_intel.events.v1 import closing_line_fixed_pb2, odds_changed_pb2
from bet_intel.shared.columns import Strings, fill
from contract.golden_events.values import AS_OF_US, NAN, sporting_event


def odds_changed() -> Message:
    """A total of 8.5 that moved, a moneyline whose prices were confirmed."""
    strings = Strings()
    body = odds_changed_pb2.OddsChanged(event=sporting_event(), as_of_us=AS_OF_US, revision=AS_OF_US + 7)
    fill(
        body.bookmakers,
        key_s=strings.rows(["pinnacle", "betfair_ex_uk"]),
        title_s=strings.rows(["Pinnacle", "Betfair"]),
    )
    fill(
        body.markets,
        market_s=strings.rows(["totals", "h2h"]),
        period_s=strings.rows(["full", "full"]),
        line=[8.5, NAN],
        subject_s=strings.rows(["", ""]),
        status=[1, 2],
        revision=[AS_OF_US + 7, AS_OF_US + 3],
    )
    fill(
        body.books,
        market=[0, 0, 1],
        bookmaker=[0, 1, 0],
        last_update_us=[AS_OF_US - 38_000_000, AS_OF_US - 94_000_000, AS_OF_US],
    )
    fill(
        body.quotes,
        market=[0, 0, 0],
        bookmaker=[0, 0, 1],
        outcome_s=strings.rows(["Over", "Under", "Over"]),
        side=[0, 0, 1],
        price=[1.9091, 1.9524, 2.02],
        limit=[5000.0, NAN, 12.5],
    )
    body.strings.extend(strings.table())
    return body


def closing_line_fixed() -> Message:
    """A moneyline at the start, and a total that has no fair price."""
    strings = Strings()
    body = closing_line_fixed_pb2.ClosingLineFixed(
        event=sporting_event(), as_of_us=AS_OF_US, revision=AS_OF_US + 17, voided=True, pricing_revision=2
    )
    fill(
        body.bookmakers,
        key_s=strings.rows(["draftkings", "betfair_ex_uk"]),
        title_s=strings.rows(["DraftKings", "Betfair"]),
    )
    fill(
        body.markets,
        market_s=strings.rows(["h2h", "totals"]),
        period_s=strings.rows(["full", "h1"]),
        line=[NAN, 8.5],
        subject_s=strings.rows(["", ""]),
        profile_s=strings.rows(["consensus", "consensus"]),
        method_s=strings.rows(["power", "power"]),
        category_s=strings.rows(["main", "alternate"]),
        reason_s=strings.rows(["", "reference_stale"]),
        as_of_us=[AS_OF_US - 60_000_000, AS_OF_US - 3_600_000_000],
        books_used=[2, 0],
    )
    fill(
        body.outcomes,
        market=[0, 0, 1],
        outcome_s=strings.rows(["Harbour City", "Riverside", "Over"]),
        consensus=[0.4301, 0.5699, NAN],
        band_low=[0.4287, 0.5681, NAN],
        band_high=[0.4319, 0.5713, NAN],
    )
    fill(body.prices, outcome=[0, 1, 2], bookmaker=[0, 1, 0], back=[2.28, 1.75, 1.9], lay=[NAN, 1.77, NAN])
    body.strings.extend(strings.table())
    return body
