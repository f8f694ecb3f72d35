"""What a provider's answer says is left is kept with the integration, whatever became of the call."""

from __future__ import annotations

import json

import pytest
from starlette.responses import JSONResponse, Response

from integrations.models import Integration
from providers.rate_limits import Allowance
from tests.fakes import serve

HEADERS = {"x-ratelimit-limit-requests": "60", "x-ratelimit-remaining-requests": "59"}
CHUNK = {"choices": [{"index": 0, "delta": {"content": "Hi"}, "finish_reason": "stop"}]}
WHOLE = {"choices": [{"index": 0, "message": {"content": "Hi"}, "finish_reason": "stop"}]}


async def provider(scope, receive, send):
    body = json.loads((await receive())["body"])
    answer: Response
    if body["model"] == "busy":
        answer = JSONResponse({"error": {"message": "Slow down"}}, 429, HEADERS)
    elif body.get("stream"):
        text = f"data: {json.dumps(CHUNK)}\n\ndata: [DONE]\n\n"
        answer = Response(text, 200, HEADERS, "text/event-stream")
    else:
        answer = JSONResponse(WHOLE, 200, HEADERS)
    await answer(scope, receive, send)


@pytest.mark.parametrize(
    ("model", "stream", "status"),
    [("m", False, 200), ("m", True, 200), ("busy", False, 429), ("busy", True, 429)],
)
def test_rate_limits_are_kept(machine, allow_private, model, stream, status):
    with serve(provider, lifespan="off") as port:
        allow_private(f"127.0.0.1:{port}")
        row = machine.connect(base_url=f"http://127.0.0.1:{port}/v1")
        body = {"model": model, "stream": stream, "messages": [{"role": "user", "content": "Hi"}]}
        headers = {"x-integration-id": str(row.pk)}
        answer = machine.post("/v1/chat/completions", body, headers=headers)
    assert answer.status_code == status
    limits = Integration.objects.get(pk=row.pk).limits
    assert limits is not None
    assert limits.requests == Allowance(60, 59)
