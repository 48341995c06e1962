"""`bet-intel bets`: bets of a file into the gateway, and what became of them; by HTTP, to a system that runs."""

import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter, validators

from bet_intel.compose.bets.importing import UNANSWERED, imported
from bet_intel.compose.bets.slips import Refused, Slip, read_slips
from bet_intel.compose.commands import STANDARD_INPUT
from bet_intel.compose.commands.errors import CommandError
from bet_intel.compose.commands.output import complain, percent, print_json, print_table, printable
from bet_intel.compose.gateway_client import Gateway

_LARGEST = 16 << 20
_SHOWN = 10
_Json = Annotated[bool, Parameter(negative=())]


def import_command(file: str, /, *, url: str | None = None, american: _Json = False, json: _Json = False) -> int:
    """Keep the bets of a CSV file.

    Parameters
    ----------
    file:
        With a header; delimited by commas or semicolons. Needed: bookmaker, market, outcome, price (or odds), stake,
        and event_id or league, home, away, start. Also read: side (back, lay), placed_at, period, line or point,
        subject, returned, reference, note. Bets that were imported before take `returned` and `note` where they have
        none, and are else left as they are. `-` reads standard input.
    url:
        Of the gateway; by default what BET_INTEL_URL says, else http://127.0.0.1:8000.
    american:
        Odds in the file are American: +150, -110.
    json:
        Print what became of each bet as JSON.
    """
    data = _read(file)
    name = "standard input" if file == STANDARD_INPUT else file
    slips, refused = read_slips(name, data, american=american)
    outcomes: list[dict[str, Any]] = []
    try:
        with Gateway(url) as gateway, _progress(len(slips)) as (step, say):
            for outcome in imported(slips, gateway.keep, say):
                outcomes.append(outcome)
                step()
    except CommandError as error:
        _report(slips, outcomes, refused, json=json, error=error)
        complain(str(error))
        return error.code
    except KeyboardInterrupt:
        _report(slips, outcomes, refused, json=json)
        raise
    _report(slips, outcomes, refused, json=json)
    if refused or any(one["status"] == "rejected" for one in outcomes):
        complain(f"{name}: some bets were rejected")
        return 1
    return 0


def list_command(
    *,
    url: str | None = None,
    status: str | None = None,
    limit: Annotated[int | None, Parameter(validator=validators.Number(gte=1))] = None,
    json: _Json = False,
) -> int:
    """List bets, the newest first.

    Parameters
    ----------
    url:
        Of the gateway; by default what BET_INTEL_URL says, else http://127.0.0.1:8000.
    status:
        Only those that are `matched` with an event, or `unmatched`.
    limit:
        At most so many; without it all.
    json:
        Print them as JSON.
    """
    with Gateway(url) as gateway:
        found = gateway.pages("/v1/bets", {} if status is None else {"status": status}, most=limit)
    if json:
        print_json({"data": found})
        return 0
    print_table(
        ("placed", "event", "market", "outcome", "bookmaker", "price", "stake", "close", "raw", "no-vig", "points", ""),
        ([*_bet(one), one["unmatched_reason"] or one["clv"]["reason"] or ""] for one in found),
        right=("price", "stake", "close", "raw", "no-vig", "points"),
    )
    return 0


def clv_command(
    *,
    since: str | None = None,
    until: str | None = None,
    by: str | None = None,
    url: str | None = None,
    json: _Json = False,
) -> int:
    """Show the closing line value of all bets, and of groups of them.

    Parameters
    ----------
    since:
        Only bets that were placed then or later: 2026-01-31T15:00:00Z.
    until:
        Only bets that were placed before.
    by:
        Groups, separated by commas: bookmaker, sport, league, market, period, month; by default bookmaker, month,
        period and sport.
    url:
        Of the gateway; by default what BET_INTEL_URL says, else http://127.0.0.1:8000.
    json:
        Print the gateway's answer as it is.
    """
    with Gateway(url) as gateway:
        asked = {"since": since, "until": until, "by": by}
        answer = gateway.get("/v1/clv", {name: value for name, value in asked.items() if value is not None})
    if json:
        print_json(answer)
        return 0
    rows = [("all", "", answer["total"])] if answer["total"] else []
    rows += [(by, one["name"] or "(not matched)", one) for by, groups in answer["groups"].items() for one in groups]
    print_table(
        ("by", "of", "bets", "matched", "judged", "raw", "no-vig", "by stake", "beat the close", "points"),
        (
            (
                by,
                name,
                f"{one['bets']:,}",
                f"{one['matched']:,}",
                f"{one['no_vig_bets']:,}",
                percent(one["raw"]),
                percent(one["no_vig"]),
                percent(one["no_vig_by_stake"]),
                "" if one["beat_the_close"] is None else f"{one['beat_the_close']:.0%}",
                _points(one["points"]),
            )
            for by, name, one in rows
        ),
        right=("bets", "matched", "judged", "raw", "no-vig", "by stake", "beat the close", "points"),
    )
    return 0


def _read(file: str) -> bytes:
    try:
        with Path(file).expanduser().open("rb") as opened:
            data = opened.read(_LARGEST + 1)
    except OSError as error:
        raise CommandError(f"{file} cannot be read ({error.strerror or error})") from error
    if len(data) > _LARGEST:
        raise CommandError(f"{file} is larger than {_LARGEST >> 20} MiB: import it in parts")
    return data


@contextmanager
def _progress(bets: int) -> Iterator[tuple[Callable[[], None], Callable[[str], None]]]:
    """A bar on standard error, where that is a terminal: one takes it a bet further, the other says something beside
    it."""
    from rich.console import Console
    from rich.progress import Progress

    console = Console(file=sys.stderr, highlight=False, soft_wrap=True)
    with Progress(console=console, transient=True, disable=not sys.stderr.isatty()) as bars:
        task = bars.add_task("bets", total=bets)
        yield lambda: bars.advance(task), lambda sentence: console.print(printable(sentence), markup=False)


def _report(
    slips: Sequence[Slip],
    known: Sequence[dict[str, Any]],
    refused: Sequence[Refused],
    *,
    json: bool,
    error: CommandError | None = None,
) -> None:
    """What became of every bet of the file, also where it was not finished."""
    outcomes = [
        *known,
        *({"where": slip.where, "status": UNANSWERED, "reason": None} for slip in slips[len(known) :]),
        *({"where": one.where, "status": "rejected", "reason": one.reason} for one in refused),
    ]
    if json:
        failed = {} if error is None else {"error": {"kind": error.kind, "message": str(error)}}
        print_json({"bets": outcomes, "counts": Counter(one["status"] for one in outcomes), **failed})
    else:
        _told(outcomes)


def _told(outcomes: Sequence[dict[str, Any]]) -> None:
    counts = Counter(one["status"] for one in outcomes)
    told = ("matched", "unmatched", *(("completed",) if counts["completed"] else ()), "known", "rejected")
    print(", ".join(f"{counts[status]:,} {status}" for status in told))
    if counts[UNANSWERED]:
        first = next(one["where"] for one in outcomes if one["status"] == UNANSWERED)
        print(f"{counts[UNANSWERED]:,} unanswered, from {first} on: import the file again, and what is kept is known")
    for status in ("unmatched", "rejected"):
        of_status = [one for one in outcomes if one["status"] == status]
        if of_status:
            print_table((status, "why"), ((one["where"], one["reason"]) for one in of_status[:_SHOWN]))
            if len(of_status) > _SHOWN:
                print(f"… and {len(of_status) - _SHOWN:,} more (--json shows all)")


def _bet(one: dict[str, Any]) -> list[str]:
    market = " ".join(part for part in (one["market"], one["period"] if one["period"] != "full" else "") if part)
    line = "" if one["line"] is None else f" {one['line']:g}"
    judged = one["clv"]
    return [
        one["placed_at"][:16].replace("T", " "),
        f"{one['home']} v {one['away']}" if one["home"] else one["league"] or "",
        market + line,
        ("lay " if one["side"] == "lay" else "") + one["outcome"],
        one["bookmaker"],
        f"{one['price']:.3f}",
        one["stake"],
        "" if judged["closing_price"] is None else f"{judged['closing_price']:.3f}",
        percent(judged["raw"]),
        percent(judged["no_vig"]),
        _points(judged["points"]),
    ]


def _points(points: float | None) -> str:
    return "" if points is None else f"{points:+g}".replace("-", "−")
