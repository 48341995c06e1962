"""What a newer set means for what was open."""

from bet_intel.api import wire
from bet_intel.api.domain.life import transition
from bet_intel.api.domain.model import Numbers, OpenNow, OpportunitySet
from fixtures.api_messages import AS_OF, Offer, opportunities_updated


def _open(event_id: str, numbers: Numbers) -> OpenNow:
    return OpenNow(event_id, "consensus", "baseball", "baseball_mlb", AS_OF, "h2h", "draftkings", numbers)


AS_BEFORE = {"opportunity-1": _open("made_up:1", Numbers(2.2, 0.48, 0.056, "take", "main"))}


def _set(*offers: Offer, closed: dict[str, str] | None = None) -> list[OpportunitySet]:
    return [wire.opportunity_set(opportunities_updated(*offers, closed=closed).data)]


def test_new_one_is_opened() -> None:
    change = transition({}, _set(Offer()))
    assert [(entry.kind, entry.payload["id"]) for entry in change.entries] == [("opportunity.opened", "opportunity-1")]


def test_unchanged_one_is_no_news() -> None:
    assert transition(AS_BEFORE, _set(Offer())).entries == []


def test_changed_number_is_an_update() -> None:
    for changed in (Offer(price=2.3), Offer(fair=0.49), Offer(ev=0.06), Offer(class_="suspect")):
        change = transition(AS_BEFORE, _set(changed))
        assert [entry.kind for entry in change.entries] == ["opportunity.updated"]


def test_missing_one_is_closed_with_its_reason() -> None:
    change = transition(AS_BEFORE, _set(closed={"opportunity-1": "price_moved"}))
    assert [(closed.id, closed.closed_at, closed.reason) for closed in change.closed] == [
        ("opportunity-1", AS_OF, "price_moved")
    ]
    assert [entry.kind for entry in change.entries] == ["opportunity.closed"]


def test_reason_that_was_overtaken_is_said_as_such() -> None:
    assert transition(AS_BEFORE, _set()).closed[0].reason == "superseded"


def test_other_events_stay_open() -> None:
    elsewhere = {"opportunity-9": _open("made_up:9", Numbers(2.0, 0.5, 0.05, "take", "main"))}
    assert transition(elsewhere, _set()).closed == []
