"""Secrets that must be read again, at rest and on the bus: encrypted and authenticated with a shared key (Fernet)."""

import os
from pathlib import Path
from typing import Annotated

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from pydantic import AfterValidator, SecretStr

from bet_intel.shared.secret_errors import SecretBoxError


class SecretBox:
    """Closes and opens boxes. Several keys, one a line, are for a change of key: the first one closes, all of them
    open."""

    def __init__(self, keys: str) -> None:
        """
        Raises:
            SecretBoxError: a line is no key.
        """
        try:
            fernets = [Fernet(line.strip()) for line in keys.split() if line.strip()]
            self._fernet = MultiFernet(fernets)
        except ValueError as error:
            raise SecretBoxError(
                "a key is 32 random bytes in url-safe base64; one is made by: "
                'python -c "from cryptography.fernet import Fernet; print(Fernet.generate_key().decode())"'
            ) from error

    def close(self, secret: bytes) -> bytes:
        return self._fernet.encrypt(secret)

    def open(self, box: bytes) -> bytes:
        """
        Raises:
            SecretBoxError: it was closed with a key that is not among ours, or tampered with.
        """
        try:
            return self._fernet.decrypt(box)
        except InvalidToken as error:
            raise SecretBoxError(
                "a stored secret was encrypted with another key: give the key that was used before as well, on a line "
                "of its own"
            ) from error


def _keys(given: SecretStr) -> SecretStr:
    try:
        SecretBox(given.get_secret_value())
    except SecretBoxError as error:
        raise ValueError(str(error)) from error
    return given


Keys = Annotated[SecretStr, AfterValidator(_keys)]
"""The setting that holds them."""


def key_file(path: Path) -> str:
    """The key in `path`; made, readable by its owner alone, where there is none."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return path.read_text(encoding="ascii").strip()
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        key = Fernet.generate_key().decode()
        file.write(key + "\n")
        file.flush()
        os.fsync(file.fileno())
    return key
