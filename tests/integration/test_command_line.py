"""`bet-intel` as somebody in a shell meets it: exit codes, help, and what it says of what cannot be."""

import subprocess
import sys
from pathlib import Path

import pytest

from fixtures.command import bet_intel, response, written


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("devig", "2.5"), 2, "at least two"),
        (("devig",), 2, "at least two"),
        (("devig", "2.5", "1.0"), 2, "1.0 is no price"),
        (("devig", "2.5", "0.4"), 2, "0.4 is no price"),
        (("devig", "2.6", "-110"), 2, "2.6 reads as decimal odds and -110 as American"),
        (("devig", "2,6", "2.4"), 2, "decimal point"),
        (("devig", "nan", "2.4"), 2, "'nan'"),
        (("devig", "1e400", "2.4"), 2, "1e400"),
        (("devig", "2.2", "2.2"), 1, "no margin to remove"),
        (("devig", "2", "2", "--method", "magic"), 2, "shin"),
        (("devig", "2", "2", "--methd", "shin"), 2, "--method"),
        (("devig", "1.5", "2.5", "--winners", "2"), 2, "--winners"),
        (("ev", "2.1"), 2, "--probability or --fair-odds"),
        (("ev", "2.1", "--probability", "1.2"), 2, "between 0 and 1"),
        (("ev", "2.1", "--probability", ".5", "--commission", "1"), 2, "--commission"),
        (("ev", "2.1", "--probability", ".5", "--lay", "--free-bet"), 2, "choose one"),
        (("ev", "2.1", "--probability", ".8", "--push", ".3"), 2, "exceed"),
        (("ev", "2.1", "--probability", ".5", "--kelly", "0"), 2, "--kelly"),
        (("maker", "--ev", "2%"), 2, "--probability or --fair-odds"),
        (("maker", "--probability", ".6", "--push", ".4"), 2, "nothing to lose"),
        (("maker", "--probability", ".6", "--ev", "-100%"), 2, "--ev"),
        (("convert",), 2, "at least one value"),
        (("convert", "1"), 2, "no price"),
        (("convert", "50", "--from", "american"), 2, "American"),
        (("nothing",), 2, "nothing"),
        (("price",), 2, "FILE"),
        (("price", "/nowhere/at/all.json"), 1, "/nowhere/at/all.json"),
        (("price", "--methd", "x"), 2, "--method"),
        (("price", "-", "--profile", "mine"), 2, "consensus"),
        (("price", "-", "--as-of", "yesterday"), 2, "--as-of"),
        (("price", "-", "--as-of", "2026-01-31T12:00:00"), 2, "zone"),
        (("price", "-", "--class", "great"), 2, "suspect"),
    ],
)
def test_what_cannot_be_is_refused_in_a_sentence(arguments: tuple[str, ...], code: int, said: str) -> None:
    ran = bet_intel(*arguments, "--json")
    assert ran.code == code
    assert said in ran.err
    assert ran.err.count("\n") == 1
    assert ran.answer["error"]["kind"] == ("usage" if code == 2 else "failed")
    assert said in ran.answer["error"]["message"]


@pytest.mark.parametrize("command", ["up", "price", "devig", "ev", "maker", "convert", "doctor", "config show"])
def test_help_shows_options_and_examples(command: str) -> None:
    ran = bet_intel(*command.split(), "--help")
    assert ran.code == 0
    assert "Examples" in ran.out
    assert f"bet-intel {command}" in ran.out
    assert (command == "up") or "--json" in ran.out
    listed = bet_intel("--help").out
    assert command.split()[0] in listed


def test_small_commands_do_not_wait_for_the_services() -> None:
    """What is imported decides how long a command takes to start; a time would measure the machine."""
    heavy = ("asyncpg", "pydantic", "starlette", "uvicorn", "uvloop", "google.protobuf", "structlog", "rich")
    code = (
        "import sys; from bet_intel.compose.cli import run; code = run(sys.argv[1:]);"
        f"print([name for name in {heavy!r} if name in sys.modules], file=sys.stderr); sys.exit(code)"
    )
    for arguments in (
        ("devig", "2", "1.9"),
        ("ev", "2", "--probability", "0.6"),
        ("convert", "2"),
        ("maker", "--probability", "0.6"),
    ):
        ran = subprocess.run(
            [sys.executable, "-c", code, *arguments, "--json"], capture_output=True, text=True, timeout=60, check=True
        )
        assert ran.stderr == "[]\n"


def test_a_reader_that_leaves_early_is_no_error(tmp_path: Path) -> None:
    events = [one for n in range(300) for one in response(id=str(n))]
    process = subprocess.Popen(
        [sys.executable, "-m", "bet_intel.compose.cli", "price", written(tmp_path, events), "--json"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.read(10)
    process.stdout.close()
    assert b"Traceback" not in process.stderr.read()
    process.stderr.close()
    process.wait(30)
