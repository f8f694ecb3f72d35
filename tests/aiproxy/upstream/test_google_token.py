"""A service account's key against a token endpoint on a real socket."""

from __future__ import annotations

import asyncio
import base64
import json
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs

import httpx
import pytest
import respx
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256

from aiproxy.upstream.client import Upstream
from aiproxy.upstream.google_token import SCOPE, TOKEN_URL, GoogleTokens
from aiproxy.upstream.send import Timeouts, send
from integrations.secret import Secret
from providers.catalogue.spec import Auth
from providers.errors import AuthFailed, CallTimeout, ConnectFailed, ServerError
from providers.service_account import in_one_line
from providers.wire import WireRequest
from tests.aiproxy.connections import LoopbackAllowed, connect, make_provider
from tests.fakes import closed_port, serve, serve_fake

TOKEN = "ya29.canary-access-token-0123456789"
NOW = 1_800_000_000
WAY = Auth(id="service_account", type="service_account", label="JSON", prefix="Bearer ")
PATIENT = Timeouts(connect=2, first_byte=5, idle=5, total=10)


@pytest.fixture(scope="module")
def private_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


def pem(key: Any) -> str:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    ).decode()


@pytest.fixture
def account(private_key: rsa.RSAPrivateKey) -> Secret:
    return made(pem(private_key))


def made(private: str, **more: str) -> Secret:
    value = {
        "type": "service_account",
        "project_id": "acme",
        "private_key_id": "kid-1",
        "private_key": private,
        "client_email": "robot@acme.iam.gserviceaccount.com",
        "token_uri": "https://evil.example/token",
        **more,
    }
    return Secret(in_one_line(json.dumps(value, indent=2)))


@dataclass
class Endpoint:
    """Answers ``status`` and ``body`` to every request, after ``delay`` seconds."""

    status: int = 200
    body: Any = field(default_factory=lambda: {"access_token": TOKEN, "expires_in": 3599})
    delay: float = 0.0
    url: str = ""
    forms: list[dict[str, list[str]]] = field(default_factory=list)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        data = b""
        while True:
            message = await receive()
            data += message.get("body", b"")
            if not message.get("more_body"):
                break
        self.forms.append(parse_qs(data.decode()))
        await asyncio.sleep(self.delay)
        body = self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()
        head = [(b"content-type", b"application/json")]
        await send({"type": "http.response.start", "status": self.status, "headers": head})
        await send({"type": "http.response.body", "body": body})


@contextmanager
def serving(**facts: Any) -> Iterator[Endpoint]:
    endpoint = Endpoint(**facts)
    with serve(endpoint, lifespan="off") as port:
        endpoint.url = f"http://127.0.0.1:{port}/token"
        yield endpoint


class Clock:
    def __init__(self) -> None:
        self.now = float(NOW)

    def __call__(self) -> float:
        return self.now


def tokens(upstream: Upstream, endpoint: Endpoint, clock: Clock | None = None) -> GoogleTokens:
    return GoogleTokens(upstream.exchange, endpoint.url, clock or Clock())


def part(text: str) -> Any:
    return json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))


async def test_signed_claim_is_exchanged_for_a_token(upstream, account, private_key):
    with serving() as endpoint:
        found = await tokens(upstream, endpoint).token(account)
    assert found == Secret(TOKEN)
    (form,) = endpoint.forms
    assert form["grant_type"] == ["urn:ietf:params:oauth:grant-type:jwt-bearer"]
    header, claims, signature = form["assertion"][0].split(".")
    assert part(header) == {"alg": "RS256", "typ": "JWT", "kid": "kid-1"}
    assert part(claims) == {
        "iss": "robot@acme.iam.gserviceaccount.com",
        "scope": SCOPE,
        "aud": endpoint.url,
        "iat": NOW,
        "exp": NOW + 3600,
    }
    raw = base64.urlsafe_b64decode(signature + "=" * (-len(signature) % 4))
    private_key.public_key().verify(raw, f"{header}.{claims}".encode(), PKCS1v15(), SHA256())


async def test_the_claim_goes_to_google_whatever_address_the_file_names(account):
    """Google's own address cannot be served here, so this one exchange is routed by respx."""
    google = respx.MockRouter(assert_all_mocked=True)
    route = google.post("https://oauth2.googleapis.com/token").respond(
        json={"access_token": TOKEN, "expires_in": 3599}
    )

    async def exchange(request: httpx.Request) -> httpx.Response:
        answer = await google.async_handler(request)
        return httpx.Response(answer.status_code, stream=httpx.ByteStream(answer.content))

    assert await GoogleTokens(exchange).token(account) == Secret(TOKEN)
    assert route.call_count == 1
    assert Upstream().google._url == TOKEN_URL


async def test_token_is_used_until_a_minute_before_its_end(upstream, account):
    clock = Clock()
    with serving() as endpoint:
        google = tokens(upstream, endpoint, clock)
        await google.token(account)
        clock.now += 3599 - 61
        await google.token(account)
        assert len(endpoint.forms) == 1
        clock.now += 1
        await google.token(account)
        assert len(endpoint.forms) == 2


async def test_accounts_have_tokens_of_their_own(upstream, private_key):
    with serving() as endpoint:
        google = tokens(upstream, endpoint)
        await google.token(made(pem(private_key)))
        await google.token(made(pem(private_key), client_email="other@acme.example"))
    assert len(endpoint.forms) == 2


async def test_callers_at_the_same_time_share_one_request(upstream, account):
    with serving(delay=0.05) as endpoint:
        google = tokens(upstream, endpoint)
        found = await asyncio.gather(*[google.token(account) for _ in range(5)])
    assert found == [Secret(TOKEN)] * 5
    assert len(endpoint.forms) == 1


async def test_caller_that_leaves_does_not_fail_the_others(upstream, account):
    with serving(delay=0.1) as endpoint:
        google = tokens(upstream, endpoint)
        first = asyncio.create_task(google.token(account))
        await asyncio.sleep(0.02)
        second = asyncio.create_task(google.token(account))
        await asyncio.sleep(0.02)
        first.cancel()
        assert await second == Secret(TOKEN)
    assert len(endpoint.forms) == 1


async def test_failure_is_not_remembered(upstream, account):
    with serving(status=503) as endpoint:
        google = tokens(upstream, endpoint)
        with pytest.raises(ServerError):
            await google.token(account)
        endpoint.status = 200
        assert await google.token(account) == Secret(TOKEN)


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (
            400,
            {"error": "invalid_grant", "error_description": "Invalid JWT Signature."},
            AuthFailed,
        ),
        (401, {"error": "invalid_client"}, AuthFailed),
        (403, b"no JSON", AuthFailed),
        (429, {}, ServerError),
        (500, {}, ServerError),
        (302, {}, ServerError),
        (200, b"no JSON", ServerError),
        (200, {"token": "x"}, ServerError),
        (200, {"access_token": 7}, ServerError),
        (200, b" " * 100_000, ServerError),
    ],
)
async def test_refusals_are_explained(upstream, account, status, body, kind):
    with serving(status=status, body=body) as endpoint, pytest.raises(kind) as caught:
        await tokens(upstream, endpoint).token(account)
    assert type(caught.value) is kind
    assert caught.value.message.endswith(".")


async def test_no_exception_holds_the_key_or_the_claim(upstream, account):
    with (
        serving(status=400, body={"error": "invalid_grant"}) as endpoint,
        pytest.raises(AuthFailed) as caught,
    ):
        await tokens(upstream, endpoint).token(account)
    told = "".join(traceback.format_exception(caught.value)) + repr(vars(caught.value))
    assert "PRIVATE KEY" not in told
    assert endpoint.forms[0]["assertion"][0] not in told


@pytest.mark.parametrize(
    "key",
    [
        Secret("sk-no-json-at-all"),
        Secret("{}"),
        made("no PEM"),
        made("-----BEGIN PRIVATE KEY-----\ncanary\n-----END PRIVATE KEY-----\n"),
        made(pem(ec.generate_private_key(ec.SECP256R1()))),
    ],
)
async def test_key_that_cannot_be_read_is_refused_without_a_request(upstream, key):
    with serving() as endpoint, pytest.raises(AuthFailed) as caught:
        await tokens(upstream, endpoint).token(key)
    assert endpoint.forms == []
    assert "canary" not in "".join(traceback.format_exception(caught.value))


# --- as calls use it ---


async def test_call_carries_the_token_and_not_the_key(account):
    with serving() as endpoint, serve_fake() as fake:
        async with Upstream(LoopbackAllowed(), token_url=endpoint.url) as upstream:
            connection = connect(fake.url, account.plain(), make_provider(auth=WAY))
            listing = WireRequest("GET", "/models")
            replies = [await send(upstream, connection, listing, PATIENT) for _ in range(2)]
    assert [reply.status for reply in replies] == [200, 200]
    assert [request.key for request in fake.requests] == [TOKEN, TOKEN]
    assert len(endpoint.forms) == 1


async def test_token_that_the_provider_repeats_is_blacked_out(account):
    with serving() as endpoint, serve_fake() as fake:
        async with Upstream(LoopbackAllowed(), token_url=endpoint.url) as upstream:
            connection = connect(fake.url, account.plain(), make_provider(auth=WAY))
            body = {"model": "fake-echo-key", "messages": [{"role": "user", "content": "Hi"}]}
            request = WireRequest("POST", "/chat/completions", body, {"x-fake-echo-key": "1"})
            reply = await send(upstream, connection, request, PATIENT)
    assert reply.status == 401
    assert TOKEN.encode() not in reply.body and TOKEN not in str(reply.headers)


async def test_token_endpoint_that_is_not_there_is_a_failed_connection(account):
    url = f"http://127.0.0.1:{closed_port()}/token"
    async with Upstream(LoopbackAllowed(), token_url=url) as upstream:
        connection = connect("http://127.0.0.1:9", account.plain(), make_provider(auth=WAY))
        with pytest.raises(ConnectFailed):
            await send(upstream, connection, WireRequest("GET", "/models"), PATIENT)


async def test_call_does_not_wait_longer_for_a_token_than_for_an_answer(account):
    with serving(delay=2) as endpoint:
        async with Upstream(LoopbackAllowed(), token_url=endpoint.url) as upstream:
            connection = connect("http://127.0.0.1:9", account.plain(), make_provider(auth=WAY))
            with pytest.raises(CallTimeout):
                await send(
                    upstream, connection, WireRequest("GET", "/models"), Timeouts(1, 0.2, 0.2, 0.2)
                )
