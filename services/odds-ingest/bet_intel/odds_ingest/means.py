"""What a schedule works with besides its provider."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime

from bet_intel.odds_ingest.demand import Demand
from bet_intel.odds_ingest.ingest import IngestOdds
from bet_intel.odds_ingest.poll import Company
from bet_intel.odds_ingest.poll_store import TargetId
from bet_intel.odds_ingest.quota import Quota
from bet_intel.shared.postgres import Database


@dataclass(frozen=True, slots=True)
class Means:
    """`asked` stores what a task has asked for, in any process: not bound to leading, as `ingest` may be, since a
    target is claimed before it is asked for."""

    database: Database
    ingest: IngestOdds
    quota: Quota
    demand: Demand
    company: Company
    asked: IngestOdds | None = None


Dispatch = Callable[[TargetId, datetime | None], Awaitable[None]]
"""Has a target asked for by somebody else, unless that was done since it was last polled at that time."""
