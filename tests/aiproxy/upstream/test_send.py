"""Every kind of answer and every way to fail, over real sockets."""

from __future__ import annotations

import asyncio
import gzip
import math
import traceback
from dataclasses import replace

import pytest

from aiproxy.errors import OutOfTime
from aiproxy.upstream import send as sending
from aiproxy.upstream.client import Upstream
from aiproxy.upstream.send import Streamed, Timeouts, send, stream
from integrations.policy import USUAL, CallPolicy
from integrations.secret import Headers
from providers.errors import (
    AddressRefused,
    AuthFailed,
    CallError,
    CallTimeout,
    ConnectFailed,
    HostNotFound,
    InvalidRequest,
    NetworkError,
    ServerError,
    StreamCut,
    TlsFailed,
)
from providers.wire import WireRequest
from tests.aiproxy.connections import KEY, QUERY, LoopbackAllowed, connect, make_provider
from tests.fakes import closed_port, make_certificate, serve_fake, serve_raw
from tests.waiting import eventually

CHAT = {"model": "sandbox", "messages": [{"role": "user", "content": "Hello"}]}
QUICK = Timeouts(connect=1, first_byte=0.3, idle=0.3, total=0.6)
PATIENT = Timeouts(connect=2, first_byte=100, idle=100, total=100)


def chat(
    stream: bool = False, headers: dict[str, str] | None = None, **body: object
) -> WireRequest:
    whole = {**CHAT, "stream": stream, **body}
    return WireRequest("POST", "/chat/completions", whole, headers or {}, stream)


async def read(
    upstream: Upstream,
    connection,
    request,
    timeouts: Timeouts = PATIENT,
    within: float = math.inf,
) -> list[bytes]:
    async with stream(upstream, connection, request, timeouts, within) as streamed:
        assert streamed.reply is None
        return [chunk async for chunk in streamed]


def call(streams: bool):
    """``send`` or ``read``, which take the same and fail alike."""
    return read if streams else send


async def collect(streamed: Streamed, chunks: list[bytes]) -> None:
    async for chunk in streamed:
        chunks.append(chunk)


def answering(data: bytes, then=None):
    async def script(line) -> None:
        await line.send(data)
        if then is not None:
            await then(line)

    return script


async def silent(line) -> None:
    await line.silence()


async def reset(line) -> None:
    line.reset()


async def bad_chunk(line) -> None:
    await asyncio.sleep(0.05)  # in a packet of its own
    await line.send(b"zz\r\n")


# --- What is sent ---


async def test_a_whole_answer_comes_back(upstream, fake):
    reply = await send(upstream, connect(fake.url + "/v1"), chat(), PATIENT)
    assert reply.status == 200
    assert reply.headers["content-type"] == "application/json"
    assert reply.json()["choices"][0]["message"]["content"].startswith("Hello")


async def test_the_request_carries_key_body_and_headers_and_nothing_else(upstream, fake):
    connection = connect(fake.url + "/v1", headers=Headers({"X-Org": "acme"}))
    await send(upstream, connection, chat(headers={"X-Version": "1"}), PATIENT)
    (received,) = fake.requests
    assert received.path == "/v1/chat/completions"
    assert received.json()["model"] == "sandbox"
    assert received.headers == {
        "host": f"127.0.0.1:{fake.port}",
        "content-length": str(len(received.body)),
        "content-type": "application/json",
        "accept": "*/*",
        "accept-encoding": "identity",
        "user-agent": "ai-integration-marketplace",
        "authorization": f"Bearer {KEY}",
        "x-org": "acme",
        "x-version": "1",
    }


async def test_no_compression_is_asked_for_even_if_a_header_says_so(upstream, fake):
    connection = connect(fake.url + "/v1", headers=Headers({"Accept-Encoding": "gzip"}))
    await send(upstream, connection, chat(), PATIENT)
    assert fake.requests[0].headers["accept-encoding"] == "identity"


async def test_a_get_sends_no_body(upstream, fake):
    await send(upstream, connect(fake.url + "/v1"), WireRequest("GET", "/models"), PATIENT)
    (received,) = fake.requests
    assert (received.method, received.body) == ("GET", b"")
    assert "content-type" not in received.headers


async def test_connections_are_used_again(upstream):
    ok = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}"

    async def script(line) -> None:
        await line.send(ok)
        await line.reader.readuntil(b"\r\n\r\n")
        await line.send(ok)

    with serve_raw(script) as server:
        for _ in range(2):
            await send(upstream, connect(server.url), WireRequest("GET", "/"), PATIENT)
        assert server.connections == 1


async def test_cookies_of_one_call_do_not_reach_the_next(upstream):
    with serve_raw(
        answering(b"HTTP/1.1 200 OK\r\nset-cookie: a=b\r\ncontent-length: 2\r\n\r\n{}")
    ) as server:
        for _ in range(2):
            await send(upstream, connect(server.url), WireRequest("GET", "/"), PATIENT)
        assert not any(b"cookie" in head.lower() for head in server.heads)


async def test_proxies_of_the_environment_are_ignored(fake, monkeypatch):
    with serve_raw(answering(b"")) as trap:
        for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "all_proxy"):
            monkeypatch.setenv(name, trap.url)
        async with Upstream(LoopbackAllowed()) as upstream:
            reply = await send(upstream, connect(fake.url + "/v1"), chat(), PATIENT)
        assert reply.status == 200
        assert trap.connections == 0


@pytest.mark.parametrize("key", ["sk-caf\u00e9", "sk-\u201cquoted\u201d", "sk-a\nb", "sk-a\x00"])
async def test_a_key_that_cannot_be_sent_is_refused_without_being_shown(upstream, fake, key):
    with pytest.raises(AuthFailed) as caught:
        await send(upstream, connect(fake.url, key), chat(), PATIENT)
    assert key not in trace_of(caught.value)
    assert fake.requests == []


@pytest.mark.parametrize("value", ["caf\u00e9-\u201chidden77\u201d", "hidden77\r\nx-more: 1"])
async def test_a_header_that_cannot_be_sent_is_refused_without_being_shown(upstream, fake, value):
    with pytest.raises(InvalidRequest) as caught:
        await send(upstream, connect(fake.url, headers=Headers({"x-a": value})), chat(), PATIENT)
    assert "hidden77" not in trace_of(caught.value)
    assert fake.requests == []


async def test_an_address_that_is_no_url_is_refused(upstream):
    with pytest.raises(InvalidRequest):
        await send(upstream, connect("https://0177.0.0.1"), chat(), PATIENT)


# --- Streams ---


async def test_a_stream_comes_in_pieces(upstream, fake):
    chunks = await read(upstream, connect(fake.url + "/v1"), chat(stream=True, model="fake-pace-5"))
    assert len(chunks) > 3
    assert b"".join(chunks).endswith(b"data: [DONE]\n\n")


async def test_a_streams_pieces_are_given_as_they_arrive(upstream):
    async def script(line) -> None:
        await line.send(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\ndata:\r\n")
        await line.silence()

    with serve_raw(script) as server:
        async with stream(upstream, connect(server.url), chat(stream=True), PATIENT) as streamed:
            assert await anext(streamed) == b"data:"


async def test_a_refused_stream_has_its_whole_reply(upstream, fake):
    request = chat(stream=True, model="fake-error-429-retry-7")
    async with stream(upstream, connect(fake.url + "/v1"), request, PATIENT) as streamed:
        assert streamed.reply_status == 429
        assert streamed.reply is not None
        assert streamed.reply.json()["error"]["code"] == "rate_limit_exceeded"
        assert streamed.headers["retry-after"] == "7"
        assert [chunk async for chunk in streamed] == []


async def test_leaving_a_stream_closes_its_connection_at_once(upstream, fake):
    request = chat(stream=True, model="fake-stall-2")
    async with stream(upstream, connect(fake.url + "/v1"), request, PATIENT) as streamed:
        await anext(streamed)
    await asyncio.to_thread(eventually, lambda: fake.disconnects == 1)


@pytest.mark.parametrize("streams", [False, True])
async def test_cancelling_before_the_first_byte_closes_the_connection_at_once(
    upstream, fake, streams
):
    request = chat(stream=streams, model="fake-silence")
    connection = connect(fake.url + "/v1")
    work = (
        read(upstream, connection, request)
        if streams
        else send(upstream, connection, request, PATIENT)
    )
    task = asyncio.ensure_future(work)
    await asyncio.to_thread(eventually, lambda: bool(fake.requests))
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await asyncio.to_thread(eventually, lambda: fake.disconnects == 1)


async def test_the_pool_survives_many_cancelled_calls(upstream, fake):
    connection = connect(fake.url + "/v1")
    for _ in range(50):
        task = asyncio.ensure_future(send(upstream, connection, chat(), PATIENT))
        await asyncio.sleep(0.001)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    replies = await asyncio.gather(
        *(send(upstream, connection, chat(), PATIENT) for _ in range(20))
    )
    assert {reply.status for reply in replies} == {200}


# --- Nobody there ---


async def test_a_closed_port_is_a_failed_connection(upstream):
    with pytest.raises(ConnectFailed) as caught:
        await send(upstream, connect(f"http://127.0.0.1:{closed_port()}"), chat(), PATIENT)
    assert (caught.value.reason, caught.value.sent) == ("connect", False)
    assert caught.value.provider == "acme"


async def test_an_unknown_name_is_said_so(upstream):
    with pytest.raises(HostNotFound) as caught:
        await send(upstream, connect("https://nobody.invalid"), chat(), PATIENT)
    assert (caught.value.reason, caught.value.sent) == ("dns", False)


async def test_a_certificate_nobody_vouches_for_is_refused(upstream, tmp_path):
    with serve_fake(**make_certificate(tmp_path).options) as fake:
        with pytest.raises(TlsFailed) as caught:
            await send(upstream, connect(fake.url), chat(), PATIENT)
        assert fake.requests == []
    assert (caught.value.reason, caught.value.sent) == ("tls", False)
    assert "self-signed" in (caught.value.detail or "")


async def test_a_certificate_for_another_address_is_refused(tmp_path):
    certificate = make_certificate(tmp_path, "127.0.0.2")
    with serve_fake(**certificate.options) as fake:
        async with Upstream(LoopbackAllowed(), certificate.trusted()) as upstream:
            with pytest.raises(TlsFailed):
                await send(upstream, connect(fake.url), chat(), PATIENT)


async def test_https_works_with_a_certificate_that_is_trusted(tmp_path):
    certificate = make_certificate(tmp_path)
    with serve_fake(**certificate.options) as fake:
        async with Upstream(LoopbackAllowed(), certificate.trusted()) as upstream:
            assert await read(upstream, connect(fake.url + "/v1"), chat(stream=True))


async def test_https_to_a_server_without_tls_is_a_tls_failure(upstream, fake):
    with pytest.raises(TlsFailed):
        await send(upstream, connect(f"https://127.0.0.1:{fake.port}"), chat(), PATIENT)


# --- Sent, and then trouble ---


@pytest.mark.parametrize("end", [None, reset], ids=["close", "reset"])
async def test_a_connection_lost_after_sending_may_have_been_worked_on(upstream, end):
    with serve_raw(answering(b"", end)) as server, pytest.raises(NetworkError) as caught:
        await send(upstream, connect(server.url), chat(), PATIENT)
    assert (caught.value.reason, caught.value.sent) == ("broken", True)


CHUNKED = (
    b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
)
CUT_BODIES = {
    "half length": answering(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\ndata: 1\n\n"),
    "half chunk": answering(CHUNKED + b"20\r\ndata: 1\n\n"),
    "no last chunk": answering(CHUNKED + b"9\r\ndata: 1\n\n\r\n"),
    "reset": answering(CHUNKED + b"9\r\ndata: 1\n\n\r\n", reset),
}


@pytest.mark.parametrize("script", CUT_BODIES.values(), ids=CUT_BODIES)
async def test_a_cut_body_breaks_the_call(upstream, script):
    with serve_raw(script) as server, pytest.raises(NetworkError) as caught:
        await send(upstream, connect(server.url), chat(), PATIENT)
    assert caught.value.sent


@pytest.mark.parametrize("script", CUT_BODIES.values(), ids=CUT_BODIES)
async def test_a_cut_stream_is_a_stream_cut(upstream, script):
    with serve_raw(script) as server, pytest.raises(StreamCut):
        await read(upstream, connect(server.url), chat(stream=True))


@pytest.mark.parametrize("streams", [False, True])
async def test_a_malformed_chunk_ends_the_call_by_the_idle_limit_at_the_latest(upstream, streams):
    """aiohttp 3.14 closes the connection, but lets the reader wait."""
    script = answering(CHUNKED + b"9\r\ndata: 1\n\n\r\n", bad_chunk)
    with serve_raw(script) as server, pytest.raises(CallError):
        await call(streams)(upstream, connect(server.url), chat(streams), QUICK)


async def test_a_stream_cut_by_the_provider_gives_what_came_before(upstream, fake):
    chunks: list[bytes] = []
    request = chat(stream=True, model="fake-cut-3")
    async with stream(upstream, connect(fake.url + "/v1"), request, PATIENT) as streamed:
        with pytest.raises(StreamCut):
            await collect(streamed, chunks)
    assert b"".join(chunks).count(b"data: ") >= 3


NO_HTTP = {
    "garbage": b"\x00\x01\x02 garbage\r\n\r\n",
    "bad status line": b"HTTP/1.1 abc Nope\r\n\r\n",
    "ssh": b"SSH-2.0-OpenSSH_9.2\r\n",
    "large header": b"HTTP/1.1 200 OK\r\nx: " + b"a" * 300_000 + b"\r\n\r\n",
    "many headers": b"HTTP/1.1 200 OK\r\n"
    + b"".join(b"x%d: 1\r\n" % n for n in range(9000))
    + b"\r\n",
}


@pytest.mark.parametrize("data", NO_HTTP.values(), ids=NO_HTTP)
@pytest.mark.parametrize("streams", [False, True])
async def test_what_is_not_http_is_a_server_error_and_not_repeated(upstream, data, streams):
    with serve_raw(answering(data)) as server, pytest.raises(ServerError) as caught:
        await call(streams)(upstream, connect(server.url), chat(streams), PATIENT)
    assert "garbage" not in trace_of(caught.value)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("streams", [False, True])
async def test_redirects_are_refused_and_not_followed(upstream, fake, status, streams):
    with serve_raw(answering(b"")) as trap:
        location = b"HTTP/1.1 %d Go\r\nlocation: %s/\r\ncontent-length: 0\r\n\r\n"
        script = answering(location % (status, trap.url.encode()))
        with serve_raw(script) as server, pytest.raises(ServerError) as caught:
            await call(streams)(upstream, connect(server.url), chat(streams), PATIENT)
        assert trap.connections == 0
    assert caught.value.upstream_status == status
    assert str(trap.port) not in trace_of(caught.value)


@pytest.mark.parametrize("streams", [False, True])
async def test_a_compressed_answer_is_refused(upstream, streams):
    bomb = gzip.compress(b"x" * 1_000_000)
    head = b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: %d\r\n\r\n" % len(bomb)
    with serve_raw(answering(head + bomb)) as server, pytest.raises(ServerError):
        await call(streams)(upstream, connect(server.url), chat(stream=streams), PATIENT)


@pytest.mark.parametrize("streams", [False, True])
async def test_a_web_page_is_refused_in_words_that_help(upstream, fake, streams):
    request = chat(stream=streams, model="fake-html")
    with pytest.raises(ServerError, match=r"web page.*base URL"):
        await call(streams)(upstream, connect(fake.url + "/v1"), request, PATIENT)


async def test_an_answer_that_never_ends_is_cut_off(upstream, fake, monkeypatch):
    monkeypatch.setattr(sending, "MAX_REPLY_BYTES", 200_000)
    with pytest.raises(ServerError, match="more than"):
        await send(upstream, connect(fake.url + "/v1"), chat(model="fake-line-5000000"), PATIENT)


# --- Too late ---


async def test_a_silent_provider_times_out(upstream, fake):
    only_total = replace(PATIENT, total=0.3)
    with pytest.raises(CallTimeout) as caught:
        await send(upstream, connect(fake.url + "/v1"), chat(model="fake-silence"), only_total)
    assert caught.value.sent


async def test_a_stream_must_begin_within_its_first_byte_limit(upstream, fake):
    request = chat(stream=True, model="fake-silence")
    with pytest.raises(CallTimeout):
        await read(upstream, connect(fake.url + "/v1"), request, replace(PATIENT, first_byte=0.2))


async def test_headers_alone_are_no_beginning(upstream):
    with serve_raw(answering(CHUNKED, silent)) as server, pytest.raises(CallTimeout):
        await read(
            upstream, connect(server.url), chat(stream=True), replace(PATIENT, first_byte=0.2)
        )


async def test_endless_continues_are_no_beginning(upstream):
    async def script(line) -> None:
        while True:
            await line.send(b"HTTP/1.1 100 Continue\r\n\r\n")
            await asyncio.sleep(0.02)

    with serve_raw(script) as server, pytest.raises(CallTimeout):
        await read(upstream, connect(server.url), chat(stream=True), QUICK)


async def test_a_stream_that_stands_still_times_out(upstream, fake):
    request = chat(stream=True, model="fake-stall-2")
    chunks: list[bytes] = []
    async with stream(upstream, connect(fake.url + "/v1"), request, QUICK) as streamed:
        with pytest.raises(CallTimeout):
            await collect(streamed, chunks)
    assert chunks
    await asyncio.to_thread(eventually, lambda: fake.disconnects == 1)


async def test_a_drip_that_is_never_idle_ends_at_the_total_limit(upstream, fake):
    request = chat(stream=True, model="fake-drip-50")
    with pytest.raises(CallTimeout):
        await read(upstream, connect(fake.url + "/v1"), request, replace(PATIENT, total=0.6))


async def test_a_whole_answer_may_come_later_than_a_streams_first_byte(upstream, fake):
    request = chat(model="fake-slow-400")
    assert (await send(upstream, connect(fake.url + "/v1"), request, QUICK)).status == 200


@pytest.mark.parametrize("streams", [False, True])
@pytest.mark.parametrize(("total", "blamed"), [(10, False), (0.15, True)])
async def test_a_provider_that_got_a_moment_only_is_not_to_blame(upstream, streams, total, blamed):
    times = replace(PATIENT, total=total)
    with serve_raw(silent) as server, pytest.raises(CallTimeout) as caught:
        await call(streams)(upstream, connect(server.url), chat(streams), times, 0.1)
    assert isinstance(caught.value, OutOfTime) is not blamed
    assert caught.value.breaks is blamed


async def test_a_stream_ends_with_the_whole_call(upstream, fake):
    request = chat(stream=True, model="fake-drip-50")
    with pytest.raises(OutOfTime):
        await read(upstream, connect(fake.url + "/v1"), request, PATIENT, 0.4)


def test_an_integrations_own_deadlines_take_the_place_of_the_servers():
    assert PATIENT.of(USUAL) is PATIENT
    own = CallPolicy(connect_timeout=1.5, idle_timeout=7)
    assert PATIENT.of(own) == Timeouts(connect=1.5, first_byte=100, idle=7, total=100)
    assert PATIENT.of(CallPolicy(first_token_timeout=3, total_timeout=9)) == Timeouts(2, 3, 100, 9)


# --- Nothing leaks ---


def trace_of(error: BaseException) -> str:
    """All that a log could show of an error, its context included."""
    shown = "".join(traceback.format_exception(error))
    chain: BaseException | None = error
    while chain is not None:
        shown += repr(chain) + str(vars(chain))
        chain = chain.__context__
    return shown


async def failure(upstream, connection, request, timeouts: Timeouts = PATIENT) -> CallError:
    with pytest.raises(CallError) as caught:
        await send(upstream, connection, request, timeouts)
    return caught.value


@pytest.mark.parametrize("auth", [None, QUERY], ids=["header", "query"])
@pytest.mark.parametrize("data", [b"", b"garbage\r\n\r\n", b"HTTP/1.1 302 x\r\n\r\n"])
async def test_no_error_holds_the_key(upstream, auth, data):
    provider = make_provider(auth=auth) if auth else make_provider()
    with serve_raw(answering(data)) as server:
        error = await failure(upstream, connect(server.url, provider=provider), chat())
        assert KEY.encode() in server.heads[0]
    assert KEY not in trace_of(error)


@pytest.mark.parametrize("url", ["https://nobody.invalid", "http://127.0.0.1:9", "http://10.1.2.3"])
async def test_no_connection_error_holds_the_key(upstream, url):
    provider = make_provider(auth=QUERY)
    assert KEY not in trace_of(await failure(upstream, connect(url, provider=provider), chat()))


async def test_a_key_that_the_provider_repeats_is_blacked_out(upstream, fake):
    reply = await send(upstream, connect(fake.url + "/v1"), chat(model="fake-echo"), PATIENT)
    assert reply.status == 401
    assert KEY not in repr(reply)
    assert reply.headers["x-echo"] == "****"


async def test_a_header_that_the_provider_repeats_in_an_error_is_blacked_out(upstream):
    value = "a-secret-header-value"
    body = b"HTTP/1.1 400 Bad\r\ncontent-length: 21\r\n\r\n" + value.encode()
    with serve_raw(answering(body)) as server:
        connection = connect(server.url, headers=Headers({"x-a": value}))
        assert value not in repr(await send(upstream, connection, chat(), PATIENT))


async def test_a_key_that_a_stream_repeats_is_blacked_out(upstream):
    piece = b"data: " + KEY.encode() + b"\n\n"
    script = answering(CHUNKED + b"%x\r\n%s\r\n0\r\n\r\n" % (len(piece), piece))
    with serve_raw(script) as server:
        chunks = await read(upstream, connect(server.url), chat(stream=True))
    assert b"".join(chunks) == b"data: ****\n\n"


@pytest.mark.parametrize("cut", [1, 5, len(KEY) - 1])
@pytest.mark.parametrize("rest", [b"\n\n", b""])
async def test_a_key_that_a_stream_repeats_in_two_pieces_is_blacked_out(upstream, cut, rest):
    pieces = b"data: " + KEY[:cut].encode(), KEY[cut:].encode() + rest

    async def script(line) -> None:
        await line.send(CHUNKED)
        for piece in pieces:
            await line.send(b"%x\r\n%s\r\n" % (len(piece), piece))
            await asyncio.sleep(0.05)
        await line.send(b"0\r\n\r\n")

    with serve_raw(script) as server:
        chunks = await read(upstream, connect(server.url), chat(stream=True))
    assert b"".join(chunks) == b"data: ****" + rest


async def test_what_only_looks_like_a_key_arrives_whole(upstream):
    piece = b"data: " + KEY[:8].encode()
    script = answering(CHUNKED + b"%x\r\n%s\r\n0\r\n\r\n" % (len(piece), piece))
    with serve_raw(script) as server:
        chunks = await read(upstream, connect(server.url), chat(stream=True))
    assert b"".join(chunks) == piece


async def test_a_short_place_holder_key_does_not_damage_answers(upstream, fake):
    reply = await send(upstream, connect(fake.url + "/v1", "Hello"), chat(), PATIENT)
    assert b"Hello" in reply.body


# --- The built-in provider ---


async def test_the_sandbox_answers_without_a_socket(upstream):
    reply = await send(upstream, connect("sandbox:local", ""), chat(), PATIENT)
    assert reply.json()["choices"][0]["message"]["content"].startswith("Hello")


async def test_the_sandbox_streams_word_by_word(upstream):
    chunks = await read(upstream, connect("sandbox:local", ""), chat(stream=True))
    assert len(chunks) > 8
    assert chunks[-1].endswith(b"data: [DONE]\n\n")


async def test_the_sandbox_keeps_deadlines(upstream):
    with pytest.raises(CallTimeout):
        await send(upstream, connect("sandbox:local", ""), chat(model="fake-silence"), QUICK)


async def test_the_sandbox_needs_no_open_client():
    reply = await send(Upstream(), connect("sandbox:local", ""), chat(), PATIENT)
    assert reply.status == 200


async def test_refused_addresses_are_never_dialled(fake):
    async with Upstream() as upstream:
        with pytest.raises(AddressRefused) as caught:
            await send(upstream, connect(fake.url), chat(), PATIENT)
    assert (caught.value.reason, caught.value.sent, caught.value.retryable) == (
        "refused_address",
        False,
        False,
    )
    assert fake.requests == []
