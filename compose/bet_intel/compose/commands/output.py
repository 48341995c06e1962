"""How commands speak: JSON for programs, tables for people."""

import sys
from collections.abc import Iterable, Sequence

import msgspec


def print_json(answer: object) -> None:
    """Print `answer` as JSON; NaN and infinity become null."""
    sys.stdout.buffer.write(msgspec.json.format(msgspec.json.encode(answer), indent=2) + b"\n")
    sys.stdout.flush()


def print_table(
    columns: Sequence[str], rows: Iterable[Sequence[str]], *, right: Sequence[str] = (), width: int = 1000
) -> None:
    """Print `rows` under `columns`, those named in `right` aligned to the right.

    On a terminal it is as wide as that; elsewhere, where nobody says how wide a line may be, at most `width`.

    Texts may come from a feed: nothing in them is taken for markup or for the terminal's control characters.
    """
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(width=None if sys.stdout.isatty() else width, highlight=False)
    table = Table(box=SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for column in columns:
        table.add_column(column, justify="right" if column in right else "left", overflow="fold")
    for row in rows:
        table.add_row(*(Text(printable(cell)) for cell in row))
    console.print(table)


def complain(sentence: str) -> None:
    """Say on standard error what is wrong, once the answer itself is printed."""
    print(f"bet-intel: {printable(sentence)}", file=sys.stderr)


def printable(text: str) -> str:
    """`text` with what a terminal would obey instead of show replaced."""
    return "".join(character if character.isprintable() else "�" for character in text)


def percent(share: float | None) -> str:
    """A signed share such as an EV: +4.2 %."""
    return "" if share is None else f"{share:+.1%}".replace("%", " %").replace("-", "−")


def probability(p: float | None) -> str:
    return "" if p is None else f"{p:.6f}"


def odds(price: float | None) -> str:
    return "" if price is None else f"{price:.4g}" if price >= 1000 else f"{price:.3f}"
