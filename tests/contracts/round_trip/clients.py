"""The client's end: says a scene in its dialect, and reads the answer, whole or as a stream."""

from __future__ import annotations

import json
from typing import Any

from aiproxy.protocols import anthropic, gemini, native, openai, responses
from tests.contracts.round_trip.scenes import Answer, Call, Scene, Turn
from tests.sse import frames

Body = dict[str, Any]


def without(body: Body) -> Body:
    """The members that say something."""
    return {name: value for name, value in body.items() if value not in (None, "", (), [])}


def calls_of(said: list[tuple[str, str, str]]) -> tuple[Call, ...]:
    return tuple(Call(id_, name, json.loads(arguments)) for id_, name, arguments in said)


class Client:
    has_stop = True
    """Whether the dialect can say where an answer is to end."""


class OfMessages(Client):
    """A dialect whose conversation is one list of messages."""

    def repeat(self, second: Body, answer: Body) -> Body:
        """The second request, with the answer as the client got it in place of the message that says the same."""
        asked, _, *results = second["messages"]
        return {**second, "messages": [asked, self.message(answer), *results]}

    def message(self, body: Body) -> Body:
        raise NotImplementedError


class OpenAIClient(OfMessages):
    protocol = openai.PROTOCOL

    def write(self, scene: Scene, stream: bool = False) -> Body:
        messages: list[Body] = []
        if scene.system:
            messages.append({"role": "system", "content": scene.system})
        for turn in scene.turns:
            messages += self._messages(turn)
        tool = {"name": "weather", "description": "d", "parameters": scene.tool}
        schema = {"name": "city", "schema": scene.schema, "strict": True}
        choice: Any = scene.choice
        if choice not in ("", "auto", "none", "required"):
            choice = {"type": "function", "function": {"name": choice}}
        return without(
            {
                "model": "m",
                "messages": messages,
                "tools": [{"type": "function", "function": tool}] if scene.tool else None,
                "tool_choice": choice,
                "response_format": scene.schema and {"type": "json_schema", "json_schema": schema},
                "temperature": scene.temperature,
                "top_p": scene.top_p,
                "max_completion_tokens": scene.max_tokens,
                "stop": list(scene.stop),
                "reasoning_effort": scene.effort,
                "stream": stream or None,
                "stream_options": {"include_usage": True} if stream else None,
            }
        )

    def _messages(self, turn: Turn) -> list[Body]:
        if turn.results:
            return [
                {"role": "tool", "tool_call_id": result.id, "content": result.text}
                for result in turn.results
            ]
        content: Any = turn.text or None
        if turn.picture:
            url = {"url": f"data:image/png;base64,{turn.picture}"}
            text = {"type": "text", "text": turn.text}
            content = [text, {"type": "image_url", "image_url": url}]
        calls = [
            {
                "id": call.id,
                "type": "function",
                "function": {"name": call.name, "arguments": json.dumps(call.arguments)},
            }
            for call in turn.calls
        ]
        return [{"role": turn.role, "content": content, **({"tool_calls": calls} if calls else {})}]

    def read(self, body: Body) -> Answer:
        (choice,) = body["choices"]
        message, usage = choice["message"], body["usage"]
        said = [
            (call["id"], call["function"]["name"], call["function"]["arguments"])
            for call in message.get("tool_calls", ())
        ]
        return Answer(
            message["content"] or "",
            calls_of(said),
            message.get("reasoning_content", ""),
            finish=choice["finish_reason"],
            tokens=(usage["prompt_tokens"], usage["completion_tokens"]),
        )

    def join(self, stream: bytes) -> Body:
        """The stream as one answer, joined the way clients of this dialect do it."""
        sent = [data for _, data in frames(stream)]
        assert sent.pop() == "[DONE]"
        message: Body = {"content": None}
        calls: dict[int, Body] = {}
        finish, usage = None, None
        for chunk in map(json.loads, sent):
            usage = chunk.get("usage") or usage
            for choice in chunk["choices"]:
                finish = choice["finish_reason"] or finish
                for name, value in choice["delta"].items():
                    if name == "tool_calls":
                        for call in value:
                            self._grow(calls, call)
                    elif isinstance(value, str):
                        message[name] = (message.get(name) or "") + value
                    elif value is not None:
                        message[name] = value
        message["role"] = "assistant"
        if calls:
            message["tool_calls"] = [calls[index] for index in sorted(calls)]
        return {"choices": [{"message": message, "finish_reason": finish}], "usage": usage}

    def _grow(self, calls: dict[int, Body], piece: Body) -> None:
        arguments = piece["function"]["arguments"]
        known = calls.setdefault(piece["index"], piece)
        if known is not piece:
            known["function"]["arguments"] += arguments

    def message(self, body: Body) -> Body:
        """The answer as the next request repeats it."""
        return {**body["choices"][0]["message"], "role": "assistant"}


class AnthropicClient(OfMessages):
    protocol = anthropic.PROTOCOL
    _FINISH = {"end_turn": "stop", "max_tokens": "length", "tool_use": "tool_calls"}

    def write(self, scene: Scene, stream: bool = False) -> Body:
        choice: Any = None
        if scene.choice:
            words = {"required": "any", "auto": "auto", "none": "none"}
            choice = {"type": words.get(scene.choice, "tool")}
            if choice["type"] == "tool":
                choice["name"] = scene.choice
        tool = {"name": "weather", "description": "d", "input_schema": scene.tool}
        format_ = scene.schema and {"type": "json_schema", "schema": scene.schema}
        output = without({"format": format_, "effort": scene.effort})
        return without(
            {
                "model": "m",
                "max_tokens": scene.max_tokens,
                "system": scene.system,
                "messages": [self._message(turn) for turn in scene.turns],
                "tools": [tool] if scene.tool else None,
                "tool_choice": choice,
                "output_config": output or None,
                "thinking": {"type": "adaptive"} if scene.effort else None,
                "temperature": scene.temperature,
                "top_p": scene.top_p,
                "stop_sequences": list(scene.stop),
                "stream": stream or None,
            }
        )

    def _message(self, turn: Turn) -> Body:
        blocks: list[Body] = []
        if turn.text:
            blocks.append({"type": "text", "text": turn.text})
        if turn.picture:
            source = {"type": "base64", "media_type": "image/png", "data": turn.picture}
            blocks.append({"type": "image", "source": source})
        for call in turn.calls:
            blocks.append(
                {"type": "tool_use", "id": call.id, "name": call.name, "input": call.arguments}
            )
        for result in turn.results:
            blocks.append({"type": "tool_result", "tool_use_id": result.id, "content": result.text})
        return {"role": turn.role, "content": blocks}

    def read(self, body: Body) -> Answer:
        blocks, usage = body["content"], body["usage"]
        return Answer(
            "".join(block["text"] for block in blocks if block["type"] == "text"),
            tuple(
                Call(block["id"], block["name"], block["input"])
                for block in blocks
                if block["type"] == "tool_use"
            ),
            "".join(block["thinking"] for block in blocks if block["type"] == "thinking"),
            finish=self._FINISH[body["stop_reason"]],
            tokens=(usage["input_tokens"], usage["output_tokens"]),
        )

    def join(self, stream: bytes) -> Body:
        blocks: list[Body] = []
        end: Body = {}
        events = [json.loads(data) for _, data in frames(stream)]
        assert events[-1]["type"] == "message_stop"
        for event in events:
            match event:
                case {"type": "content_block_start", "index": index, "content_block": block}:
                    assert index == len(blocks)
                    blocks.append({**block, "json": ""})
                case {"type": "content_block_delta", "delta": {"partial_json": piece}}:
                    blocks[-1]["json"] += piece
                case {"type": "content_block_delta", "delta": delta}:
                    member = delta["type"].removesuffix("_delta")
                    blocks[-1][member] += delta[member]
                case {"type": "message_delta", "delta": delta, "usage": usage}:
                    end = {**delta, "usage": usage}
        for block in blocks:
            if written := block.pop("json"):
                block["input"] = json.loads(written)
        return {"content": blocks, **end}

    def message(self, body: Body) -> Body:
        return {"role": "assistant", "content": body["content"]}


class NativeClient(OfMessages):
    protocol = native.PROTOCOL

    def write(self, scene: Scene, stream: bool = False) -> Body:
        messages = [message for turn in scene.turns for message in self._messages(turn)]
        choice: Any = scene.choice
        if choice not in ("", "auto", "none", "required"):
            choice = {"name": choice}
        tool = {"name": "weather", "description": "d", "parameters": scene.tool}
        format_ = {"type": "json_schema", "name": "city", "schema": scene.schema}
        options = {
            "systemPrompt": scene.system,
            "tools": [tool] if scene.tool else None,
            "toolChoice": choice,
            "responseFormat": format_ if scene.schema else None,
            "temperature": scene.temperature,
            "topP": scene.top_p,
            "maxTokens": scene.max_tokens,
            "stop": list(scene.stop),
            "reasoning": scene.effort,
            "stream": stream or None,
        }
        return {"model": "m", "messages": messages, "options": without(options)}

    def _messages(self, turn: Turn) -> list[Body]:
        if turn.results:
            return [
                {"role": "tool", "toolCallId": result.id, "content": result.text}
                for result in turn.results
            ]
        content: Any = turn.text
        if turn.picture:
            picture = {"type": "image", "mediaType": "image/png", "data": turn.picture}
            content = [{"type": "text", "text": turn.text}, picture]
        calls = [{"id": c.id, "name": c.name, "arguments": c.arguments} for c in turn.calls]
        return [without({"role": turn.role, "content": content, "toolCalls": calls})]

    def read(self, body: Body) -> Answer:
        parts, usage = body["choices"][0]["message"]["content"], body["usage"]
        said = [(call["id"], call["name"], call["arguments"]) for call in body["toolCalls"]]
        return Answer(
            body["content"],
            calls_of(said),
            "".join(part["text"] for part in parts if part["type"] == "reasoning"),
            finish=body["finishReason"],
            tokens=(usage["promptTokens"], usage["completionTokens"]),
        )

    def join(self, stream: bytes) -> Body:
        parts: dict[int, Body] = {}
        end: Body = {}
        for name, data in frames(stream):
            event = json.loads(data)
            if name in ("text", "reasoning", "tool_call"):
                self._grow(parts, event)
            end = event
        assert end["type"] == "end"
        content = [parts[number] for number in sorted(parts)]
        return {
            **end,
            "content": "".join(part["text"] for part in content if part["type"] == "text"),
            "toolCalls": [part for part in content if part["type"] == "toolCall"],
            "choices": [{"message": {"role": "assistant", "content": content}}],
        }

    def _grow(self, parts: dict[int, Body], event: Body) -> None:
        kind = "toolCall" if event["type"] == "tool_call" else event["type"]
        member = "arguments" if kind == "toolCall" else "text"
        part = parts.setdefault(event["part"], {"type": kind, member: ""})
        part[member] += event[member]
        for name in ("id", "name", "state"):
            if name in event:
                part[name] = event[name]

    def message(self, body: Body) -> Body:
        message: Body = body["choices"][0]["message"]
        return message


class ResponsesClient(Client):
    protocol = responses.PROTOCOL
    has_stop = False

    def write(self, scene: Scene, stream: bool = False) -> Body:
        choice: Any = scene.choice
        if choice not in ("", "auto", "none", "required"):
            choice = {"type": "function", "name": choice}
        tool = {"type": "function", "name": "weather", "description": "d", "parameters": scene.tool}
        schema = {"type": "json_schema", "name": "city", "schema": scene.schema, "strict": True}
        return without(
            {
                "model": "m",
                "instructions": scene.system,
                "input": [item for turn in scene.turns for item in self._items(turn)],
                "tools": [tool] if scene.tool else None,
                "tool_choice": choice,
                "text": {"format": schema} if scene.schema else None,
                "temperature": scene.temperature,
                "top_p": scene.top_p,
                "max_output_tokens": scene.max_tokens,
                "reasoning": {"effort": scene.effort} if scene.effort else None,
                "stream": stream or None,
            }
        )

    def _items(self, turn: Turn) -> list[Body]:
        items: list[Body] = []
        content: Any = turn.text
        if turn.picture:
            url = f"data:image/png;base64,{turn.picture}"
            text = {"type": "input_text", "text": turn.text}
            content = [text, {"type": "input_image", "image_url": url, "detail": "auto"}]
        if content:
            items.append({"type": "message", "role": turn.role, "content": content})
        for call in turn.calls:
            arguments = json.dumps(call.arguments)
            said = {"call_id": call.id, "name": call.name, "arguments": arguments}
            items.append({"type": "function_call", **said})
        for result in turn.results:
            said = {"call_id": result.id, "output": result.text}
            items.append({"type": "function_call_output", **said})
        return items

    def read(self, body: Body) -> Answer:
        output, usage = body["output"], body["usage"]
        said = [
            (item["call_id"], item["name"], item["arguments"])
            for item in output
            if item["type"] == "function_call"
        ]
        pieces = [
            piece for item in output if item["type"] == "message" for piece in item["content"]
        ]
        thoughts = [piece for item in output for piece in item.get("summary", ())]
        finish = "tool_calls" if said else "stop"
        if body["status"] == "incomplete":
            assert body["incomplete_details"] == {"reason": "max_output_tokens"}
            finish = "length"
        return Answer(
            "".join(piece["text"] for piece in pieces),
            calls_of(said),
            "".join(piece["text"] for piece in thoughts),
            finish=finish,
            tokens=(usage["input_tokens"], usage["output_tokens"]),
        )

    def join(self, stream: bytes) -> Body:
        """The last event's response, which must be what the events before it said."""
        events = [json.loads(data) for _, data in frames(stream)]
        assert [event["sequence_number"] for event in events] == list(range(len(events)))
        output: list[Body] = []
        for event in events:
            match event:
                case {"type": "response.output_item.added", "output_index": index, "item": item}:
                    assert index == len(output)
                    output.append({**item, "content": []} if "content" in item else item)
                case {"type": "response.content_part.added", "output_index": index, "part": part}:
                    assert event["content_index"] == len(output[index]["content"])
                    output[index]["content"].append(part)
                case {"type": "response.output_text.delta", "output_index": index, "delta": piece}:
                    output[index]["content"][event["content_index"]]["text"] += piece
                case {"type": "response.reasoning_summary_part.added", "output_index": index}:
                    output[index]["summary"].append(event["part"])
                case {"type": "response.reasoning_summary_text.delta", "output_index": index}:
                    output[index]["summary"][event["summary_index"]]["text"] += event["delta"]
                case {"type": "response.function_call_arguments.delta", "output_index": index}:
                    output[index]["arguments"] += event["delta"]
                case {"type": "response.output_item.done", "output_index": index, "item": item}:
                    grown = {"status": item.get("status"), **item}
                    sealed = {"encrypted_content": item.get("encrypted_content")}
                    assert without({**grown, **output[index], **sealed}) == without(
                        {**item, "status": output[index].get("status")}
                    )
        assert events[-1]["type"] in ("response.completed", "response.incomplete")
        response: Body = events[-1]["response"]
        return response

    def repeat(self, second: Body, answer: Body) -> Body:
        """The second request, with the answer's own items in place of those that say the same."""
        asked, results = second["input"][:1], second["input"][-2:]
        return {**second, "input": [*asked, *answer["output"], *results]}


class GeminiClient(Client):
    """The calls have ids, the results are told by name alone, as Google's own client does."""

    protocol = gemini.PROTOCOL

    def write(self, scene: Scene, stream: bool = False) -> Body:
        words = {"required": "ANY", "auto": "AUTO", "none": "NONE"}
        calling: Body = {"mode": words.get(scene.choice, "ANY")}
        if scene.choice and scene.choice not in words:
            calling["allowedFunctionNames"] = [scene.choice]
        declared = {"name": "weather", "description": "d", "parametersJsonSchema": scene.tool}
        config = without(
            {
                "temperature": scene.temperature,
                "topP": scene.top_p,
                "maxOutputTokens": scene.max_tokens,
                "stopSequences": list(scene.stop),
                "responseMimeType": "application/json" if scene.schema else None,
                "responseJsonSchema": scene.schema,
                "thinkingConfig": {"thinkingLevel": scene.effort.upper()} if scene.effort else None,
            }
        )
        return without(
            {
                "systemInstruction": {"parts": [{"text": scene.system}]} if scene.system else None,
                "contents": [self._content(turn) for turn in scene.turns],
                "tools": [{"functionDeclarations": [declared]}] if scene.tool else None,
                "toolConfig": {"functionCallingConfig": calling} if scene.choice else None,
                "generationConfig": config,
            }
        )

    def _content(self, turn: Turn) -> Body:
        parts: list[Body] = []
        if turn.text:
            parts.append({"text": turn.text})
        if turn.picture:
            parts.append({"inline_data": {"mime_type": "image/png", "data": turn.picture}})
        for call in turn.calls:
            said = {"id": call.id, "name": call.name, "args": call.arguments}
            parts.append({"functionCall": said})
        for result in turn.results:
            response = {"name": result.name, "response": {"output": result.text}}
            parts.append({"functionResponse": response})
        return {"role": "model" if turn.role == "assistant" else "user", "parts": parts}

    def read(self, body: Body) -> Answer:
        (candidate,) = body["candidates"]
        parts, usage = candidate["content"]["parts"], body["usageMetadata"]
        calls = [part["functionCall"] for part in parts if "functionCall" in part]
        finish = {"STOP": "stop", "MAX_TOKENS": "length"}[candidate["finishReason"]]
        return Answer(
            "".join(part["text"] for part in parts if "text" in part and not part.get("thought")),
            tuple(Call(call["id"], call["name"], call["args"]) for call in calls),
            "".join(part["text"] for part in parts if part.get("thought")),
            finish="tool_calls" if calls else finish,
            tokens=(usage["promptTokenCount"], usage["candidatesTokenCount"]),
        )

    def join(self, stream: bytes) -> Body:
        parts: list[Body] = []
        end: Body = {}
        for chunk in (json.loads(data) for _, data in frames(stream)):
            (candidate,) = chunk["candidates"]
            parts += candidate["content"]["parts"]
            end = {**chunk, "candidates": [{**candidate, "content": {"parts": parts}}]}
        return end

    def repeat(self, second: Body, answer: Body) -> Body:
        asked, _, results = second["contents"]
        said = {"role": "model", **answer["candidates"][0]["content"]}
        return {**second, "contents": [asked, said, results]}


CLIENTS = (OpenAIClient(), AnthropicClient(), NativeClient(), ResponsesClient(), GeminiClient())
