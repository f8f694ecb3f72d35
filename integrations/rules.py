"""What each setting of an integration may be. Every rule gives the cleaned value and tells Problems what is wrong."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec
from django.core.exceptions import ValidationError

from integrations import endpoints
from integrations.policy import NAMES, NUMBERS, RETRIED, USUAL
from providers.adapters import custom_mapping
from providers.adapters.custom_mapping import BadMapping
from providers.catalogue.spec import Auth, Field, ProviderSpec
from providers.service_account import ServiceAccount, in_one_line
from providers.sigv4 import AwsKey

MAX_NAME, MAX_MODEL, MAX_MODELS, MAX_FIELD = 100, 200, 200, 500
MAX_KEY, MAX_HEADERS, MAX_HEADER, MAX_PROMPT, MAX_METADATA = 8_000, 20, 4_000, 50_000, 16_000
MAX_ORIGINS = 50

OUR_HEADERS = frozenset(
    {
        "accept-encoding",
        "authorization",
        "connection",
        "content-encoding",
        "content-length",
        "content-type",
        "cookie",
        "expect",
        "host",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)
"""Names nobody may set: they sign, frame or route the request."""

_NO_KEY_HEADER = OUR_HEADERS - {"authorization"}

_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}")  # RFC 9110 §5.6.2
_HEADER_VALUE = re.compile(r"[\x21-\x7e](?:[\x20-\x7e\t]*[\x21-\x7e])?")  # §5.5, ASCII only
# As RFC 6454 §6.2 writes one: no path, no default port, no user. "null" and "*" stand for anybody, so they are none.
_ORIGIN = re.compile(
    r"https?://(?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)*|\[[0-9a-f:.]+\])"
    r"(?::[1-9][0-9]{0,4})?"
)
_KEY = re.compile(r"[\x21-\x7e]+")


class Problems:
    """Sentences by the field they belong to, raised together."""

    def __init__(self) -> None:
        self.found: dict[str, Any] = {}

    def add(self, name: str, sentence: str) -> None:
        self.found.setdefault(name, []).append(sentence)

    def raise_if_any(self) -> None:
        if self.found:
            raise ValidationError(self.found)


def line(name: str, text: str, limit: int, problems: Problems) -> str:
    """One line of printable text."""
    text = text.strip()
    if len(text) > limit:
        problems.add(name, f"Use at most {limit} characters.")
    elif not text.isprintable():
        problems.add(name, "Leave line breaks and control characters out.")
    return text


def key(auth: Auth, text: str, problems: Problems) -> str:
    """A new key; empty is none."""
    text = text.strip()
    if text and auth.type == "none":
        problems.add(
            "key",
            f"Nothing is sent with {auth.label!r}. Choose another way to sign in, or leave it empty.",
        )
    elif text and auth.type == "service_account":
        text = _service_account(text, problems)
    elif text and not _KEY.fullmatch(text):
        problems.add("key", "A key has no spaces, line breaks or accented letters. Copy it again.")
    elif text and auth.type == "aws_sigv4" and AwsKey.parse(text) is None:
        problems.add(
            "key",
            "Give the access key as ACCESS_KEY_ID:SECRET_ACCESS_KEY, and with temporary credentials "
            ":SESSION_TOKEN behind it.",
        )
    elif len(text) > MAX_KEY:
        problems.add("key", f"A key has at most {MAX_KEY} characters.")
    return text


def _service_account(text: str, problems: Problems) -> str:
    """The file in one line, as every key is kept. Its line breaks may be lost already: a password field drops them."""
    if len(text) > MAX_KEY or ServiceAccount.parse(text) is None:
        problems.add(
            "key",
            "This is not the JSON file of a service account. Enter the whole file, from { to }.",
        )
    return in_one_line(text)


def fields(known: Iterable[Field], values: Mapping[str, Any], problems: Problems) -> dict[str, str]:
    """The provider's own settings; empty ones are left out."""
    by_name = {field.name: field for field in known}
    for name in values.keys() - by_name.keys():
        problems.add(f"fields.{name}", "This provider has no such setting.")
    given = {name: _field(field, values.get(name, ""), problems) for name, field in by_name.items()}
    return {name: value for name, value in given.items() if value}


def _field(field: Field, value: Any, problems: Problems) -> str:
    name = f"fields.{field.name}"
    if not isinstance(value, str):
        problems.add(name, "This must be text.")
        return ""
    text = line(name, value, MAX_FIELD, problems)
    if not text:
        if field.required:
            problems.add(name, f"{field.label} is needed.")
    elif field.pattern and not re.fullmatch(field.pattern, text):
        problems.add(name, f"{field.label} does not look right. {field.help}".strip())
    elif field.names and (not _HEADER_NAME.fullmatch(text) or text.lower() in _NO_KEY_HEADER):
        problems.add(name, "This is not the name of a header that can carry a key.")
    elif field.variable and not endpoints.fits_address(text):
        problems.add(name, "Use only letters, digits and . _ - here.")
    elif field.header and not _HEADER_VALUE.fullmatch(text):
        problems.add(name, "Use only plain ASCII characters here.")
    return text


def headers(auth: Auth, values: Mapping[str, Any], problems: Problems) -> dict[str, str]:
    """Extra headers by name; an empty value means that the stored one stays."""
    if len(values) > MAX_HEADERS:
        problems.add("headers", f"Give at most {MAX_HEADERS} headers.")
    names = [name.lower() for name in values]
    for name in {name for name in names if names.count(name) > 1}:
        problems.add(f"headers.{name}", "This header stands there twice.")
    taken = OUR_HEADERS | ({auth.name.lower()} if auth.place == "header" else set())
    return {name: _header(name, value, taken, problems) for name, value in values.items()}


def _header(name: str, value: Any, taken: frozenset[str], problems: Problems) -> str:
    where = f"headers.{name}"
    if not _HEADER_NAME.fullmatch(name):
        problems.add(where, "A header's name has only letters, digits and !#$%&'*+-.^_`|~.")
    elif name.lower() in taken:
        problems.add(
            where, "This header is set by the server itself; use the key's own field for a key."
        )
    if not isinstance(value, str):
        problems.add(where, "This must be text.")
        return ""
    text = value.strip(" \t")
    if text and (len(text) > MAX_HEADER or not _HEADER_VALUE.fullmatch(text)):
        problems.add(where, f"Use at most {MAX_HEADER} plain ASCII characters in one line.")
    return text


def models(values: Iterable[Any], problems: Problems) -> list[str]:
    """Ids of models, each once."""
    found = list(dict.fromkeys(value for value in values if value != ""))
    if len(found) > MAX_MODELS:
        problems.add("models", f"Give at most {MAX_MODELS} models.")
    if not all(isinstance(value, str) for value in found):
        problems.add("models", "A model's id must be text.")
        return []
    return [line("models", value, MAX_MODEL, problems) for value in found]


def defaults(values: Mapping[str, Any], problems: Problems) -> dict[str, Any]:
    """Parameters used where a call gives none of its own; empty ones are left out."""
    for name in values.keys() - _DEFAULTS.keys():
        problems.add(f"defaults.{name}", "There is no such default.")
    given = {
        name: value
        for name, value in values.items()
        if name in _DEFAULTS and value not in (None, "")
    }
    for name, value in given.items():
        fits, sentence = _DEFAULTS[name]
        if not fits(value):
            problems.add(f"defaults.{name}", sentence)
    return given


def policy(values: Mapping[str, Any], problems: Problems) -> dict[str, Any]:
    """How calls are made, as far as it is set: None and the usual value are left out."""
    found: dict[str, Any] = {}
    for name, value in values.items():
        if name not in NAMES:
            problems.add(f"policy.{name}", "There is no such setting.")
        elif value is not None and (kept := _POLICY[name](name, value, problems)) != _USUAL[name]:
            found[name] = kept
    return found


def _number(name: str, value: Any, problems: Problems) -> float:
    kind, least, most = NUMBERS[name]
    fits = isinstance(value, int | float) and not isinstance(value, bool) and kind(value) == value
    if not fits or not least <= value <= most:
        what = "a whole number" if kind is int else "a number"
        problems.add(f"policy.{name}", f"Give {what} between {least:.12g} and {most:.12g}.")
        return least
    return kind(value)  # type: ignore[no-any-return]  # int or float


def _retried(name: str, value: Any, problems: Problems) -> list[str]:
    if not _texts(value) or not RETRIED.issuperset(value):
        problems.add(f"policy.{name}", f"Choose from {', '.join(sorted(RETRIED))}.")
        return sorted(RETRIED)
    return sorted(set(value))


def _origins(name: str, value: Any, problems: Problems) -> list[str]:
    if not _texts(value) or len(value) > MAX_ORIGINS:
        problems.add(f"policy.{name}", f"Give at most {MAX_ORIGINS} origins.")
        return []
    found = {one.strip() for one in value} - {""}
    for one in sorted(found):
        usual_port = one.startswith("http:") and one.endswith(":80")
        usual_port |= one.startswith("https:") and one.endswith(":443")
        if not _ORIGIN.fullmatch(one) or usual_port:
            problems.add(
                f"policy.{name}",
                f"{one[:100]!r} is not an origin. Write it as a browser sends it, in lower case and without a "
                "path: https://app.example.com",
            )
    return sorted(found)


def _texts(value: Any) -> bool:
    return isinstance(value, list | tuple | set | frozenset) and all(
        isinstance(one, str) for one in value
    )


_POLICY = dict.fromkeys(NUMBERS, _number) | {"retryOn": _retried, "origins": _origins}
_USUAL = {
    name: sorted(value) if isinstance(value := getattr(USUAL, own), frozenset) else value
    for name, own in NAMES.items()
}


def metadata(value: Any, problems: Problems) -> dict[str, Any]:
    """A JSON object that is nobody's business but the owner's."""
    try:
        text = msgspec.json.encode(value)
        found: dict[str, Any] = msgspec.json.decode(text, type=dict[str, Any])
    except (msgspec.MsgspecError, TypeError, ValueError):
        problems.add("metadata", "This must be a JSON object.")
        return {}
    if len(text) > MAX_METADATA:
        problems.add("metadata", f"Use at most {MAX_METADATA} bytes of JSON.")
    return found


def mapping(spec: ProviderSpec, value: Mapping[str, Any], problems: Problems) -> dict[str, Any]:
    """A person's own mapping, for a provider that is driven by one; empty is the provider's own."""
    if not value:
        return {}
    if spec.adapter != "custom":
        problems.add("mapping", f"{spec.name} has a format of its own, so there is nothing to map.")
        return {}
    try:
        custom_mapping.read(value)
    except BadMapping as error:
        for key, sentence in error.problems.items():
            problems.add(key if key == "mapping" else f"mapping.{key}", sentence)
        return {}
    return dict(value)


def _between(low: float, high: float) -> Any:
    return lambda value: (
        isinstance(value, int | float) and not isinstance(value, bool) and low <= value <= high
    )


def _whole(low: int, high: int) -> Any:
    return lambda value: type(value) is int and low <= value <= high


_DEFAULTS = {
    "temperature": (_between(0, 2), "Use a number from 0 to 2."),
    "top_p": (_between(0, 1), "Use a number from 0 to 1."),
    "max_tokens": (_whole(1, 10_000_000), "Use a whole number from 1 on."),
    "system_prompt": (
        lambda value: isinstance(value, str) and len(value) <= MAX_PROMPT,
        f"Use text of at most {MAX_PROMPT} characters.",
    ),
}
