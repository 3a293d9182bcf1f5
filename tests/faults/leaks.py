"""Finding a token in text, in every encoding in which it may have leaked."""

from __future__ import annotations

import html
import json
from base64 import b64encode, urlsafe_b64encode
from functools import cache
from urllib.parse import quote, quote_plus


@cache
def encodings(token: str) -> tuple[str, ...]:
    """The token in every form that an escape or an encoding may give it, in lower case."""
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
            # Between other bytes, only the groups of three bytes that belong to the token stay the same.
            own = data[(3 - offset) % 3 :]
            forms.add(encode(own[: len(own) // 3 * 3]).decode())
    return tuple(form.lower() for form in forms)


def leaks(token: str, *parts: str, **surfaces: str) -> list[str]:
    """The names of the surfaces that contain the token, or one of its parts given in lower case."""
    searched = (*encodings(token), *parts)
    return [
        name
        for name, text in surfaces.items()
        if any(form in lowered for lowered in (text.lower(),) for form in searched)
    ]
