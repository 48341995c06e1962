"""Pages for people, as HTML without scripts or styles. Pure."""

from collections.abc import Sequence
from html import escape

HTML = "text/html; charset=utf-8"


def wants_html(accept: str) -> bool:
    """Whether the header Accept prefers HTML to JSON, as a browser's does: the first of the two that it names counts.

    Weights are not compared: whoever names HTML first is a browser.
    """
    for part in accept.lower().split(","):
        media_type = part.partition(";")[0].strip()
        if media_type == "text/html":
            return True
        if media_type in ("application/json", "application/problem+json", "*/*"):
            return False
    return False


def page(title: str, *paragraphs: str, items: Sequence[tuple[str, str]] = ()) -> bytes:
    """A page with its title as heading; `items` are (address, text) of a list of links."""
    body = "".join(f"<p>{escape(text)}</p>" for text in paragraphs)
    links = "".join(f'<li><a href="{escape(address)}">{escape(text)}</a></li>' for address, text in items)
    listed = f"<ul>{links}</ul>" if links else ""
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)} · bet-intel</title></head>"
        f"<body><main><h1>{escape(title)}</h1>{body}{listed}</main></body></html>"
    ).encode()
