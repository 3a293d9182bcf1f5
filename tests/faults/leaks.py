"""How a token may look where it has leaked."""

from __future__ import annotations

import html
import json
from base64 import b64encode, urlsafe_b64encode
from functools import cache
from urllib.parse import quote, quote_plus


@cache
def spellings(token: str) -> tuple[str, ...]:
    """The token in every spelling that an escape or an encoding may give it, in small letters."""
    data = token.encode()
    forms = {
        token,
        quote(token),
        quote(token, safe=""),
        quote_plus(token),
        quote(quote(token, safe=""), safe=""),
        html.escape(token),
        repr(token)[1:-1],
        ascii(token)[1:-1],
        json.dumps(token)[1:-1],
        json.dumps(json.dumps(token))[3:-3],
        token.encode("unicode_escape").decode(),
        repr(data)[2:-1],
        data.decode("latin-1"),
        data.hex(),
        token.encode("utf-16-le").decode("latin-1"),
        token.encode("utf-16-be").hex(),
        quote(token, safe="")[:12],
    }
    for encode in (b64encode, urlsafe_b64encode):
        for offset in range(3):
            # Where other bytes stand around it, only the groups of three that are all its own look the same.
            own = data[(3 - offset) % 3 :]
            forms.add(encode(own[: len(own) // 3 * 3]).decode())
    return tuple(form.lower() for form in forms)


def leaks(token: str, *parts: str, **surfaces: str) -> list[str]:
    """The names of the surfaces that show the token, or one of its parts in small letters."""
    sought = (*spellings(token), *parts)
    return [
        name
        for name, text in surfaces.items()
        if any(spelling in shown for shown in (text.lower(),) for spelling in sought)
    ]
