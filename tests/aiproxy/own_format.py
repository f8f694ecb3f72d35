"""A provider that speaks like nobody else, as an ASGI application: what a person's own mapping is for.

``POST /v2/say`` answers in one piece or, asked to speak slowly, in lines of JSON.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from tests.fakes import serve

KEY = "own-canary-0123456789"
HEADER = "X-Own-Key"

MAPPING: dict[str, Any] = {
    "path": "/v2/say",
    "request": {
        "turns": {"$": "messages", "role": "who", "content": "words"},
        "settings": {"heat": {"$": "temperature"}},
        "slowly": {"$": "stream"},
    },
    "answer": {
        "text": "/out/0/say",
        "finish": "/why",
        "finish_words": {"END": "stop"},
        "usage": {"input": "/count/read", "output": "/count/wrote"},
        "error": "/fault/words",
    },
    "stream": {"framing": "ndjson", "text": "/bit", "end": {"path": "/over"}},
}


@dataclass
class OwnFormat:
    """``requests`` are the headers and bodies it received. ``cut`` leaves a stream's end out."""

    port: int = 0
    requests: list[tuple[dict[str, str], Any]] = field(default_factory=list)
    cut: bool = False

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def say(self, request: Request) -> Response:
        body = await request.json()
        self.requests.append((dict(request.headers), body))
        if request.headers.get(HEADER.lower()) != KEY:
            said = f"{request.headers.get(HEADER.lower())} is not a key"
            return JSONResponse({"fault": {"words": said}}, 401)
        words = ["You said ", repr(body["turns"][-1]["words"])]
        last = {"why": "END", "count": {"read": 3, "wrote": 5}, "seen": KEY}
        if not body["slowly"]:
            return JSONResponse({"out": [{"say": "".join(words)}], **last})
        lines = [{"bit": word} for word in words] + ([] if self.cut else [{"over": True, **last}])
        return StreamingResponse(json.dumps(line) + "\n" for line in lines)


@contextmanager
def serve_own_format() -> Iterator[OwnFormat]:
    own = OwnFormat()
    app = Starlette(routes=[Route("/v2/say", own.say, methods=["POST"])])
    with serve(app, lifespan="off") as own.port:
        yield own
