"""What a base URL may be, and which addresses are private. No DNS here: the transport checks what it dials."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from urllib.parse import urlsplit

IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address

SANDBOX = "sandbox"
"""The scheme of the built-in provider: ``sandbox:local`` is served inside this process and dials nothing."""

_DEFAULT_PORTS = {"http": 80, "https": 443}
_HOST = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?:\.[a-z0-9_-]{1,63})*\.?")

# ``is_global`` alone says True for several of these (measured on Python 3.11); transition ranges reach inside.
_NOT_PUBLIC = tuple(
    ipaddress.ip_network(text)
    for text in [
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.88.99.0/24",
        "192.168.0.0/16",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/4",
        "240.0.0.0/4",
        "168.63.129.16/32",
        "::/96",
        "64:ff9b::/96",
        "64:ff9b:1::/48",
        "100::/64",
        "2001::/23",
        "2001:db8::/32",
        "2002::/16",
        "3fff::/20",
        "5f00::/16",
        "fc00::/7",
        "fe80::/10",
        "fec0::/10",
        "ff00::/8",
    ]
)

# Cloud metadata services: refused even where an operator allows their network.
_METADATA = tuple(
    map(
        ipaddress.ip_address,
        ("169.254.169.254", "100.100.100.200", "168.63.129.16", "fd00:ec2::254"),
    )
)


class BadEndpoint(ValueError):
    """The text is no base URL we would send a key to; the message says why, in words for the person typing."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A checked base URL, without a trailing slash. ``origin`` is what a stored key is bound to."""

    scheme: str
    host: str
    port: int
    path: str

    @property
    def origin(self) -> str:
        if self.scheme == SANDBOX:
            return f"{SANDBOX}:{self.host}"
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{self.port}"

    @property
    def authority(self) -> str:
        """What the Host header says: the port only where it is not the scheme's own."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        port = "" if _DEFAULT_PORTS.get(self.scheme) == self.port else f":{self.port}"
        return host + port

    @property
    def url(self) -> str:
        if self.scheme == SANDBOX:
            return self.origin
        return f"{self.scheme}://{self.authority}{self.path}"

    def join(self, path: str) -> str:
        """The URL of ``path``, which starts with a slash and may carry a query."""
        return self.url + path


def parse_endpoint(text: str) -> Endpoint:
    """Parse a base URL; raises BadEndpoint. This is the only parser: what it says is what is dialled."""
    text = text.strip()
    if text.startswith(f"{SANDBOX}:"):
        return Endpoint(SANDBOX, text.removeprefix(f"{SANDBOX}:"), 0, "")
    if not text.isascii() or any(c <= " " or c in '\\"<>^`{|}%\x7f' for c in text):
        raise BadEndpoint(
            "The address may hold only plain ASCII letters, digits and - . _ ~ : / characters."
        )
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        raise BadEndpoint(
            "This is not an address. It should look like https://api.example.com/v1."
        ) from None
    if parts.scheme not in _DEFAULT_PORTS:
        raise BadEndpoint("The address must begin with https:// (or http:// for a local server).")
    if "@" in parts.netloc:
        raise BadEndpoint("Leave user names and passwords out of the address.")
    if parts.query or parts.fragment or "?" in text or "#" in text:
        raise BadEndpoint("Leave everything from ? or # on out of the address.")
    host = (parts.hostname or "").lower()
    if "[" in parts.netloc:
        try:
            host = str(ipaddress.IPv6Address(host))
        except ValueError:
            raise BadEndpoint("The address in brackets is not an IPv6 address.") from None
    elif not _HOST.fullmatch(host):
        raise BadEndpoint("The address has no usable host name.")
    if port == 0:
        raise BadEndpoint("Port 0 cannot be called.")
    path = re.sub(r"/{2,}", "/", parts.path).rstrip("/")
    if any(segment in (".", "..") for segment in path.split("/")):
        raise BadEndpoint("The address may not hold . or .. as a path segment.")
    return Endpoint(parts.scheme, host.rstrip("."), port or _DEFAULT_PORTS[parts.scheme], path)


def is_public(address: IPAddress) -> bool:
    """Whether ``address`` is on the public internet; IPv4 inside IPv6 is unwrapped first."""
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        return is_public(address.ipv4_mapped)
    return (
        address.is_global
        and not address.is_multicast
        and not any(address.version == net.version and address in net for net in _NOT_PUBLIC)
    )


def is_metadata(address: IPAddress) -> bool:
    """Whether ``address`` is a cloud's metadata service, which nothing may ever reach."""
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        return is_metadata(address.ipv4_mapped)
    return address in _METADATA


@dataclass(frozen=True, slots=True)
class PrivateEndpoints:
    """The operator's allow-list of ``host:port`` pairs that may resolve to private addresses."""

    pairs: frozenset[tuple[str, int]] = frozenset()

    @classmethod
    def parse(cls, text: str) -> PrivateEndpoints:
        """From ``localhost:11434, 10.0.0.5:8080, [::1]:1234``; raises BadEndpoint naming the bad entry."""
        pairs = set()
        for entry in filter(None, (piece.strip() for piece in text.split(","))):
            host, colon, port = entry.rpartition(":")
            if not colon or not port.isascii() or not port.isdigit() or not 0 < int(port) < 65536:
                raise BadEndpoint(f"{entry!r} is not host:port")
            endpoint = parse_endpoint(f"http://{host}:{port}")
            pairs.add((endpoint.host, endpoint.port))
        return cls(frozenset(pairs))

    def allows(self, host: str, port: int) -> bool:
        return (host, port) in self.pairs

    def permits(self, host: str, port: int, address: IPAddress) -> bool:
        """Whether ``address``, which ``host`` resolved to, may be dialled."""
        if is_metadata(address):
            return False
        return is_public(address) or self.allows(host, port)
