"""A recording played back: every answer, from any position, at any speed; and what is said of a bad file."""

import gzip
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from bet_intel.odds_ingest.domain.quotes import Answer
from bet_intel.odds_ingest.providers.port import InvalidSourceError, OddsProvider
from bet_intel.odds_ingest.providers.replay.client import ReplayProvider
from bet_intel.odds_ingest.providers.the_odds_api.parse import parse_response
from fixtures.odds_payloads import AWAY, HOME, MADE_UP_FILE, SHARED_DATA, bookmaker, event, market, prices

START = datetime(2026, 1, 31, 12, tzinfo=UTC)
PREMIER, CUP = "soccer_made_up_league", "soccer_made_up_cup"

Write = Callable[..., Path]


def line(minutes: float, *events: Any, **members: Any) -> str:
    captured_at = (START + timedelta(minutes=minutes)).isoformat()
    return json.dumps({"captured_at": captured_at, "response": list(events), **members})


def match(home_price: float, sport_key: str = PREMIER) -> dict[str, Any]:
    return event(bookmaker("unibet", market("h2h", (HOME, home_price), (AWAY, 1.8))), sport_key=sport_key)


@pytest.fixture(params=["recording.jsonl", "recording.jsonl.gz"])
def write(tmp_path: Path, request: pytest.FixtureRequest) -> Write:
    path = tmp_path / str(request.param)

    def write_lines(*lines: str, end: str = "\n") -> Path:
        content = ("\n".join(lines) + end).encode("utf-8", "surrogateescape")
        path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)
        return path

    return write_lines


async def play(provider: OddsProvider, position: int = 0) -> list[Answer]:
    answers: list[Answer] = []
    while (answer := await provider.fetch(position)) is not None:
        assert answer.position > position, "every answer moves on"
        answers.append(answer)
        position = answer.position
    return answers


def home_prices(answers: list[Answer]) -> list[list[float]]:
    return [
        [price for (_, _, quote), price in prices(answer.events).items() if quote.outcome == HOME] for answer in answers
    ]


async def test_a_recording_is_played_from_end_to_end(write: Write) -> None:
    provider = ReplayProvider(write(line(0, match(2.1)), line(5, match(2.2)), line(6, match(2.3))))

    answers = await play(provider)

    assert (provider.name, provider.total) == ("the_odds_api", 3)
    assert home_prices(answers) == [[2.1], [2.2], [2.3]]
    assert [answer.as_of for answer in answers] == [START + timedelta(minutes=minutes) for minutes in (0, 5, 6)]
    assert [answer.position for answer in answers] == [1, 2, 3]
    assert {answer.provider for answer in answers} == {"the_odds_api"}
    assert answers[0].events[0].event.id == "the_odds_api:abc"


@pytest.mark.parametrize(("speed", "pauses"), [(None, [0, 0, 0]), (1, [300, 60, 0]), (60, [5, 1, 0])])
async def test_the_pause_to_the_next_answer_follows_the_speed(
    write: Write, speed: float | None, pauses: list[float]
) -> None:
    provider = ReplayProvider(write(line(0, match(2.1)), line(5, match(2.2)), line(6, match(2.3))), speed)

    assert [answer.due_in for answer in await play(provider)] == pauses


@pytest.mark.parametrize("speed", [0, -1, float("nan"), float("inf")])
def test_a_senseless_speed_is_refused(speed: float) -> None:
    with pytest.raises(ValueError, match="speed"):
        ReplayProvider(MADE_UP_FILE, speed)


async def test_an_answer_speaks_for_its_leagues_and_an_empty_one_for_all_shown_so_far(write: Write) -> None:
    both = match(2.2), match(2.2, CUP)
    path = write(line(0), line(1, match(2.1)), line(2), line(3, *both), line(4), line(5, match(2.3)))
    expected = [set(), {PREMIER}, {PREMIER}, {PREMIER, CUP}, {PREMIER, CUP}, {PREMIER}]

    assert [set(answer.leagues) for answer in await play(ReplayProvider(path))] == expected
    for position in range(6):
        answer = await ReplayProvider(path).fetch(position)
        assert answer is not None
        assert answer.leagues == expected[position], "the same after a restart in the middle"


async def test_an_empty_answer_among_leagues_shown_one_by_one_speaks_for_none(write: Write) -> None:
    """Nobody can tell whose answer it is: time passes, and nothing is withdrawn."""
    path = write(line(0, match(2.1)), line(1, match(2.2, CUP)), line(2), line(3, match(2.3), match(2.3, CUP)), line(4))
    expected = [{PREMIER}, {CUP}, set(), {PREMIER, CUP}, {PREMIER, CUP}]

    assert [set(answer.leagues) for answer in await play(ReplayProvider(path))] == expected


async def test_a_line_that_cannot_be_read_when_its_turn_comes_is_reported_and_passed(write: Write) -> None:
    hugely = line(1, match(2.1)).replace("2.1", "9" * 5000)
    answers = await play(ReplayProvider(write(line(0, match(2.0)), hugely, line(2, match(2.2)))))

    assert [len(answer.events) for answer in answers] == [1, 0, 1]
    assert answers[1].leagues == frozenset()
    assert answers[1].rejections


async def test_an_answer_of_which_nothing_could_be_read_speaks_for_no_league(write: Write) -> None:
    answers = await play(ReplayProvider(write(line(0, match(2.1)), line(1, {"id": 3}, None))))

    assert answers[1].leagues == frozenset()
    assert len(answers[1].rejections) == 2


async def test_reading_restarts_anywhere_with_the_same_answers(write: Write) -> None:
    lines = [line(minute, match(2 + minute / 10)) for minute in range(12)]
    lines[4] = "{broken"
    path = write(*lines)
    whole = await play(ReplayProvider(path))
    jumping = ReplayProvider(path)

    for position in (7, 2, 11, 0, 3, 4, 5):
        rest = [answer for answer in whole if answer.position > position]
        assert await play(ReplayProvider(path), position) == rest
        assert await jumping.fetch(position) == rest[0]
    jumping.close()
    assert await jumping.fetch(1) == whole[1]
    jumping.close()


@pytest.mark.parametrize(
    ("broken", "reason"),
    [
        ('{"captured_at": "2026-01-31T12:01:0', "not a recorded response"),
        ('{"response": []}', "captured_at"),
        ('{"captured_at": "2026-01-31T12:01:00", "response": []}', "timezone"),
        ('{"captured_at": "2026-01-31T12:01:00Z"}', "response"),
        ('{"captured_at": "2026-01-31T12:01:00Z", "response": {"message": "quota"}}', "array"),
        ('{"captured_at": "2026-01-31T12:01:00Z", "response": ["\udcff"]}', "utf-8"),
        ("[]", "captured_at"),
    ],
)
async def test_an_unreadable_line_is_reported_and_stepped_over(write: Write, broken: str, reason: str) -> None:
    answers = await play(ReplayProvider(write(line(0, match(2.1)), broken, "", line(2, match(2.2)), broken)))

    assert home_prices(answers) == [[2.1], [2.2]]
    assert [answer.position for answer in answers] == [1, 5]
    assert [rejection.where for rejection in answers[0].rejections] == []
    assert [rejection.where for rejection in answers[1].rejections] == ["line 2", "line 5"]
    assert all(reason in rejection.reason for rejection in answers[1].rejections)


async def test_a_price_that_is_no_number_does_not_cost_its_line(write: Write) -> None:
    (answer,) = await play(ReplayProvider(write(line(0, match(float("nan"))))))

    assert [quote.outcome for _, _, quote in prices(answer.events)] == [AWAY]
    assert "not finite" in answer.rejections[0].reason


async def test_times_may_repeat_but_not_go_backwards(write: Write) -> None:
    assert len(await play(ReplayProvider(write(line(1, match(2.1)), line(1, match(2.1)))))) == 2

    with pytest.raises(InvalidSourceError, match=r"recording\.jsonl.*line 3: captured_at goes back.*sort the lines"):
        ReplayProvider(write(line(0, match(2.1)), line(2, match(2.1)), line(1, match(2.1))))


@pytest.mark.parametrize("lines", [[], ["", "  "], ["not json"]])
def test_a_file_without_any_response_is_refused(write: Write, lines: list[str]) -> None:
    with pytest.raises(InvalidSourceError, match=r"recording\.jsonl.* holds no recorded response.*captured_at"):
        ReplayProvider(write(*lines))


def test_an_absent_or_oddly_named_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidSourceError, match=r"absent\.jsonl cannot be read \(No such file.*name an existing"):
        ReplayProvider(tmp_path / "absent.jsonl")
    with pytest.raises(InvalidSourceError, match="is a folder, not a file"):
        ReplayProvider(tmp_path)
    csv = tmp_path / "odds.csv"
    csv.write_text("a,b")
    with pytest.raises(InvalidSourceError, match=r"end it in \.json, \.jsonl or \.jsonl\.gz"):
        ReplayProvider(csv)


@pytest.mark.parametrize(
    "content",
    # Named: the compressed bytes hold the time, and workers that collect in different seconds must agree on the names.
    [
        pytest.param(gzip.compress(line(0, match(2.1)).encode() * 200)[:-12], id="cut short"),
        pytest.param(b'{"captured_at": 1}', id="not compressed"),
    ],
)
def test_damaged_compression_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "damaged.jsonl.gz"
    path.write_bytes(content)

    with pytest.raises(InvalidSourceError, match=r"damaged\.jsonl\.gz: the gzip stream .* after line \d.*fetch"):
        ReplayProvider(path)


async def test_a_file_that_changed_while_it_was_played_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "recording.jsonl"
    path.write_text("\n".join(line(minute, match(2.1)) for minute in range(4)))
    provider = ReplayProvider(path)
    path.write_text("\n".join(line(minute, match(2.1)) for minute in (0, 7)))

    for position in (1, 3):
        with pytest.raises(InvalidSourceError, match=f"line {position + 1}: the recording is no longer"):
            await provider.fetch(position)
    path.unlink()
    with pytest.raises(InvalidSourceError, match="cannot be read"):
        await provider.fetch(0)


async def test_a_single_response_is_a_recording_of_one() -> None:
    provider = ReplayProvider(MADE_UP_FILE, speed=1)

    (answer,) = await play(provider)

    assert (provider.total, answer.position, answer.due_in) == (1, 1, 0)
    # The exchange told its back prices at 11:59:50, its lay prices before: the older time stands for both.
    assert answer.as_of == datetime(2026, 1, 31, 11, 59, 41, tzinfo=UTC), "its newest last_update"
    assert answer.events == parse_response(MADE_UP_FILE.read_bytes(), provider="the_odds_api").events
    assert answer.leagues == {"soccer_made_up_league", "golf_made_up_masters_winner"}


async def test_one_absurd_time_does_not_make_a_single_response_old(tmp_path: Path) -> None:
    """What the neighbour of a wrong time shows is as fresh as without it, and the wrong time is named."""
    sound = event(*(bookmaker(key, market("h2h", (HOME, 2.1), (AWAY, 1.8))) for key in ("alpha", "beta", "gamma")))
    wrong = match(2.1) | {"id": "wrong"}
    wrong["bookmakers"] = [
        *sound["bookmakers"],
        bookmaker("ahead", market("h2h", (HOME, 2.1), (AWAY, 1.8)), last_update="2026-02-21T11:59:00Z"),
    ]
    path = tmp_path / "response.json"
    path.write_text(json.dumps([wrong, sound]))

    (answer,) = await play(ReplayProvider(path))

    assert answer.as_of == datetime(2026, 1, 31, 11, 59, tzinfo=UTC)
    (rejection,) = answer.rejections
    assert rejection.where == "the_odds_api:wrong.bookmakers[ahead]"
    assert "2026-02-21T11:59:00+00:00 is more than 5 minutes after the answer" in rejection.reason


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("[]", "holds no price"),
        ('{"message": "quota"}', "array of events"),
        ("[", "not JSON"),
        ("[{}]", r"events\[0\]"),
    ],
)
def test_a_single_response_of_no_known_time_is_refused(tmp_path: Path, content: str, reason: str) -> None:
    path = tmp_path / "response.json"
    path.write_text(content)

    with pytest.raises(InvalidSourceError, match=reason):
        ReplayProvider(path)


def test_the_identity_belongs_to_the_content_not_the_place(tmp_path: Path) -> None:
    places = [tmp_path / "a", tmp_path / "b"]
    for place in places:
        place.mkdir()
        (place / "recording.jsonl").write_text(line(0, match(2.1)))
    identities = [ReplayProvider(place / "recording.jsonl").source_id for place in places]
    (places[1] / "recording.jsonl").write_text(line(0, match(2.2)))

    assert identities[0] == identities[1]
    assert ReplayProvider(places[1] / "recording.jsonl").source_id != identities[0]


@pytest.mark.skipif(not SHARED_DATA.is_dir(), reason=f"no real odds at {SHARED_DATA}")
async def test_a_real_recording_restarts_in_the_middle() -> None:
    provider = ReplayProvider(SHARED_DATA / "odds_api_mlb_5min" / "mlb_2026-08-04_2026-08-05.jsonl.gz")
    assert provider.total == 432

    sequential = [await provider.fetch(position) for position in range(200, 204)]
    again = await provider.fetch(201)
    last = await provider.fetch(431)

    assert again == sequential[1]
    assert last is not None
    assert last.position == 432
    assert await provider.fetch(432) is None
