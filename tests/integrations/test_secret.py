from __future__ import annotations

import copy
import dataclasses
import json
import logging
import pickle
import pprint
import traceback
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from integrations.secret import Headers, Secret

CANARY = "sk-canary-1234567890"


@dataclasses.dataclass(frozen=True)
class Holder:
    secret: Secret
    headers: Headers


@pytest.fixture
def secret() -> Secret:
    return Secret(CANARY)


@pytest.fixture
def headers() -> Headers:
    return Headers({"X-Team": CANARY})


def test_plain_gives_the_value(secret):
    assert secret.plain() == CANARY


def test_headers_give_their_values_by_name(headers):
    assert headers["X-Team"] == CANARY
    assert dict(headers) == {"X-Team": CANARY}
    assert len(headers) == 1


SHOWN: dict[str, Callable[[Any], str]] = {
    "repr": repr,
    "str": str,
    "format": lambda value: f"{value}",
    "format with a width": lambda value: (
        f"{value:>80}" if isinstance(value, Secret) else f"{value}"
    ),
    "percent": lambda value: "%s %r" % (value, value),  # noqa: UP031  # one way it could leak
    "pprint": pprint.pformat,
    "inside a list": lambda value: repr([value]),
    "inside a dataclass": lambda value: repr(
        Holder(
            value if isinstance(value, Secret) else Secret(CANARY),
            value if isinstance(value, Headers) else Headers({"a": CANARY}),
        )
    ),
}


@pytest.mark.parametrize("way", SHOWN)
def test_secret_never_shows_itself(secret, way):
    assert CANARY not in SHOWN[way](secret)


@pytest.mark.parametrize("way", SHOWN)
def test_headers_never_show_their_values(headers, way):
    assert CANARY not in SHOWN[way](headers)


def test_headers_show_their_names(headers):
    assert "X-Team" in repr(headers)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_neither_can_be_pickled(secret, headers, protocol):
    for value in (secret, headers):
        with pytest.raises(TypeError, match="cannot be pickled"):
            pickle.dumps(value, protocol)


def test_neither_gives_its_state(secret, headers):
    for value in (secret, headers):
        with pytest.raises(TypeError):
            value.__getstate__()
        assert not hasattr(value, "__dict__")


@pytest.mark.parametrize("encode", [msgspec.json.encode, msgspec.msgpack.encode, json.dumps])
def test_secret_cannot_be_encoded(secret, encode):
    for value in (secret, [secret], {"key": secret}):
        with pytest.raises(TypeError) as caught:
            encode(value)
        assert CANARY not in str(caught.value)


def test_copies_are_masked_too(secret, headers):
    for value in (secret, headers):
        for copied in (copy.copy(value), copy.deepcopy(value)):
            assert type(copied) is type(value)
            assert CANARY not in repr(copied)


def test_as_dict_of_a_dataclass_stays_masked(secret, headers):
    assert CANARY not in repr(dataclasses.asdict(Holder(secret, headers)))


def test_log_record_and_traceback_stay_masked(secret, caplog):
    try:
        raise ValueError(secret)
    except ValueError:
        logging.getLogger("test").exception("failed with %s", secret)
        assert CANARY not in traceback.format_exc()
    assert CANARY not in caplog.text


def test_equal_only_to_a_secret_of_the_same_value(secret):
    assert secret == Secret(CANARY)
    assert secret != Secret("other")
    assert secret != CANARY


def test_secret_has_no_hash(secret):
    with pytest.raises(TypeError):
        hash(secret)


def test_empty_secret_is_false(secret):
    assert secret
    assert not Secret("")
