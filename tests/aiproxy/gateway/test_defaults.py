from __future__ import annotations

import pytest

from aiproxy.gateway import defaults
from aiproxy.gateway.call import Target
from providers.chat import ChatRequest, Message, Text
from providers.registry import catalogue
from tests.aiproxy.gateway.conftest import make_connection

HELLO = Message("user", (Text("Hello"),))


@pytest.fixture
def target():
    connection = make_connection(
        defaults={"temperature": 0.2, "max_tokens": 50, "system_prompt": "Be brief."}
    )
    return Target(connection, "gpt-x", catalogue().adapter("openai"), catalogue().host("openai"))


def test_the_targets_own_model_name_is_sent(target):
    assert defaults.apply(ChatRequest("openai/gpt-x", (HELLO,)), target).model == "gpt-x"


def test_silence_takes_the_integrations_defaults(target):
    request = defaults.apply(ChatRequest("m", (HELLO,)), target)
    assert (request.temperature, request.max_tokens, request.top_p) == (0.2, 50, None)
    assert request.messages[0] == Message("system", (Text("Be brief."),))


def test_what_the_caller_says_stays(target):
    system = Message("system", (Text("Be long."),))
    request = defaults.apply(ChatRequest("m", (system, HELLO), temperature=0.0), target)
    assert request.temperature == 0.0
    assert request.messages == (system, HELLO)
