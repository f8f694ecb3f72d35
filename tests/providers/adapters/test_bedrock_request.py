import base64
from dataclasses import replace

import pytest

from providers.adapters.base import Host
from providers.adapters.bedrock import BedrockAdapter
from providers.catalogue.loader import load_builtin
from providers.catalogue.spec import ModelSpec
from providers.chat import (
    ChatRequest,
    Citation,
    File,
    Image,
    Message,
    Opaque,
    Reasoning,
    ReasoningOptions,
    Refusal,
    ResponseFormat,
    Text,
    Tool,
    ToolCall,
    ToolChoice,
    ToolResult,
)
from providers.embedding import EmbeddingRequest
from providers.errors import InvalidRequest

(BEDROCK,) = [spec for spec in load_builtin() if spec.id == "bedrock"]
ADAPTER = BedrockAdapter()
HELLO = Message("user", (Text("Hello"),))
PNG = base64.b64encode(b"\x89PNG").decode()
WEATHER = Tool("weather", "The weather", {"type": "object", "properties": {"city": {}}})
CLAUDE = "global.anthropic.claude-sonnet-4-5-20250929-v1:0"
OPUS = "global.anthropic.claude-opus-5-5"
NOVA = "global.amazon.nova-2-lite-v1:0"


def build(*messages, model="m", quirks=None, **fields):
    spec = ModelSpec(id=model, quirks=quirks) if quirks is not None else BEDROCK.model(model)
    request = ChatRequest(model, messages or (HELLO,), **fields)
    return ADAPTER.build(request, Host(BEDROCK, spec))


def said(wire):
    return [(change.kind, change.what) for change in wire.changes]


def content(*parts, role="user", **fields):
    first = () if role == "user" else (HELLO,)
    return build(*first, Message(role, parts), **fields).body["messages"][-1]["content"]


# --- the path ---


@pytest.mark.parametrize(("stream", "method"), [(False, "converse"), (True, "converse-stream")])
def test_smallest_request(stream, method):
    wire = build(model="anthropic.claude-v2:1", stream=stream)
    assert wire.path == f"/model/anthropic.claude-v2%3A1/{method}"
    assert wire.body == {"messages": [{"role": "user", "content": [{"text": "Hello"}]}]}
    assert (wire.stream, wire.changes) == (stream, ())


def test_arn_stays_one_segment_of_the_path():
    arn = "arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.amazon.nova-lite-v1:0"
    (_, model, method) = build(model=arn).path.strip("/").split("/")
    assert model == arn.replace(":", "%3A").replace("/", "%2F")
    assert method == "converse"


@pytest.mark.parametrize("model", ["", ".", "..", "mödel", "a\nb"])
def test_what_is_no_model_is_refused(model):
    with pytest.raises(InvalidRequest):
        build(model=model)


# --- the conversation ---


def test_system_messages_stand_apart():
    wire = build(Message("system", (Text("Be kind"),)), HELLO)
    assert wire.body["system"] == [{"text": "Be kind"}]


def test_late_system_message_becomes_the_users():
    wire = build(HELLO, Message("system", (Text("Be kind"),)))
    assert len(wire.body["messages"]) == 1
    assert said(wire) == [("changed", "messages[1].role")]


def test_neighbours_of_one_role_become_one_turn():
    answer = Message("assistant", (Text("Hi"),))
    wire = build(HELLO, HELLO, answer, answer, HELLO)
    assert [turn["role"] for turn in wire.body["messages"]] == ["user", "assistant", "user"]


def test_conversation_without_content_is_refused():
    with pytest.raises(InvalidRequest):
        build(Message("user", (Text("  "),)))


def test_inline_image():
    block = {"image": {"format": "png", "source": {"bytes": PNG}}}
    assert content(Image("image/png", PNG)) == [block]


def test_image_on_s3():
    (block,) = content(Image(url="s3://bucket/a.jpg"))
    assert block["image"] == {
        "format": "jpeg",
        "source": {"s3Location": {"uri": "s3://bucket/a.jpg"}},
    }


def test_image_by_another_address_is_refused():
    with pytest.raises(InvalidRequest):
        content(Image(url="https://example.com/a.png"))


def test_image_of_a_strange_kind_is_dropped():
    wire = build(Message("user", (Text("Look"), Image("image/tiff", PNG))))
    assert said(wire) == [("dropped", "messages[0].image")]


@pytest.mark.parametrize(
    ("media_type", "shape"),
    [
        ("application/pdf", "pdf"),
        ("text/csv", "csv"),
        ("text/plain", "txt"),
        ("application/json", "txt"),
        ("text/markdown", "md"),
    ],
)
def test_document(media_type, shape):
    (block,) = content(File(media_type, PNG, name="Company policy_2026.pdf"))
    assert block["document"] == {
        "format": shape,
        "source": {"bytes": PNG},
        "name": "Company policy-2026",
    }


def test_documents_of_one_name_get_different_ones():
    blocks = content(*[File("application/pdf", PNG, name="a.pdf")] * 3)
    assert [block["document"]["name"] for block in blocks] == ["a", "a 2", "a 3"]


def test_video():
    (block,) = content(File("video/quicktime", PNG))
    assert block == {"video": {"format": "mov", "source": {"bytes": PNG}}}


def test_upload_at_another_provider_is_dropped():
    wire = build(HELLO, Message("user", (File(file_id="file-1"),)))
    assert said(wire) == [("dropped", "messages[1].file")]


def test_calls_and_their_results():
    call = ToolCall("tooluse_1", "weather", '{"city": "Paris"}')
    results = (
        Text("And then?"),
        ToolResult("tooluse_1", (Text("12 degrees"), Image("image/png", PNG))),
        ToolResult("tooluse_2", (), is_error=True),
    )
    wire = build(HELLO, Message("assistant", (call,)), Message("user", results), tools=(WEATHER,))
    _, asked, answered = wire.body["messages"]
    assert asked["content"] == [
        {"toolUse": {"toolUseId": "tooluse_1", "name": "weather", "input": {"city": "Paris"}}}
    ]
    first, second, text = answered["content"]
    assert first["toolResult"]["content"] == [
        {"text": "12 degrees"},
        {"image": {"format": "png", "source": {"bytes": PNG}}},
    ]
    assert second["toolResult"]["status"] == "error"
    assert text == {"text": "And then?"}


def test_id_of_another_provider_is_made_fit_alike_in_call_and_result():
    call, result = ToolCall("a:b|c", "weather", "{}"), ToolResult("a:b|c", (Text("x"),))
    wire = build(HELLO, Message("assistant", (call,)), Message("tool", (result,)))
    _, asked, answered = wire.body["messages"]
    made = asked["content"][0]["toolUse"]["toolUseId"]
    assert made == answered["content"][0]["toolResult"]["toolUseId"]
    assert made.isascii() and ":" not in made and len(made) <= 64


def test_arguments_that_are_no_object_are_sent_empty_and_told():
    wire = build(HELLO, Message("assistant", (ToolCall("a", "weather", '{"ci'),)))
    assert wire.body["messages"][1]["content"][0]["toolUse"]["input"] == {}
    assert ("changed", "messages[1].tool_calls") in said(wire)


def test_signed_thought_goes_back():
    thought = Reasoning("Hm", {"bedrock": {"signature": "sig"}})
    assert content(thought, role="assistant") == [
        {"reasoningContent": {"reasoningText": {"text": "Hm", "signature": "sig"}}}
    ]


def test_redacted_thought_goes_back():
    thought = Reasoning("", {"bedrock": {"redacted": "c2VhbGVk"}})
    assert content(thought, role="assistant") == [
        {"reasoningContent": {"redactedContent": "c2VhbGVk"}}
    ]


def test_another_providers_thought_is_dropped():
    thought = Reasoning("Hm", {"anthropic": {"signature": "sig"}})
    wire = build(HELLO, Message("assistant", (thought, Text("Hi"))))
    assert said(wire) == [("dropped", "messages[1].reasoning")]


def test_citations_go_back_as_they_came():
    raw = {"location": {"documentPage": {"documentIndex": 0}}, "title": "a"}
    cited = Text("12", (Citation(title="a", state={"bedrock": raw}),))
    assert content(cited, role="assistant") == [
        {"citationsContent": {"content": [{"text": "12"}], "citations": [raw]}}
    ]


def test_own_block_goes_back_and_a_foreign_one_is_dropped():
    own = Opaque("server_tool_use", {"bedrock": {"toolUse": {"type": "server_tool_use"}}})
    wire = build(HELLO, Message("assistant", (own, Opaque("x", {"openai": {}}), Refusal("No"))))
    assert wire.body["messages"][1]["content"] == [
        {"toolUse": {"type": "server_tool_use"}},
        {"text": "No"},
    ]
    assert said(wire) == [("dropped", "messages[1].x")]


# --- tools ---


def test_tool():
    (tool,) = build(tools=(WEATHER,)).body["toolConfig"]["tools"]
    assert tool["toolSpec"] == {
        "name": "weather",
        "description": "The weather",
        "inputSchema": {"json": WEATHER.parameters},
    }


@pytest.mark.parametrize(
    ("choice", "wire"),
    [
        (ToolChoice("required"), {"any": {}}),
        (ToolChoice("named", "weather"), {"tool": {"name": "weather"}}),
        (ToolChoice("auto"), None),
    ],
)
def test_tool_choice(choice, wire):
    config = build(tools=(WEATHER,), tool_choice=choice).body["toolConfig"]
    assert config.get("toolChoice") == wire


def test_forbidden_tools_are_not_offered():
    wire = build(tools=(WEATHER,), tool_choice=ToolChoice("none"))
    assert "toolConfig" not in wire.body
    assert wire.changes == ()


def test_model_that_cannot_be_forced_chooses_itself():
    wire = build(
        tools=(WEATHER,),
        tool_choice=ToolChoice("required"),
        quirks={"forced_tool_choice": False},
    )
    assert "toolChoice" not in wire.body["toolConfig"]
    assert said(wire) == [("changed", "tool_choice")]


def test_tools_of_the_conversation_are_declared_when_none_is_offered():
    wire = build(HELLO, Message("assistant", (ToolCall("a", "weather", "{}"),)))
    assert [t["toolSpec"]["name"] for t in wire.body["toolConfig"]["tools"]] == ["weather"]
    assert said(wire) == [("emulated", "tools")]


def test_parallel_calls_cannot_be_forbidden():
    wire = build(tools=(WEATHER,), parallel_tool_calls=False)
    assert said(wire) == [("dropped", "parallel_tool_calls")]


# --- parameters ---


def test_inference_config():
    wire = build(max_tokens=5, temperature=0.5, top_p=0.9, stop=("END",))
    assert wire.body["inferenceConfig"] == {
        "maxTokens": 5,
        "temperature": 0.5,
        "topP": 0.9,
        "stopSequences": ["END"],
    }


def test_temperature_ends_at_one():
    wire = build(temperature=1.5)
    assert wire.body["inferenceConfig"] == {"temperature": 1}
    assert said(wire) == [("changed", "temperature")]


@pytest.mark.parametrize(
    ("model", "fields"),
    [(CLAUDE, {"top_k": 40}), ("amazon.nova-lite-v1:0", {"inferenceConfig": {"topK": 40}})],
)
def test_top_k_stands_where_the_model_wants_it(model, fields):
    assert build(model=model, top_k=40).body["additionalModelRequestFields"] == fields


def test_top_k_is_dropped_where_a_model_has_none():
    assert said(build(top_k=40)) == [("dropped", "top_k")]


def test_sampling_is_dropped_where_a_model_takes_none():
    wire = build(model=OPUS, temperature=0.5, top_p=1)
    assert "inferenceConfig" not in wire.body
    assert said(wire) == [("dropped", "temperature")]


def test_what_the_format_has_no_word_for_is_told():
    wire = build(seed=1, presence_penalty=1, frequency_penalty=0, n=2, user="u")
    assert [what for _, what in said(wire)] == ["seed", "presence_penalty", "n", "user"]


def test_own_extras_are_joined_and_win():
    extra = {
        "bedrock": {
            "guardrailConfig": {"guardrailIdentifier": "g"},
            "inferenceConfig": {"maxTokens": 7},
            "additionalModelRequestFields": {"x": 1},
            "toolConfig": {"tools": [{"systemTool": {"name": "nova_grounding"}}]},
        },
        "openai": {"logprobs": True},
    }
    wire = build(max_tokens=5, temperature=0.5, tools=(WEATHER,), extra=extra)
    assert wire.body["guardrailConfig"] == {"guardrailIdentifier": "g"}
    assert wire.body["inferenceConfig"] == {"maxTokens": 7, "temperature": 0.5}
    assert wire.body["additionalModelRequestFields"] == {"x": 1}
    assert len(wire.body["toolConfig"]["tools"]) == 2
    assert said(wire) == [("dropped", "logprobs")]


def test_json_schema_where_the_model_enforces_it():
    wanted = ResponseFormat("json_schema", {"type": "object"}, "city", "A city")
    wire = build(response_format=wanted, quirks={"structured_output": "native"})
    assert wire.body["outputConfig"]["textFormat"]["structure"]["jsonSchema"] == {
        "name": "city",
        "description": "A city",
        "schema": '{"type":"object"}',
    }


def test_json_is_asked_for_where_nothing_enforces_it():
    wire = build(response_format=ResponseFormat("json_schema", {"type": "object"}))
    assert '{"type":"object"}' in wire.body["system"][0]["text"]
    assert said(wire) == [("emulated", "response_format")]


# --- thinking ---


def fields_of(model, options, **more):
    return build(model=model, reasoning=options, **more).body.get(
        "additionalModelRequestFields", {}
    )


def test_budget_of_an_older_claude():
    fields = fields_of(CLAUDE, ReasoningOptions(budget=4000), max_tokens=9000)
    assert fields["thinking"] == {"type": "enabled", "budget_tokens": 4000}


def test_effort_of_a_newer_claude():
    fields = fields_of(OPUS, ReasoningOptions(effort="high", include=True))
    assert fields["thinking"] == {"type": "adaptive", "display": "summarized"}
    assert fields["output_config"] == {"effort": "high"}


def test_sampling_is_dropped_while_claude_thinks():
    wire = build(model=CLAUDE, reasoning=ReasoningOptions(effort="low"), temperature=0.2)
    assert said(wire) == [("dropped", "temperature")]


def test_claude_that_is_forced_to_call_cannot_think():
    wire = build(
        model=CLAUDE,
        reasoning=ReasoningOptions(effort="low"),
        tools=(WEATHER,),
        tool_choice=ToolChoice("required"),
    )
    assert said(wire) == [("dropped", "reasoning")]


@pytest.mark.parametrize(
    ("effort", "config"),
    [
        ("medium", {"type": "enabled", "maxReasoningEffort": "medium"}),
        ("max", {"type": "enabled", "maxReasoningEffort": "high"}),
        (None, {"type": "enabled", "maxReasoningEffort": "medium"}),
        ("none", {"type": "disabled"}),
    ],
)
def test_effort_of_nova(effort, config):
    assert fields_of(NOVA, ReasoningOptions(effort=effort)) == {"reasoningConfig": config}


def test_effort_of_gpt_oss():
    fields = fields_of("openai.gpt-oss-120b-1:0", ReasoningOptions(budget=3000))
    assert fields == {"reasoning_effort": "low"}


def test_model_that_does_not_think_says_so():
    assert said(build(reasoning=ReasoningOptions(effort="high"))) == [("dropped", "reasoning")]
    assert build(reasoning=ReasoningOptions(effort="none")).changes == ()


def test_model_that_always_thinks_says_so():
    wire = build(model="us.deepseek.r1-v1:0", reasoning=ReasoningOptions(effort="high"))
    assert said(wire) == [("dropped", "reasoning")]


# --- embeddings ---


def embed(model, *inputs, **fields):
    host = Host(BEDROCK, BEDROCK.model(model))
    return ADAPTER.build_embedding(EmbeddingRequest(model, inputs, **fields), host)


def test_titan_embeds_one_text():
    wire = embed("amazon.titan-embed-text-v2:0", "Hello", dimensions=256)
    assert wire.path == "/model/amazon.titan-embed-text-v2%3A0/invoke"
    assert wire.body == {"inputText": "Hello", "dimensions": 256}


def test_titan_refuses_two_texts():
    with pytest.raises(InvalidRequest):
        embed("amazon.titan-embed-text-v2:0", "a", "b")


def test_cohere_embeds_a_list():
    wire = embed("cohere.embed-english-v3", "a", "b", task="query", dimensions=5)
    assert wire.body == {"texts": ["a", "b"], "input_type": "search_query"}
    assert said(wire) == [("dropped", "dimensions")]


def test_newer_cohere_takes_dimensions():
    wire = embed("global.cohere.embed-v4:0", "a", dimensions=256)
    assert wire.body == {"texts": ["a"], "input_type": "search_document", "output_dimension": 256}


@pytest.mark.parametrize("inputs", [((1, 2),), ("a",) * 97])
def test_tokens_and_too_many_texts_are_refused(inputs):
    with pytest.raises(InvalidRequest):
        embed("cohere.embed-english-v3", *inputs)


def test_model_without_embeddings_is_refused():
    with pytest.raises(InvalidRequest):
        embed(NOVA, "Hello")


def test_models_are_not_listed():
    with pytest.raises(InvalidRequest):
        ADAPTER.build_models(Host(BEDROCK))


def test_nothing_of_the_request_is_changed():
    request = ChatRequest("m", (HELLO,), extra={"bedrock": {"toolConfig": {"tools": [1]}}})
    before = replace(request)
    ADAPTER.build(request, Host(BEDROCK))
    assert request == before
