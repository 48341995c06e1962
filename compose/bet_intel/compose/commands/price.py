"""`bet-intel price`: a response through the domain code of the services, without any server."""

import dataclasses
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Literal

from cyclopts import Parameter

from bet_intel.compose.commands.errors import CommandError, UsageError
from bet_intel.compose.commands.output import complain, print_json
from bet_intel.compose.pricing.boards import price_answer
from bet_intel.compose.pricing.profiles import named_profile
from bet_intel.compose.pricing.report import Input, Rejection, Report
from bet_intel.compose.pricing.reporting import Wanted, event_report, summary
from bet_intel.compose.pricing.response_file import TAKEN, RecordedResponse, parse_time, read_response
from bet_intel.compose.pricing.showing import show
from bet_intel.ev_engine.domain.profile import CONSENSUS, Profile
from bet_intel.odds import Method
from bet_intel.odds_ingest.domain.answer_time import after_the_answer, answer_time
from bet_intel.odds_ingest.providers.the_odds_api.parse import ParsedResponse, parse_response
from bet_intel.odds_ingest.providers.the_odds_api.payload import MalformedResponseError
from bet_intel.shared.times import system_clock

_PROVIDER = "the_odds_api"
_NO_PRICE = datetime(1970, 1, 1, tzinfo=UTC)

Class = Literal["take", "marginal", "suspect"]


def price_command(
    file: str,
    /,
    *,
    method: Method | None = None,
    profile: str = CONSENSUS,
    min_ev: float = 0.01,
    class_: Annotated[tuple[Class, ...], Parameter(name="--class", consume_multiple=True, negative=())] = (
        "take",
        "marginal",
    ),
    as_of: str | None = None,
    line: int | None = None,
    all_: Annotated[bool, Parameter(name="--all", negative=())] = False,
    explain: Annotated[bool, Parameter(negative=())] = False,
    json: Annotated[bool, Parameter(negative=())] = False,
) -> int:
    """Price a response of The Odds API v4.

    Parameters
    ----------
    file:
        A response (an array of events, one event, or a historical answer), or a recording of lines with captured_at, of
        which the last is taken; also compressed by gzip. `-` reads standard input.
    method:
        How the margin is removed (default: the profile's, power).
    profile:
        `consensus`, `sharp` or `conservative`, as the environment sets it for `bet-intel up`
        (BET_INTEL_EV_ENGINE_PROFILE, …_SHARP_PROFILE, …_CONSERVATIVE_PROFILE); or a .json file with such a profile.
    min_ev:
        Least EV of the opportunities listed: 0.01 is 1 %.
    class_:
        Classes listed. A `suspect` price is too good to be no mistake, and is shown only when asked for.
    as_of:
        When the answer was taken, such as 2026-01-31T12:00:00Z: ages and starts are judged against it (default: the
        recording's captured_at, else the newest last_update in the response that another bookmaker bears out).
    line:
        Which line of a recording to take, counted from 1 (default: the last).
    all_:
        Show every outcome with its fair odds and the best price for it, not only opportunities.
    explain:
        Say in sentences how each price that is shown came about; with --json also why each refused one is none.
    json:
        Print the whole report as JSON.
    """
    judged_by = named_profile(profile)
    if method is not None:
        judged_by = dataclasses.replace(judged_by, method=method)
    if not min_ev >= -1:
        raise UsageError(f"--min-ev is {min_ev:g}: give an EV per unit staked, 0.01 for 1 %")
    asked_as_of = None if as_of is None else parse_time(as_of, "--as-of")
    response = read_response(file, line)
    try:
        parsed = parse_response(response.payload, provider=_PROVIDER)
    except MalformedResponseError as error:
        raise CommandError(f"{response.name}: {error}; {TAKEN}, and fetch it again where it breaks off") from error
    times = {
        "as_of": asked_as_of,
        "timestamp" if response.form == "historical" else "captured_at": response.taken_at,
        "newest_last_update": answer_time(parsed.events, system_clock()),
    }
    report = _report(response, parsed, times, judged_by, Wanted(min_ev, class_, explain))
    if json:
        print_json(report)
    else:
        show(report, everything=all_)
    if parsed.rejections and not report.summary.prices:
        first = parsed.rejections[0]
        complain(f"{response.name}: no price in it could be read ({first.where}: {first.reason})")
        return 1
    return 0


def _report(
    response: RecordedResponse,
    parsed: ParsedResponse,
    times: Mapping[str, datetime | None],
    profile: Profile,
    wanted: Wanted,
) -> Report:
    """The report as of the first of `times` that is known."""
    source, as_of = next(((name, time) for name, time in times.items() if time is not None), (None, None))
    # Without any price there is nothing to judge, and no time either.
    priced = price_answer(parsed.events, as_of or _NO_PRICE, profile)
    rejections = (*parsed.rejections, *(after_the_answer(parsed.events, as_of) if as_of else ()))
    events = [event_report(one, wanted) for one in priced]
    return Report(
        Input(response.name, response.form, response.line, response.lines, response.taken_at),
        as_of,
        source,
        profile.name,
        profile.method.value,
        wanted.min_ev,
        list(wanted.classes),
        summary(priced, events, len(rejections)),
        events,
        [Rejection(one.where, one.reason) for one in rejections],
    )
