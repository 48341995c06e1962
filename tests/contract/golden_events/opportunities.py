"""The golden event of opportunities, with every table that a set of them has."""

from google.protobuf.message import Message

from bet_intel.events.v1 import opportunities_updated_pb2
from bet_intel.shared.columns import Strings, fill
from contract.golden_events.values import AS_OF_US, NAN, sporting_event


def opportunities_updated() -> Message:
    """One open opportunity with its working, one that closed."""
    strings = Strings()
    body = opportunities_updated_pb2.OpportunitiesUpdated(
        event=sporting_event(),
        as_of_us=AS_OF_US,
        revision=AS_OF_US + 11,
        odds_revision=AS_OF_US + 7,
        pricing_revision=2,
    )
    fill(
        body.bookmakers,
        key_s=strings.rows(["draftkings", "pinnacle"]),
        title_s=strings.rows(["DraftKings", "Pinnacle"]),
    )
    fill(
        body.markets,
        market_s=strings.rows(["h2h", "spreads"]),
        period_s=strings.rows(["full", "h1"]),
        line=[NAN, -1.5],
        subject_s=strings.rows(["", ""]),
        profile_s=strings.rows(["consensus", "consensus"]),
        method_s=strings.rows(["power", "power"]),
        category_s=strings.rows(["main", "main"]),
        reason_s=strings.rows(["", "incomplete_market"]),
        dispersion=[0.0213, NAN],
        books_used=[2, 0],
    )
    fill(
        body.outcomes,
        market=[0, 0],
        outcome_s=strings.rows(["Harbour City", "Riverside"]),
        consensus=[0.4301, 0.5699],
        band_low=[0.4287, 0.5681],
        band_high=[0.4319, 0.5713],
    )
    fill(
        body.references,
        market=[0, 0],
        bookmaker=[0, 1],
        last_update_us=[AS_OF_US - 38_000_000, AS_OF_US - 12_000_000],
        weight=[0.0, 1.0],
        overround=[0.0471, 0.0218],
        left_out_s=strings.rows(["reference_stale", ""]),
    )
    fill(
        body.prices,
        outcome=[0, 1, 0],
        bookmaker=[0, 0, 1],
        back=[2.45, 1.62, 2.28],
        lay=[NAN, NAN, 2.34],
        devigged=[0.3972, 0.6028, NAN],
    )
    fill(
        body.opportunities,
        id_s=[strings.row("5f0c3d1a9be24471")],
        kind_s=[strings.row("ev")],
        outcome=[0],
        bookmaker=[0],
        side=[0],
        price=[2.45],
        net_price=[2.45],
        limit=[NAN],
        fair=[0.4294],
        band_low=[0.4281],
        band_high=[0.4312],
        ev=[0.05203],
        ev_worst=[0.048845],
        class_s=[strings.row("take")],
        dispersion=[0.0198],
        opened_us=[AS_OF_US - 300_000_000],
        first_seen_us=[AS_OF_US - 900_000_000],
        last_seen_us=[AS_OF_US],
        opening=[2],
        peak_ev=[0.0611],
        peak_us=[AS_OF_US - 120_000_000],
    )
    fill(body.terms, opportunity=[0], push=[NAN], per_s=[strings.row("standing_stake")], stake=[0.0125])
    fill(body.leave_one_out, opportunity=[0, 0], bookmaker=[0, 1], weight=[0.0, 1.0], outlier=[1, 0])
    fill(
        body.gates,
        opportunity=[0, 0],
        gate_s=strings.rows(["stale", "dispersion"]),
        passed=[1, 1],
        value=[38.0, 0.0198],
        bound=[600.0, 0.2],
    )
    fill(body.closed, id_s=[strings.row("0a77c2e6d5b84f19")], reason_s=[strings.row("price_gone")])
    _fill_what_was_added(body, strings)
    body.strings.extend(strings.table())
    return body


def _fill_what_was_added(body: opportunities_updated_pb2.OpportunitiesUpdated, strings: Strings) -> None:
    """A middle of two legs, a market pooled as another, a price that was refused, and two profiles."""
    fill(
        body.combinations,
        id_s=[strings.row("9d1f0be27a3c4e55")],
        kind_s=[strings.row("middle")],
        market=[0],
        cost=[1.0103],
        ev=[0.0134],
        class_s=[strings.row("marginal")],
        window_low=[8.5],
        window_high=[9.5],
        window_probability=[0.0871],
        opened_us=[AS_OF_US - 60_000_000],
        first_seen_us=[AS_OF_US - 600_000_000],
        last_seen_us=[AS_OF_US],
        opening=[3],
        peak_ev=[0.0202],
        peak_us=[AS_OF_US - 30_000_000],
    )
    fill(
        body.legs,
        combination=[0, 0],
        outcome=[0, 1],
        bookmaker=[0, 1],
        side=[0, 1],
        price=[1.98, 1.97],
        net_price=[1.98, 2.0103],
        limit=[250.0, NAN],
        share=[0.5038, 0.4962],
        fair=[0.5103, NAN],
    )
    fill(body.same_pools, market=[1], pooled_as=[0])
    fill(body.judged, price=[0, 2], fair=[0.4294, 0.4310])
    fill(
        body.refusals,
        outcome=[1],
        bookmaker=[0],
        gate_s=[strings.row("price_fresh")],
        reason_s=[strings.row("price_stale")],
        value=[812.0],
        bound=[600.0],
    )
    fill(
        body.refused_lays,
        outcome=[0],
        bookmaker=[1],
        gate_s=[strings.row("dispersion")],
        reason_s=[strings.row("bookmakers_disagree")],
        value=[0.31],
        bound=[0.2],
    )
    fill(body.pooling, winning=[1, 1], worst_end=[0, 1])
    fill(body.reference_weights, weight=[4.0, 0.0], mid=[0, 1])
    fill(body.same_exchanges, reference=[1], counted_as=[0])
    fill(body.estimates, outcome=[1], bookmaker=[0], low=[0.41], high=[0.44], half_points=[2.0])
    fill(body.estimate_lines, estimate=[0], market=[0], part=[1.0])
    fill(body.refusal_gates, refusal=[0], gate_s=[strings.row("not_started")], value=[3900.0], bound=[0.0])
    fill(body.refused_lay_gates, refusal=[0], gate_s=[strings.row("market_open")], value=[1.0], bound=[1.0])
    fill(body.certainties, opportunity=[0], confidence=[0.94], half_points=[NAN])
    fill(body.profiles, profile_s=strings.rows(["consensus", "sharp"]), revision=[AS_OF_US + 5, 0])
    fill(body.commissions, profile_s=[strings.row("sharp")], bookmaker=[1], commission=[0.02])
    fill(body.leg_steps, step_s=strings.rows(["0.50", "1"]))
    fill(body.unjudged, reference=[0], reason_s=[strings.row("incomplete_market")])
    fill(body.other_prices, reference=[1], outcome_s=[strings.row("Draw")], back=[3.4], lay=[NAN])
    fill(
        body.leg_worths,
        ev=[0.0104, NAN],
        plausible=[0.1, 0.1],
        band_low=[0.5081, NAN],
        band_high=[0.5120, NAN],
        refused_s=strings.rows(["too_few_books", "reference_missing"]),
    )
