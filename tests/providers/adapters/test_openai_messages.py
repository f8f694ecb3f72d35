from providers.adapters.changes import Changes
from providers.adapters.openai_messages import Conversation
from providers.chat import (
    File,
    Image,
    Message,
    Opaque,
    Reasoning,
    Refusal,
    Text,
    ToolCall,
    ToolResult,
)
from tests.providers.adapters.hosts import host

PNG = Image("image/png", "iVBORw0KGgo=")
CALL = ToolCall("call_1", "weather", '{"city":"Paris"}')


def write(*messages, **quirks):
    changes = Changes()
    wire = Conversation(host(**quirks), changes).write(messages)
    return wire, [(change.kind, change.what) for change in changes.result()]


def user(*parts):
    return Message("user", parts)


def assistant(*parts, **more):
    return Message("assistant", parts, **more)


def one(*messages, **quirks):
    (wire,), changes = write(*messages, **quirks)
    assert changes == []
    return wire


def test_single_text_is_a_string():
    assert one(user(Text("hi"))) == {"role": "user", "content": "hi"}


def test_several_texts_stay_apart():
    assert one(user(Text("a"), Text("b")))["content"] == [
        {"type": "text", "text": "a"},
        {"type": "text", "text": "b"},
    ]


def test_name_is_kept():
    assert one(Message("user", (Text("hi"),), "ada"))["name"] == "ada"


def test_message_of_nothing_is_an_empty_text():
    assert one(user())["content"] == ""


def test_picture_is_a_data_url_with_its_detail():
    picture = Image("image/webp", "AAAA", detail="low")
    block = one(user(Text("see"), picture))["content"][1]
    assert block == {
        "type": "image_url",
        "image_url": {"url": "data:image/webp;base64,AAAA", "detail": "low"},
    }


def test_pictures_address_is_passed_on():
    block = one(user(Image(url="https://a.example/x.png")))["content"][0]
    assert block["image_url"] == {"url": "https://a.example/x.png"}


def test_picture_without_a_type_tells_it_itself():
    for data, kind in [("/9j/x", "jpeg"), ("iVBORw0", "png"), ("R0lGx", "gif"), ("UklGx", "webp")]:
        url = one(user(Image(data=data)))["content"][0]["image_url"]["url"]
        assert url.startswith(f"data:image/{kind};base64,")


def test_host_that_takes_only_text():
    wire, changes = write(user(Text("a"), PNG, Text("b")), content_text_only=True)
    assert wire == [{"role": "user", "content": "a\nb"}]
    assert changes == [("dropped", "messages[0].image")]


def test_document_is_a_file():
    block = one(user(File("application/pdf", "JVBE", name="a.pdf")))["content"][0]
    data = "data:application/pdf;base64,JVBE"
    assert block == {"type": "file", "file": {"filename": "a.pdf", "file_data": data}}


def test_uploaded_file_is_named_by_its_id():
    assert one(user(File(file_id="file-1")))["content"][0]["file"] == {"file_id": "file-1"}


def test_sound_is_input_audio():
    block = one(user(File("audio/mpeg", "AAAA")))["content"][0]
    assert block == {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "mp3"}}


def test_file_by_address_is_dropped_where_the_host_takes_none():
    wire, changes = write(user(Text("read"), File(url="https://a.example/x.pdf")))
    assert wire[0]["content"] == "read"
    assert changes == [("dropped", "messages[0].file")]


def test_file_by_address_goes_to_hosts_that_take_it():
    part = File(url="https://a.example/x.pdf")
    assert one(user(part), file_url=True)["content"][0]["file"]["file_data"] == part.url
    block = one(user(part), file_part="document_url")["content"][0]
    assert block == {"type": "document_url", "document_url": part.url}


def test_system_role_follows_the_quirk():
    message = Message("system", (Text("be kind"),))
    assert one(message)["role"] == "system"
    assert one(message, system_role="developer")["role"] == "developer"
    wire, changes = write(message, system_role="user")
    assert wire[0]["role"] == "user"
    assert changes == [("emulated", "messages.system")]


def test_tool_calls_stand_beside_null_content():
    assert one(assistant(CALL)) == {
        "role": "assistant",
        "content": None,
        "tool_calls": [
            {
                "id": "call_1",
                "type": "function",
                "function": {"name": "weather", "arguments": '{"city":"Paris"}'},
            }
        ],
    }


def test_empty_arguments_become_an_object():
    (call,) = one(assistant(ToolCall("a", "now", "")))["tool_calls"]
    assert call["function"]["arguments"] == "{}"


def test_custom_call_keeps_its_kind():
    call = ToolCall("a", "shell", "ls", {"openai": {"type": "custom"}})
    (wire,) = one(assistant(call))["tool_calls"]
    assert wire == {"id": "a", "type": "custom", "custom": {"name": "shell", "input": "ls"}}


def test_refusal_is_kept():
    wire = one(assistant(Refusal("no")))
    assert (wire["content"], wire["refusal"]) == (None, "no")


def test_picture_of_an_assistant_is_told():
    wire, changes = write(assistant(Text("see"), PNG))
    assert wire[0]["content"] == "see"
    assert changes == [("dropped", "messages[0].image")]


def test_sound_of_an_answer_is_named_by_its_id():
    wire = one(assistant(Opaque("audio", {"openai": {"id": "audio_1", "data": "AAAA"}})))
    assert wire["audio"] == {"id": "audio_1"}


def test_note_of_an_answer_is_sent_back():
    note = {"type": "file", "file": {"hash": "x"}}
    wire = one(assistant(Text("a"), Opaque("annotation", {"openai": note})))
    assert wire["annotations"] == [note]


def test_block_of_this_format_is_sent_back():
    wire = one(assistant(Text("a"), Opaque("new", {"openai": {"type": "new"}})))
    assert wire["content"] == [{"type": "text", "text": "a"}, {"type": "new"}]
    assert one(user(Opaque("new", {"openai": {"type": "new"}})))["content"] == [{"type": "new"}]


def test_block_of_another_format_is_told():
    block = Opaque("server_tool_use", {"anthropic": {"type": "server_tool_use"}})
    wire, changes = write(assistant(Text("a"), block), user(Text("b"), block))
    assert [message["content"] for message in wire] == ["a", "b"]
    assert changes == [
        ("dropped", "messages[0].server_tool_use"),
        ("dropped", "messages[1].server_tool_use"),
    ]


def test_message_state_of_this_format_is_put_back():
    wire = one(assistant(Text("a"), state={"openai": {"prefix": True, "role": "x"}}))
    assert wire["prefix"] is True
    assert wire["role"] == "assistant"


THOUGHT = assistant(Reasoning("hm"), Text("a"))


def test_thoughts_are_not_sent_back_unless_the_host_wants_them():
    wire, changes = write(THOUGHT)
    assert wire[0] == {"role": "assistant", "content": "a"}
    assert changes == [("dropped", "messages.reasoning")]


def test_thoughts_go_back_in_the_hosts_field():
    assert one(THOUGHT, reasoning_back="reasoning_content")["reasoning_content"] == "hm"
    assert one(THOUGHT, reasoning_back="reasoning")["reasoning"] == "hm"
    assert one(THOUGHT, reasoning_back="reasoning_details")["reasoning"] == "hm"


def test_thoughts_go_back_as_a_block():
    assert one(THOUGHT, reasoning_back="thinking")["content"] == [
        {"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]},
        {"type": "text", "text": "a"},
    ]


def test_sealed_thoughts_go_back_as_they_came():
    details = [{"type": "reasoning.encrypted", "data": "xyz"}]
    message = assistant(Reasoning("", {"openai": {"reasoning_details": details}}))
    assert one(message, reasoning_back="reasoning_details")["reasoning_details"] == details


def test_deepseek_wants_thoughts_only_where_tools_were_called():
    quirks = {"reasoning_back": "reasoning_content", "reasoning_back_scope": "tools"}
    wire, changes = write(THOUGHT, **quirks)
    assert "reasoning_content" not in wire[0]
    assert changes == [("dropped", "messages.reasoning")]
    wire, changes = write(THOUGHT, assistant(CALL), **quirks)
    assert wire[0]["reasoning_content"] == "hm"
    assert changes == []


RESULT = ToolResult("call_1", (Text("sunny"), Text("warm")), "weather")


def test_tool_result_is_a_message():
    wire = one(Message("tool", (RESULT,)))
    assert wire == {"role": "tool", "tool_call_id": "call_1", "content": "sunny\nwarm"}


def test_results_in_a_users_message_come_before_its_words():
    wire, changes = write(user(Text("go on"), RESULT))
    assert [message["role"] for message in wire] == ["tool", "user"]
    assert wire[1]["content"] == "go on"
    assert changes == []


def test_several_results_become_several_messages():
    wire, _ = write(Message("tool", (RESULT, ToolResult("call_2", (Text("x"),)))))
    assert [message["tool_call_id"] for message in wire] == ["call_1", "call_2"]


def test_result_repeats_the_name_where_the_host_wants_it():
    assert one(Message("tool", (RESULT,)), tool_result_name=True)["name"] == "weather"


def test_failed_result_says_so_in_its_text():
    wire, changes = write(Message("tool", (ToolResult("a", (Text("no net"),), is_error=True),)))
    assert wire[0]["content"] == "Error: no net"
    assert changes == [("emulated", "messages[0].is_error")]


def test_picture_in_a_result_follows_in_a_users_message_after_all_results():
    seen = ToolResult("call_1", (PNG,))
    wire, changes = write(
        Message("tool", (seen,)), Message("tool", (ToolResult("call_2", (Text("x"),)),))
    )
    assert [message["role"] for message in wire] == ["tool", "tool", "user"]
    note, picture = wire[2]["content"]
    assert "call_1" in note["text"]
    assert picture["type"] == "image_url"
    assert wire[0]["content"]
    assert changes == [("emulated", "messages[0].image")]


def test_picture_in_a_result_stays_where_the_host_takes_it():
    wire = one(Message("tool", (ToolResult("a", (Text("x"), PNG)),)), tool_result_media=True)
    assert [block["type"] for block in wire["content"]] == ["text", "image_url"]


def test_nine_letter_ids_pair_call_and_result():
    wire, _ = write(assistant(CALL), Message("tool", (RESULT,)), tool_id="nine")
    identity = wire[0]["tool_calls"][0]["id"]
    assert len(identity) == 9
    assert identity.isalnum()
    assert wire[1]["tool_call_id"] == identity


def test_id_of_nine_letters_is_kept():
    wire = one(assistant(ToolCall("D681PevKs", "f", "{}")), tool_id="nine")
    assert wire["tool_calls"][0]["id"] == "D681PevKs"


def test_beginning_of_an_answer_is_marked_where_the_host_wants_it():
    assert one(assistant(Text("Once")), assistant_prefix="prefix")["prefix"] is True
    wire, _ = write(assistant(Text("a")), user(Text("b")), assistant_prefix="prefix")
    assert "prefix" not in wire[0]


MARKED = user(Text("long", state={"anthropic": {"cache_control": {"type": "ephemeral"}}}))


def test_cache_mark_is_kept_where_the_host_takes_it():
    (block,) = one(MARKED, cache_control=True)["content"]
    assert block["cache_control"] == {"type": "ephemeral"}


def test_cache_mark_is_told_where_the_host_takes_none():
    wire, changes = write(MARKED)
    assert wire[0]["content"] == "long"
    assert changes == [("dropped", "cache_control")]


# --- Mistral --------------------------------------------------------------------------------------


def test_plain_messages_have_neither_name_nor_refusal():
    said = assistant(Refusal("No."), name="ada")
    (wire,), changes = write(said, plain_messages=True)
    assert wire == {"role": "assistant", "content": "No."}
    assert changes == [("dropped", "messages[0].name")]


def test_sound_and_upload_lie_flat_where_files_are_documents():
    parts = (File("audio/wav", "AAAA"), File(file_id="f1"))
    assert one(user(*parts), file_part="document_url")["content"] == [
        {"type": "input_audio", "input_audio": "AAAA"},
        {"type": "file", "file_id": "f1"},
    ]


def test_ids_of_nine_characters_are_the_same_for_call_and_result():
    call = ToolCall("toolu_01ABCDEF", "weather", "{}")
    result = ToolResult(call.id, (Text("sunny"),))
    first, _ = write(assistant(call), Message("tool", (result,)), tool_id="nine")
    again, _ = write(assistant(call), Message("tool", (result,)), tool_id="nine")
    assert first == again
    identity = first[0]["tool_calls"][0]["id"]
    assert identity == first[1]["tool_call_id"]
    assert len(identity) == 9
    assert identity.isalnum()


def test_ids_the_host_gave_itself_go_back_unchanged():
    (wire,), _ = write(assistant(ToolCall("D681PevKs", "weather", "{}")), tool_id="nine")
    assert wire["tool_calls"][0]["id"] == "D681PevKs"


MARK = {"anthropic": {"cache_control": {"type": "ephemeral"}}}


def test_cache_mark_of_a_result_goes_where_it_is_taken():
    result = Message("tool", (ToolResult("c", (Text("sunny", state=MARK),)),))
    block = {"type": "text", "text": "sunny", "cache_control": {"type": "ephemeral"}}
    assert one(result, cache_control=True)["content"] == [block]
    (wire,), changes = write(result)
    assert (wire["content"], changes) == ("sunny", [("dropped", "cache_control")])


def test_members_of_a_hosts_own_stay_on_a_users_message():
    said = Message("user", (Text("hi"),), state={"openai": {"images": ["QUJD"]}})
    assert one(said) == {"role": "user", "content": "hi", "images": ["QUJD"]}
