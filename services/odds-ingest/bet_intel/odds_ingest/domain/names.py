"""Whether two names are spellings of one team's name."""

import unicodedata
from collections.abc import Sequence

_WORDS = {"saint": "st", "and": ""}


def folded(name: str) -> tuple[str, ...]:
    """The words of a name without case, accents and punctuation ("Atlético-MG" → atletico, mg)."""
    plain = "".join(each for each in unicodedata.normalize("NFKD", name.casefold()) if not unicodedata.combining(each))
    words = "".join(each if each.isalnum() else " " for each in plain.replace("'", "").replace("’", "")).split()
    return tuple(kept for word in words if (kept := _WORDS.get(word, word)))


def same_team(one: str, other: str) -> bool:
    """Whether two names differ in spelling alone: case, accents, punctuation, or initials in place of the first words
    ("LA Galaxy", "Los Angeles Galaxy").

    Says no where it is not plain: other nicknames, words left out and short forms may be another team's name.
    """
    if one == other:
        return True
    first, second = folded(one), folded(other)
    return first == second or _abbreviates(first, second) or _abbreviates(second, first)


def _abbreviates(short: Sequence[str], long: Sequence[str]) -> bool:
    """Whether `short` begins with the initials of the words that `long` has in their place, at least two."""
    written_out = len(long) - len(short) + 1
    if not short or written_out < 2 or len(short[0]) != written_out:
        return False
    initials = "".join(word[0] for word in long[:written_out])
    return short[0] == initials and tuple(short[1:]) == tuple(long[written_out:])
