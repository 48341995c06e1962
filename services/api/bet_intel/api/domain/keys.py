"""API keys as text: a prefix that tells whose they are, 256 random bits, and a checksum that finds typing errors. Pure.

A key is stored and looked up by its SHA-256. That is enough, and fast, because nobody can guess 256 random bits from
their digest; what makes passwords need a slow and salted one is that people choose them.
"""

import hashlib
import hmac
import re
import zlib

PREFIX = "betintel_"
RANDOM_BYTES = 32
_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_SECRET = 43  # digits to the base 62 of 256 bits
_CHECK = 6  # of 32 bits
_FORM = re.compile(rf"{PREFIX}[0-9A-Za-z]{{{_SECRET + _CHECK}}}")
_HINT = 4


def key_of(random: bytes) -> str:
    """The key that `random`, 32 bytes, make."""
    if len(random) != RANDOM_BYTES:
        raise ValueError(f"a key is made of {RANDOM_BYTES} bytes, not of {len(random)}")
    text = PREFIX + _digits(int.from_bytes(random, "big"), _SECRET)
    return text + _checksum(text)


def is_key(text: str) -> bool:
    """Whether it is written as keys are, checksum included."""
    if not text.isascii() or _FORM.fullmatch(text) is None:
        return False
    return hmac.compare_digest(_checksum(text[:-_CHECK]), text[-_CHECK:])


def digest_of(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()


def hint_of(key: str) -> str:
    """By what its owner knows it, and nobody else can use: the characters before its checksum."""
    return key[-_CHECK - _HINT : -_CHECK]


def _checksum(text: str) -> str:
    return _digits(zlib.crc32(text.encode()), _CHECK)


def _digits(number: int, width: int) -> str:
    digits = []
    for _ in range(width):
        number, rest = divmod(number, len(_ALPHABET))
        digits.append(_ALPHABET[rest])
    return "".join(reversed(digits))
