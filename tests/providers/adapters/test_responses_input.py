from providers.adapters.responses import ResponsesAdapter
from providers.chat import (
    ChatRequest,
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

SEALED = {"responses": {"id": "rs", "encrypted_content": "seal", "summary": []}}
CUSTOM = {"openai": {"type": "custom"}}


def build(*messages, **quirks):
    return ResponsesAdapter().build(ChatRequest("m", messages), host(**quirks))


def items(*messages, **quirks):
    return build(*messages, **quirks).body["input"]


def user(*parts):
    return Message("user", parts)


def assistant(*parts):
    return Message("assistant", parts)


def changes(wire):
    return [(change.kind, change.what) for change in wire.changes]


def test_instructions_have_the_role_the_host_wants():
    system = Message("system", (Text("Be brief."),))
    assert items(system)[0]["role"] == "system"
    assert items(system, system_role="developer")[0]["role"] == "developer"
    developer = Message("system", (Text("x"),), state={"openai": {"role": "developer"}})
    assert items(developer)[0]["role"] == "developer"


def test_instructions_can_stand_apart():
    wire = build(Message("system", (Text("A"),)), user(Text("B")), system_role="instructions")
    assert wire.body["instructions"] == "A"
    assert [item["role"] for item in wire.body["input"]] == ["user"]


def test_pictures_and_files_are_parts_of_a_message():
    picture = Image("image/jpeg", "AAAA", detail="low")
    pdf = File("application/pdf", "JVBE", name="a.pdf")
    (item,) = items(user(Text("?"), picture, Image(url="https://a/b.png"), pdf))
    assert item["content"][1:] == [
        {"type": "input_image", "image_url": "data:image/jpeg;base64,AAAA", "detail": "low"},
        {"type": "input_image", "image_url": "https://a/b.png", "detail": "auto"},
        {
            "type": "input_file",
            "filename": "a.pdf",
            "file_data": "data:application/pdf;base64,JVBE",
        },
    ]


def test_uploads_and_addresses_of_files_are_carried():
    by_id, picture = File(file_id="f1"), File("image/png", file_id="f2")
    (item,) = items(user(by_id, picture, File(url="https://a/b.pdf")))
    assert item["content"] == [
        {"type": "input_file", "file_id": "f1"},
        {"type": "input_image", "file_id": "f2"},
        {"type": "input_file", "file_url": "https://a/b.pdf"},
    ]


def test_sound_is_left_out_and_told():
    wire = build(user(Text("?"), File("audio/wav", "AAAA")))
    assert changes(wire) == [("dropped", "messages[0].file")]


def test_assistants_words_are_output():
    (item,) = items(assistant(Text("Hi"), Refusal("No.")))
    assert item["content"] == [
        {"type": "output_text", "text": "Hi"},
        {"type": "refusal", "refusal": "No."},
    ]


def test_texts_of_another_phase_are_another_message():
    first = Text("Let me see.", state={"responses": {"phase": "commentary"}})
    last = Text("Done.", state={"responses": {"phase": "final_answer"}})
    assert [item["phase"] for item in items(assistant(first, last))] == [
        "commentary",
        "final_answer",
    ]


def test_turn_with_calls_keeps_its_order():
    call = ToolCall("c", "weather", "")
    turn = items(assistant(Reasoning("Hm", SEALED), Text("Wait."), call))
    assert [item["type"] for item in turn] == ["reasoning", "message", "function_call"]
    assert turn[0] == {"type": "reasoning", "id": "rs", "encrypted_content": "seal", "summary": []}
    called = {"type": "function_call", "call_id": "c", "name": "weather", "arguments": "{}"}
    assert turn[2] == called


def test_reasoning_without_a_seal_stays_here():
    """Its id would name an item that was never stored."""
    wire = build(
        user(Text("?")), assistant(Reasoning("Hm", {"responses": {"id": "rs"}}), Text("4"))
    )
    assert changes(wire) == [("dropped", "messages.reasoning")]


def test_open_reasoning_goes_back_as_it_came():
    own = {"summary": [], "content": [{"type": "reasoning_text", "text": "Hm"}]}
    assert items(assistant(Reasoning("Hm", {"responses": own})))[0] == {"type": "reasoning", **own}


def test_namespace_of_a_call_goes_back():
    call = ToolCall("c", "a", "{}", {"responses": {"namespace": "crm"}})
    assert items(assistant(call))[0]["namespace"] == "crm"


def test_plain_text_call_and_its_result_are_of_their_own_kind():
    call, result = ToolCall("c", "note", "plain", CUSTOM), ToolResult("c", (Text("ok"),))
    assert items(assistant(call), Message("tool", (result,))) == [
        {"type": "custom_tool_call", "call_id": "c", "name": "note", "input": "plain"},
        {"type": "custom_tool_call_output", "call_id": "c", "output": "ok"},
    ]


def test_pictures_stand_in_a_result():
    result = ToolResult("c", (Text("Look:"), Image("image/png", "AAAA")))
    (item,) = items(Message("tool", (result,)))
    assert [block["type"] for block in item["output"]] == ["input_text", "input_image"]


def test_failed_result_says_so():
    wire = build(Message("tool", (ToolResult("c", (Text("no such city"),), is_error=True),)))
    assert wire.body["input"][0]["output"] == "Error:\nno such city"
    assert changes(wire) == [("emulated", "messages[0].is_error")]


def test_hosted_tools_items_go_back_in_place():
    item = {"type": "web_search_call", "id": "ws"}
    turn = items(assistant(Opaque("web_search_call", {"responses": item}), Text("Found.")))
    assert turn[0] == item


def test_generated_picture_goes_back_as_its_item():
    own = {"type": "image_generation_call", "id": "ig"}
    turn = items(assistant(Image("image/png", "AAAA", state={"responses": own})))
    assert turn == [{**own, "result": "AAAA"}]


def test_unknown_input_part_joins_its_message():
    part = {"type": "input_audio", "input_audio": {}}
    (item,) = items(user(Text("?"), Opaque("input_audio", {"responses": part})))
    assert item["content"][1] == part


def test_what_no_item_can_say_is_told():
    mark = {"anthropic": {"cache_control": {"type": "ephemeral"}}}
    wire = build(
        Message("user", (Text("?", state=mark), Refusal("No.")), name="bob"),
        assistant(Image("image/png", "AAAA"), Opaque("thinking", {"anthropic": {}})),
    )
    assert set(changes(wire)) == {
        ("dropped", "messages[0].name"),
        ("dropped", "cache_control"),
        ("dropped", "messages[0].refusal"),
        ("dropped", "messages[1].image"),
        ("dropped", "messages[1].thinking"),
    }
