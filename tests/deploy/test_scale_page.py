"""What is scaled by the pages stays so, whatever is typed after it."""

from deploy.composing import MAIN, rendered
from deploy.connections import connections
from deploy.faults import PROJECT
from deploy.test_runbooks import told
from fixtures.typed_pages import Desk, typed

_RUNBOOKS = PROJECT / "docs/operations/runbooks"


def test_one_kind_that_is_scaled_leaves_the_other_as_it_is(desk: Desk) -> None:
    desk.begin()
    before = desk.docker().running()

    desk.type(typed((_RUNBOOKS / "scale.md").read_text("utf-8")))

    assert desk.docker().running() == before | {"api": 4, "ev-engine": 4}
    # Each is told how many share its servers.
    assert list(connections([rendered(desk.root, "-f", MAIN)["services"]])) == []


def test_what_begins_who_is_missing_takes_nothing_back(desk: Desk) -> None:
    desk.begin()
    desk.type(typed((_RUNBOOKS / "scale.md").read_text("utf-8")))
    scaled = desk.docker().running()

    desk.type(typed((_RUNBOOKS / "process-missing.md").read_text("utf-8")))

    assert desk.docker().running() == scaled


def test_a_number_is_written_down_and_not_said_in_passing() -> None:
    assert [page for page, words in told("docker compose") if "--scale" in words] == []


def test_a_small_host_begins_no_more_than_it_has_room_for(desk: Desk) -> None:
    desk.begin(as_="compose/hosts/small.env")
    before = desk.docker().running()
    assert "postgres-2" not in before

    desk.type(typed((_RUNBOOKS / "process-missing.md").read_text("utf-8")))

    assert desk.docker().running() == before
