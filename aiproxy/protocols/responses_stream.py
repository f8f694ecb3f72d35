"""A streamed answer in the words of Responses.

Every item is opened, grows and is closed with its whole content; the last event holds the whole answer. Words and
thoughts are closed as soon as something else begins. Calls stay open until the answer ends, because other providers
let them overlap, which this format can say: each event names its item. An item that goes on after it was closed is
continued as a new one.
"""

from __future__ import annotations

from typing import Any

from aiproxy.protocols import openai_answer, responses_answer
from aiproxy.protocols.base import Context, JsonObject, Renderer, encode
from aiproxy.protocols.responses_answer import item_id
from providers.chat import (
    NO_STATE,
    Citation,
    FinishReason,
    Reasoning,
    Refusal,
    State,
    Text,
    ToolCall,
)
from providers.errors import CallError
from providers.events import (
    CitationAdded,
    Delta,
    Ended,
    Event,
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


class _Piece:
    """A text or refusal under construction, within the message ``item``."""

    __slots__ = ("head", "kind", "notes", "part", "pieces", "place", "state")

    def __init__(self, kind: str, part: int, place: JsonObject) -> None:
        self.kind = kind
        self.part = part
        self.place = place
        self.pieces: list[str] = []
        self.notes: list[JsonObject] = []
        self.state: State = NO_STATE
        name = "response.output_text.delta" if kind == "text" else "response.refusal.delta"
        self.head = encode(place)[1:-1] + b',"delta":', name.encode()

    def whole(self) -> JsonObject:
        text = "".join(self.pieces)
        if self.kind == "refusal":
            return {"type": "refusal", "refusal": text}
        return {
            **responses_answer.text_piece(text, self.notes),
            **responses_answer.foreign(self.state),
        }


class _Thought:
    __slots__ = ("id", "index", "part", "pieces", "state")

    def __init__(self, part: int, index: int, identity: str) -> None:
        self.part = part
        self.index = index
        self.id = identity
        self.pieces: list[str] = []
        self.state: State = NO_STATE


class _Call:
    __slots__ = ("id", "index", "name", "pieces", "state")

    def __init__(self, index: int, event: ToolCallDelta) -> None:
        self.index = index
        self.id = event.id
        self.name = event.name
        self.pieces: list[str] = []
        self.state: State = event.state


class ResponsesStream(Renderer):
    def __init__(self, context: Context) -> None:
        self._context = context
        self._number = 0
        self._begun = False
        self._items: list[JsonObject] = []
        """The output so far, each item as its last event showed it."""
        self._message: int | None = None
        """The place of the open message."""
        self._piece: _Piece | None = None
        self._thought: _Thought | None = None
        self._calls: dict[int, _Call] = {}
        self._finish: FinishReason | None = None
        self._usage: Usage | None = None

    def render(self, event: Event) -> bytes:
        # Nearly all events are the next piece of the open text: the shortest way for them.
        if type(event) is TextDelta and not event.choice and not event.state:
            piece = self._piece
            if piece is not None and piece.part == event.part and piece.kind == "text":
                return self._said(piece, event.text)
        match event:
            case Started():
                return b""
            case UsageReported():
                self._usage = event.usage
                return b""
            case Failed():
                return self._begin() + self._failed(event.error)
            case Finished():
                return self._begin() + self._finished(event)
            case Ended():
                return self._begin() + self._ended()
            case _:
                return b"" if event.choice else self._begin() + self._delta(event)

    def _begin(self) -> bytes:
        if self._begun:
            return b""
        self._begun = True
        shell = responses_answer.envelope(self._context, "in_progress")
        created = self._event("response.created", response=shell)
        return created + self._event("response.in_progress", response=shell)

    def _delta(self, event: Delta) -> bytes:
        match event:
            case TextDelta():
                return self._words("text", event.part, event.text, event.state)
            case RefusalDelta():
                return self._words("refusal", event.part, event.text, NO_STATE)
            case CitationAdded():
                return self._cite(event.part, event.citation)
            case ReasoningDelta():
                return self._think(event)
            case ToolCallDelta():
                return self._call(event)
            case WholePart():
                return self._whole(event)

    # --- words ---

    def _words(self, kind: str, part: int, text: str, state: State) -> bytes:
        piece = self._piece
        if piece is not None and (piece.part, piece.kind) == (part, kind):
            opening = b""
        elif text or state:
            opening, piece = self._open_piece(kind, part, state)
        else:
            return b""
        if state:
            piece.state = merge_state(piece.state, state)
            self._note_phase(piece.state)
        return opening + self._said(piece, text)

    def _open_piece(self, kind: str, part: int, state: State) -> tuple[bytes, _Piece]:
        """A new piece, in the open message where there is one."""
        out = self._close_piece() + self._close_thought()
        if self._message is None:
            self._message = len(self._items)
            shell = responses_answer.message(self._id("msg"), state, "in_progress")
            out += self._add(shell)
        item = self._items[self._message]
        place = {
            "item_id": item["id"],
            "output_index": self._message,
            "content_index": len(item["content"]),
        }
        self._piece = _Piece(kind, part, place)
        return out + self._event(
            "response.content_part.added", **place, part=self._piece.whole()
        ), self._piece

    def _said(self, piece: _Piece, text: str) -> bytes:
        if not text:
            return b""
        piece.pieces.append(text)
        head, name = piece.head
        number = self._next()
        tail = b',"logprobs":[]}\n\n' if piece.kind == "text" else b"}\n\n"
        start = b'event: %s\ndata: {"type":"%s","sequence_number":%d,' % (name, name, number)
        return start + head + encode(text) + tail

    def _note_phase(self, state: State) -> None:
        """A message's phase is told with its text."""
        if self._message is not None and (said := responses_answer.phase(state)):
            self._items[self._message]["phase"] = said

    def _cite(self, part: int, citation: Citation) -> bytes:
        note = responses_answer.annotation(citation)
        if note is None:
            return b""
        opening, piece = b"", self._piece
        if piece is None or piece.kind != "text":
            opening, piece = self._open_piece("text", part, NO_STATE)
        piece.notes.append(note)
        return opening + self._event(
            "response.output_text.annotation.added",
            **piece.place,
            annotation_index=len(piece.notes) - 1,
            annotation=note,
        )

    def _close_piece(self) -> bytes:
        piece, self._piece = self._piece, None
        if piece is None:
            return b""
        whole = piece.whole()
        self._items[piece.place["output_index"]]["content"].append(whole)
        if piece.kind == "text":
            done = self._event(
                "response.output_text.done", **piece.place, text=whole["text"], logprobs=[]
            )
        else:
            done = self._event("response.refusal.done", **piece.place, refusal=whole["refusal"])
        return done + self._event("response.content_part.done", **piece.place, part=whole)

    def _close_message(self, status: str = "completed") -> bytes:
        out = self._close_piece()
        index, self._message = self._message, None
        if index is None:
            return out
        self._items[index]["status"] = status
        return out + self._done(index)

    # --- thoughts ---

    def _think(self, event: ReasoningDelta) -> bytes:
        thought, out = self._thought, b""
        if thought is None or thought.part != event.part:
            if not (event.text or event.state):
                return b""
            out = self._close_message() + self._close_thought()
            index, identity = len(self._items), self._id("rs")
            thought = self._thought = _Thought(event.part, index, identity)
            out += self._add(responses_answer.reasoning(identity, "", NO_STATE))
        if event.state:
            thought.state = merge_state(thought.state, event.state)
        if not event.text:
            return out
        place = self._place(thought)
        if not thought.pieces:
            part = {"type": "summary_text", "text": ""}
            out += self._event("response.reasoning_summary_part.added", **place, part=part)
        thought.pieces.append(event.text)
        name = "response.reasoning_summary_text.delta"
        return out + self._event(name, **place, delta=event.text)

    def _close_thought(self) -> bytes:
        thought, self._thought = self._thought, None
        if thought is None:
            return b""
        text, place, out = "".join(thought.pieces), self._place(thought), b""
        if text:
            part = {"type": "summary_text", "text": text}
            out = self._event("response.reasoning_summary_text.done", **place, text=text)
            out += self._event("response.reasoning_summary_part.done", **place, part=part)
        self._items[thought.index] = responses_answer.own_reasoning(thought.id, text, thought.state)
        return out + self._done(thought.index)

    def _place(self, thought: _Thought) -> JsonObject:
        return {"item_id": thought.id, "output_index": thought.index, "summary_index": 0}

    # --- calls ---

    def _call(self, event: ToolCallDelta) -> bytes:
        call, out = self._calls.get(event.part), b""
        if call is None:
            out = self._close_message() + self._close_thought()
            call = self._calls[event.part] = _Call(len(self._items), event)
            out += self._add(self._call_item(call, "in_progress"))
        elif event.state:
            call.state = merge_state(call.state, event.state)
        if not event.arguments:
            return out
        call.pieces.append(event.arguments)
        return out + self._event(
            f"response.{self._stem(call)}.delta", **self._at(call), delta=event.arguments
        )

    def _close_calls(self, last: str = "completed") -> bytes:
        """All calls; the last one may have been cut off."""
        calls, out = list(self._calls.values()), b""
        self._calls = {}
        for call in calls:
            status = last if call.index == len(self._items) - 1 else "completed"
            item = self._items[call.index] = self._call_item(call, status)
            member = "input" if responses_answer.is_custom(call.state) else "arguments"
            named = {} if member == "input" else {"name": call.name}
            said = {member: item[member]}
            out += self._event(
                f"response.{self._stem(call)}.done", **self._at(call), **named, **said
            )
            out += self._done(call.index)
        return out

    def _call_item(self, call: _Call, status: str) -> JsonObject:
        whole = ToolCall(call.id, call.name, "".join(call.pieces), call.state)
        return responses_answer.call(whole, self._context.id, call.index, status)

    def _at(self, call: _Call) -> JsonObject:
        return {"item_id": self._items[call.index]["id"], "output_index": call.index}

    def _stem(self, call: _Call) -> str:
        custom = responses_answer.is_custom(call.state)
        return "custom_tool_call_input" if custom else "function_call_arguments"

    # --- parts in one piece ---

    def _whole(self, event: WholePart) -> bytes:
        match event.value:
            case Text(text=text, state=state):
                return self._words("text", event.part, text, state)
            case Refusal(text=text):
                return self._words("refusal", event.part, text, NO_STATE)
            case Reasoning(text=text, state=state):
                return self._think(ReasoningDelta(event.part, text, state=state))
            case ToolCall(id=id_, name=name, arguments=arguments, state=state):
                return self._call(ToolCallDelta(event.part, arguments, id_, name, state=state))
            case other:
                made = responses_answer.item(other, self._context.id, len(self._items))
                if made is None:
                    return b""
                out = self._close_message() + self._close_thought() + self._add(made)
                return out + self._done(len(self._items) - 1)

    # --- the end ---

    def _finished(self, event: Finished) -> bytes:
        if event.choice or self._finish is not None:
            return b""
        self._finish = event.reason
        return self._close_all()

    def _close_all(self) -> bytes:
        status, _ = responses_answer.STATUS.get(self._finish or "unknown", ("completed", None))
        last = "completed" if status == "completed" else "incomplete"
        return self._close_message(last) + self._close_thought() + self._close_calls(last)

    def _ended(self) -> bytes:
        closing = self._close_all()
        finish = self._finish or "unknown"
        whole = responses_answer.finished(finish, self._items, self._usage, self._context)
        return closing + self._event(f"response.{whole['status']}", response=whole)

    def _failed(self, error: CallError) -> bytes:
        """The error twice: as the event that clients raise, and as the end of the response."""
        told = openai_answer.error_body(error, self._context.request_id)["error"]
        whole = responses_answer.failed(error, self._items, self._context)
        said = {"code": told["code"], "message": told["message"], "param": told["param"]}
        return self._event("error", **said, error=told) + self._event(
            "response.failed", response=whole
        )

    # --- events ---

    def _add(self, item: JsonObject) -> bytes:
        self._items.append(item)
        index = len(self._items) - 1
        return self._event("response.output_item.added", output_index=index, item=item)

    def _done(self, index: int) -> bytes:
        item = self._items[index]
        return self._event("response.output_item.done", output_index=index, item=item)

    def _id(self, kind: str) -> str:
        return item_id(kind, self._context.id, len(self._items))

    def _next(self) -> int:
        number = self._number
        self._number += 1
        return number

    def _event(self, kind: str, **members: Any) -> bytes:
        data = {"type": kind, "sequence_number": self._next(), **members}
        return b"event: %s\ndata: %s\n\n" % (kind.encode(), encode(data))
