import pytest

from providers.chat import (
    NO_STATE,
    ChatRequest,
    ChatResponse,
    Choice,
    Image,
    Message,
    Reasoning,
    Refusal,
    Text,
    ToolCall,
)

CALL = ToolCall("a", "f", "{}")
SPOKEN = (Reasoning("hm"), Text("a"), CALL, Text("b"), Refusal("no"))


def test_text_of_a_message_leaves_thoughts_and_refusals_out():
    assert Message("assistant", SPOKEN).text == "ab"


def test_choice_tells_its_text_and_calls():
    choice = Choice(SPOKEN, "tool_calls")
    assert choice.text == "ab"
    assert choice.tool_calls == (CALL,)


def test_response_speaks_for_its_first_choice():
    response = ChatResponse("i", "m", (Choice(SPOKEN, "stop"), Choice((), "length")))
    assert (response.text, response.tool_calls, response.finish) == ("ab", (CALL,), "stop")


def test_response_without_choices_says_nothing():
    response = ChatResponse("i", "m", ())
    assert (response.text, response.tool_calls, response.finish) == ("", (), "unknown")


def test_request_knows_whether_it_holds_pictures():
    words = Message("user", (Text("a"),))
    assert not ChatRequest("m", (words,)).has_images
    assert ChatRequest("m", (words, Message("user", (Image(data="AAAA"),)))).has_images


def test_no_state_is_an_empty_mapping():
    assert dict(NO_STATE) == {}
    assert len(NO_STATE) == 0
    assert hash(NO_STATE) == hash(NO_STATE)
    assert repr(NO_STATE) == "{}"
    with pytest.raises(KeyError):
        NO_STATE["x"]


def test_parts_without_state_can_be_compared_and_hashed():
    assert {Text("a"), Text("a")} == {Text("a")}
