from __future__ import annotations

import json
from decimal import Decimal

import pytest

from aiproxy.protocols import anthropic, native, openai
from aiproxy.protocols.base import encode, error_headers, prefixed
from providers.errors import InvalidRequest, RateLimited, ServerError

ALL = [native.PROTOCOL, openai.PROTOCOL, anthropic.PROTOCOL]


def test_money_is_encoded_as_text():
    assert json.loads(encode({"a": Decimal("0.10")})) == {"a": "0.10"}


def test_prefix_is_put_once():
    assert prefixed("msg_", prefixed("msg_", "a")) == "msg_a"


def test_retry_after_is_rounded_up():
    assert error_headers(RateLimited("slow", retry_after=1.2)) == {
        "x-should-retry": "true",
        "retry-after": "2",
    }


def test_hopeless_call_is_not_to_be_retried():
    assert error_headers(InvalidRequest("no")) == {"x-should-retry": "false"}


@pytest.mark.parametrize("protocol", ALL, ids=lambda protocol: protocol.name)
def test_error_tells_everything_but_the_provider_s_words(protocol):
    error = ServerError("It failed.", provider="openai", detail="sk-secret", retry_after=3)
    status, body, headers = protocol.render_error(error, "req_9")
    text = json.dumps(body)
    assert status == 502
    assert headers["retry-after"] == "3"
    for word in ("It failed.", '"openai"', '"server_error"', "req_9", '"retryable": true'):
        assert word in text
    assert "sk-secret" not in text
