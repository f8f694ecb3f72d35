"""From a provider's data and a person's settings to the one address calls go to, and whether they may."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Collection, Mapping

from msgspec.structs import replace

from providers.catalogue.spec import Field, ProviderSpec
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
_PLAIN = re.compile(r"(?!\.+$)[A-Za-z0-9._-]{1,253}")


def resolve(spec: ProviderSpec | None, base_url: str, fields: Mapping[str, str]) -> Endpoint:
    """``base_url``, or else the provider's own with its variables filled; raises BadEndpoint."""
    text = base_url or (_filled(spec, fields) if spec else "")
    if not text:
        raise BadEndpoint("Give the address of the server, for example https://api.example.com/v1.")
    endpoint = parse_endpoint(text)
    if endpoint.scheme == SANDBOX and not (spec and spec.deployment == "builtin"):
        raise BadEndpoint("The address must begin with https:// (or http:// for a local server).")
    if not base_url and spec and not endpoint.host.endswith(spec.base_url_suffix):
        ends = spec.base_url_suffix
        raise BadEndpoint(
            f"The host name must end in {ends if isinstance(ends, str) else ' or '.join(ends)}."
        )
    return endpoint


def fits_address(text: str) -> bool:
    """Whether ``text`` may fill a variable of a base URL: it cannot begin a new part of it."""
    return bool(_PLAIN.fullmatch(text))


def fits(field: Field, text: str) -> bool:
    """Whether ``text`` may be the value of ``field``, which fills a variable. Asked when it is saved, and when used."""
    return fits_address(text) and bool(not field.pattern or re.fullmatch(field.pattern, text))


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


def placed(spec: ProviderSpec, fields: Mapping[str, str]) -> ProviderSpec:
    """``spec`` with the variables of its paths filled; raises BadEndpoint. ``{model}`` is left to the adapter."""
    if not any(field.variable for field in spec.fields):
        return spec
    paths = dict(spec.paths)
    for field in spec.fields:
        if fields.get(field.name):
            paths |= field.paths
    test = paths.pop("test", spec.test.path)
    known = {field.variable for field in spec.fields}
    return replace(
        spec,
        paths={name: _fill(path, spec, fields, known) for name, path in paths.items()},
        test=replace(spec.test, path=_fill(test, spec, fields, known)),
    )


def _filled(spec: ProviderSpec, fields: Mapping[str, str]) -> str:
    """The base URL, or the one that a field's value has instead."""
    template = spec.base_url
    for field in spec.fields:
        template = field.base_urls.get(fields.get(field.name, "") or field.default, template)
    return _fill(template, spec, fields, set(_VARIABLE.findall(template)))


def _fill(
    template: str, spec: ProviderSpec, fields: Mapping[str, str], names: Collection[str]
) -> str:
    """``template`` with values for the variables ``names``, each of which must have one."""
    labels = {field.variable: field for field in spec.fields if field.variable}

    def value(match: re.Match[str]) -> str:
        if match[1] not in names:
            return match[0]
        field = labels.get(match[1])
        text = (fields.get(field.name, "") or field.default) if field else ""
        if not text:
            raise BadEndpoint(
                f"Fill in {field.label if field else match[1]}, or give the whole address."
            )
        if field and not fits(field, text):
            raise BadEndpoint(f"{field.label} does not fit into an address. Correct it.")
        return text

    return _VARIABLE.sub(value, template)


def _literal(host: str) -> IPAddress | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None
