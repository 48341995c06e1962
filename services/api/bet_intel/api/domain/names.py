"""When two names of a team, a league or an outcome are one."""

import unicodedata

_LETTERS = str.maketrans({"ø": "o", "ł": "l", "đ": "d", "ð": "d", "ħ": "h", "ŧ": "t", "ı": "i", "æ": "ae", "œ": "oe"})
"""Letters that Unicode takes for their own, not for a letter with an accent, and what they are written as without one;
ß is ss by its case."""


def plain(name: str) -> str:
    """The name without case, accents and punctuation: names are the same where this is."""
    decomposed = unicodedata.normalize("NFKD", name.casefold().translate(_LETTERS))
    return "".join(character for character in decomposed if character.isalnum())
