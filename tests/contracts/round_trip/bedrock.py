"""The provider's end of Bedrock's Converse, whose streams are AWS event-stream messages."""

from __future__ import annotations

import json
import struct
from typing import Any
from zlib import crc32

from tests.contracts.round_trip.scenes import Answer, Call, Result, Scene, Turn

Body = dict[str, Any]


class BedrockEnd:
    provider = "bedrock"
    names_results = False
    forces = True
    forbids = False
    """It knows no word for "no tools": they are not sent."""
    has_ids = True
    says_auto = False
    _STOP = {"stop": "end_turn", "length": "max_tokens", "tool_calls": "tool_use"}

    def read(self, body: Body) -> Scene:
        config = body["inferenceConfig"]
        tools = body.get("toolConfig", {})
        choice = tools.get("toolChoice", {})
        spec = tools.get("tools", [{}])[0].get("toolSpec", {})
        shape = body.get("outputConfig", {}).get("textFormat", {}).get("structure", {})
        schema = shape.get("jsonSchema", {}).get("schema")
        fields = body.get("additionalModelRequestFields", {})
        return Scene(
            tuple(self._turn(message) for message in body["messages"]),
            "".join(block["text"] for block in body.get("system", ())),
            spec.get("inputSchema", {}).get("json"),
            "required" if "any" in choice else choice.get("tool", {}).get("name", ""),
            json.loads(schema) if schema else None,
            config.get("temperature"),
            config.get("topP"),
            config["maxTokens"],
            tuple(config.get("stopSequences", ())),
            fields.get("output_config", {}).get("effort", ""),
        )

    def _turn(self, message: Body) -> Turn:
        blocks = message["content"]
        calls = [block["toolUse"] for block in blocks if "toolUse" in block]
        results = [block["toolResult"] for block in blocks if "toolResult" in block]
        pictures = [block["image"]["source"]["bytes"] for block in blocks if "image" in block]
        return Turn(
            message["role"],
            "".join(block.get("text", "") for block in blocks),
            "".join(pictures),
            tuple(Call(call["toolUseId"], call["name"], call["input"]) for call in calls),
            tuple(
                Result(result["toolUseId"], "", "".join(part["text"] for part in result["content"]))
                for result in results
            ),
        )

    def sealed(self, body: Body) -> list[str]:
        """The seals of earlier thoughts that came back."""
        blocks = (block for message in body["messages"] for block in message["content"])
        thoughts = [block["reasoningContent"] for block in blocks if "reasoningContent" in block]
        return [thought["reasoningText"]["signature"] for thought in thoughts]

    def whole(self, answer: Answer) -> Body:
        content: list[Body] = []
        if answer.thoughts:
            told = {"text": answer.thoughts, "signature": answer.seal or "unread"}
            content.append({"reasoningContent": {"reasoningText": told}})
        if answer.text:
            content.append({"text": answer.text})
        for call in answer.calls:
            use = {"toolUseId": call.id, "name": call.name, "input": call.arguments}
            content.append({"toolUse": use})
        return {
            "output": {"message": {"role": "assistant", "content": content}},
            "stopReason": self._STOP[answer.finish],
            "usage": self._usage(answer),
        }

    def stream(self, answer: Answer) -> bytes:
        parts = [message("messageStart", {"role": "assistant"})]
        for index, block in enumerate(self.whole(answer)["output"]["message"]["content"]):
            parts += self._streamed(index, block)
        parts.append(message("messageStop", {"stopReason": self._STOP[answer.finish]}))
        parts.append(message("metadata", {"usage": self._usage(answer)}))
        return b"".join(parts)

    def _streamed(self, index: int, block: Body) -> list[bytes]:
        place = {"contentBlockIndex": index}
        start: list[bytes] = []
        if "text" in block:
            deltas: list[Body] = [{"text": piece} for piece in block["text"]]
        elif "reasoningContent" in block:
            told = block["reasoningContent"]["reasoningText"]
            deltas = [{"reasoningContent": {"text": piece}} for piece in told["text"]]
            deltas.append({"reasoningContent": {"signature": told["signature"]}})
        else:
            use = dict(block["toolUse"])
            written = json.dumps(use.pop("input"))
            start = [message("contentBlockStart", {**place, "start": {"toolUse": use}})]
            deltas = [{"toolUse": {"input": piece}} for piece in written]
        pieces = [message("contentBlockDelta", {**place, "delta": delta}) for delta in deltas]
        return [*start, *pieces, message("contentBlockStop", place)]

    def _usage(self, answer: Answer) -> Body:
        sent, got = answer.tokens
        return {"inputTokens": sent, "outputTokens": got, "totalTokens": sent + got}


def message(name: str, payload: Body) -> bytes:
    texts = {":event-type": name, ":content-type": "application/json", ":message-type": "event"}
    headers = b"".join(
        bytes([len(key)]) + key.encode() + b"\x07" + struct.pack(">H", len(value)) + value.encode()
        for key, value in texts.items()
    )
    body = json.dumps({**payload, "p": "abc"}).encode()
    lengths = struct.pack(">II", 16 + len(headers) + len(body), len(headers))
    data = lengths + struct.pack(">I", crc32(lengths)) + headers + body
    return data + struct.pack(">I", crc32(data))
