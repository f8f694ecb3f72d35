"""Every class of result, for every format, against a provider on a real socket."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from msgspec import structs

from aiproxy import probe
from aiproxy.upstream.client import Upstream
from aiproxy.upstream.send import Timeouts
from integrations import endpoints
from integrations.secret import Headers
from providers.catalogue.spec import ConnectionTest
from providers.errors import AuthFailed, InvalidRequest
from providers.registry import catalogue
from tests.aiproxy.connections import BEARER, KEY, NO_KEY, LoopbackAllowed, connect, make_provider
from tests.fakes import closed_port, make_certificate, serve_fake, serve_raw

PATHS = {
    "openai": "/v1",
    "groq": "/v1",
    "anthropic": "",
    "google": "/v1beta",
    "anthropic-compatible": "",
    "openai-compatible": "/v1",
    "ollama": "",
    "lmstudio": "/v1",
    "bedrock": "",
}
HOSTED = (
    "openai",
    "groq",
    "anthropic",
    "google",
    "anthropic-compatible",
    "openai-compatible",
    "bedrock",
)
LOCAL = ("ollama", "lmstudio")


@pytest.fixture
async def upstream() -> AsyncIterator[Upstream]:
    async with Upstream(LoopbackAllowed()) as opened:
        yield opened


@pytest.fixture
def reach(fake):
    """``reach("openai", key)`` is a connection to that provider, which here is the fake."""

    def build(provider_id: str, key: str = KEY, **data):
        spec = catalogue()[provider_id]
        auth = spec.way("none") if not key else spec.auth[0]
        return connect(fake.url + PATHS[provider_id], key, spec, auth=auth, **data)

    return build


@pytest.fixture
def quick(monkeypatch):
    monkeypatch.setattr(probe, "TIMEOUTS", Timeouts(connect=0.3, total=0.3))


async def outcome(upstream, connection) -> tuple[str, str]:
    found = await probe.test(upstream, connection)
    assert found.message[0].isupper()
    assert not connection.secret or connection.secret.plain() not in found.message
    return found.result, found.message


@pytest.mark.parametrize("provider_id", ["openai", "groq", "anthropic", "google"])
async def test_a_good_key_is_accepted_and_the_models_are_listed(upstream, reach, provider_id):
    found = await probe.test(upstream, reach(provider_id))
    assert found.result == "ok"
    assert "accepted the key" in found.message
    assert "2 models" in found.message
    assert [model.id for model in found.models] == ["sandbox", "sandbox-embed"]
    assert found.latency_ms >= 0


@pytest.mark.parametrize("provider_id", HOSTED)
@pytest.mark.parametrize(
    ("key", "result"),
    [
        ("sk-bad-key-0123456789", "wrong_key"),
        ("sk-restricted-0123456789", "restricted_key"),
        ("sk-broke-0123456789", "no_credit"),
        ("sk-limited-0123456789", "rate_limited"),
    ],
)
async def test_a_refused_key_is_classified(upstream, reach, provider_id, key, result):
    connection = reach(provider_id, key, model="some-model")
    assert (await outcome(upstream, connection))[0] == result


async def test_a_wrong_key_is_told_how_a_right_one_looks_and_where_it_is(upstream, reach):
    _, message = await outcome(upstream, reach("openai", "sk-bad-key-0123456789"))
    assert "sk-…" in message
    assert "https://platform.openai.com/api-keys" in message


async def test_bedrock_is_tested_by_the_smallest_chat(upstream, reach, fake):
    found = await probe.test(upstream, reach("bedrock", model=""))
    assert (found.result, found.models) == ("ok", ())
    (request,) = fake.requests
    assert request.path == "/model/global.amazon.nova-2-lite-v1:0/converse"


async def test_vertex_is_tested_by_counting_tokens_in_its_project(upstream, fake):
    spec = endpoints.placed(catalogue()["vertex"], {"project": "acme-project"})
    found = await probe.test(upstream, connect(f"{fake.url}/v1", KEY, spec, auth=spec.way("token")))
    assert found.result == "ok"
    assert fake.requests[0].path == (
        "/v1/projects/acme-project/locations/global/publishers/google/models"
        "/gemini-3.8-flash:countTokens"
    )


async def test_a_service_account_that_cannot_be_read_is_a_wrong_key(upstream, fake):
    spec = endpoints.placed(catalogue()["vertex"], {"project": "acme-project"})
    found, message = await outcome(upstream, connect(fake.url, "{}-canary-0123456789", spec))
    assert found == "wrong_key"
    assert "service account" in message
    assert fake.requests == []


async def test_a_limit_says_when_to_try_again(upstream, reach):
    _, message = await outcome(upstream, reach("openai", "sk-limited-0123456789"))
    assert "2 seconds" in message


@pytest.mark.parametrize("provider_id", LOCAL)
async def test_a_local_server_without_a_key_is_connected(upstream, reach, provider_id):
    found = await probe.test(upstream, reach(provider_id, ""))
    assert found.result == "ok"
    assert "2 models" in found.message


async def test_a_local_server_without_models_says_so(upstream):
    async def empty(line) -> None:
        await line.send(b'HTTP/1.1 200 OK\r\ncontent-length: 13\r\n\r\n{"models":[]}')

    spec = catalogue()["ollama"]
    with serve_raw(empty) as server:
        connection = connect(server.url, "", spec, auth=spec.way("none"))
        result, message = await outcome(upstream, connection)
    assert result == "ok"
    assert "no model yet" in message


async def test_the_sandbox_is_connected(upstream):
    spec = catalogue()["sandbox"]
    found = await probe.test(upstream, connect(spec.base_url, "", spec))
    assert found.result == "ok"
    assert found.models


async def test_a_test_that_does_not_look_at_the_key_says_so(upstream, reach):
    result, message = await outcome(upstream, reach("openai-compatible"))
    assert result == "not_checkable"
    assert "without a key too" in message


async def test_a_key_is_proven_where_no_key_is_refused(upstream):
    async def guarded(line) -> None:
        signed = b"authorization" in line.head.lower()
        body = b'{"data":[{"id":"m"}]}' if signed else b"{}"
        status = b"200 OK" if signed else b"401 Unauthorized"
        await line.send(b"HTTP/1.1 %s\r\ncontent-length: %d\r\n\r\n%s" % (status, len(body), body))

    with serve_raw(guarded) as server:
        connection = connect(server.url, provider=catalogue()["openai-compatible"])
        result, message = await outcome(upstream, connection)
    assert (result, "accepted the key" in message) == ("ok", True)


async def test_without_a_free_request_a_small_chat_is_sent(upstream, reach, fake):
    found = await probe.test(upstream, reach("anthropic-compatible", model="some-model"))
    assert found.result == "ok"
    sent = fake.requests[0].json()
    assert (sent["model"], sent["max_tokens"]) == ("some-model", probe.TEST_TOKENS)


async def test_a_chat_test_needs_a_model(upstream, reach, fake):
    result, message = await outcome(upstream, reach("anthropic-compatible", model=""))
    assert result == "not_checkable"
    assert "default model" in message
    assert fake.requests == []


async def test_without_a_key_nothing_is_sent(upstream, fake):
    result, _ = await outcome(upstream, connect(fake.url + "/v1", ""))
    assert result == "not_checkable"
    assert fake.requests == []


async def test_a_provider_that_is_only_listed_cannot_be_tested(upstream, fake):
    connection = connect(fake.url, provider=make_provider(adapter=""))
    assert (await outcome(upstream, connection))[0] == "not_checkable"


async def test_an_absolute_path_counts_from_the_connections_own_root(upstream, fake):
    test = ConnectionTest(path="https://api.acme.example/v1/models")
    connection = connect(fake.url + "/deep/base", provider=make_provider(test=test))
    await probe.test(upstream, connection)
    assert fake.requests[0].path == "/v1/models"


@pytest.mark.parametrize("body", [b'{"credit":0}', b'{"credit": 0}', b'{\n  "credit":  0\n}'])
async def test_a_piece_of_json_is_found_however_it_is_spaced(upstream, body):
    async def answer(line) -> None:
        await line.send(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%s" % (len(body), body))

    test = ConnectionTest(path="/account", contains={'"credit":0': "no_credit"})
    with serve_raw(answer) as server:
        connection = connect(server.url, provider=make_provider(test=test))
        assert (await outcome(upstream, connection))[0] == "no_credit"


# --- A test on another origin ---


@pytest.fixture
def elsewhere(fake):
    """A provider whose key is tested on another origin than the one that calls go to."""
    with serve_fake() as other:
        yield (
            make_provider(
                base_url=fake.url + "/v1",
                test_origins=(other.url,),
                test=ConnectionTest(path=other.url + "/v1/models/sandbox"),
            ),
            other,
        )


async def test_a_key_is_tested_on_the_origin_that_the_data_names(upstream, fake, elsewhere):
    spec, other = elsewhere
    connection = connect(spec.base_url, provider=spec, headers=Headers({"x-own": "secret"}))
    found = await probe.test(upstream, connection)
    assert (found.result, len(found.models)) == ("ok", 2)
    (asked,) = other.requests
    assert asked.path == "/v1/models/sandbox"
    assert asked.headers["authorization"] == f"Bearer {KEY}"
    assert "x-own" not in asked.headers
    assert [request.path for request in fake.requests] == ["/v1/models"]


async def test_a_key_for_ones_own_address_is_not_taken_elsewhere(upstream, fake, elsewhere):
    spec, other = elsewhere
    mine = spec.base_url.replace("127.0.0.1", "localhost")
    result, _ = await outcome(upstream, connect(mine, provider=spec))
    assert result == "not_checkable"
    assert {request.path for request in fake.requests} == {"/v1/models"}
    assert other.requests == []


async def test_an_origin_that_the_data_does_not_name_gets_no_key(upstream, fake, elsewhere):
    spec, other = elsewhere
    unnamed = structs.replace(spec, test_origins=())
    await outcome(upstream, connect(spec.base_url, provider=unnamed))
    assert other.requests == []
    assert fake.requests[0].path == "/v1/models/sandbox"


async def test_the_providers_data_decides_before_the_usual_meaning(upstream, fake):
    test = ConnectionTest(
        path="/models", status={"418": "restricted_key"}, contains={"status 418": "no_credit"}
    )
    connection = connect(fake.url + "/v1", provider=make_provider(test=test))
    teapot = replace(connection, headers={"x-fake-status": "418"})
    assert (await outcome(upstream, teapot))[0] == "no_credit"


# --- Unreachable, and why ---


async def test_an_unknown_host_is_named_as_the_reason(upstream):
    result, message = await outcome(upstream, connect("https://nobody.invalid/v1"))
    assert result == "unreachable"
    assert "host name" in message


async def test_a_closed_port_is_named_as_the_reason(upstream):
    result, message = await outcome(upstream, connect(f"http://127.0.0.1:{closed_port()}"))
    assert result == "unreachable"
    assert "nothing accepts connections" in message


async def test_a_bad_certificate_is_named_as_the_reason(upstream, tmp_path):
    with serve_fake(**make_certificate(tmp_path).options) as fake:
        result, message = await outcome(upstream, connect(fake.url + "/v1"))
    assert result == "unreachable"
    assert "certificate" in message
    assert "self-signed" in message


async def test_silence_is_named_as_the_reason(upstream, fake, quick):
    connection = connect(fake.url + "/v1", provider=TESTED, headers={"x-fake-silence": "1"})
    result, message = await outcome(upstream, connection)
    assert result == "unreachable"
    assert "did not answer within" in message


async def test_a_refused_address_is_named_as_the_reason_with_what_to_set(fake):
    async with Upstream() as upstream:
        result, message = await outcome(upstream, connect(fake.url + "/v1"))
    assert result == "unreachable"
    assert f"AIM_PRIVATE_ENDPOINTS=127.0.0.1:{fake.port}" in message
    assert fake.requests == []


@pytest.mark.parametrize(
    ("provider_id", "how"), [("ollama", "ollama serve"), ("lmstudio", "lms server")]
)
async def test_a_local_server_that_is_down_says_how_to_start_it(upstream, provider_id, how):
    spec = catalogue()[provider_id]
    url = f"http://127.0.0.1:{closed_port()}"
    result, message = await outcome(upstream, connect(url, "", spec, auth=spec.way("none")))
    assert result == "unreachable"
    assert how in message
    assert url in message


TESTED = make_provider(test=ConnectionTest(path="/models"))


@pytest.mark.parametrize(
    ("headers", "words"),
    [
        ({"x-fake-html": "1"}, "web page"),
        ({"x-fake-redirect": "302"}, "base URL"),
        ({"x-fake-status": "503"}, "trouble of its own"),
        ({"x-fake-status": "404"}, "base URL"),
        ({"x-fake-garbage": "1"}, "base URL"),
    ],
    ids=["web page", "redirect", "server error", "not found", "garbage"],
)
async def test_a_useless_answer_is_unreachable_in_words_that_help(upstream, fake, headers, words):
    connection = connect(fake.url + "/v1", provider=TESTED, headers=headers)
    result, message = await outcome(upstream, connection)
    assert result == "unreachable"
    assert words in message


async def test_a_test_the_provider_does_not_understand_is_not_checkable(upstream, fake):
    connection = connect(fake.url + "/v1", provider=TESTED, headers={"x-fake-status": "400"})
    assert (await outcome(upstream, connection))[0] == "not_checkable"


# --- Models ---


@pytest.mark.parametrize("provider_id", ["openai", "anthropic", "google", "ollama"])
async def test_a_providers_models_are_listed(upstream, reach, provider_id):
    models = await probe.list_models(upstream, reach(provider_id))
    assert [model.id for model in models] == ["sandbox", "sandbox-embed"]


async def test_a_list_that_is_refused_raises_the_reason(upstream, reach):
    with pytest.raises(AuthFailed) as caught:
        await probe.list_models(upstream, reach("openai", "sk-bad-key-0123456789"))
    assert caught.value.provider == "openai"


async def test_a_provider_that_is_only_listed_has_no_list(upstream, fake):
    with pytest.raises(InvalidRequest):
        await probe.list_models(upstream, connect(fake.url, provider=make_provider(adapter="")))


async def test_a_list_that_fails_does_not_spoil_the_test(upstream, fake):
    spec = make_provider(test=ConnectionTest(path="/models/sandbox"), paths={"models": "/nothing"})
    found = await probe.test(upstream, connect(fake.url + "/v1", provider=spec))
    assert (found.result, found.models) == ("ok", ())


async def test_a_provider_without_a_list_is_tested_all_the_same(upstream, fake):
    spec = make_provider(
        auth=BEARER, test=ConnectionTest(path="/models/sandbox"), paths={"models": ""}
    )
    found = await probe.test(upstream, connect(fake.url + "/v1", provider=spec))
    assert (found.result, found.models) == ("ok", ())


async def test_a_way_that_needs_no_key_is_connected_without_one(upstream, fake):
    spec = make_provider(auth=NO_KEY, test=ConnectionTest(path="/models"))
    assert (await outcome(upstream, connect(fake.url + "/v1", "", spec)))[0] == "ok"
