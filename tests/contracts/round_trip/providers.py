"""The provider's end: reads a request body of its format, and answers in it, whole or as a stream."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from tests.contracts.round_trip.bedrock import BedrockEnd
from tests.contracts.round_trip.scenes import Answer, Call, Result, Scene, Turn

Body = dict[str, Any]


def sse(*items: Any, named: bool = False) -> bytes:
    frames = []
    for item in items:
        data = item if isinstance(item, str) else json.dumps(item)
        name = f"event: {item['type']}\n" if named else ""
        frames.append(f"{name}data: {data}\n\n")
    return "".join(frames).encode()


def merged(turns: Iterable[Turn]) -> tuple[Turn, ...]:
    """Neighbouring results as one turn: formats differ in how they pack them."""
    out: list[Turn] = []
    for turn in turns:
        if out and turn.results and out[-1].results and not turn.text:
            out[-1] = Turn("user", results=out[-1].results + turn.results)
        else:
            out.append(turn)
    return tuple(out)


class OpenAIEnd:
    """Chat completions."""

    provider = "openai"
    names_results = False
    forces = True
    has_ids = True

    def read(self, body: Body) -> Scene:
        system, turns = "", []
        for message in body["messages"]:
            match message["role"]:
                case "system" | "developer":
                    system = message["content"]
                case "tool":
                    result = Result(message["tool_call_id"], "", message["content"])
                    turns.append(Turn("user", results=(result,)))
                case role:
                    turns.append(self._turn(role, message))
        function = body.get("tools", [{}])[0].get("function", {})
        choice = body.get("tool_choice", "")
        limit = body.get("max_completion_tokens") or body["max_tokens"]
        return Scene(
            merged(turns),
            system,
            function.get("parameters"),
            choice if isinstance(choice, str) else choice["function"]["name"],
            body.get("response_format", {}).get("json_schema", {}).get("schema"),
            body.get("temperature"),
            body.get("top_p"),
            limit,
            tuple(body.get("stop", ())),
            body.get("reasoning_effort", ""),
        )

    def _turn(self, role: str, message: Body) -> Turn:
        content = message["content"]
        parts: list[Body] = [{"type": "text", "text": content or ""}]
        if isinstance(content, list):
            parts = content
        text = "".join(part["text"] for part in parts if part["type"] == "text")
        pictures = [part["image_url"]["url"] for part in parts if part["type"] == "image_url"]
        picture = pictures[0].removeprefix("data:image/png;base64,") if pictures else ""
        calls = tuple(
            Call(call["id"], call["function"]["name"], json.loads(call["function"]["arguments"]))
            for call in message.get("tool_calls", ())
        )
        return Turn(role, text, picture, calls)

    def whole(self, answer: Answer) -> Body:
        message: Body = {"role": "assistant", "content": answer.text or None}
        if answer.thoughts:
            message["reasoning_content"] = answer.thoughts
        if answer.calls:
            message["tool_calls"] = [
                {
                    "id": call.id,
                    "type": "function",
                    "function": {"name": call.name, "arguments": json.dumps(call.arguments)},
                }
                for call in answer.calls
            ]
        choice = {"index": 0, "message": message, "finish_reason": answer.finish}
        return {"id": "c", "model": "m", "choices": [choice], "usage": self._usage(answer)}

    def stream(self, answer: Answer) -> bytes:
        deltas: list[Body] = [{"role": "assistant", "content": ""}]
        deltas += [{"reasoning_content": piece} for piece in answer.thoughts]
        deltas += [{"content": piece} for piece in answer.text]
        for index, call in enumerate(answer.calls):
            start = {"name": call.name, "arguments": ""}
            first = {"index": index, "id": call.id, "type": "function", "function": start}
            deltas.append({"tool_calls": [first]})
            for piece in json.dumps(call.arguments):
                deltas.append({"tool_calls": [{"index": index, "function": {"arguments": piece}}]})
        chunks = [self._chunk(delta, None) for delta in deltas]
        last = {"id": "c", "model": "m", "choices": [], "usage": self._usage(answer)}
        return sse(*chunks, self._chunk({}, answer.finish), last, "[DONE]")

    def _chunk(self, delta: Body, finish: str | None) -> Body:
        choice = {"index": 0, "delta": delta, "finish_reason": finish}
        return {"id": "c", "model": "m", "choices": [choice]}

    def _usage(self, answer: Answer) -> Body:
        sent, got = answer.tokens
        return {"prompt_tokens": sent, "completion_tokens": got, "total_tokens": sent + got}


class AnthropicEnd:
    """Messages."""

    provider = "anthropic"
    names_results = False
    forces = True
    has_ids = True
    _STOP = {"stop": "end_turn", "length": "max_tokens", "tool_calls": "tool_use"}

    def read(self, body: Body) -> Scene:
        choice = body.get("tool_choice", {})
        words = {"any": "required", "tool": choice.get("name", "")}
        output = body.get("output_config", {})
        budget = body.get("thinking", {}).get("budget_tokens")
        return Scene(
            tuple(self._turn(message) for message in body["messages"]),
            "".join(block["text"] for block in body.get("system", ())),
            body.get("tools", [{}])[0].get("input_schema"),
            words.get(choice.get("type", ""), choice.get("type", "")),
            output.get("format", {}).get("schema"),
            body.get("temperature"),
            body.get("top_p"),
            body["max_tokens"],
            tuple(body.get("stop_sequences", ())),
            output.get("effort") or ("high" if budget else ""),
        )

    def _turn(self, message: Body) -> Turn:
        blocks = message["content"]
        calls = tuple(
            Call(block["id"], block["name"], block["input"])
            for block in blocks
            if block["type"] == "tool_use"
        )
        results = tuple(
            Result(block["tool_use_id"], "", "".join(part["text"] for part in block["content"]))
            for block in blocks
            if block["type"] == "tool_result"
        )
        text = "".join(block["text"] for block in blocks if block["type"] == "text")
        pictures = [block["source"]["data"] for block in blocks if block["type"] == "image"]
        return Turn(message["role"], text, "".join(pictures), calls, results)

    def sealed(self, body: Body) -> list[str]:
        """The seals of earlier thoughts that came back."""
        blocks = (block for message in body["messages"] for block in message["content"])
        return [block["signature"] for block in blocks if block["type"] == "thinking"]

    def whole(self, answer: Answer) -> Body:
        return {
            "id": "m",
            "type": "message",
            "role": "assistant",
            "model": "m",
            "content": self._blocks(answer),
            "stop_reason": self._STOP[answer.finish],
            "usage": {"input_tokens": answer.tokens[0], "output_tokens": answer.tokens[1]},
        }

    def _blocks(self, answer: Answer) -> list[Body]:
        blocks: list[Body] = []
        if answer.thoughts:
            seal = answer.seal or "unread"
            blocks.append({"type": "thinking", "thinking": answer.thoughts, "signature": seal})
        if answer.text:
            blocks.append({"type": "text", "text": answer.text})
        for call in answer.calls:
            blocks.append(
                {"type": "tool_use", "id": call.id, "name": call.name, "input": call.arguments}
            )
        return blocks

    def stream(self, answer: Answer) -> bytes:
        whole = self.whole(answer)
        blocks, stop = whole["content"], whole["stop_reason"]
        whole |= {"content": [], "stop_reason": None}
        items: list[Body] = [{"type": "message_start", "message": whole}]
        for index, block in enumerate(blocks):
            items += self._streamed(index, block)
        delta = {"stop_reason": stop}
        items.append({"type": "message_delta", "delta": delta, "usage": whole["usage"]})
        return sse(*items, {"type": "message_stop"}, named=True)

    def _streamed(self, index: int, block: Body) -> list[Body]:
        start: Body
        match block["type"]:
            case "text":
                start = {"type": "text", "text": ""}
                deltas = [{"type": "text_delta", "text": piece} for piece in block["text"]]
            case "thinking":
                start = {"type": "thinking", "thinking": "", "signature": ""}
                deltas = [{"type": "thinking_delta", "thinking": p} for p in block["thinking"]]
                deltas.append({"type": "signature_delta", "signature": block["signature"]})
            case _:
                start = {**block, "input": {}}
                written = json.dumps(block["input"])
                deltas = [{"type": "input_json_delta", "partial_json": p} for p in ("", *written)]
        return [
            {"type": "content_block_start", "index": index, "content_block": start},
            *({"type": "content_block_delta", "index": index, "delta": d} for d in deltas),
            {"type": "content_block_stop", "index": index},
        ]


class GeminiEnd:
    """generateContent."""

    provider = "google"
    names_results = True
    forces = True
    has_ids = True
    _STOP = {"stop": "STOP", "length": "MAX_TOKENS", "tool_calls": "STOP"}

    def read(self, body: Body) -> Scene:
        config = body.get("generationConfig", {})
        tools = body.get("tools", [{}])[0].get("functionDeclarations", [{}])
        calling = body.get("toolConfig", {}).get("functionCallingConfig", {})
        words = {"ANY": "required", "AUTO": "auto", "NONE": "none"}
        named = calling.get("allowedFunctionNames", [])
        return Scene(
            merged(map(self._turn, body["contents"])),
            "".join(part["text"] for part in body.get("systemInstruction", {}).get("parts", ())),
            tools[0].get("parametersJsonSchema"),
            named[0] if named else words.get(calling.get("mode", ""), ""),
            config.get("responseJsonSchema"),
            config.get("temperature"),
            config.get("topP"),
            config.get("maxOutputTokens"),
            tuple(config.get("stopSequences", ())),
            config.get("thinkingConfig", {}).get("thinkingLevel", ""),
        )

    def _turn(self, content: Body) -> Turn:
        text, picture, calls, results = "", "", [], []
        for part in content["parts"]:
            match part:
                case {"functionCall": call}:
                    calls.append(Call(call.get("id", ""), call["name"], call["args"]))
                case {"functionResponse": said}:
                    output = said["response"]["output"]
                    results.append(Result(said.get("id", ""), said["name"], output))
                case {"inlineData": data}:
                    picture = data["data"]
                case {"text": piece}:
                    text += piece
        role = "assistant" if content["role"] == "model" else "user"
        return Turn(role, text, picture, tuple(calls), tuple(results))

    def sealed(self, body: Body) -> list[str]:
        parts = (part for content in body["contents"] for part in content["parts"])
        return [part["thoughtSignature"] for part in parts if "thoughtSignature" in part]

    def whole(self, answer: Answer) -> Body:
        return self._body(self._parts(answer), answer, self._STOP[answer.finish])

    def _parts(self, answer: Answer) -> list[Body]:
        parts: list[Body] = []
        if answer.thoughts:
            parts.append({"text": answer.thoughts, "thought": True})
        if answer.text:
            parts.append({"text": answer.text})
        for call in answer.calls:
            function = {"id": call.id, "name": call.name, "args": call.arguments}
            parts.append({"functionCall": function})
        if answer.seal:
            called = (part for part in parts if "functionCall" in part)
            next(called, parts[-1])["thoughtSignature"] = answer.seal
        return parts

    def stream(self, answer: Answer) -> bytes:
        chunks = [self._body([part], answer, None) for part in self._parts(answer)]
        chunks[-1]["candidates"][0]["finishReason"] = self._STOP[answer.finish]
        return sse(*chunks)

    def _body(self, parts: list[Body], answer: Answer, finish: str | None) -> Body:
        candidate: Body = {"content": {"role": "model", "parts": parts}, "index": 0}
        if finish:
            candidate["finishReason"] = finish
        sent, got = answer.tokens
        usage = {"promptTokenCount": sent, "candidatesTokenCount": got}
        return {
            "candidates": [candidate],
            "usageMetadata": {**usage, "totalTokenCount": sent + got},
            "modelVersion": "m",
            "responseId": "r",
        }


class OllamaEnd:
    """/api/chat."""

    provider = "ollama"
    names_results = True
    forces = False
    has_ids = False

    def read(self, body: Body) -> Scene:
        system, turns = "", []
        for message in body["messages"]:
            match message["role"]:
                case "system":
                    system = message["content"]
                case "tool":
                    result = Result("", message["tool_name"], message["content"])
                    turns.append(Turn("user", results=(result,)))
                case role:
                    functions = [call["function"] for call in message.get("tool_calls", ())]
                    calls = tuple(Call("", f["name"], f["arguments"]) for f in functions)
                    picture = "".join(message.get("images", ()))
                    turns.append(Turn(role, message["content"], picture, calls))
        options = body.get("options", {})
        return Scene(
            merged(turns),
            system,
            body.get("tools", [{}])[0].get("function", {}).get("parameters"),
            "",
            body.get("format"),
            options.get("temperature"),
            options.get("top_p"),
            options.get("num_predict"),
            tuple(options.get("stop", ())),
            "high" if body.get("think") else "",
        )

    def whole(self, answer: Answer) -> Body:
        return {**self._line(answer.text, answer.thoughts, answer.calls), **self._ending(answer)}

    def stream(self, answer: Answer) -> bytes:
        lines = [self._line("", piece) for piece in answer.thoughts]
        lines += [self._line(piece) for piece in answer.text]
        if answer.calls:
            lines.append(self._line("", "", answer.calls))
        lines.append({**self._line(""), **self._ending(answer)})
        return "".join(json.dumps(line) + "\n" for line in lines).encode()

    def _line(self, text: str, thoughts: str = "", calls: tuple[Call, ...] = ()) -> Body:
        message: Body = {"role": "assistant", "content": text}
        if thoughts:
            message["thinking"] = thoughts
        if calls:
            message["tool_calls"] = [
                {"function": {"name": call.name, "arguments": call.arguments}} for call in calls
            ]
        return {"model": "m", "message": message, "done": False}

    def _ending(self, answer: Answer) -> Body:
        sent, got = answer.tokens
        reason = "length" if answer.finish == "length" else "stop"
        counts = {"prompt_eval_count": sent, "eval_count": got}
        return {"done": True, "done_reason": reason, **counts}


class ResponsesEnd:
    """OpenAI's Responses."""

    provider = "openai"
    adapter = "responses"
    names_results = False
    forces = True
    has_ids = True
    takes_stop = False

    def read(self, body: Body) -> Scene:
        system, turns = "", list[Turn]()
        for item in body["input"]:
            match item["type"]:
                case "function_call":
                    call = Call(item["call_id"], item["name"], json.loads(item["arguments"]))
                    if not turns or turns[-1].role != "assistant":
                        turns.append(Turn("assistant"))
                    turns[-1] = replace(turns[-1], calls=(*turns[-1].calls, call))
                case "function_call_output":
                    result = Result(item["call_id"], "", item["output"])
                    turns.append(Turn("user", results=(result,)))
                case "message" if item["role"] in ("system", "developer"):
                    system = "".join(part["text"] for part in item["content"])
                case "message":
                    turns.append(self._turn(item))
        tool = body.get("tools", [{}])[0]
        choice = body.get("tool_choice", "")
        return Scene(
            merged(turns),
            system,
            tool.get("parameters"),
            choice if isinstance(choice, str) else choice["name"],
            body.get("text", {}).get("format", {}).get("schema"),
            body.get("temperature"),
            body.get("top_p"),
            body["max_output_tokens"],
            (),
            body.get("reasoning", {}).get("effort", ""),
        )

    def _turn(self, item: Body) -> Turn:
        text = "".join(part.get("text", "") for part in item["content"])
        pictures = [part["image_url"] for part in item["content"] if "image_url" in part]
        picture = pictures[0].removeprefix("data:image/png;base64,") if pictures else ""
        return Turn(item["role"], text, picture)

    def sealed(self, body: Body) -> list[str]:
        """The seals of earlier thoughts that came back."""
        items = (item for item in body["input"] if item["type"] == "reasoning")
        return [item["encrypted_content"] for item in items]

    def whole(self, answer: Answer) -> Body:
        cut = answer.finish == "length"
        sent, got = answer.tokens
        return {
            "id": "resp",
            "object": "response",
            "model": "m",
            "status": "incomplete" if cut else "completed",
            "incomplete_details": {"reason": "max_output_tokens"} if cut else None,
            "error": None,
            "output": self._items(answer),
            "usage": {"input_tokens": sent, "output_tokens": got, "total_tokens": sent + got},
        }

    def _items(self, answer: Answer) -> list[Body]:
        items: list[Body] = []
        if answer.thoughts:
            summary = [{"type": "summary_text", "text": answer.thoughts}]
            item: Body = {"id": "rs", "type": "reasoning", "summary": summary}
            items.append({**item, "encrypted_content": answer.seal} if answer.seal else item)
        if answer.text:
            content = [{"type": "output_text", "text": answer.text, "annotations": []}]
            items.append({"type": "message", "role": "assistant", "content": content})
        for call in answer.calls:
            said = {"call_id": call.id, "name": call.name, "arguments": json.dumps(call.arguments)}
            items.append({"type": "function_call", **said})
        return items

    def stream(self, answer: Answer) -> bytes:
        whole = self.whole(answer)
        shell = {**whole, "output": [], "usage": None, "status": "in_progress"}
        events: list[Body] = [{"type": "response.created", "response": shell}]
        for index, item in enumerate(whole["output"]):
            events += [{**event, "output_index": index} for event in self._streamed(item)]
        last = "incomplete" if answer.finish == "length" else "completed"
        return sse(*events, {"type": f"response.{last}", "response": whole}, named=True)

    def _streamed(self, item: Body) -> list[Body]:
        match item["type"]:
            case "message":
                name, text = "output_text", item["content"][0]["text"]
                empty = {**item, "content": []}
            case "reasoning":
                name, text = "reasoning_summary_text", item["summary"][0]["text"]
                empty = {**item, "summary": [], "encrypted_content": ""}
            case _:
                name, text = "function_call_arguments", item["arguments"]
                empty = {**item, "arguments": ""}
        return [
            {"type": "response.output_item.added", "item": empty},
            *({"type": f"response.{name}.delta", "delta": piece} for piece in text),
            {"type": "response.output_item.done", "item": item},
        ]


class CohereEnd:
    """v2 chat."""

    provider = "cohere"
    adapter = "cohere"
    names_results = False
    forces = True
    has_ids = True
    says_auto = False
    forces_by_name = False
    _STOP = {"stop": "COMPLETE", "length": "MAX_TOKENS", "tool_calls": "TOOL_CALL"}

    def read(self, body: Body) -> Scene:
        system, turns = "", []
        for message in body["messages"]:
            match message["role"]:
                case "system":
                    system = message["content"]
                case "tool":
                    result = Result(message["tool_call_id"], "", message["content"])
                    turns.append(Turn("user", results=(result,)))
                case role:
                    turns.append(self._turn(role, message))
        return Scene(
            merged(turns),
            system,
            body.get("tools", [{}])[0].get("function", {}).get("parameters"),
            body.get("tool_choice", "").lower(),
            body.get("response_format", {}).get("json_schema"),
            body.get("temperature"),
            body.get("p"),
            body["max_tokens"],
            tuple(body.get("stop_sequences", ())),
            "high" if body.get("thinking", {}).get("type") == "enabled" else "",
        )

    def _turn(self, role: str, message: Body) -> Turn:
        content = message.get("content", "")
        parts: Any = [{"type": "text", "text": content}] if isinstance(content, str) else content
        text = "".join(part["text"] for part in parts if part["type"] == "text")
        pictures = [part["image_url"]["url"] for part in parts if part["type"] == "image_url"]
        picture = pictures[0].removeprefix("data:image/png;base64,") if pictures else ""
        calls = tuple(
            Call(call["id"], call["function"]["name"], json.loads(call["function"]["arguments"]))
            for call in message.get("tool_calls", ())
        )
        return Turn(role, text, picture, calls)

    def whole(self, answer: Answer) -> Body:
        message: Body = {"role": "assistant"}
        if content := self._content(answer):
            message["content"] = content
        if answer.calls:
            message["tool_calls"] = [
                self._call(call, json.dumps(call.arguments)) for call in answer.calls
            ]
        return {"id": "c", "message": message, **self._ending(answer)}

    def _content(self, answer: Answer) -> list[Body]:
        thoughts = [{"type": "thinking", "thinking": answer.thoughts}] if answer.thoughts else []
        return thoughts + ([{"type": "text", "text": answer.text}] if answer.text else [])

    def _call(self, call: Call, arguments: str) -> Body:
        function = {"name": call.name, "arguments": arguments}
        return {"id": call.id, "type": "function", "function": function}

    def stream(self, answer: Answer) -> bytes:
        items: list[Body] = [{"type": "message-start", "id": "c", "delta": {"message": {}}}]
        for index, block in enumerate(self._content(answer)):
            kind = "thinking" if block["type"] == "thinking" else "text"
            items.append(self._piece("content-start", index, content={**block, kind: ""}))
            for piece in block[kind]:
                items.append(self._piece("content-delta", index, content={kind: piece}))
            items.append({"type": "content-end", "index": index})
        for index, call in enumerate(answer.calls):
            items.append(self._piece("tool-call-start", index, tool_calls=self._call(call, "")))
            for piece in json.dumps(call.arguments):
                said = {"function": {"arguments": piece}}
                items.append(self._piece("tool-call-delta", index, tool_calls=said))
            items.append({"type": "tool-call-end", "index": index})
        items.append({"type": "message-end", "delta": self._ending(answer)})
        return sse(*items, named=True) + sse("[DONE]")

    def _piece(self, kind: str, index: int, **message: Any) -> Body:
        return {"type": kind, "index": index, "delta": {"message": message}}

    def _ending(self, answer: Answer) -> Body:
        sent, got = answer.tokens
        counts = {"tokens": {"input_tokens": sent, "output_tokens": got}}
        return {"finish_reason": self._STOP[answer.finish], "usage": counts}


SEALING_ENDS = (AnthropicEnd(), GeminiEnd(), ResponsesEnd(), BedrockEnd())
ENDS = (OpenAIEnd(), *SEALING_ENDS, OllamaEnd(), CohereEnd())
