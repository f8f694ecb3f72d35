from providers.chat import Citation, Image, Reasoning, Refusal, Text, ToolCall
from providers.errors import StreamCut
from providers.events import (
    Accumulator,
    CitationAdded,
    Ended,
    Failed,
    Finished,
    ReasoningDelta,
    RefusalDelta,
    Started,
    TextDelta,
    ToolCallDelta,
    UsageReported,
    WholePart,
    merge_state,
)
from providers.usage import Usage


def accumulate(*events):
    accumulator = Accumulator()
    accumulator.extend(events)
    return accumulator


def parts(*events):
    return accumulate(*events).response().choices[0].parts


def test_answer_is_put_together():
    accumulator = accumulate(
        Started("i", "m"),
        ReasoningDelta(0, "h"),
        ReasoningDelta(0, "m", state={"x": {"signature": "s"}}),
        TextDelta(1, "a"),
        ToolCallDelta(2, '{"a', "c", "f"),
        ToolCallDelta(2, '":1}'),
        TextDelta(1, "b"),
        Finished("tool_calls", raw="tool_use"),
        UsageReported(Usage(1, 1)),
        UsageReported(Usage(1, 2)),
        Ended(),
    )
    response = accumulator.response()
    assert (response.id, response.model) == ("i", "m")
    assert response.choices[0].parts == (
        Reasoning("hm", {"x": {"signature": "s"}}),
        Text("ab"),
        ToolCall("c", "f", '{"a":1}'),
    )
    assert (response.choices[0].finish, response.choices[0].raw_finish) == (
        "tool_calls",
        "tool_use",
    )
    assert response.usage == Usage(1, 2)
    assert accumulator.ended
    assert accumulator.error is None


def test_parts_come_in_the_order_of_their_numbers():
    assert parts(TextDelta(1, "b"), ReasoningDelta(0, "a")) == (Reasoning("a"), Text("b"))


def test_refusal_is_put_together():
    assert parts(RefusalDelta(0, "n"), RefusalDelta(0, "o")) == (Refusal("no"),)


def test_citation_may_come_before_its_text():
    citation = Citation("https://a.example")
    assert parts(CitationAdded(0, citation), TextDelta(0, "a")) == (Text("a", (citation,)),)
    assert parts(CitationAdded(0, citation)) == (Text("", (citation,)),)


def test_whole_part_is_taken_as_it_is():
    assert parts(WholePart(0, Image(data="AAAA"))) == (Image(data="AAAA"),)
    assert parts(TextDelta(0, "a"), WholePart(0, Text("b"))) == (Text("b"),)


def test_choices_are_kept_apart():
    response = accumulate(
        TextDelta(0, "a"), TextDelta(0, "b", choice=1), Finished("stop", choice=1)
    ).response()
    assert [choice.text for choice in response.choices] == ["a", "b"]
    assert [choice.finish for choice in response.choices] == ["unknown", "stop"]


def test_nothing_said_is_one_empty_choice():
    (choice,) = Accumulator().response().choices
    assert (choice.parts, choice.finish) == ((), "unknown")


def test_failure_is_kept():
    error = StreamCut("x")
    accumulator = accumulate(TextDelta(0, "a"), Failed(error))
    assert accumulator.error is error
    assert not accumulator.ended
    assert accumulator.response().text == "a"


def test_text_length_counts_everything_said():
    accumulator = accumulate(
        TextDelta(0, "ab"), ReasoningDelta(1, "c"), ToolCallDelta(2, "{}", "i", "f")
    )
    assert accumulator.text_length == 5


def test_first_name_and_id_win():
    assert parts(ToolCallDelta(0, "", "a", "f"), ToolCallDelta(0, "", "b", "g")) == (
        ToolCall("a", "f", ""),
    )
    response = accumulate(Started("", "m"), Started("i", "n")).response()
    assert (response.id, response.model) == ("i", "m")


def test_state_is_merged_one_level_below_the_format():
    old = {"x": {"a": 1, "b": 1}, "y": 1}
    new = {"x": {"b": 2}, "y": {"c": 3}, "z": 4}
    assert merge_state(old, new) == {"x": {"a": 1, "b": 2}, "y": {"c": 3}, "z": 4}
