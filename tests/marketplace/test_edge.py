"""What is settled before Django or the gateway sees a byte."""

import asyncio
import json

import pytest

from marketplace.edge import BodyLimit, Door


class App:
    """Answers 200 and remembers what it was given."""

    def __init__(self):
        self.scope, self.body = None, None

    async def __call__(self, scope, receive, send):
        self.scope, self.body = scope, b""
        if scope["method"] == "POST":
            while True:
                message = await receive()
                self.body += message["body"]
                if not message["more_body"]:
                    break
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})


class Client:
    """One request; ``chunks`` arrive one message each, and then nothing more."""

    def __init__(self, *headers, chunks=(), method="POST", path="/"):
        self.scope = {
            "type": "http",
            "method": method,
            "path": path,
            "scheme": "http",
            "client": ("198.51.100.1", 4711),
            "headers": [(name.encode(), value.encode()) for name, value in headers],
        }
        self.chunks, self.sent, self.left = list(chunks), [], False

    async def receive(self):
        if self.chunks:
            chunk = self.chunks.pop(0)
            return {"type": "http.request", "body": chunk, "more_body": bool(self.chunks)}
        if self.left:
            return {"type": "http.disconnect"}
        await asyncio.Event().wait()

    async def send(self, message):
        self.sent.append(message)

    async def call(self, app):
        await app(self.scope, self.receive, self.send)
        return self.sent[0]["status"] if self.sent else None

    @property
    def body(self):
        return b"".join(message.get("body", b"") for message in self.sent[1:])

    @property
    def headers(self):
        return dict(self.sent[0]["headers"])


@pytest.fixture
def app():
    return App()


# --- Door ---


async def test_every_request_gets_an_id_of_ours(app):
    await Client(("x-request-id", "req_forged"), method="GET").call(Door(app, 0))
    assert app.scope["aim.request_id"].startswith("req_")


@pytest.mark.parametrize(
    "headers",
    [
        [("x_forwarded_for", "127.0.0.1")],
        [("x_api_key", "aimp_x")],
        [("host", "a"), ("host", "b")],
        [("content-length", "3"), ("transfer-encoding", "chunked")],
    ],
)
async def test_dishonest_headers_are_refused(app, headers):
    client = Client(*headers)
    assert await client.call(Door(app, 0)) == 400
    assert app.scope is None
    assert client.headers[b"connection"] == b"close"


async def test_forwarded_headers_are_ignored_unless_a_proxy_is_trusted(app):
    client = Client(
        ("x-forwarded-for", "203.0.113.9"), ("x-forwarded-proto", "https"), method="GET"
    )
    await client.call(Door(app, 0))
    assert app.scope["client"][0] == "198.51.100.1"
    assert app.scope["scheme"] == "http"


@pytest.mark.parametrize(
    ("count", "address"),
    [(1, "203.0.113.3"), (2, "203.0.113.2"), (3, "203.0.113.1"), (4, "198.51.100.1")],
)
async def test_address_is_what_the_outermost_trusted_proxy_saw(app, count, address):
    client = Client(
        ("x-forwarded-for", "203.0.113.1, 203.0.113.2"),
        ("x-forwarded-for", "203.0.113.3"),
        method="GET",
    )
    await client.call(Door(app, count))
    assert app.scope["client"][0] == address


@pytest.mark.parametrize(
    ("hop", "address"),
    [
        ("203.0.113.1:5678", "203.0.113.1"),
        ("[2001:db8::1]:5678", "2001:db8::1"),
        ("2001:DB8::1", "2001:db8::1"),
        ("unknown", "198.51.100.1"),
        ("203.0.113.1:5678:9", "198.51.100.1"),
    ],
)
async def test_only_an_address_counts_as_one(app, hop, address):
    await Client(("x-forwarded-for", hop), method="GET").call(Door(app, 1))
    assert app.scope["client"][0] == address


async def test_scheme_comes_from_a_trusted_proxy(app):
    await Client(("x-forwarded-proto", "https"), method="GET").call(Door(app, 1))
    assert app.scope["scheme"] == "https"


async def test_nonsense_scheme_is_ignored(app):
    await Client(("x-forwarded-proto", "gopher"), method="GET").call(Door(app, 1))
    assert app.scope["scheme"] == "http"


# --- Body ---


async def test_body_within_the_limit_arrives_whole(app):
    client = Client(("content-length", "6"), chunks=[b"abc", b"def"])
    assert await client.call(BodyLimit(app, 6, 1)) == 200
    assert app.body == b"abcdef"


async def test_announced_size_is_refused_unread(app):
    client = Client(("content-length", "7"), chunks=[b"x"])
    assert await client.call(BodyLimit(app, 6, 1)) == 413
    assert client.chunks
    assert app.scope is None


async def test_endless_body_is_refused_after_the_limit(app):
    client = Client(("transfer-encoding", "chunked"), chunks=[b"xxxx"] * 1000)
    assert await client.call(BodyLimit(app, 6, 1)) == 413
    assert len(client.chunks) == 998


async def test_slow_body_is_refused_at_the_deadline(app):
    client = Client(("content-length", "6"))
    assert await client.call(BodyLimit(app, 6, 0.01)) == 408
    assert app.scope is None


async def test_caller_who_leaves_gets_no_answer(app):
    client = Client(("content-length", "6"))
    client.left = True
    assert await client.call(BodyLimit(app, 6, 1)) is None


async def test_app_still_hears_that_the_caller_left():
    heard = []

    async def app(scope, receive, send):
        heard.extend([await receive(), await receive()])

    client = Client(("content-length", "1"), chunks=[b"x"])
    client.left = True
    await client.call(BodyLimit(app, 6, 1))
    assert [message["type"] for message in heard] == ["http.request", "http.disconnect"]


async def test_request_without_body_is_passed_on(app):
    assert await Client(method="GET").call(BodyLimit(app, 6, 1)) == 200


async def test_refusal_is_an_error_object_for_programs_and_text_for_people(app):
    for path, kind in (
        ("/api/tokens", b"application/json"),
        ("/tokens/", b"text/plain; charset=utf-8"),
    ):
        client = Client(("content-length", "7"), path=path)
        await client.call(Door(BodyLimit(app, 6, 1), 0))
        assert client.headers[b"content-type"] == kind
        assert client.headers[b"x-request-id"] in client.body
        if path.startswith("/api/"):
            assert json.loads(client.body)["error"]["code"] == "invalid_request"
