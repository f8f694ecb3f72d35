"""Who calls: any dialect's key header to a Caller. There is one door for all of them."""

from __future__ import annotations

from collections.abc import Iterable

from aiproxy.endpoints import strikes
from integrations import live
from integrations.errors import TokenRejected
from integrations.tokens import Caller
from providers.errors import InvalidRequest

KEY_HEADERS = frozenset({b"x-api-key", b"x-goog-api-key", b"api-key"})


async def caller_of(headers: Iterable[tuple[bytes, bytes]], address: str = "") -> Caller:
    """Raises TokenRejected without a good token, InvalidRequest when two different ones are sent, TooManyBadTokens
    when many others came from the same ``address``.
    """
    tokens = set()
    for name, value in headers:
        if name == b"authorization":
            scheme, _, rest = value.decode("latin-1").partition(" ")
            if scheme.lower() == "bearer" and rest.strip():
                tokens.add(rest.strip())
        elif name in KEY_HEADERS and value.strip():
            tokens.add(value.decode("latin-1").strip())
    if not tokens:
        raise TokenRejected(
            "Send your access token as 'Authorization: Bearer aimp_…'. Tokens are made on the Tokens page."
        )
    if len(tokens) > 1:
        raise InvalidRequest(
            "Two different keys were sent. Send the access token in one header only."
        )
    token = tokens.pop()
    strikes.check(address, token)
    try:
        caller = await live.caller(token)
    except TokenRejected:
        strikes.bad(address, token)
        raise
    strikes.good(token)
    return caller
