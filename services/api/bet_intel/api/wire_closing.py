"""`closing.line.fixed` → closing lines. Pure; an undecodable message raises `WireError`."""

from google.protobuf.message import DecodeError

from bet_intel.api.domain.closing import ClosingLines, ClosingMarket, ClosingOutcome, ClosingPrice
from bet_intel.api.wire import WireError
from bet_intel.api.wire_values import bookmakers_of, event_facts, market_keys, number
from bet_intel.events.v1.closing_line_fixed_pb2 import ClosingLineFixed
from bet_intel.shared.columns import ColumnError, Columns, read
from bet_intel.shared.times import from_us


def closing_lines(data: bytes) -> ClosingLines:
    """
    Raises:
        WireError: the bytes are no such message, or a column breaks its layout.
    """
    message = ClosingLineFixed()
    try:
        message.ParseFromString(data)
        tables = read(message)
        strings = list(message.strings)
        titles = dict(bookmakers_of(tables["bookmakers"], strings))
        return ClosingLines(
            event_facts(message.event),
            from_us(message.as_of_us),
            message.revision,
            message.voided,
            message.pricing_revision,
            titles,
            _markets(tables, strings, list(titles)),
            data,
        )
    except (DecodeError, ColumnError, OverflowError, IndexError) as error:
        raise WireError(f"not a valid closing.line.fixed.v1: {error}") from error


def _markets(tables: dict[str, Columns], strings: list[str], bookmakers: list[str]) -> list[ClosingMarket]:
    prices: list[list[ClosingPrice]] = [[] for _ in tables["outcomes"]["market"]]
    rows = tables["prices"]
    for outcome, book, back, lay in zip(
        rows["outcome"].tolist(), rows["bookmaker"].tolist(), rows["back"].tolist(), rows["lay"].tolist(), strict=True
    ):
        price = ClosingPrice(bookmakers[book], number(back), number(lay))
        if price.back is not None or price.lay is not None:
            prices[outcome].append(price)
    outcomes: list[list[ClosingOutcome]] = [[] for _ in tables["markets"]["market_s"]]
    rows = tables["outcomes"]
    columns = (rows[column].tolist() for column in ("market", "outcome_s", "consensus", "band_low", "band_high"))
    for row, (market, name, consensus, low, high) in enumerate(zip(*columns, strict=True)):
        told = ClosingOutcome(strings[name], number(consensus), number(low), number(high), prices[row])
        outcomes[market].append(told)
    keys = market_keys(tables["markets"], strings)
    of_market = ("profile_s", "method_s", "category_s", "reason_s", "as_of_us", "books_used")
    columns = (tables["markets"][column].tolist() for column in of_market)
    return [
        ClosingMarket(
            keys[row],
            strings[profile],
            strings[method],
            strings[category],
            strings[reason],
            from_us(as_of_us),
            books_used,
            outcomes[row],
        )
        for row, (profile, method, category, reason, as_of_us, books_used) in enumerate(zip(*columns, strict=True))
    ]
