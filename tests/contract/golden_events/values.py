"""What several golden events hold: a time, a match, an id."""

import math

from bet_intel.events.v1 import common_pb2

NAN = math.nan
AS_OF_US = 1_777_744_800_000_000  # 2026-05-02T18:00:00Z
SUBSCRIPTION = "7c1d7a3e-51c8-4f5e-9c53-0d5b6e1f2a34"


def sporting_event() -> common_pb2.SportingEvent:
    return common_pb2.SportingEvent(
        id="simulator:1",
        provider="simulator",
        sport="baseball",
        league="baseball_mlb",
        league_title="MLB",
        commence_time_us=AS_OF_US + 3_900_000_000,
        home="Harbour City",
        away="Riverside",
    )
