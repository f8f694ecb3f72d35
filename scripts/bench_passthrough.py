"""The least that could stand between a client and a provider: Starlette and an httpx client over our own transport.

It checks nobody, translates nothing and records nothing. `make bench` measures the gateway against it.
"""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from aiproxy.upstream.transport import GuardedTransport
from providers.endpoint import PrivateEndpoints


def application(provider: str) -> Starlette:
    """``provider`` is ``host:port`` of the fake one."""
    allowed = PrivateEndpoints.parse(provider)
    transport = GuardedTransport(lambda: allowed)
    client = httpx.AsyncClient(transport=transport, trust_env=False, timeout=30)
    address = f"http://{provider}/v1/chat/completions"

    async def relay(request: Request) -> Response:
        headers = {"content-type": "application/json", "authorization": "Bearer sk-bench"}
        asked = client.build_request("POST", address, headers=headers, content=await request.body())
        answer = await client.send(asked, stream=True)
        kind = answer.headers["content-type"]
        if "event-stream" in kind:
            return StreamingResponse(_chunks(answer), answer.status_code, media_type=kind)
        content = b"".join([chunk async for chunk in _chunks(answer)])
        return Response(content, answer.status_code, media_type=kind)

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        await transport.open()
        yield
        await client.aclose()

    return Starlette(
        routes=[Route("/v1/chat/completions", relay, methods=["POST"])], lifespan=lifespan
    )


async def _chunks(answer: httpx.Response) -> AsyncIterator[bytes]:
    try:
        async for chunk in answer.aiter_raw():
            yield chunk
    finally:
        await answer.aclose()


if __name__ == "__main__":
    port, provider = sys.argv[1:]
    uvicorn.run(application(provider), port=int(port), log_level="critical", access_log=False)
