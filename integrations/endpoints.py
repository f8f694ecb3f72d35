"""From a provider's data and a person's settings to the one address calls go to, and whether they may."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping

from providers.catalogue.spec import ProviderSpec
from providers.endpoint import (
    SANDBOX,
    BadEndpoint,
    Endpoint,
    IPAddress,
    PrivateEndpoints,
    is_metadata,
    is_public,
    parse_endpoint,
)

_VARIABLE = re.compile(r"\{(\w+)\}")
_PLAIN = re.compile(r"[A-Za-z0-9._-]+")


def resolve(spec: ProviderSpec | None, base_url: str, fields: Mapping[str, str]) -> Endpoint:
    """``base_url``, or else the provider's own with its variables filled; raises BadEndpoint."""
    text = base_url or (_filled(spec, fields) if spec else "")
    if not text:
        raise BadEndpoint("Give the address of the server, for example https://api.example.com/v1.")
    endpoint = parse_endpoint(text)
    if endpoint.scheme == SANDBOX and not (spec and spec.deployment == "builtin"):
        raise BadEndpoint("The address must begin with https:// (or http:// for a local server).")
    if not base_url and spec and not endpoint.host.endswith(spec.base_url_suffix):
        raise BadEndpoint(f"The host name must end in {spec.base_url_suffix}.")
    return endpoint


def fits_address(text: str) -> bool:
    """Whether ``text`` may fill a variable of a base URL: it cannot begin a new part of it."""
    return bool(_PLAIN.fullmatch(text))


def refuse_private(endpoint: Endpoint, allowed: PrivateEndpoints) -> None:
    """Raises BadEndpoint for an address that is private on its face and not on the operator's list.

    What a name resolves to is checked when it is dialled; this answers while the person still types.
    """
    if endpoint.scheme == SANDBOX:
        return
    literal = _literal(endpoint.host)
    if literal is not None and is_metadata(literal):
        raise BadEndpoint("This is a cloud's metadata service; it is never called.")
    if allowed.allows(endpoint.host, endpoint.port):
        return
    local = endpoint.host == "localhost" or endpoint.host.endswith(".localhost")
    if local or (literal is not None and not is_public(literal)):
        raise BadEndpoint(
            f"{endpoint.host}:{endpoint.port} is a private address. "
            "Whoever runs this server can allow it in AIM_PRIVATE_ENDPOINTS."
        )
    if endpoint.scheme == "http":
        raise BadEndpoint(
            "Use https:// here: over http:// anybody on the way could read the key. "
            "Whoever runs this server can allow a local one in AIM_PRIVATE_ENDPOINTS."
        )


def _filled(spec: ProviderSpec, fields: Mapping[str, str]) -> str:
    labels = {field.variable: field for field in spec.fields if field.variable}

    def value(match: re.Match[str]) -> str:
        field = labels.get(match[1])
        text = fields.get(field.name, "") if field else ""
        if not text:
            raise BadEndpoint(
                f"Fill in {field.label if field else match[1]}, or give the whole address."
            )
        return text

    return _VARIABLE.sub(value, spec.base_url)


def _literal(host: str) -> IPAddress | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None
