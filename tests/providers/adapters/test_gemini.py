from __future__ import annotations

import json
from dataclasses import replace

import pytest

from providers.adapters.base import Host
from providers.adapters.gemini import GeminiAdapter
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

ADAPTER = GeminiAdapter()
HELLO = Message("user", (Text("Hello"),))
WEATHER = Tool(
    "weather", "Tells it", {"type": "object", "properties": {"city": {"type": "string"}}}
)
MODEL = "gemini-3.8-flash"


def google(model=MODEL):
    return catalogue().host("google", model)


def plain(**fields):
    auth = (Auth(id="none", type="none", label="None", place="none"),)
    return Host(
        ProviderSpec(id="x", name="X", description="", category="custom", auth=auth, **fields)
    )


def request(*messages, model=MODEL, **options):
    return ChatRequest(model, messages or (HELLO,), **options)


def built(*messages, host=None, **options):
    wire = ADAPTER.build(request(*messages, **options), host or google())
    return wire.body, {change.what: change.kind for change in wire.changes}


def parts(body, index=-1):
    return body["contents"][index]["parts"]


def reply(body, status=200, **headers):
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return WireReply(status, {name.replace("_", "-"): v for name, v in headers.items()}, data)


def chunk(*content, finish=None, usage=None, **fields):
    candidate = {"content": {"role": "model", "parts": list(content)}, "index": 0}
    if finish is not None:
        candidate["finishReason"] = finish
    whole = {
        "candidates": [{**candidate, **fields}],
        "responseId": "r-1",
        "modelVersion": "gemini-x",
    }
    return {**whole, "usageMetadata": usage} if usage else whole


def sse(*chunks):
    return "".join(f"data: {json.dumps(c)}\r\n\r\n" for c in chunks).encode()


def events_of(data, size=0):
    parser = ADAPTER.stream(google())
    pieces = [data] if not size else [data[i : i + size] for i in range(0, len(data), size)]
    found = [event for piece in pieces for event in parser.feed(piece)]
    return [*found, *parser.close()]


def accumulated(*chunks):
    events = events_of(sse(*chunks))
    accumulator = Accumulator()
    accumulator.extend(events)
    return accumulator.response(), events


def parsed(body):
    return ADAPTER.parse(reply(body), google())


class TestPath:
    def test_methods(self):
        whole = ADAPTER.build(request(), google())
        stream = ADAPTER.build(request(stream=True), google())
        assert whole.path == f"/models/{MODEL}:generateContent"
        assert stream.path == f"/models/{MODEL}:streamGenerateContent?alt=sse"
        assert stream.stream
        assert "stream" not in (stream.body or {})

    def test_prefix_of_the_list_is_understood(self):
        wire = ADAPTER.build(request(model="models/gemini-x"), google())
        assert wire.path == "/models/gemini-x:generateContent"

    @pytest.mark.parametrize(
        "model",
        ["", "../secrets", "a/b", "a:b", "a?b", "a#b", "a b", "a%2fb", "..", ".a", "models/", "é"],
    )
    def test_name_never_leaves_its_place(self, model):
        with pytest.raises(InvalidRequest) as caught:
            ADAPTER.build(request(model=model), google())
        assert caught.value.param == "model"


class TestConversation:
    def test_says_hello_with_nothing_else(self):
        body, changes = built()
        assert body == {"contents": [{"role": "user", "parts": [{"text": "Hello"}]}]}
        assert not changes

    def test_leading_system_messages_become_the_instruction(self):
        body, changes = built(Message("system", (Text("Be brief."),)), HELLO)
        assert body["systemInstruction"] == {"parts": [{"text": "Be brief."}]}
        assert not changes

    def test_picture_in_a_system_message_is_reported(self):
        system = Message("system", (Text("x"), Image(url="https://x.example/a.png")))
        assert built(system, HELLO)[1] == {"messages[0]": "dropped"}

    def test_later_system_message_is_said_by_the_user_and_reported(self):
        body, changes = built(HELLO, Message("system", (Text("In French."),)))
        assert [part["text"] for part in parts(body)] == ["Hello", "In French."]
        assert changes == {"messages[1].role": "changed"}

    def test_roles_alternate(self):
        body, _ = built(HELLO, HELLO, Message("assistant", (Text("Hi"),)), HELLO)
        assert [content["role"] for content in body["contents"]] == ["user", "model", "user"]

    def test_names_of_speakers_are_reported(self):
        assert built(replace(HELLO, name="bob"))[1] == {"messages[0].name": "dropped"}

    def test_conversation_without_content_is_refused(self):
        with pytest.raises(InvalidRequest) as caught:
            built(Message("user", (Text(""),)))
        assert caught.value.param == "messages"

    def test_refusal_goes_back_as_text(self):
        body, _ = built(HELLO, Message("assistant", (Refusal("No."),)))
        assert parts(body) == [{"text": "No."}]

    def test_what_only_gemini_gave_goes_back_untouched(self):
        part = {"executableCode": {"code": "1"}, "thoughtSignature": "s"}
        given = (Opaque("executableCode", {"gemini": part}), Opaque("audio", {"openai": {}}))
        body, changes = built(HELLO, Message("assistant", given))
        assert parts(body) == [part]
        assert changes == {"messages[1].audio": "dropped"}

    def test_thoughts_of_another_model_are_reported(self):
        given = (Reasoning("Hm"), Reasoning("mine", {"gemini": {"thought": True}}), Text("So"))
        body, changes = built(HELLO, Message("assistant", given))
        assert parts(body) == [{"thought": True, "text": "mine"}, {"text": "So"}]
        assert changes == {"messages[1].reasoning": "dropped"}


class TestMedia:
    @pytest.mark.parametrize(
        ("part", "wire"),
        [
            (
                Image("image/webp", "aGk="),
                {"inlineData": {"mimeType": "image/webp", "data": "aGk="}},
            ),
            (Image(None, "aGk="), {"inlineData": {"mimeType": "image/png", "data": "aGk="}}),
            (File("audio/wav", "aGk="), {"inlineData": {"mimeType": "audio/wav", "data": "aGk="}}),
            (
                Image(url="https://x.example/a.jpg?size=2"),
                {
                    "fileData": {
                        "fileUri": "https://x.example/a.jpg?size=2",
                        "mimeType": "image/jpeg",
                    }
                },
            ),
            (File(url="https://x.example/a"), {"fileData": {"fileUri": "https://x.example/a"}}),
            (
                File("video/mp4", file_id="files/abc"),
                {
                    "fileData": {
                        "fileUri": "https://generativelanguage.googleapis.com/v1beta/files/abc",
                        "mimeType": "video/mp4",
                    }
                },
            ),
        ],
        ids=["inline", "inline without type", "sound", "address", "address without type", "upload"],
    )
    def test_media(self, part, wire):
        assert parts(built(Message("user", (part,)))[0]) == [wire]

    def test_unknown_upload_is_reported(self):
        assert built(HELLO, Message("user", (File(file_id="file-1"),)))[1] == {
            "messages[1].file": "dropped"
        }

    def test_unsafe_address_is_refused(self):
        with pytest.raises(InvalidRequest):
            built(Message("user", (Image(url="http://x.example/a.png"),)))

    def test_state_goes_back_on_the_same_part(self):
        picture = Image("image/png", "aGk=", state={"gemini": {"thoughtSignature": "s"}})
        body, _ = built(HELLO, Message("assistant", (picture,)))
        assert parts(body)[0]["thoughtSignature"] == "s"


class TestTools:
    def test_tools_are_declared_with_their_json_schema(self):
        body, changes = built(tools=(WEATHER, Tool("now", strict=True)))
        assert body["tools"] == [
            {
                "functionDeclarations": [
                    {
                        "name": "weather",
                        "description": "Tells it",
                        "parametersJsonSchema": WEATHER.parameters,
                    },
                    {"name": "now"},
                ]
            }
        ]
        assert changes == {"tools[1].strict": "dropped"}

    @pytest.mark.parametrize(
        ("choice", "config"),
        [
            (ToolChoice("auto"), {"mode": "AUTO"}),
            (ToolChoice("none"), {"mode": "NONE"}),
            (ToolChoice("required"), {"mode": "ANY"}),
            (ToolChoice("named", "weather"), {"mode": "ANY", "allowedFunctionNames": ["weather"]}),
        ],
    )
    def test_choice(self, choice, config):
        body, _ = built(tools=(WEATHER,), tool_choice=choice)
        assert body["toolConfig"] == {"functionCallingConfig": config}

    def test_choice_without_tools_is_not_sent(self):
        assert "toolConfig" not in built(tool_choice=ToolChoice("auto"))[0]

    def test_forbidding_parallel_calls_is_reported(self):
        _, changes = built(tools=(WEATHER,), parallel_tool_calls=False)
        assert changes == {"parallel_tool_calls": "dropped"}

    def test_results_find_the_names_of_their_calls(self):
        calls = (
            ToolCall("gcall_r_0_1", "f", '{"x":1}', {"gemini": {"thoughtSignature": "s"}}),
            ToolCall("id2", "g", ""),
        )
        results = (
            ToolResult("gcall_r_0_1", (Text('{"a": 1}'),)),
            ToolResult("id2", (Text("sunny"),)),
        )
        body, changes = built(
            HELLO, Message("assistant", calls), *(Message("tool", (result,)) for result in results)
        )
        assert parts(body, 1) == [
            {"functionCall": {"name": "f", "args": {"x": 1}}, "thoughtSignature": "s"},
            {"functionCall": {"id": "id2", "name": "g", "args": {}}},
        ]
        assert parts(body) == [
            {"functionResponse": {"name": "f", "response": {"a": 1}}},
            {"functionResponse": {"id": "id2", "name": "g", "response": {"output": "sunny"}}},
        ]
        assert not changes

    def test_failed_result_says_so(self):
        result = ToolResult("x", (Text("boom"),), name="f", is_error=True)
        body, _ = built(HELLO, Message("tool", (result,)))
        assert parts(body)[-1]["functionResponse"]["response"] == {"error": "boom"}

    def test_result_without_its_call_is_refused(self):
        with pytest.raises(InvalidRequest, match=r"messages\[1\]"):
            built(HELLO, Message("tool", (ToolResult("x", ()),)))

    def test_media_of_a_result_stands_inside_it(self):
        result = ToolResult("x", (Text("look"), Image("image/png", "aGk=")), name="f")
        body, changes = built(HELLO, Message("tool", (result,)))
        media = {"inlineData": {"mimeType": "image/png", "data": "aGk="}}
        assert parts(body)[-1]["functionResponse"]["parts"] == [media]
        assert not changes

    @pytest.mark.parametrize(
        ("model", "media"),
        [
            ("gemini-2.5-flash", Image("image/png", "aGk=")),
            (MODEL, Image(url="https://x.example/a.png")),
        ],
        ids=["older model", "address"],
    )
    def test_else_media_of_a_result_stands_beside_it(self, model, media):
        result = ToolResult("x", (Text("look"), media), name="f")
        body, changes = built(HELLO, Message("tool", (result,)), host=google(model))
        assert "parts" not in parts(body)[-2]["functionResponse"]
        assert set(parts(body)[-1]) <= {"inlineData", "fileData"}
        assert changes == {"messages[1].content": "emulated"}

    def test_call_of_another_model_skips_the_signature_check(self):
        calls = (ToolCall("a", "f", "{}"), ToolCall("b", "f", "{}"))
        body, changes = built(HELLO, Message("assistant", calls))
        first, second = parts(body)
        assert first["thoughtSignature"] == "c2tpcF90aG91Z2h0X3NpZ25hdHVyZV92YWxpZGF0b3I="
        assert "thoughtSignature" not in second
        assert changes == {"messages[1].reasoning": "emulated"}

    def test_older_models_check_no_signature(self):
        body, changes = built(
            HELLO,
            Message("assistant", (ToolCall("a", "f", "{}"),)),
            host=google("gemini-2.5-flash"),
        )
        assert "thoughtSignature" not in parts(body)[0]
        assert not changes

    @pytest.mark.parametrize("arguments", ['{"a":', "[1]"])
    def test_arguments_that_are_no_object_are_reported(self, arguments):
        call = ToolCall("a", "f", arguments, {"gemini": {"thoughtSignature": "s"}})
        body, changes = built(HELLO, Message("assistant", (call,)))
        assert parts(body)[0]["functionCall"]["args"] == {}
        assert changes == {"messages[1].tool_calls": "changed"}


class TestParameters:
    def test_every_parameter_has_its_place(self):
        body, changes = built(
            temperature=0,
            top_p=0.5,
            top_k=3,
            max_tokens=10,
            stop=("a", "b"),
            seed=0,
            presence_penalty=0.1,
            frequency_penalty=0.2,
            n=2,
        )
        assert body["generationConfig"] == {
            "temperature": 0,
            "topP": 0.5,
            "topK": 3,
            "maxOutputTokens": 10,
            "stopSequences": ["a", "b"],
            "seed": 0,
            "presencePenalty": 0.1,
            "frequencyPenalty": 0.2,
            "candidateCount": 2,
        }
        assert not changes

    def test_limits_are_reported(self):
        body, changes = built(temperature=3, stop=tuple("abcdef"), n=1, user="u")
        assert body["generationConfig"] == {"temperature": 2, "stopSequences": list("abcde")}
        assert changes == {"temperature": "changed", "stop": "dropped", "user": "dropped"}

    def test_other_formats_extras_are_reported(self):
        assert built(extra={"openai": {"logprobs": True}})[1] == {"logprobs": "dropped"}

    def test_own_extras_are_merged_over_the_body(self):
        search: dict[str, object] = {"googleSearch": {}}
        extra = {
            "tools": [search],
            "safetySettings": [{"category": "x"}],
            "generationConfig": {"responseModalities": ["TEXT"]},
            "toolConfig": {"retrievalConfig": {}},
        }
        body, changes = built(tools=(WEATHER,), temperature=1, extra={"gemini": extra})
        assert body["tools"][1] == search
        assert body["safetySettings"] == [{"category": "x"}]
        assert body["generationConfig"] == {"temperature": 1, "responseModalities": ["TEXT"]}
        assert body["toolConfig"] == {"retrievalConfig": {}}
        assert not changes
        assert extra["tools"] == [search]

    def test_json(self):
        body, _ = built(response_format=ResponseFormat("json"))
        assert body["generationConfig"] == {"responseMimeType": "application/json"}
        assert "generationConfig" not in built(response_format=ResponseFormat("text"))[0]

    def test_json_schema(self):
        schema = {"type": "object", "$defs": {}}
        body, changes = built(
            response_format=ResponseFormat("json_schema", schema), tools=(WEATHER,)
        )
        config = {"responseMimeType": "application/json", "responseJsonSchema": schema}
        assert body["generationConfig"] == config
        assert not changes

    @pytest.mark.parametrize(
        "wanted", [ResponseFormat("json"), ResponseFormat("json_schema", {"x": 1})]
    )
    def test_older_models_take_no_schema_with_tools(self, wanted):
        body, changes = built(
            response_format=wanted, tools=(WEATHER,), host=google("gemini-2.5-flash")
        )
        assert "generationConfig" not in body
        assert "JSON" in body["systemInstruction"]["parts"][0]["text"]
        assert changes == {"response_format": "emulated"}


class TestThinking:
    def think(self, model=MODEL, host=None, **options):
        body, changes = built(host=host or google(model), reasoning=ReasoningOptions(**options))
        return body.get("generationConfig", {}).get("thinkingConfig"), changes

    @pytest.mark.parametrize(
        ("model", "effort", "level", "changed"),
        [
            (MODEL, "medium", "medium", False),
            (MODEL, "minimal", "low", True),
            (MODEL, "none", "low", True),
            (MODEL, "max", "high", True),
            ("gemini-3-flash-preview", "minimal", "minimal", False),
        ],
    )
    def test_level(self, model, effort, level, changed):
        config, changes = self.think(model, effort=effort)
        assert config == {"thinkingLevel": level}
        assert changes == ({"reasoning.effort": "changed"} if changed else {})

    def test_budget_becomes_a_level_on_newer_models(self):
        config, changes = self.think(budget=5000, include=True)
        assert config == {"includeThoughts": True, "thinkingLevel": "medium"}
        assert changes == {"reasoning.budget": "changed"}
        assert self.think(budget=10**6)[0] == {"thinkingLevel": "high"}

    @pytest.mark.parametrize(
        ("options", "budget"),
        [({"effort": "low"}, 1024), ({"budget": 777}, 777), ({"effort": "none"}, 0)],
    )
    def test_budget_on_older_models(self, options, budget):
        assert self.think("gemini-2.5-flash", **options) == ({"thinkingBudget": budget}, {})

    def test_model_that_always_thinks(self):
        config, changes = self.think("gemini-2.5-pro", effort="none")
        assert config == {"thinkingBudget": 128}
        assert changes == {"reasoning": "changed"}

    def test_only_wanting_the_thoughts(self):
        assert self.think(include=False) == ({"includeThoughts": False}, {})
        assert self.think() == (None, {})

    def test_unknown_effort_is_reported(self):
        assert self.think(effort="heroic") == (None, {"reasoning.effort": "dropped"})

    def test_model_that_cannot_think(self):
        host = plain(quirks={"thinking": "none"})
        assert self.think(host=host, effort="low") == (None, {"reasoning": "dropped"})


class TestParse:
    def test_text_with_everything(self):
        usage = {
            "promptTokenCount": 10,
            "toolUsePromptTokenCount": 5,
            "candidatesTokenCount": 7,
            "thoughtsTokenCount": 3,
            "cachedContentTokenCount": 4,
            "totalTokenCount": 25,
        }
        response = parsed(chunk({"text": "Hi"}, finish="STOP", usage=usage))
        assert (response.id, response.model, response.text) == ("r-1", "gemini-x", "Hi")
        assert response.usage == Usage(15, 10, 4, 0, 3)
        assert response.choices[0].raw_finish == "STOP"
        assert response.finish == "stop"

    @pytest.mark.parametrize(
        ("raw", "finish"),
        [
            ("MAX_TOKENS", "length"),
            ("SAFETY", "content_filter"),
            ("RECITATION", "content_filter"),
            ("PROHIBITED_CONTENT", "content_filter"),
            ("SPII", "content_filter"),
            ("BLOCKLIST", "content_filter"),
            ("MODEL_ARMOR", "content_filter"),
            ("MALFORMED_FUNCTION_CALL", "error"),
            ("UNEXPECTED_TOOL_CALL", "error"),
            ("NO_IMAGE", "error"),
            ("OTHER", "unknown"),
            ("BRAND_NEW", "unknown"),
            (1, "stop"),
            (2, "length"),
            (3, "content_filter"),
            (99, "unknown"),
        ],
    )
    def test_finish(self, raw, finish):
        assert parsed(chunk(finish=raw)).finish == finish

    def test_call_without_id_gets_one_of_its_own(self):
        call = {"functionCall": {"name": "f", "args": {"x": 1}}}
        response = parsed(chunk(call, call, {"functionCall": {"name": "g"}}, finish="STOP"))
        ids = [call.id for call in response.tool_calls]
        assert len(set(ids)) == 3
        assert all(call_id.startswith("gcall_r-1_") and len(call_id) <= 40 for call_id in ids)
        assert [call.arguments for call in response.tool_calls] == ['{"x":1}', '{"x":1}', "{}"]
        assert response.finish == "tool_calls"

    def test_id_of_a_call_is_kept(self):
        call = {"functionCall": {"id": "abc", "name": "f"}, "thoughtSignature": "s"}
        response = parsed(chunk(call, finish="STOP"))
        assert response.tool_calls == (
            ToolCall("abc", "f", "{}", {"gemini": {"thoughtSignature": "s"}}),
        )

    def test_call_that_was_answered_is_not_waited_for(self):
        content = (
            {"functionCall": {"name": "f"}},
            {"functionResponse": {"name": "f"}},
            {"text": "So"},
        )
        assert parsed(chunk(*content, finish="STOP")).finish == "stop"

    def test_every_kind_of_part(self):
        code = {"executableCode": {"code": "1"}, "thoughtSignature": "s"}
        response = parsed(
            chunk(
                {"text": "Hm", "thought": True},
                {"text": "More", "thought": True, "thoughtSignature": "t"},
                code,
                {"inlineData": {"mimeType": "image/png", "data": "aGk="}, "thoughtSignature": "i"},
                {"inlineData": {"mimeType": "audio/wav", "data": "aGk="}},
                {"fileData": {"mimeType": "video/mp4", "fileUri": "https://x.example"}},
                {"text": "A"},
                {"text": "B"},
                {"text": "", "thoughtSignature": "e"},
                {"thoughtSignature": "lonely"},
                {"text": ""},
                {},
                finish="STOP",
            )
        )
        assert response.choices[0].parts == (
            Reasoning("Hm", {"gemini": {"thought": True}}),
            Reasoning("More", {"gemini": {"thoughtSignature": "t", "thought": True}}),
            Opaque("executableCode", {"gemini": code}),
            Image("image/png", "aGk=", state={"gemini": {"thoughtSignature": "i"}}),
            File("audio/wav", "aGk="),
            File("video/mp4", url="https://x.example"),
            Text("AB"),
            Text("", state={"gemini": {"thoughtSignature": "e"}}),
            Text("", state={"gemini": {"thoughtSignature": "lonely"}}),
        )

    def test_several_candidates(self):
        first, second = (
            chunk({"text": "a"}, finish="STOP"),
            chunk({"text": "b"}, finish="STOP", index=1),
        )
        both = {**first, "candidates": first["candidates"] + second["candidates"]}
        assert [choice.text for choice in parsed(both).choices] == ["a", "b"]

    def test_candidate_without_content(self):
        response = parsed({"candidates": [{"finishReason": "SAFETY"}]})
        assert (response.finish, response.text, response.usage) == ("content_filter", "", None)

    def test_blocked_prompt_is_raised(self):
        with pytest.raises(ContentBlocked) as caught:
            parsed(
                {"promptFeedback": {"blockReason": "SAFETY"}, "usageMetadata": {"trafficType": "x"}}
            )
        assert caught.value.detail == "blockReason SAFETY"

    def test_array_of_chunks_is_one_answer(self):
        response = parsed([chunk({"text": "a"}), chunk({"text": "b"}, finish="STOP")])
        assert response.text == "ab"

    def test_error_inside_a_200_is_raised(self):
        with pytest.raises(Overloaded):
            parsed({"error": {"code": 503, "message": "x", "status": "UNAVAILABLE"}})

    @pytest.mark.parametrize("body", [b"<html>", {}, [], {"candidates": []}, {"candidates": [{}]}])
    def test_nonsense_is_a_server_error(self, body):
        with pytest.raises(ServerError):
            parsed(body)


class TestCitations:
    def grounded(self, text, *supports, chunks=None):
        chunks = chunks or [
            {"web": {"uri": "https://a.example", "title": "A"}},
            {"web": {"uri": "https://b.example"}},
        ]
        metadata = {"groundingChunks": chunks, "groundingSupports": list(supports)}
        body = chunk({"text": text}, finish="STOP", groundingMetadata=metadata)
        return parsed(body).choices[0].parts[0].citations

    def test_place_is_counted_in_characters(self):
        segment = {"startIndex": 3, "endIndex": 8, "text": "Küche"[:4]}
        found = self.grounded("Dé Küche", {"segment": segment, "groundingChunkIndices": [0, 1, 9]})
        assert found == (
            Citation("https://a.example", "A", "Küch", None, None),
            Citation("https://b.example", None, "Küch", None, None),
        )
        segment = {"startIndex": 4, "endIndex": 10, "text": "Küche"}
        found = self.grounded("Dé Küche", {"segment": segment, "groundingChunkIndices": [0]})
        assert found == (Citation("https://a.example", "A", "Küche", 3, 8),)

    def test_sources_without_places(self):
        found = self.grounded("x", chunks=[{"retrievedContext": {"uri": "gs://x"}}, {"web": {}}])
        assert found == (Citation("gs://x"),)

    def test_recited_sources(self):
        metadata = {
            "citations": [
                {},
                {"uri": "https://x.example", "title": "X"},
                {"uri": "https://x.example"},
            ]
        }
        body = chunk({"text": "x"}, finish="STOP", citationMetadata=metadata)
        assert parsed(body).choices[0].parts[0].citations == (Citation("https://x.example", "X"),)

    def test_without_text_there_is_nothing_to_cite(self):
        metadata = {"groundingChunks": [{"web": {"uri": "https://x.example"}}]}
        assert parsed(chunk(finish="STOP", groundingMetadata=metadata)).choices[0].parts == ()


class TestStream:
    TEXT = (
        chunk({"text": "Hé"}, usage={"promptTokenCount": 4}),
        chunk(
            {"text": "llo"}, finish="STOP", usage={"promptTokenCount": 4, "candidatesTokenCount": 2}
        ),
    )

    def test_text(self):
        response, events = accumulated(*self.TEXT)
        assert response.text == "Héllo"
        assert response.usage == Usage(4, 2)
        assert events[0] == Started("r-1", "gemini-x")
        assert isinstance(events[-1], Ended)
        assert [e.usage.output_tokens for e in events if isinstance(e, UsageReported)] == [0, 2]

    @pytest.mark.parametrize("size", [1, 5, 50])
    def test_same_events_however_it_is_cut(self, size):
        data = sse(*self.TEXT, chunk({"functionCall": {"name": "f"}}, finish="STOP"))
        assert events_of(data, size) == events_of(data)

    @pytest.mark.parametrize("size", [1, 7, 0])
    def test_json_array(self, size):
        data = b"  " + json.dumps(list(self.TEXT), indent=2, ensure_ascii=False).encode()
        assert events_of(data, size) == events_of(sse(*self.TEXT))

    def test_more_may_come_after_a_reason_to_stop(self):
        response, events = accumulated(
            chunk({"functionCall": {"name": "f"}}, finish="STOP"),
            chunk({"functionResponse": {"name": "f", "response": {}}}),
            chunk({"text": "So"}, finish="MAX_TOKENS"),
        )
        assert response.text == "So"
        assert [event.reason for event in events if isinstance(event, Finished)] == ["length"]

    def test_parallel_calls_in_different_chunks(self):
        response, _ = accumulated(
            chunk({"functionCall": {"name": "f", "args": {"x": 1}}, "thoughtSignature": "s"}),
            chunk({"functionCall": {"name": "f", "args": {"x": 2}}}),
            chunk(finish="STOP"),
        )
        first, second = response.tool_calls
        assert (first.arguments, second.arguments) == ('{"x":1}', '{"x":2}')
        assert first.id != second.id
        assert first.state == {"gemini": {"thoughtSignature": "s"}}
        assert response.finish == "tool_calls"

    def test_arguments_in_pieces(self):
        def piece(*values, more=True, **call):
            return chunk(
                {"functionCall": {**call, "partialArgs": list(values), "willContinue": more}}
            )

        response, _ = accumulated(
            piece(name="f"),
            piece({"jsonPath": "$.city", "stringValue": "Zü", "willContinue": True}),
            piece({"jsonPath": "$.city", "stringValue": "rich"}),
            piece(
                {"jsonPath": "$.days[0].n", "numberValue": 2.0},
                {"jsonPath": "$.days[0].x", "nullValue": None},
            ),
            piece(
                {"jsonPath": "$.days[1]", "boolValue": True},
                {"jsonPath": "$['a b']", "numberValue": 0.5},
            ),
            piece(
                {"jsonPath": "$.l[0]", "stringValue": "a"},
                {"jsonPath": "$.l[0]", "stringValue": "b"},
            ),
            chunk({"functionCall": {}}),
            piece({"jsonPath": "$.n", "numberValue": 1}, name="g", more=False),
            chunk({"functionCall": {"name": "h", "willContinue": True}}),
            chunk(finish="STOP"),
        )
        first, second, third = response.tool_calls
        assert json.loads(first.arguments) == {
            "city": "Zürich",
            "days": [{"n": 2, "x": None}, True],
            "a b": 0.5,
            "l": ["ab"],
        }
        assert (second.arguments, third.arguments) == ('{"n":1}', "{}")

    @pytest.mark.parametrize(
        "piece",
        [
            {"jsonPath": "nonsense", "stringValue": "x"},
            {"jsonPath": "$", "stringValue": "x"},
            {"jsonPath": "$.a[9]", "stringValue": "x"},
            {"jsonPath": "$.a[7].b", "stringValue": "x"},
            {"jsonPath": "$[0]", "stringValue": "x"},
            {"jsonPath": "$.a"},
            {},
        ],
    )
    def test_piece_without_a_place_is_left_out(self, piece):
        response, events = accumulated(
            chunk(
                {"functionCall": {"name": "f", "args": {"a": []}, "partialArgs": [piece]}},
                finish="STOP",
            )
        )
        assert json.loads(response.tool_calls[0].arguments) == {"a": []}
        assert isinstance(events[-1], Ended)

    def test_signature_on_an_empty_last_part_is_kept_there(self):
        response, _ = accumulated(
            chunk({"text": "Hm", "thought": True}),
            chunk({"text": "Hi"}),
            chunk({"text": "", "thoughtSignature": "s"}, finish="STOP"),
        )
        assert response.choices[0].parts == (
            Reasoning("Hm", {"gemini": {"thought": True}}),
            Text("Hi"),
            Text("", state={"gemini": {"thoughtSignature": "s"}}),
        )

    def test_grounding_is_told_once(self):
        metadata = {"groundingChunks": [{"web": {"uri": "https://x.example"}}]}
        response, _ = accumulated(
            chunk({"text": "a"}, groundingMetadata=metadata),
            chunk({"text": "b"}, finish="STOP", groundingMetadata=metadata),
        )
        assert response.choices[0].parts[0].citations == (Citation("https://x.example"),)

    def test_large_picture_in_one_chunk(self):
        picture = {"inlineData": {"mimeType": "image/png", "data": "A" * (3 << 20)}}
        response, _ = accumulated(chunk(picture, finish="STOP"))
        assert isinstance(response.choices[0].parts[0], Image)

    def test_body_that_ends_early_is_cut(self):
        events = events_of(sse(self.TEXT[0]))
        assert isinstance(events[-1], Failed)
        assert isinstance(events[-1].error, StreamCut)

    def test_half_a_chunk_is_cut(self):
        events = events_of(sse(*self.TEXT)[:-40])
        assert isinstance(events[-1], Failed)
        assert isinstance(events[-1].error, StreamCut)

    def test_blocked_prompt_fails_even_without_a_blank_line(self):
        data = sse({"promptFeedback": {"blockReason": "SAFETY"}}).removesuffix(b"\r\n")
        events = events_of(data)
        assert isinstance(events[-1], Failed)
        assert isinstance(events[-1].error, ContentBlocked)

    @pytest.mark.parametrize(
        ("data", "kind"),
        [
            (
                b'{"error": {"code": 429, "message": "x", "status": "RESOURCE_EXHAUSTED"}}',
                RateLimited,
            ),
            (
                b'data: {"error": {"code": 503, "message": "x", "status": "UNAVAILABLE"}}\n\n',
                Overloaded,
            ),
            (b"<html>Bad gateway</html>", ServerError),
            (b"data: {oops}\n\n", ServerError),
            (b"", StreamCut),
            (b"\r\n\r\n", StreamCut),
        ],
        ids=["json", "chunk", "html", "garbage", "nothing", "blank"],
    )
    def test_what_is_no_stream_fails(self, data, kind):
        events = events_of(data)
        assert isinstance(events[-1], Failed)
        assert type(events[-1].error) is kind

    def test_done_mark_of_an_imitator_is_ignored(self):
        events = events_of(sse(*self.TEXT) + b"data: [DONE]\n\n")
        assert isinstance(events[-1], Ended)


def problem(status, code, text, *details):
    return {"error": {"code": code, "message": text, "status": status, "details": list(details)}}


RETRY = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "48s"}


class TestExplain:
    @pytest.mark.parametrize(
        ("body", "error"),
        [
            (
                problem(
                    "INVALID_ARGUMENT", 400, "API key not valid.", {"reason": "API_KEY_INVALID"}
                ),
                AuthFailed,
            ),
            (problem("UNAUTHENTICATED", 401, "No."), AuthFailed),
            (
                problem("PERMISSION_DENIED", 403, "No.", {"reason": "SERVICE_DISABLED"}),
                PermissionDenied,
            ),
            (
                problem(
                    "FAILED_PRECONDITION", 400, "User location is not supported for the API use."
                ),
                PermissionDenied,
            ),
            (problem("NOT_FOUND", 404, "models/x is not found"), NotFound),
            (problem("RESOURCE_EXHAUSTED", 429, "Resource exhausted."), RateLimited),
            (problem("UNAVAILABLE", 503, "The model is overloaded."), Overloaded),
            (problem("DEADLINE_EXCEEDED", 504, "Too late."), CallTimeout),
            (problem("INTERNAL", 500, "Oops."), ServerError),
            (problem("INVALID_ARGUMENT", 400, "Bad field."), InvalidRequest),
            (
                problem(
                    "INVALID_ARGUMENT",
                    400,
                    "The input token count (1250074) exceeds the maximum number of tokens allowed (1048576).",
                ),
                ContextTooLong,
            ),
        ],
        ids=lambda value: value["error"]["status"] if isinstance(value, dict) else value.__name__,
    )
    def test_error(self, body, error):
        status = body["error"]["code"]
        for sent in (body, [body]):
            found = ADAPTER.explain(reply(sent, status), google())
            assert type(found) is error
            assert found.detail == body["error"]["message"]
            assert body["error"]["message"] not in found.message

    @pytest.mark.parametrize(
        ("text", "details", "error"),
        [
            ("You exceeded your current quota, please check your plan.", [RETRY], RateLimited),
            ("You exceeded your current quota, please check your plan.", [], QuotaExceeded),
            (
                "You exceeded your current quota.",
                [RETRY, {"violations": [{"quotaId": "GenerateRequestsPerDayPerProject-FreeTier"}]}],
                QuotaExceeded,
            ),
            (
                "You exceeded your current quota.",
                [RETRY, {"violations": [{"quotaId": "GenerateRequestsPerMinutePerProject"}]}],
                RateLimited,
            ),
            ("Your prepayment credits are depleted.", [RETRY], QuotaExceeded),
            ("Quota exceeded for metric: x, limit: 0", [RETRY], QuotaExceeded),
        ],
    )
    def test_spent_quota_is_told_from_a_pause(self, text, details, error):
        for body in (problem("RESOURCE_EXHAUSTED", 429, text, *details),):
            assert type(ADAPTER.explain(reply(body, 429), google())) is error
            assert type(ADAPTER.explain(reply([body], 429), google())) is error

    def test_says_how_long_to_wait(self):
        body = problem("RESOURCE_EXHAUSTED", 429, "Slow down.", RETRY)
        assert ADAPTER.explain(reply(body, 429), google()).retry_after == 48

    @pytest.mark.parametrize("body", [b"<html>404</html>", b"", b"[]", b"[[]]"])
    def test_never_raises(self, body):
        assert isinstance(ADAPTER.explain(reply(body, 404), google()), NotFound)


class TestEmbeddings:
    def test_request(self):
        wire = ADAPTER.build_embedding(
            EmbeddingRequest("gemini-embedding-001", ("a", "b"), 256, "u", "query"), google()
        )
        assert wire.path == "/models/gemini-embedding-001:batchEmbedContents"
        assert wire.body is not None
        assert wire.body["requests"][1] == {
            "model": "models/gemini-embedding-001",
            "outputDimensionality": 256,
            "taskType": "RETRIEVAL_QUERY",
            "content": {"parts": [{"text": "b"}]},
        }
        assert [change.what for change in wire.changes] == ["user"]

    def test_tokens_are_refused(self):
        with pytest.raises(InvalidRequest):
            ADAPTER.build_embedding(EmbeddingRequest("m", ((1, 2),)), google())

    def test_answer(self):
        body = {
            "embeddings": [{"values": [1, 0.5]}, {"values": [0]}],
            "usageMetadata": {"promptTokenCount": 3},
        }
        response = ADAPTER.parse_embedding(reply(body), google())
        assert response.vectors == ((1.0, 0.5), (0.0,))
        assert response.usage == Usage(3)

    def test_answer_of_a_host_that_embeds_one(self):
        response = ADAPTER.parse_embedding(reply({"embedding": {"values": [1, 0.5]}}), google())
        assert response.vectors == ((1.0, 0.5),)
        with pytest.raises(ServerError):
            ADAPTER.parse_embedding(reply({"embeddings": [{"values": [1]}, {}]}), google())

    def test_request_with_nothing_special(self):
        wire = ADAPTER.build_embedding(EmbeddingRequest("m", ("a",)), google())
        assert wire.body == {
            "requests": [{"model": "models/m", "content": {"parts": [{"text": "a"}]}}]
        }
        assert not wire.changes

    def test_error_and_nonsense(self):
        with pytest.raises(NotFound):
            ADAPTER.parse_embedding(reply(problem("NOT_FOUND", 404, "x")), google())
        with pytest.raises(ServerError):
            ADAPTER.parse_embedding(reply({"embeddings": [{}]}), google())

    @pytest.mark.parametrize("values", [["x"], [None], [{}], [True], [[1]], []])
    def test_vector_of_anything_but_numbers_is_nonsense(self, values):
        with pytest.raises(ServerError):
            ADAPTER.parse_embedding(reply({"embeddings": [{"values": values}]}), google())


class TestPredict:
    """Embeddings as Vertex AI has them."""

    HOST = catalogue().host("vertex", "gemini-embedding-001")

    def test_request(self):
        wire = ADAPTER.build_embedding(
            EmbeddingRequest("gemini-embedding-001", ("a", "b"), 256, task="query"), self.HOST
        )
        assert wire.path.endswith("/publishers/google/models/gemini-embedding-001:predict")
        assert wire.body == {
            "instances": [
                {"content": "a", "task_type": "RETRIEVAL_QUERY"},
                {"content": "b", "task_type": "RETRIEVAL_QUERY"},
            ],
            "parameters": {"outputDimensionality": 256},
        }

    def test_request_with_nothing_special(self):
        wire = ADAPTER.build_embedding(EmbeddingRequest("m", ("a",)), self.HOST)
        assert wire.body == {"instances": [{"content": "a"}]}

    def test_answer(self):
        told = {"values": [1, 0.5], "statistics": {"token_count": 2, "truncated": False}}
        body = {"predictions": [{"embeddings": told}, {"embeddings": told}]}
        response = ADAPTER.parse_embedding(reply(body), self.HOST)
        assert response.vectors == ((1.0, 0.5), (1.0, 0.5))
        assert response.usage == Usage(4)

    @pytest.mark.parametrize("prediction", [{}, 1, {"embeddings": {"values": ["x"]}}])
    def test_nonsense(self, prediction):
        with pytest.raises(ServerError):
            ADAPTER.parse_embedding(reply({"predictions": [prediction]}), self.HOST)


class TestModels:
    def test_list_is_asked_for_and_read(self):
        assert ADAPTER.build_models(google()).path == "/models?pageSize=1000"
        entries = [
            {
                "name": "models/gemini-x",
                "displayName": "Gemini X",
                "inputTokenLimit": 1000,
                "outputTokenLimit": 100,
                "supportedGenerationMethods": ["generateContent"],
                "thinking": True,
            },
            {
                "name": "models/embed-x",
                "supportedGenerationMethods": ["embedContent"],
                "outputTokenLimit": 1,
            },
            {"name": "models/veo", "supportedGenerationMethods": ["predictLongRunning"]},
            {"no": "name"},
        ]
        chat, embedding, video = ADAPTER.parse_models(reply({"models": entries}), google())
        assert (chat.id, chat.name, chat.context, chat.max_output) == (
            "gemini-x",
            "Gemini X",
            1000,
            100,
        )
        assert chat.capabilities == ("chat", "streaming", "reasoning")
        assert (embedding.kind, embedding.max_output) == ("embedding", 0)
        assert video.kind == "other"

    def test_nonsense_is_a_server_error(self):
        with pytest.raises(ServerError):
            ADAPTER.parse_models(reply({"data": []}), google())

    def test_host_without_a_list_says_so(self):
        with pytest.raises(InvalidRequest):
            ADAPTER.build_models(plain(paths={"models": ""}))


class TestCount:
    def test_whole_request_is_counted(self):
        wire = ADAPTER.build_count(request(model="m", max_tokens=5, stream=True), google("m"))
        assert wire is not None
        assert (wire.path, wire.stream) == ("/models/m:countTokens", False)
        inner = (wire.body or {})["generateContentRequest"]
        assert inner["model"] == "models/m"
        assert inner["generationConfig"] == {"maxOutputTokens": 5}

    def test_vertex_counts_it_as_it_is(self):
        wire = ADAPTER.build_count(request(model="m"), plain(quirks={"count_bare": True}))
        assert wire is not None
        assert set(wire.body or {}) == {"contents"}

    def test_host_without_a_counter_is_not_asked(self):
        assert ADAPTER.build_count(request(model="m"), plain(paths={"count": ""})) is None

    def test_answer(self):
        assert ADAPTER.parse_count(reply({"totalTokens": 12}), google()) == 12
        with pytest.raises(ServerError):
            ADAPTER.parse_count(reply({}), google())


def test_own_words_of_an_embedding_stand_in_each_request():
    asked = EmbeddingRequest("m", ("a", "b"), extra={"gemini": {"title": "t"}, "openai": {"x": 1}})
    wire = ADAPTER.build_embedding(asked, google())
    assert [said["title"] for said in (wire.body or {})["requests"]] == ["t", "t"]
    assert [change.what for change in wire.changes] == ["x"]


def test_result_goes_back_as_it_was():
    kept = {"response": {"output": "5"}, "scheduling": "SILENT"}
    result = ToolResult("c", (Text("5"),), "f", state={"gemini": {"functionResponse": kept}})
    body, _ = built(Message("tool", (result,)))
    assert parts(body) == [{"functionResponse": {"id": "c", "name": "f", **kept}}]
