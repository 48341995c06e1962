"""What nginx.conf says, block by block: for what no request shows, such as how long an answer may take to be sent."""

import re
from collections.abc import Iterator, Mapping

_TOKEN = re.compile(r"""\s+|\#[^\n]*|(?P<text>"[^"]*"|'[^']*')|(?P<sign>[{};])|(?P<word>(?:\$\{[^}]*\}|[^\s{};"'])+)""")
_HEADER = "proxy_set_header"
_AGAIN = "error timeout invalid_header http_500 http_502 http_503"
_ALL = {
    "proxy_next_upstream": _AGAIN,
    "proxy_next_upstream_tries": "2",
    "proxy_connect_timeout": "5s",
    "limit_req": "zone=requests burst=2000 nodelay",
    "limit_conn": "connections ${CONNECTIONS}",
    "proxy_set_header Connection": '""',
    "proxy_set_header Host": "$http_host",
    "proxy_set_header X-Real-IP": "$remote_addr",
    "proxy_set_header X-Forwarded-For": "$remote_addr",
    "proxy_set_header X-Forwarded-Proto": "$scheme",
}
_LONG = _ALL | {"proxy_read_timeout": "60s", "proxy_send_timeout": "60s"}
_SHORT = _ALL | {"proxy_read_timeout": "2s", "proxy_send_timeout": "2s"}
_STREAM = _ALL | {"proxy_read_timeout": "1h", "proxy_send_timeout": "60s", "proxy_buffering": "off"}
# What has been sent of it to one gateway is sent to no other.
_ONCE = _LONG | {"proxy_next_upstream": "off"}
# A write with an idempotency key, and no other, is tried again whatever became of it.
_KEYED = _LONG | {"proxy_read_timeout": "3s", "proxy_next_upstream": f"{_AGAIN} non_idempotent"}
_EXPORTS = r"location ~ ^/v1/(?:.+/)?exports?(?:/|$)"
WANTED: Mapping[str, Mapping[str, str]] = {
    "upstream gateways": {"least_conn": ""},
    "upstream all_gateways": {"least_conn": ""},
    "location /": _SHORT,
    "location @write": _LONG,
    "location @write_unsent": _LONG,
    "location @write_once": _ONCE,
    "location @write_once_unsent": _ONCE,
    "location @write_once_still_unsent": _ONCE,
    "location @write_again": _KEYED,
    "location @write_to_all": _KEYED,
    "location @read_from_all": _SHORT,
    _EXPORTS: _LONG,
    "location @export_from_all": _LONG,
    "location = /v1/stream": _STREAM,
    "location @stream_from_all": _STREAM,
    "location = /health": _SHORT | {"access_log": "off"},
}
"""What holds within a block, said there or around it."""


def wrong(text: str) -> Iterator[str]:
    """Where the file says otherwise than is wanted."""
    found = dict(_blocks(text))
    for block, said in found.items():
        if "proxy_pass" in said and block not in WANTED:
            yield f"nginx.conf: {block} asks a gateway, and nobody says what it wants"
    for block, wanted in WANTED.items():
        if block not in found:
            yield f"nginx.conf: there is no {block}"
            continue
        for name, value in wanted.items():
            if found[block].get(name) != value:
                yield f"nginx.conf: {block}: {name} is {found[block].get(name)}, not {value}"


def _blocks(text: str) -> Iterator[tuple[str, Mapping[str, str]]]:
    """Each block by its name, with what is said of it: in it, or around it where it does not say it itself."""
    open_: list[tuple[str, dict[str, str]]] = [("", {})]
    words: list[str] = []
    for match in _TOKEN.finditer(text):
        if match["sign"] == "{":
            open_.append((" ".join(words), {}))
        elif match["sign"] == ";" and words:
            # Of those that are said of several things each is one.
            named = 2 if words[0] == _HEADER else 1
            open_[-1][1][" ".join(words[:named])] = " ".join(words[named:])
        elif match["sign"] == "}":
            said: dict[str, str] = {}
            for _, inner in open_:
                # Whoever sets one sets all of them.
                if any(name.startswith(_HEADER) for name in inner):
                    said = {name: value for name, value in said.items() if not name.startswith(_HEADER)}
                said |= inner
            yield open_.pop()[0], said
        if match["sign"]:
            words = []
        elif match["word"] or match["text"]:
            words.append(match["word"] or match["text"])
