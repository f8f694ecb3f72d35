"""The guess of what a call will use."""

from __future__ import annotations

from aiproxy.gateway.size import of_chat, of_embedding
from providers.chat import ChatRequest, Image, Message, Text, Tool, ToolCall, ToolResult
from providers.embedding import EmbeddingRequest


def ask(*parts, **more) -> ChatRequest:
    return ChatRequest("m", (Message("user", parts),), **more)


def test_a_quarter_of_the_letters_and_a_usual_answer():
    usage = of_chat(ask(Text("x" * 4_000)))
    assert (usage.input_tokens, usage.output_tokens) == (1_000, 500)


def test_a_short_answer_is_short_and_a_high_limit_is_no_long_answer():
    assert of_chat(ask(Text("x"), max_tokens=20)).output_tokens == 20
    assert of_chat(ask(Text("x"), max_tokens=64_000)).output_tokens == 500


def test_a_picture_is_not_counted_by_its_bytes():
    assert of_chat(ask(Image(data="A" * 4_000_000))).input_tokens == 1_000


def test_tools_and_their_results_count():
    call = ToolCall("1", "look", "x" * 400)
    result = ToolResult("1", (Text("x" * 400),))
    tool = Tool("look", "x" * 400, {"type": "object"})
    assert 300 <= of_chat(ask(call, result, tools=(tool,))).input_tokens < 320


def test_embeddings_have_no_answer():
    usage = of_embedding(EmbeddingRequest("m", ("x" * 400, (1, 2, 3))))
    assert (usage.input_tokens, usage.output_tokens) == (103, 0)
