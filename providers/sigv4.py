"""AWS Signature Version 4 (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html).

Pure: the time is a parameter, and what is signed is exactly what is sent.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha256
from urllib.parse import quote, unquote

_ALGORITHM = "AWS4-HMAC-SHA256"


@dataclass(frozen=True, slots=True)
class AwsKey:
    """An access key. ``session`` is only there with temporary ones."""

    id: str
    secret: str = field(repr=False)
    session: str = field(default="", repr=False)

    @classmethod
    def parse(cls, text: str) -> AwsKey | None:
        """From ``ACCESS_KEY_ID:SECRET_ACCESS_KEY[:SESSION_TOKEN]``; None when it is not that."""
        pieces = text.split(":")
        return cls(*pieces) if len(pieces) in (2, 3) and all(pieces) else None


@dataclass(frozen=True, slots=True)
class Scope:
    """For what a signature holds."""

    region: str
    service: str


def headers(
    key: AwsKey,
    scope: Scope,
    method: str,
    host: str,
    path: str,
    content: bytes,
    signed: Mapping[str, str],
    now: datetime,
) -> dict[str, str]:
    """The headers that prove ``key`` for a request to ``host`` (with its port unless that is the scheme's own).

    ``path`` is as it goes over the wire, percent-encoded and with its query; ``signed`` are the request's
    other headers that nobody on the way may change. ``now`` must be aware.
    """
    stamp = now.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")
    added = {"x-amz-date": stamp}
    if key.session:
        added["x-amz-security-token"] = key.session
    names = {name.lower(): value for name, value in {**signed, **added, "host": host}.items()}
    credential = f"{stamp[:8]}/{scope.region}/{scope.service}/aws4_request"
    text = "\n".join(
        (
            _ALGORITHM,
            stamp,
            credential,
            sha256(_canonical(method, path, content, names).encode()).hexdigest(),
        )
    )
    signature = hmac.new(_key(key.secret, credential), text.encode(), sha256).hexdigest()
    proof = f"Credential={key.id}/{credential}, SignedHeaders={';'.join(sorted(names))}, Signature={signature}"
    return {**added, "authorization": f"{_ALGORITHM} {proof}"}


def _canonical(method: str, path: str, content: bytes, headers: Mapping[str, str]) -> str:
    path, _, query = path.partition("?")
    lines = [f"{name}:{' '.join(headers[name].split())}\n" for name in sorted(headers)]
    return "\n".join(
        (
            method,
            quote(path or "/", safe="/~"),  # once more: what is encoded already is encoded twice
            _query(query),
            "".join(lines),
            ";".join(sorted(headers)),
            sha256(content).hexdigest(),
        )
    )


def _query(text: str) -> str:
    """The parameters, encoded in one way only and in order."""
    pairs = [piece.partition("=") for piece in text.split("&") if piece]
    encoded = sorted(
        (quote(unquote(n), safe="~"), quote(unquote(v), safe="~")) for n, _, v in pairs
    )
    return "&".join(f"{name}={value}" for name, value in encoded)


def _key(secret: str, credential: str) -> bytes:
    """The day's key for the scope: each step is keyed by the one before."""
    key = f"AWS4{secret}".encode()
    for piece in credential.split("/"):
        key = hmac.new(key, piece.encode(), sha256).digest()
    return key
