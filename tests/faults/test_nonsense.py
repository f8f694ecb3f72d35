"""R9–R12, R5: answers that are broken or hostile. What they hold reaches nobody, and fills no memory."""

from __future__ import annotations

import pytest

MIB = 1 << 20
CANARY = b"garbage-canary-0123456789"


def body(model: str, stream: bool) -> dict[str, object]:
    messages = [{"role": "user", "content": "Say hello."}]
    return {"model": f"openai-compatible/{model}", "messages": messages, "stream": stream}


def answering(data: bytes):
    async def script(line) -> None:
        await line.send(data)

    return script


OK = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n"
HEADS = {
    "no HTTP": b"\x16\x03\x01" + CANARY + b"\r\n\r\n",
    "a header of 300 KB": OK + b"x-long: " + b"a" * 300_000 + b"\r\n\r\n{}",
    "9,000 headers": OK + b"".join(b"x-%d: 1\r\n" % n for n in range(9_000)) + b"\r\n{}",
    "100 KB of headers": OK + b"".join(b"x-%d: %s\r\n" % (n, b"a" * 1000) for n in range(100)),
}


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("head", HEADS)
def test_a_head_that_is_none_is_a_502(machine, provider, head, stream):
    provider(answering(HEADS[head] + b"\r\n"))
    response = machine.post("/v1/chat/completions", body("m", stream))
    assert response.status_code == 502
    assert response.json()["error"]["code"] == "server_error"
    assert CANARY not in response.content


@pytest.mark.parametrize("stream", [False, True])
def test_two_hundred_headers_are_the_most(machine, stream):
    machine.connect()
    assert machine.post("/v1/chat/completions", body("fake-headers-150", stream)).is_server_error
    response = machine.post("/v1/chat/completions", body("fake-headers-250", stream))
    assert response.status_code == 502


def test_garbage_in_a_stream_is_told_and_not_shown(machine):
    machine.connect()
    response = machine.post("/v1/chat/completions", body("fake-garbage", True))
    assert response.status_code == 502
    assert "not json" not in response.text


@pytest.mark.parametrize("stream", [False, True])
def test_a_compressed_answer_is_refused_and_not_unpacked(steady, stream):
    """R12: 1 GB of zeros in 1 MB."""
    before = steady.memory()
    response = steady.chat("openai-compatible/fake-gzip-1000000000", stream=stream)
    assert response.status_code == 502
    assert steady.memory("VmHWM") - before < 16 * MIB


def test_a_line_without_end_ends_the_stream_and_fills_no_memory(steady):
    """R11: 200 MB in one line."""
    before = steady.memory()
    response = steady.chat("openai-compatible/fake-line-200000000", stream=True)
    assert response.status_code == 502
    assert "too long" in response.json()["error"]["message"]
    assert steady.memory("VmHWM") - before < 16 * MIB
