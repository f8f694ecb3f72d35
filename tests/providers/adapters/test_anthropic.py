from __future__ import annotations

import base64
import json
from dataclasses import replace

import pytest

from providers.adapters.anthropic import AnthropicAdapter
from providers.adapters.base import Host
from providers.catalogue.spec import Auth, ProviderSpec
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
from providers.errors import (
    AuthFailed,
    CallTimeout,
    ContentBlocked,
    ContextTooLong,
    InvalidRequest,
    NotFound,
    Overloaded,
    PermissionDenied,
    QuotaExceeded,
    RateLimited,
    ServerError,
    StreamCut,
)
from providers.events import Accumulator, Ended, Failed, Finished, Started, UsageReported
from providers.registry import catalogue
from providers.usage import Usage
from providers.wire import WireReply

ADAPTER = AnthropicAdapter()
HELLO = Message("user", (Text("Hello"),))
WEATHER = Tool(
    "weather", "Tells it", {"type": "object", "properties": {"city": {"type": "string"}}}
)


def anthropic(model="claude-sonnet-4-5"):
    return catalogue().host("anthropic", model)


def compatible(paths=None, **quirks):
    auth = (Auth(id="none", type="none", label="None", place="none"),)
    return Host(
        ProviderSpec(
            id="x",
            name="X",
            description="",
            category="custom",
            auth=auth,
            quirks=quirks,
            paths=paths or {},
        )
    )


def request(*messages, model="claude-sonnet-4-5", **options):
    return ChatRequest(model, messages or (HELLO,), **options)


def built(*messages, host=None, **options):
    wire = ADAPTER.build(request(*messages, **options), host or anthropic())
    return wire.body, {change.what: change.kind for change in wire.changes}


def reply(body, status=200, **headers):
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return WireReply(status, {name.replace("_", "-"): v for name, v in headers.items()}, data)


def message(*content, stop="end_turn", **fields):
    usage = {"input_tokens": 3, "output_tokens": 5}
    return {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "claude-x",
        "content": list(content),
        "stop_reason": stop,
        "usage": usage,
        **fields,
    }


def sse(*events):
    text = "".join(f"event: {e['type']}\ndata: {json.dumps(e)}  \n\n" for e in events)
    return text.encode()


def streamed(*events, size=0):
    parser = ADAPTER.stream(anthropic())
    data = sse(*events)
    pieces = [data] if not size else [data[i : i + size] for i in range(0, len(data), size)]
    found = [event for piece in pieces for event in parser.feed(piece)]
    return [*found, *parser.close()]


def accumulated(*events):
    found = streamed(*events)
    accumulator = Accumulator()
    accumulator.extend(found)
    return accumulator.response(), found


START = {"type": "message_start", "message": message(stop=None)}
STOP = {"type": "message_stop"}


def start(index, **block):
    return {"type": "content_block_start", "index": index, "content_block": block}


def delta(index, kind, **fields):
    return {"type": "content_block_delta", "index": index, "delta": {"type": kind, **fields}}


def stop(index):
    return {"type": "content_block_stop", "index": index}


def end(reason="end_turn", **usage):
    return {"type": "message_delta", "delta": {"stop_reason": reason}, "usage": usage}


class TestConversation:
    def test_says_hello_with_nothing_else(self):
        body, changes = built()
        assert body == {
            "model": "claude-sonnet-4-5",
            "max_tokens": 64000,
            "messages": [{"role": "user", "content": [{"type": "text", "text": "Hello"}]}],
        }
        assert not changes

    def test_posts_to_the_messages_path_and_tells_when_it_streams(self):
        wire = ADAPTER.build(request(stream=True), anthropic())
        assert (wire.method, wire.path, wire.stream) == ("POST", "/v1/messages", True)
        assert wire.body is not None
        assert wire.body["stream"] is True

    def test_leading_system_messages_become_the_system_field(self):
        system = Message("system", (Text("Be brief."), Text("Be kind.")))
        body, changes = built(system, HELLO)
        assert [block["text"] for block in body["system"]] == ["Be brief.", "Be kind."]
        assert not changes

    def test_picture_in_a_system_message_is_reported(self):
        system = Message("system", (Text("Look"), Image(url="https://x.example/a.png")))
        body, changes = built(system, HELLO)
        assert len(body["system"]) == 1
        assert changes == {"messages[0].image": "dropped"}

    def test_later_system_message_is_said_by_the_user_and_reported(self):
        body, changes = built(HELLO, Message("system", (Text("Now in French."),)))
        assert [turn["role"] for turn in body["messages"]] == ["user"]
        assert body["messages"][0]["content"][1]["text"] == "Now in French."
        assert changes == {"messages[1].role": "changed"}

    def test_neighbours_of_one_role_become_one_turn(self):
        body, _ = built(HELLO, HELLO, Message("assistant", (Text("Hi"),)), HELLO)
        assert [turn["role"] for turn in body["messages"]] == ["user", "assistant", "user"]

    def test_names_of_speakers_are_reported(self):
        _, changes = built(replace(HELLO, name="bob"))
        assert changes == {"messages[0].name": "dropped"}

    def test_empty_text_is_left_out(self):
        body, _ = built(Message("user", (Text(""), Text(" "), Text("x"))))
        assert len(body["messages"][0]["content"]) == 1

    def test_conversation_without_content_is_refused(self):
        with pytest.raises(InvalidRequest) as caught:
            built(Message("user", (Text(""),)))
        assert caught.value.param == "messages"

    def test_refusal_goes_back_as_text(self):
        body, _ = built(HELLO, Message("assistant", (Refusal("I will not."), Refusal(""))))
        assert body["messages"][1]["content"] == [{"type": "text", "text": "I will not."}]

    def test_what_only_we_gave_goes_back_untouched(self):
        block = {"type": "server_tool_use", "id": "s", "name": "web_search", "input": {}}
        parts = (Opaque("server_tool_use", {"anthropic": block}), Opaque("audio", {"openai": {}}))
        body, changes = built(HELLO, Message("assistant", parts))
        assert body["messages"][1]["content"] == [block]
        assert changes == {"messages[1].audio": "dropped"}

    def test_cache_control_goes_back_on_its_block(self):
        cached = {"anthropic": {"cache_control": {"type": "ephemeral"}}}
        tool = replace(WEATHER, state=cached)
        body, _ = built(Message("user", (Text("Hello", state=cached),)), tools=(tool,))
        assert body["messages"][0]["content"][0]["cache_control"] == {"type": "ephemeral"}
        assert body["tools"][0]["cache_control"] == {"type": "ephemeral"}

    def test_citations_go_back_as_they_came(self):
        raw = {"type": "web_search_result_location", "url": "https://x.example"}
        cited = (Citation("https://x.example", state={"anthropic": raw}), Citation("https://other"))
        body, _ = built(HELLO, Message("assistant", (Text("So", cited),)))
        assert body["messages"][1]["content"][0]["citations"] == [raw]


class TestMedia:
    def test_inline_picture(self):
        body, _ = built(Message("user", (Image("image/jpeg", "aGk="),)))
        source = {"type": "base64", "media_type": "image/jpeg", "data": "aGk="}
        assert body["messages"][0]["content"] == [{"type": "image", "source": source}]

    def test_picture_by_address(self):
        body, _ = built(Message("user", (Image(url="https://x.example/a.png"),)))
        source = {"type": "url", "url": "https://x.example/a.png"}
        assert body["messages"][0]["content"][0]["source"] == source

    def test_assistant_holds_no_pictures(self):
        parts = (Text("Here"), Image("image/png", "aGk="), File("application/pdf", "aGk="))
        body, changes = built(HELLO, Message("assistant", parts))
        assert len(body["messages"][1]["content"]) == 1
        assert changes == {"messages[1].image": "dropped", "messages[1].file": "dropped"}

    @pytest.mark.parametrize(
        ("file", "source"),
        [
            (
                File("application/pdf", "aGk="),
                {"type": "base64", "media_type": "application/pdf", "data": "aGk="},
            ),
            (
                File("text/markdown", "aGk="),
                {"type": "text", "media_type": "text/plain", "data": "hi"},
            ),
            (
                File(url="https://x.example/a.pdf"),
                {"type": "url", "url": "https://x.example/a.pdf"},
            ),
            (File(file_id="file_1"), {"type": "file", "file_id": "file_1"}),
        ],
        ids=["pdf", "text", "address", "upload"],
    )
    def test_document(self, file, source):
        body, _ = built(Message("user", (replace(file, name="Report"),)))
        block = body["messages"][0]["content"][0]
        assert block == {"type": "document", "source": source, "title": "Report"}

    def test_upload_needs_its_beta(self):
        wire = ADAPTER.build(request(Message("user", (File(file_id="file_1"),))), anthropic())
        assert wire.headers == {"anthropic-beta": "files-api-2025-04-14"}

    def test_text_file_that_is_no_base64_is_refused(self):
        with pytest.raises(InvalidRequest):
            built(Message("user", (File("text/plain", "not base64!"),)))

    def test_sound_is_reported(self):
        _, changes = built(Message("user", (Text("Listen"), File("audio/wav", "aGk="))))
        assert changes == {"messages[0].file": "dropped"}


class TestTools:
    def test_tool_is_declared(self):
        body, _ = built(tools=(WEATHER, Tool("now")))
        assert body["tools"] == [
            {"name": "weather", "description": "Tells it", "input_schema": WEATHER.parameters},
            {"name": "now", "input_schema": {"type": "object", "properties": {}}},
        ]

    def test_strict_tool_is_closed_where_schemas_are_enforced(self):
        parameters = {"type": "object", "properties": {"n": {"type": "integer", "minimum": 1}}}
        body, changes = built(tools=(Tool("f", parameters=parameters, strict=True),))
        schema = body["tools"][0]["input_schema"]
        assert schema["additionalProperties"] is False
        assert schema["properties"]["n"] == {"type": "integer", "description": '{"minimum":1}'}
        assert changes == {"tools[0].parameters": "changed"}

    def test_strict_tool_in_the_subset_is_no_change(self):
        body, changes = built(tools=(replace(WEATHER, strict=True),))
        assert body["tools"][0]["strict"] is True
        assert not changes

    def test_strict_is_reported_where_schemas_are_not_enforced(self):
        tool = replace(WEATHER, strict=True)
        body, changes = built(tools=(tool,), host=compatible())
        assert "strict" not in body["tools"][0]
        assert changes == {"tools[0].strict": "dropped"}

    @pytest.mark.parametrize(
        ("choice", "block"),
        [
            (ToolChoice("auto"), {"type": "auto"}),
            (ToolChoice("none"), {"type": "none"}),
            (ToolChoice("required"), {"type": "any"}),
            (ToolChoice("named", "weather"), {"type": "tool", "name": "weather"}),
        ],
    )
    def test_choice(self, choice, block):
        body, _ = built(tools=(WEATHER,), tool_choice=choice)
        assert body["tool_choice"] == block

    def test_one_call_at_a_time(self):
        body, _ = built(tools=(WEATHER,), parallel_tool_calls=False)
        assert body["tool_choice"] == {"type": "auto", "disable_parallel_tool_use": True}

    def test_choice_without_tools_is_not_sent(self):
        body, _ = built(tool_choice=ToolChoice("auto"))
        assert "tool_choice" not in body

    def test_model_that_cannot_be_forced_chooses_itself(self):
        host = anthropic("claude-opus-5-5")
        body, changes = built(tools=(WEATHER,), tool_choice=ToolChoice("required"), host=host)
        assert body["tool_choice"] == {"type": "auto"}
        assert changes == {"tool_choice": "changed"}

    def test_results_of_one_turn_stand_first_in_one_message(self):
        calls = (ToolCall("a", "f", "{}"), ToolCall("b", "f", '{"x":1}'))
        results = [Message("tool", (ToolResult(i, (Text(i),)),)) for i in ("a", "b")]
        mixed = Message("user", (Text("and?"), ToolResult("c", ())))
        body, changes = built(HELLO, Message("assistant", calls), *results, mixed)
        kinds = [block["type"] for block in body["messages"][2]["content"]]
        assert kinds == ["tool_result", "tool_result", "tool_result", "text"]
        assert body["messages"][1]["content"][1]["input"] == {"x": 1}
        assert not changes

    def test_result_holds_pictures_and_errors(self):
        content = (Text("look"), Image("image/png", "aGk="))
        result = ToolResult("a", content, is_error=True)
        body, _ = built(
            HELLO, Message("assistant", (ToolCall("a", "f", ""),)), Message("tool", (result,))
        )
        block = body["messages"][2]["content"][0]
        assert [item["type"] for item in block["content"]] == ["text", "image"]
        assert block["is_error"] is True

    @pytest.mark.parametrize("arguments", ['{"a":', "[1]", "null"])
    def test_arguments_that_are_no_object_are_reported(self, arguments):
        call = Message("assistant", (ToolCall("a", "f", arguments),))
        body, changes = built(HELLO, call)
        assert body["messages"][1]["content"][0]["input"] == {}
        assert changes == {"messages[1].tool_calls": "changed"}

    def test_id_of_another_provider_is_renamed_the_same_way_twice(self):
        odd = "call:1/ü"
        body, _ = built(
            HELLO,
            Message("assistant", (ToolCall(odd, "f", "{}"),)),
            Message("tool", (ToolResult(odd, (Text("x"),)),)),
        )
        call, result = (turn["content"][0] for turn in body["messages"][1:])
        assert call["id"] == result["tool_use_id"]
        assert call["id"].startswith("toolu_")


class TestParameters:
    def test_output_is_limited_by_the_models_own_limit(self):
        assert built(host=anthropic("claude-opus-5-5"))[0]["max_tokens"] == 128_000
        body, changes = built(max_tokens=1_000_000)
        assert body["max_tokens"] == 64_000
        assert changes == {"max_tokens": "changed"}

    def test_unknown_model_gets_the_hosts_default_output(self):
        assert built(host=compatible(max_tokens=100))[0]["max_tokens"] == 100
        assert built(host=compatible())[0]["max_tokens"] == 8192

    def test_temperature_ends_at_one(self):
        body, changes = built(temperature=1.7)
        assert body["temperature"] == 1
        assert changes == {"temperature": "changed"}

    def test_temperature_zero_is_sent(self):
        assert built(temperature=0)[0]["temperature"] == 0

    def test_temperature_stands_alone_on_newer_models(self):
        body, changes = built(temperature=0.5, top_p=0.5, top_k=4)
        assert (body["temperature"], body["top_k"]) == (0.5, 4)
        assert changes == {"top_p": "dropped"}

    def test_newest_models_take_no_sampling_parameters(self):
        body, changes = built(temperature=0.5, top_p=1, top_k=1, host=anthropic("claude-opus-5"))
        assert not {"temperature", "top_p", "top_k"} & set(body)
        assert changes == {"temperature": "dropped"}

    def test_stop_sequences_of_white_space_are_reported(self):
        body, changes = built(stop=("END", "\n"))
        assert body["stop_sequences"] == ["END"]
        assert changes == {"stop": "dropped"}

    def test_user_becomes_metadata(self):
        assert built(user="u1")[0]["metadata"] == {"user_id": "u1"}

    def test_what_the_format_lacks_is_reported(self):
        _, changes = built(
            seed=0,
            n=2,
            presence_penalty=0.5,
            frequency_penalty=0,
            extra={"openai": {"logprobs": True}},
        )
        assert changes == dict.fromkeys(("seed", "n", "presence_penalty", "logprobs"), "dropped")

    def test_own_extras_are_merged_over_the_body(self):
        search = {"type": "web_search_20250305", "name": "web_search"}
        extra = {
            "tools": [search],
            "service_tier": "auto",
            "metadata": {"x": 1},
            "output_config": {"effort": "low"},
            "betas": ["b1", "b2"],
        }
        wire = ADAPTER.build(
            request(tools=(WEATHER,), user="u", extra={"anthropic": extra}), anthropic()
        )
        assert wire.body is not None
        assert wire.body["tools"][1] == search
        assert wire.body["service_tier"] == "auto"
        assert wire.body["metadata"] == {"user_id": "u", "x": 1}
        assert wire.body["output_config"] == {"effort": "low"}
        assert wire.headers == {"anthropic-beta": "b1,b2"}
        assert wire.changes == ()

    def test_the_request_itself_is_not_touched(self):
        extra = {"anthropic": {"tools": [], "betas": ["b"]}}
        built(extra=extra)
        assert extra == {"anthropic": {"tools": [], "betas": ["b"]}}


class TestResponseFormat:
    SCHEMA = {"type": "object", "properties": {"a": {"oneOf": [{"type": "string", "format": "x"}]}}}

    def test_schema_is_enforced_in_the_subset_that_is_known(self):
        body, changes = built(response_format=ResponseFormat("json_schema", self.SCHEMA))
        schema = body["output_config"]["format"]["schema"]
        inner = {"type": "string", "description": '{"format":"x"}'}
        assert schema["properties"] == {"a": {"anyOf": [inner]}}
        assert schema["additionalProperties"] is False
        assert changes == {"response_format": "changed"}

    def test_schema_in_the_subset_is_no_change(self):
        schema = {
            "$schema": "x",
            "type": "object",
            "properties": {"a": {"type": "array", "items": {"$ref": "#/$defs/b"}}},
            "$defs": {"b": {"type": ["object", "null"], "additionalProperties": False}},
            "required": ["a"],
        }
        body, changes = built(response_format=ResponseFormat("json_schema", schema))
        sent = body["output_config"]["format"]["schema"]
        assert sent == {
            **{k: v for k, v in schema.items() if k != "$schema"},
            "additionalProperties": False,
        }
        assert not changes

    def test_open_object_becomes_closed_with_a_hint(self):
        schema = {"type": "object", "additionalProperties": {"type": "string"}}
        body, changes = built(response_format=ResponseFormat("json_schema", schema))
        sent = body["output_config"]["format"]["schema"]
        assert sent["additionalProperties"] is False
        assert "additionalProperties" in sent["description"]
        assert changes == {"response_format": "changed"}

    @pytest.mark.parametrize(
        ("wanted", "host"),
        [
            (ResponseFormat("json"), anthropic()),
            (ResponseFormat("json_schema", SCHEMA), compatible()),
        ],
        ids=["any JSON", "host without schemas"],
    )
    def test_otherwise_the_system_prompt_asks_for_json(self, wanted, host):
        body, changes = built(response_format=wanted, host=host)
        assert "JSON" in body["system"][-1]["text"]
        assert "output_config" not in body
        assert changes == {"response_format": "emulated"}

    def test_plain_text_needs_nothing(self):
        body, changes = built(response_format=ResponseFormat("text"))
        assert "output_config" not in body
        assert not changes


class TestThinking:
    def think(self, model="claude-sonnet-4-5", host=None, max_tokens=None, rest=None, **options):
        return built(
            host=host or anthropic(model),
            reasoning=ReasoningOptions(**options),
            max_tokens=max_tokens,
            **(rest or {}),
        )

    def test_effort_becomes_a_budget_on_older_models(self):
        body, changes = self.think(effort="low")
        assert body["thinking"] == {"type": "enabled", "budget_tokens": 4096}
        assert not changes

    def test_budget_is_sent_as_it_is(self):
        assert self.think(budget=2000)[0]["thinking"]["budget_tokens"] == 2000

    def test_budget_stays_below_max_tokens(self):
        body, changes = self.think(budget=5000, max_tokens=4000)
        assert body["thinking"]["budget_tokens"] == 2000
        assert changes == {"reasoning.budget": "changed"}

    def test_budget_has_a_floor(self):
        body, changes = self.think(budget=10)
        assert body["thinking"]["budget_tokens"] == 1024
        assert changes == {"reasoning.budget": "changed"}

    def test_no_room_to_think_is_reported(self):
        body, changes = self.think(effort="high", max_tokens=1024)
        assert "thinking" not in body
        assert changes == {"reasoning": "dropped"}

    def test_forced_tool_call_excludes_a_budget(self):
        rest = {"tools": (WEATHER,), "tool_choice": ToolChoice("required")}
        body, changes = self.think(effort="high", rest=rest)
        assert "thinking" not in body
        assert changes == {"reasoning": "dropped"}

    def test_sampling_is_off_while_it_thinks(self):
        rest = {"temperature": 0.2, "top_k": 3, "top_p": 0.5}
        body, changes = self.think(effort="low", rest=rest)
        assert not set(rest) & set(body)
        assert changes == dict.fromkeys(rest, "dropped")

    def test_neutral_sampling_is_no_loss_while_it_thinks(self):
        body, changes = self.think(effort="low", rest={"temperature": 1, "top_p": 0.97})
        assert body["top_p"] == 0.97
        assert not changes

    def test_effort_is_sent_to_newer_models(self):
        body, changes = self.think("claude-opus-5", effort="xhigh", include=True)
        assert body["thinking"] == {"type": "adaptive", "display": "summarized"}
        assert body["output_config"] == {"effort": "xhigh"}
        assert not changes

    def test_effort_a_model_does_not_know_becomes_the_next_lower(self):
        body, changes = self.think("claude-opus-4-6", effort="xhigh")
        assert body["output_config"] == {"effort": "high"}
        assert changes == {"reasoning.effort": "changed"}

    def test_least_effort_is_the_lowest_a_model_knows(self):
        assert self.think("claude-opus-5", effort="minimal")[0]["output_config"] == {
            "effort": "low"
        }

    def test_budget_becomes_an_effort_on_newer_models(self):
        body, changes = self.think("claude-opus-5", budget=10_000)
        assert body["output_config"] == {"effort": "high"}
        assert changes == {"reasoning.budget": "changed"}

    def test_only_wanting_the_thoughts_leaves_the_effort_to_the_model(self):
        body, _ = self.think("claude-opus-5", include=False)
        assert body["thinking"] == {"type": "adaptive", "display": "omitted"}
        assert "output_config" not in body

    @pytest.mark.parametrize(
        ("model", "config"),
        [
            ("claude-sonnet-4-5", None),
            ("claude-opus-5", {"type": "disabled"}),
            ("claude-sonnet-5-5", {"type": "between_tools"}),
            ("claude-opus-5-5", None),
        ],
    )
    def test_off(self, model, config):
        body, changes = self.think(model, effort="none")
        assert body.get("thinking") == config
        assert changes == ({"reasoning.effort": "dropped"} if model == "claude-opus-5-5" else {})

    def test_budget_of_nothing_is_off(self):
        assert "thinking" not in self.think(budget=0)[0]

    def test_unknown_effort_is_reported(self):
        body, changes = self.think("claude-opus-5", effort="heroic")
        assert body["thinking"] == {"type": "adaptive"}
        assert changes == {"reasoning.effort": "dropped"}

    def test_model_that_cannot_think(self):
        body, changes = self.think(host=compatible(thinking="none"), effort="low")
        assert "thinking" not in body
        assert changes == {"reasoning": "dropped"}

    def test_host_without_the_switch_shows_its_thoughts(self):
        _, changes = self.think(host=compatible(), effort="low", include=False)
        assert changes == {"reasoning.include": "dropped"}
        assert not self.think(host=compatible(), effort="low", include=True)[1]

    def test_own_thinking_wins(self):
        extra = {"anthropic": {"thinking": {"type": "enabled", "budget_tokens": 1500}}}
        body, _ = self.think(effort="high", rest={"extra": extra, "temperature": 0.3})
        assert body["thinking"] == {"type": "enabled", "budget_tokens": 1500}
        assert "temperature" not in body

    def test_thoughts_go_back_with_their_signature(self):
        parts = (
            Reasoning("Hm", {"anthropic": {"signature": "sig"}}),
            Reasoning("", {"anthropic": {"data": "sealed"}}),
            Reasoning("from elsewhere"),
            Text("So"),
        )
        body, changes = built(HELLO, Message("assistant", parts))
        assert body["messages"][1]["content"] == [
            {"type": "thinking", "thinking": "Hm", "signature": "sig"},
            {"type": "redacted_thinking", "data": "sealed"},
            {"type": "text", "text": "So"},
        ]
        assert changes == {"messages[1].reasoning": "dropped"}


class TestParse:
    def parse(self, body):
        return ADAPTER.parse(reply(body), anthropic())

    def test_text(self):
        response = self.parse(message({"type": "text", "text": "Hi"}))
        assert (response.id, response.model, response.text) == ("msg_1", "claude-x", "Hi")
        assert response.choices[0].finish == "stop"
        assert response.choices[0].raw_finish == "end_turn"

    @pytest.mark.parametrize(
        ("raw", "finish"),
        [
            ("stop_sequence", "stop"),
            ("max_tokens", "length"),
            ("model_context_window_exceeded", "length"),
            ("tool_use", "tool_calls"),
            ("pause_turn", "pause"),
            ("refusal", "refusal"),
            ("brand_new", "unknown"),
            (None, "unknown"),
        ],
    )
    def test_finish(self, raw, finish):
        assert self.parse(message(stop=raw)).finish == finish

    def test_every_kind_of_block(self):
        search = {"type": "web_search_tool_result", "content": []}
        note = {
            "type": "char_location",
            "cited_text": "q",
            "document_title": "T",
            "start_char_index": 4,
        }
        response = self.parse(
            message(
                {"type": "thinking", "thinking": "Hm", "signature": "s"},
                {"type": "redacted_thinking", "data": "d"},
                {"type": "text", "text": "A", "citations": [note]},
                {"type": "text", "text": ""},
                {
                    "type": "tool_use",
                    "id": "t",
                    "name": "f",
                    "input": {"a": 1},
                    "caller": {"type": "x"},
                },
                {"type": "tool_use", "id": "u", "name": "g", "input": {}},
                search,
                {"no": "type"},
            )
        )
        assert response.choices[0].parts == (
            Reasoning("Hm", {"anthropic": {"signature": "s"}}),
            Reasoning("", {"anthropic": {"data": "d"}}),
            Text("A", (Citation(title="T", quote="q", state={"anthropic": note}),)),
            ToolCall("t", "f", '{"a":1}', {"anthropic": {"caller": {"type": "x"}}}),
            ToolCall("u", "g", "{}"),
            Opaque("web_search_tool_result", {"anthropic": search}),
        )

    def test_cached_input_is_part_of_the_input(self):
        usage = {
            "input_tokens": 10,
            "cache_read_input_tokens": 100,
            "cache_creation_input_tokens": 20,
            "output_tokens": 7,
            "output_tokens_details": {"thinking_tokens": 3},
        }
        assert self.parse(message(usage=usage)).usage == Usage(130, 7, 100, 20, 3)

    def test_input_that_is_kept_for_an_hour_is_told_apart(self):
        usage = {
            "input_tokens": 10,
            "cache_creation_input_tokens": 20,
            "cache_creation": {"ephemeral_5m_input_tokens": 15, "ephemeral_1h_input_tokens": 5},
            "output_tokens": 7,
        }
        expected = Usage(30, 7, cache_write_tokens=20, cache_write_1h_tokens=5)
        assert self.parse(message(usage=usage)).usage == expected

    def test_usage_may_be_missing(self):
        assert self.parse(message(usage=None)).usage is None

    def test_error_inside_a_200_is_raised(self):
        with pytest.raises(Overloaded):
            self.parse({"type": "error", "error": {"type": "overloaded_error", "message": "x"}})

    @pytest.mark.parametrize(
        "body", [b"<html>", b"[]", {"choices": []}], ids=["html", "list", "other"]
    )
    def test_nonsense_is_a_server_error(self, body):
        with pytest.raises(ServerError):
            self.parse(body)


class TestStream:
    def test_text(self):
        response, events = accumulated(
            START,
            {"type": "ping"},
            start(0, type="text", text=""),
            {"type": "ping"},
            delta(0, "text_delta", text="Hé"),
            delta(0, "text_delta", text="llo"),
            stop(0),
            end(output_tokens=9),
            STOP,
        )
        assert response.text == "Héllo"
        assert response.finish == "stop"
        assert events[0] == Started("msg_1", "claude-x")
        assert isinstance(events[-1], Ended)

    def test_same_events_however_it_is_cut(self):
        events = [
            START,
            start(0, type="tool_use", id="t", name="f", input={}),
            delta(0, "input_json_delta", partial_json='{"city":"Zürich"}'),
            stop(0),
            end("tool_use"),
            STOP,
        ]
        assert streamed(*events) == streamed(*events, size=1) == streamed(*events, size=7)

    def test_usage_is_replaced_and_never_added(self):
        first = {"input_tokens": 5, "cache_read_input_tokens": 50, "output_tokens": 1}
        begin = {"type": "message_start", "message": message(stop=None, usage=first)}
        _, events = accumulated(
            begin, end(output_tokens=30, input_tokens=None), end(output_tokens=40), STOP
        )
        seen = [event.usage for event in events if isinstance(event, UsageReported)]
        assert [usage.output_tokens for usage in seen] == [1, 30, 40]
        assert {usage.input_tokens for usage in seen} == {55}

    def test_thinking_keeps_its_signature(self):
        response, _ = accumulated(
            START,
            start(0, type="thinking", thinking="", signature=""),
            delta(0, "thinking_delta", thinking="Hm"),
            delta(0, "signature_delta", signature="sig"),
            stop(0),
            start(1, type="redacted_thinking", data="sealed"),
            stop(1),
            end(),
            STOP,
        )
        assert response.choices[0].parts == (
            Reasoning("Hm", {"anthropic": {"signature": "sig"}}),
            Reasoning("", {"anthropic": {"data": "sealed"}}),
        )

    def test_signature_may_come_without_thoughts(self):
        response, _ = accumulated(
            START,
            start(0, type="thinking", thinking="", signature=""),
            delta(0, "signature_delta", signature="sig"),
            stop(0),
            end(),
            STOP,
        )
        assert response.choices[0].parts == (Reasoning("", {"anthropic": {"signature": "sig"}}),)

    def test_parallel_tool_calls(self):
        response, _ = accumulated(
            START,
            start(0, type="text", text="Both"),
            stop(0),
            start(1, type="tool_use", id="a", name="f", input={}),
            delta(1, "input_json_delta", partial_json=""),
            delta(1, "input_json_delta", partial_json='{"x":'),
            delta(1, "input_json_delta", partial_json=" 1}"),
            stop(1),
            start(2, type="tool_use", id="b", name="g", input={}),
            delta(2, "input_json_delta", partial_json=""),
            stop(2),
            end("tool_use"),
            STOP,
        )
        assert response.tool_calls == (ToolCall("a", "f", '{"x": 1}'), ToolCall("b", "g", "{}"))
        assert response.text == "Both"

    def test_call_that_was_cut_short_keeps_its_half(self):
        response, _ = accumulated(
            START,
            start(0, type="tool_use", id="a", name="f", input={}),
            delta(0, "input_json_delta", partial_json='{"x":'),
            stop(0),
            end("max_tokens"),
            STOP,
        )
        assert response.tool_calls[0].arguments == '{"x":'
        assert response.finish == "length"

    def test_whole_arguments_may_come_with_the_start(self):
        response, _ = accumulated(
            START,
            start(0, type="tool_use", id="a", name="f", input={"x": 1}),
            stop(0),
            end("tool_use"),
            STOP,
        )
        assert response.tool_calls[0].arguments == '{"x":1}'

    def test_blocks_may_come_with_the_start_of_the_message(self):
        block = {"type": "tool_use", "id": "a", "name": "f", "input": {"x": 1}}
        response, events = accumulated(
            {"type": "message_start", "message": message(block, stop="tool_use")}, STOP
        )
        assert response.tool_calls == (ToolCall("a", "f", '{"x":1}'),)
        assert response.finish == "tool_calls"
        assert isinstance(events[-1], Ended)

    def test_servers_own_tool_is_given_whole(self):
        response, _ = accumulated(
            START,
            start(0, type="server_tool_use", id="s", name="web_search", input={}),
            delta(0, "input_json_delta", partial_json='{"query":"x"}'),
            stop(0),
            start(1, type="web_search_tool_result", tool_use_id="s", content=[]),
            stop(1),
            start(2, type="server_tool_use", id="s", name="cut", input={}),
            delta(2, "input_json_delta", partial_json='{"q'),
            stop(2),
            end(),
            STOP,
        )
        use, result, cut = response.choices[0].parts
        assert use.state["anthropic"]["input"] == {"query": "x"}
        assert result.state["anthropic"]["content"] == []
        assert cut.state["anthropic"]["input"] == '{"q'

    def test_unknown_blocks_deltas_and_events_are_no_error(self):
        response, events = accumulated(
            START,
            {"type": "brand_new_event", "x": 1},
            start(0, type="compaction", content=None),
            delta(0, "compaction_delta", content="sum", more={"a": 1}),
            delta(0, "compaction_delta", content="mary"),
            stop(0),
            start(1, type="text", text=""),
            delta(1, "brand_new_delta", x=1),
            delta(9, "brand_new_delta", x=1),
            stop(9),
            end(),
            STOP,
        )
        block = {"type": "compaction", "content": "summary", "more": {"a": 1}}
        assert response.choices[0].parts == (Opaque("compaction", {"anthropic": block}),)
        assert isinstance(events[-1], Ended)

    def test_citations_belong_to_their_text(self):
        note = {"type": "web_search_result_location", "url": "https://x.example", "title": "X"}
        response, _ = accumulated(
            START,
            start(0, type="text", text="", citations=[]),
            delta(0, "citations_delta", citation=note),
            delta(0, "text_delta", text="So"),
            stop(0),
            end(),
            STOP,
        )
        cited = Citation("https://x.example", "X", state={"anthropic": note})
        assert response.choices[0].parts == (Text("So", (cited,)),)

    def test_deltas_may_come_without_a_start(self):
        response, events = accumulated(delta(0, "text_delta", text="Hi"), end(), STOP)
        assert response.text == "Hi"
        assert events[0] == Started("", "")

    def test_start_may_hold_all_of_a_block(self):
        response, _ = accumulated(
            START,
            start(0, type="thinking", thinking="Hm", signature="s"),
            stop(0),
            start(1, type="text", text="Hi"),
            delta(1, "text_delta", text=""),
            delta(1, "thinking_delta", thinking=""),
            stop(1),
            end(),
            STOP,
        )
        assert response.choices[0].parts == (
            Reasoning("Hm", {"anthropic": {"signature": "s"}}),
            Text("Hi"),
        )

    def test_event_without_a_type_is_no_error(self):
        parser = ADAPTER.stream(anthropic())
        data = sse(START) + b'data: {"x": 1}\n\n' + sse(START, end(), STOP)
        events = [*parser.feed(data), *parser.close()]
        assert sum(isinstance(event, Started) for event in events) == 1
        assert isinstance(events[-1], Ended)

    def test_second_reason_to_stop_is_ignored(self):
        _, events = accumulated(START, end(), end("max_tokens"), STOP)
        assert [e.reason for e in events if isinstance(e, Finished)] == ["stop"]

    def test_nothing_follows_the_end(self):
        _, events = accumulated(START, end(), STOP, START)
        assert isinstance(events[-1], Ended)

    def test_body_that_ends_early_is_cut(self):
        events = streamed(START, start(0, type="text", text="Hi"), end())
        assert isinstance(events[-1], Failed)
        assert isinstance(events[-1].error, StreamCut)

    def test_error_in_the_middle_fails_with_its_meaning(self):
        error = {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}
        events = streamed(START, error, STOP)
        assert isinstance(events[-1], Failed)
        assert isinstance(events[-1].error, Overloaded)
        assert "Overloaded" not in events[-1].error.message

    @pytest.mark.parametrize(
        ("data", "kind"),
        [
            (b'{"type":"error","error":{"type":"rate_limit_error","message":"x"}}', RateLimited),
            (b"<html>Bad gateway</html>", ServerError),
            (b"", StreamCut),
            (b"event: message_start\ndata: {oops}\n\n", ServerError),
        ],
        ids=["json error", "html", "nothing", "garbage"],
    )
    def test_what_is_no_stream_fails(self, data, kind):
        parser = ADAPTER.stream(anthropic())
        events = [*parser.feed(data), *parser.close()]
        assert isinstance(events[-1], Failed)
        assert type(events[-1].error) is kind

    def test_done_mark_of_an_imitator_is_ignored(self):
        parser = ADAPTER.stream(compatible())
        data = sse(START, end()) + b"data: [DONE]\n\n" + sse(STOP)
        assert isinstance([*parser.feed(data), *parser.close()][-1], Ended)


class TestExplain:
    @pytest.mark.parametrize(
        ("status", "kind", "text", "error"),
        [
            (401, "authentication_error", "invalid x-api-key", AuthFailed),
            (403, "permission_error", "no access", PermissionDenied),
            (404, "not_found_error", "model: x", NotFound),
            (429, "rate_limit_error", "slow down", RateLimited),
            (529, "overloaded_error", "Overloaded", Overloaded),
            (500, "api_error", "Internal server error", ServerError),
            (504, "timeout_error", "timed out", CallTimeout),
            (402, "billing_error", "pay", QuotaExceeded),
            (413, "request_too_large", "Request exceeds the maximum size", InvalidRequest),
            (400, "invalid_request_error", "messages: field required", InvalidRequest),
            (
                400,
                "invalid_request_error",
                "prompt is too long: 208310 tokens > 200000 maximum",
                ContextTooLong,
            ),
            (
                400,
                "invalid_request_error",
                "input length and `max_tokens` exceed context limit: 188240 + 21333 > 200000",
                ContextTooLong,
            ),
            (
                400,
                "invalid_request_error",
                "Your credit balance is too low to access the Anthropic API.",
                QuotaExceeded,
            ),
            (
                400,
                "invalid_request_error",
                "You have reached your specified API usage limits.",
                QuotaExceeded,
            ),
            (
                400,
                "invalid_request_error",
                "Output blocked by content filtering policy",
                ContentBlocked,
            ),
        ],
    )
    def test_error(self, status, kind, text, error):
        body = {"type": "error", "error": {"type": kind, "message": text}, "request_id": "req_1"}
        found = ADAPTER.explain(reply(body, status), anthropic())
        assert type(found) is error
        assert found.detail == text
        assert text not in found.message
        assert found.upstream_status == status

    def test_says_how_long_to_wait(self):
        body = {"type": "error", "error": {"type": "rate_limit_error", "message": "x"}}
        found = ADAPTER.explain(reply(body, 429, retry_after="17"), anthropic())
        assert found.retry_after == 17

    @pytest.mark.parametrize("body", [b"<html>Bad Gateway</html>", b"", b"\xff\xfe", b"null"])
    def test_never_raises(self, body):
        assert isinstance(ADAPTER.explain(reply(body, 502), anthropic()), ServerError)


class TestModels:
    def test_list_is_asked_for_and_read(self):
        assert ADAPTER.build_models(anthropic()).path == "/v1/models?limit=1000"
        able = {"image_input": {"supported": True}, "thinking": {"supported": False}}
        entries = [
            {
                "id": "claude-x",
                "display_name": "Claude X",
                "max_input_tokens": 1000,
                "max_tokens": 100,
                "capabilities": able,
            },
            {"id": "claude-old", "lifecycle": "retired"},
            {"id": "claude-plain"},
            {"no": "id"},
        ]
        first, second = ADAPTER.parse_models(reply({"data": entries}), anthropic())
        assert (first.id, first.name, first.context, first.max_output) == (
            "claude-x",
            "Claude X",
            1000,
            100,
        )
        assert first.capabilities == ("chat", "streaming", "tools", "vision")
        assert (second.id, second.capabilities) == ("claude-plain", ())

    def test_nonsense_is_a_server_error(self):
        with pytest.raises(ServerError):
            ADAPTER.parse_models(reply({"models": []}), anthropic())

    def test_host_without_a_list_says_so(self):
        with pytest.raises(InvalidRequest):
            ADAPTER.build_models(compatible(paths={"models": ""}))


def test_there_are_no_embeddings():
    with pytest.raises(InvalidRequest, match="Anthropic has no embeddings"):
        ADAPTER.build_embedding(EmbeddingRequest("m", ("x",)), anthropic())
    with pytest.raises(InvalidRequest):
        ADAPTER.parse_embedding(reply({}), anthropic())


def test_text_file_keeps_its_characters():
    data = base64.b64encode("Zürich".encode()).decode()
    body, _ = built(Message("user", (File("text/plain", data),)))
    assert body["messages"][0]["content"][0]["source"]["data"] == "Zürich"


class TestCount:
    def test_only_what_the_counter_takes_is_sent(self):
        wire = ADAPTER.build_count(request(max_tokens=5, temperature=0.5, stream=True), anthropic())
        assert wire is not None
        assert (wire.path, wire.stream) == ("/v1/messages/count_tokens", False)
        assert set(wire.body or {}) == {"model", "messages"}

    def test_host_without_a_counter_is_not_asked(self):
        assert ADAPTER.build_count(request(), compatible({"count": ""})) is None

    def test_answer(self):
        assert ADAPTER.parse_count(reply({"input_tokens": 12}), anthropic()) == 12
        with pytest.raises(ServerError):
            ADAPTER.parse_count(reply({"tokens": 12}), anthropic())
