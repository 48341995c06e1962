"""Values as they may be shown to whoever looks over an operator's shoulder: without the secrets in them."""

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from pydantic import BaseModel, SecretBytes, SecretStr

HIDDEN = "***"
# Addresses of servers, whose path is a name. The path of any other (a webhook) may itself be the secret.
_ADDRESSES = frozenset({"postgresql", "postgres", "amqp", "amqps", "redis", "rediss"})
_SHOWN_PARAMETERS = frozenset({"host", "port", "dbname", "user", "sslmode", "target_session_attrs", "application_name"})
_USER_INFO = re.compile(r"(://[^:@/\s]*):\S*@")
_NAMED_SECRET = re.compile(
    r"(?i)([\w-]*(?:password|passwd|secret|token|api_?key)\"?\s*[=:]\s*)('[^']*'|\"[^\"]*\"|[^\s&,;}]+)"
)


def shown(value: Any) -> Any:
    """`value` as JSON may have it, with secrets hidden; sets are sorted."""
    if isinstance(value, SecretStr | SecretBytes):
        return _address(value)
    if isinstance(value, BaseModel):
        return {name: shown(getattr(value, name)) for name in type(value).model_fields}
    if isinstance(value, Mapping):
        return {str(key): shown(item) for key, item in value.items()}
    if isinstance(value, set | frozenset):
        return sorted((shown(item) for item in value), key=str)
    if isinstance(value, list | tuple):
        return [shown(item) for item in value]
    if isinstance(value, bool | int | float) or value is None:
        return value
    return without_secrets(str(value))


def without_secrets(text: str) -> str:
    """`text` with passwords in addresses, and values that are named like a secret, hidden."""
    return _NAMED_SECRET.sub(rf"\1{HIDDEN}", _USER_INFO.sub(rf"\1:{HIDDEN}@", text))


def _address(secret: SecretStr | SecretBytes) -> str | None:
    """Where a secret is the address of a server, where it leads; else nothing of it. None: it is empty."""
    value = secret.get_secret_value()
    if not value.strip():
        return None
    text = value.decode("utf-8", "replace") if isinstance(value, bytes) else value
    try:
        parts = urlsplit(text)
        user, has_password = parts.username, parts.password is not None
    except ValueError:
        return HIDDEN
    # A raw slash, question mark or hash in a password ends the host too early: the password would be in what follows.
    if parts.scheme not in _ADDRESSES or "@" in f"{parts.path}{parts.query}{parts.fragment}":
        return HIDDEN
    place = parts.netloc.rpartition("@")[2]
    if user is not None:
        place = f"{user}{f':{HIDDEN}' if has_password else ''}@{place}"
    query = urlencode(
        [(key, item if key in _SHOWN_PARAMETERS else HIDDEN) for key, item in parse_qsl(parts.query)], safe="/*"
    )
    return f"{parts.scheme}://{place}{parts.path}{f'?{query}' if query else ''}"
