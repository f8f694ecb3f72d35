from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiproxy.cors import paths
from aiproxy.errors import PathRefused
from integrations import endpoints
from integrations.live import Connection
from providers.adapters import custom_mapping
from providers.catalogue.spec import Auth
from providers.errors import InvalidRequest
from providers.registry import without_rows
from tests.aiproxy.connections import connect
from tests.aiproxy.own_format import MAPPING

SIGNED = Auth(id="sigv4", type="aws_sigv4", label="Key", place="signature")


def connection_to(provider_id: str) -> Connection:
    return connect("http://127.0.0.1:1", provider=without_rows()[provider_id])


CARRIED = [
    ("openai", "POST", "chat/completions"),
    ("openai", "POST", "v1/chat/completions"),
    ("openai", "POST", "responses"),
    ("openai", "POST", "images/generations"),
    ("openai", "POST", "audio/speech"),
    ("openai", "POST", "audio/transcriptions"),
    ("openai", "POST", "moderations"),
    ("openai", "GET", "models"),
    ("openai", "GET", "models/gpt-4.1"),
    ("openai", "GET", "files"),
    ("together", "GET", "models/meta-llama/Llama-3"),
    ("anthropic", "POST", "v1/messages"),
    ("anthropic", "POST", "v1/messages/count_tokens"),
    ("anthropic", "GET", "v1/models"),
    ("google", "POST", "models/gemini-2.5-flash:streamGenerateContent"),
    ("google", "POST", "models/text-embedding-004:batchEmbedContents"),
    ("ollama", "POST", "api/chat"),
    ("ollama", "POST", "api/generate"),
    ("ollama", "POST", "api/embed"),
    ("ollama", "GET", "api/tags"),
    ("ollama", "POST", "v1/chat/completions"),
    ("cohere", "POST", "v2/chat"),
    ("cohere", "POST", "v2/rerank"),
    ("bedrock", "POST", "model/amazon.nova-micro-v1:0/converse-stream"),
    ("mistral", "POST", "fim/completions"),
    ("azure-openai", "POST", "v1/chat/completions"),
]
REFUSED = [
    ("openai", "GET", "chat/completions"),
    ("openai", "POST", "models"),
    ("openai", "DELETE", "models/mine"),
    ("openai", "POST", "fine_tuning/jobs"),
    ("openai", "POST", "batches"),
    ("openai", "GET", "organization/users"),
    ("openai", "POST", "organization/admin_api_keys"),
    ("openai", "GET", "files/file-1/content"),
    ("openai", "POST", "chat/completions/x"),
    ("openai", "POST", "api/pull"),
    ("openai", "GET", "openai/v1/models"),
    ("anthropic", "GET", "v1/organizations/api_keys"),
    ("anthropic", "POST", "v1/messages/batches"),
    ("google", "POST", "tunedModels"),
    ("google", "POST", "models/gemini-2.5-flash:delete"),
    ("google", "POST", "models/x/y:generateContent"),
    ("ollama", "POST", "api/pull"),
    ("ollama", "POST", "api/push"),
    ("ollama", "POST", "api/create"),
    ("ollama", "POST", "api/copy"),
    ("ollama", "POST", "api/delete"),
    ("ollama", "POST", "api/blobs/sha256:1"),
    ("ollama", "POST", "v1/api/pull"),
    ("ollama", "POST", "API/chat"),
    ("cohere", "POST", "v1/datasets"),
    ("bedrock", "POST", "async-invoke"),
    ("custom", "POST", "anything"),
    ("openrouter", "GET", "key"),
    ("openrouter", "GET", "credits"),
]


@pytest.mark.parametrize(("provider", "method", "path"), CARRIED)
def test_what_models_do_is_carried(provider, method, path):
    assert paths.find(connection_to(provider), method, path)[0].method == method


@pytest.mark.parametrize(("provider", "method", "path"), REFUSED)
def test_what_changes_an_account_or_a_server_is_not(provider, method, path):
    with pytest.raises(PathRefused, match="does not carry"):
        paths.find(connection_to(provider), method, path)


def test_answers_are_read_in_the_format_they_have():
    openai = connection_to("openai")
    formats = ("chat/completions", "responses", "messages", "images/edits")
    found = [paths.find(openai, "POST", path)[0].format for path in formats]
    assert found == ["openai", "responses", "anthropic", ""]
    assert paths.find(connection_to("ollama"), "POST", "api/chat")[0].format == "ollama"


def test_who_shares_a_key_does_not_share_what_is_stored_with_it():
    shared = replace(connection_to("openai"), shared=True)
    assert paths.find(shared, "POST", "responses")
    for method, path in (("GET", "files"), ("POST", "files"), ("GET", "responses/resp_1")):
        assert paths.find(connection_to("openai"), method, path)
        with pytest.raises(PathRefused):
            paths.find(shared, method, path)


def test_a_project_in_the_path_is_that_of_the_integration():
    vertex = endpoints.placed(without_rows()["vertex"], {"project": "mine-12"})
    connection = connect("http://127.0.0.1:1", provider=vertex)
    path = "projects/{}/locations/global/publishers/google/models/gemini-x:generateContent"
    assert paths.find(connection, "POST", path.format("mine-12"))[1] == "gemini-x"
    with pytest.raises(PathRefused):
        paths.find(connection, "POST", path.format("theirs-12"))


def test_the_model_is_read_from_the_path():
    google = connection_to("google")
    assert paths.find(google, "POST", "models/gemini-x:generateContent")[1] == "gemini-x"
    bedrock = connection_to("bedrock")
    assert paths.find(bedrock, "POST", "model/amazon.nova:0/converse")[1] == "amazon.nova:0"
    assert paths.find(connection_to("openai"), "POST", "responses")[1] == ""


TRICKS = [
    ("../admin", b""),
    ("chat/../../admin", b""),
    ("chat/./completions", b""),
    ("chat//completions", b""),
    ("/chat/completions", b""),
    ("chat/completions/", b""),
    ("", b""),
    ("...", b""),
    ("chat\\completions", b""),
    ("chat/completions;x=1", b""),
    ("chat/completions\n", b""),
    ("chat/com\x00pletions", b""),
    ("chat/completions?x", b""),
    ("chat/completions#x", b""),
    ("chat/100%", b""),
    ("chat/ﬀ", b""),
    ("chat/completions", b"/api/proxy/openai/chat%2Fcompletions"),
    ("chat/completions", b"/api/proxy/openai/chat%2fcompletions"),
    ("admin", b"/api/proxy/openai/%2E%2e/admin"),
    ("chat", b"/api/proxy/openai/%5cchat"),
    ("chat", b"/api/proxy/openai/%252e%252e/chat"),
]


@pytest.mark.parametrize(("path", "raw"), TRICKS)
def test_a_path_that_may_mean_two_places_is_refused(path, raw):
    with pytest.raises(InvalidRequest, match="cannot be relayed"):
        paths.clean(path, raw)


@given(st.text(alphabet="abc./\\%2eF:@;?#&=+ \x00é", max_size=20))
def test_what_is_clean_stays_below_the_base_path(text):
    try:
        path = paths.joined(connection_to("openai"), paths.clean(text, text.encode()), "")
    except InvalidRequest:
        return
    assert path == f"/{text}"
    assert not {"", ".", ".."} & set(path[1:].split("/"))


def test_a_signed_path_is_encoded_as_the_signature_counts_it():
    signed = connect("http://127.0.0.1:1", auth=SIGNED)
    assert paths.joined(signed, "model/a:0/converse", "") == "/model/a%3A0/converse"
    assert paths.joined(connection_to("google"), "models/a:b", "alt=sse") == "/models/a:b?alt=sse"


@pytest.mark.parametrize(
    "text",
    [
        "key=1",
        "KEY=1",
        "a=1&api_key=2",
        "api-key=1",
        "apikey=1",
        "access_token=1",
        "token=1",
        "k%65y=1",
        "authorization=1",
        "X-Amz-Signature=1",
        "x-goog-api-key=1",
        "subscription=1",
    ],
)
def test_a_key_in_the_address_is_refused(text):
    with pytest.raises(InvalidRequest, match="because addresses are logged"):
        paths.query(text, "subscription")


@pytest.mark.parametrize("text", ["a=1;key=2", "a=\\", "k%256ey=1", "a b=1", "=1", "%00=1", "a=\n"])
def test_an_ambiguous_query_is_refused(text):
    with pytest.raises(InvalidRequest):
        paths.query(text)


@pytest.mark.parametrize(
    "text",
    ["", "alt=sse", "limit=1000", "api-version=2024-10-21&x=%2F", "filter[a]=b", "pageToken=x"],
)
def test_any_other_query_goes_on_as_it_is(text):
    assert paths.query(text, "subscription") == text


def own_format(path: str) -> Connection:
    mapping = custom_mapping.read({**MAPPING, "path": path})
    return replace(connection_to("custom"), mapping=mapping)


def test_a_star_in_an_address_of_ones_own_stands_for_nothing():
    with pytest.raises(PathRefused):  # as a pattern it would keep the server busy for hours
        paths.find(own_format("/" + "**a" * 20 + "b"), "POST", "a" * 60)


def test_an_address_of_ones_own_may_name_the_model_twice():
    connection = own_format("/{model}/of/{model}")
    assert paths.find(connection, "POST", "m/of/m")[1] == "m"
    with pytest.raises(PathRefused):
        paths.find(connection, "POST", "m/of/another")
