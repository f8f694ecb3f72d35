"""What an answer of a provider says about the key: good, bad, restricted or without credit.

Odd answers (a status or a body that means something else than usual) are as the sources in the provider's file show
them; plain ones are as any host would answer. None was recorded with a real key. The provider's own data decides, on a
real socket, so a row proves path, way to sign in and mapping at once.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator

import pytest
from msgspec import json, structs

from aiproxy import probe
from aiproxy.upstream.client import Upstream
from providers.catalogue.spec import origin_of
from providers.endpoint import parse_endpoint
from providers.registry import catalogue
from tests.aiproxy.connections import LoopbackAllowed, connect
from tests.fakes import serve_raw

KEY = "sk-canary-0123456789abcdefghij"

CHAT = {
    "id": "1",
    "choices": [
        {"index": 0, "message": {"role": "assistant", "content": "Hi"}, "finish_reason": "stop"}
    ],
}
VECTOR = {"data": [{"index": 0, "embedding": [0.5]}], "usage": {"total_tokens": 1}}
BAD_GEMINI = {
    "error": {
        "code": 400,
        "message": "API key not valid. Please pass a valid API key.",
        "status": "INVALID_ARGUMENT",
        "details": [{"reason": "API_KEY_INVALID", "domain": "googleapis.com"}],
    }
}
BLOCKED_GEMINI = {
    "error": {
        "code": 403,
        "message": "Requests to this API are blocked.",
        "status": "PERMISSION_DENIED",
        "details": [{"reason": "API_KEY_SERVICE_BLOCKED"}],
    }
}
XAI_NO_CREDIT = {
    "code": "The caller does not have permission to execute the specified operation",
    "error": "Your newly created team doesn't have any credits yet. You can purchase credits.",
}
BALANCE = {"balance_infos": [{"currency": "USD", "total_balance": "0.00"}]}


def minimax(code: int) -> dict[str, object]:
    return {"base_resp": {"status_code": code, "status_msg": "no"}}


def openai_error(message: str, code: str = "") -> dict[str, object]:
    return {"error": {"message": message, "type": "error", "code": code or None}}


NOVA = "POST /model/global.amazon.nova-2-lite-v1%3A0/converse"
CONVERSED = {
    "output": {"message": {"role": "assistant", "content": [{"text": "Hi"}]}},
    "stopReason": "end_turn",
}
BAD_BEDROCK = {"Message": "Authentication failed: Please make sure your API Key is valid."}
FOREIGN_BEDROCK = {"Message": "User is not authorized to perform: bedrock:InvokeModel"}

# Provider, method and path it is asked at, the answer's status and body, what it means.
ANSWERS = [
    ("bedrock", NOVA, 200, CONVERSED, "ok"),
    ("bedrock", NOVA, 403, BAD_BEDROCK, "wrong_key"),
    ("bedrock", NOVA, 403, FOREIGN_BEDROCK, "restricted_key"),
    ("bedrock", NOVA, 429, {"message": "Too many requests"}, "rate_limited"),
    ("openai", "GET /v1/models", 200, {"data": [{"id": "gpt"}]}, "ok"),
    ("openai", "GET /v1/models", 401, openai_error("no", "invalid_api_key"), "wrong_key"),
    ("openai", "GET /v1/models", 403, openai_error("Missing scopes"), "restricted_key"),
    ("google", "GET /v1beta/models?pageSize=1", 200, {"models": []}, "ok"),
    ("google", "GET /v1beta/models?pageSize=1", 400, BAD_GEMINI, "wrong_key"),
    ("google", "GET /v1beta/models?pageSize=1", 403, BLOCKED_GEMINI, "restricted_key"),
    ("xai", "GET /v1/api-key", 200, {"api_key_blocked": False, "team_blocked": False}, "ok"),
    ("xai", "GET /v1/api-key", 200, {"api_key_blocked": True}, "wrong_key"),
    ("xai", "GET /v1/api-key", 200, {"api_key_disabled": True}, "wrong_key"),
    ("xai", "GET /v1/api-key", 200, {"team_blocked": True}, "restricted_key"),
    ("xai", "GET /v1/api-key", 400, {"error": "Incorrect API key provided: sk"}, "wrong_key"),
    ("xai", "GET /v1/api-key", 403, XAI_NO_CREDIT, "no_credit"),
    ("xai", "GET /v1/api-key", 403, {"error": "The key's ACL forbids this"}, "restricted_key"),
    ("minimax", "GET /v1/models", 200, {"data": [{"id": "MiniMax-M3"}]}, "ok"),
    ("minimax", "GET /v1/models", 200, minimax(1004), "wrong_key"),
    ("minimax", "GET /v1/models", 200, minimax(2049), "wrong_key"),
    ("minimax", "GET /v1/models", 200, minimax(1008), "no_credit"),
    ("minimax", "GET /v1/models", 200, minimax(1002), "rate_limited"),
    ("deepseek", "GET /user/balance", 200, {"is_available": True, **BALANCE}, "ok"),
    ("deepseek", "GET /user/balance", 200, {"is_available": False, **BALANCE}, "no_credit"),
    ("deepseek", "GET /user/balance", 401, openai_error("Authentication Fails"), "wrong_key"),
    ("openrouter", "GET /api/v1/key", 200, {"data": {"label": "sk-or-…", "usage": 1}}, "ok"),
    ("openrouter", "GET /api/v1/key", 401, openai_error("User not found."), "wrong_key"),
    ("openrouter", "GET /api/v1/key", 429, openai_error("slow down"), "rate_limited"),
    ("huggingface", "GET /api/whoami-v2", 200, {"type": "user", "name": "me"}, "ok"),
    ("huggingface", "GET /api/whoami-v2", 401, {"error": "Invalid username"}, "wrong_key"),
    ("huggingface", "GET /api/whoami-v2", 429, {"error": "Rate limited"}, "rate_limited"),
    ("chutes", "GET /users/me", 200, {"username": "me"}, "ok"),
    ("chutes", "GET /users/me", 401, {"detail": "Invalid key"}, "wrong_key"),
    ("deepinfra", "GET /v1/me", 200, {"uid": "1"}, "ok"),
    ("deepinfra", "GET /v1/me", 403, {"detail": "no"}, "restricted_key"),
    ("novita", "GET /openapi/v1/billing/balance/detail", 200, {"availableBalance": "5"}, "ok"),
    ("vercel-ai-gateway", "GET /v1/credits", 200, {"balance": "95.50"}, "ok"),
    ("vercel-ai-gateway", "GET /v1/credits", 200, {"balance": "0"}, "no_credit"),
    ("moonshot", "GET /v1/users/me/balance", 200, {"data": {"available_balance": 4.5}}, "ok"),
    (
        "moonshot",
        "GET /v1/users/me/balance",
        200,
        {"data": {"available_balance": 0, "voucher_balance": 0}},
        "no_credit",
    ),
    ("fireworks", "GET /v1/accounts", 200, {"accounts": [{"name": "accounts/me"}]}, "ok"),
    ("perplexity", "GET /async/chat/completions?limit=1", 200, {"requests": []}, "ok"),
    ("perplexity", "GET /async/chat/completions?limit=1", 401, {}, "wrong_key"),
    ("poe", "GET /usage/current_balance", 200, {"current_point_balance": 300}, "ok"),
    ("poe", "GET /usage/current_balance", 200, {"current_point_balance": 0}, "no_credit"),
    ("kilo", "GET /api/profile", 200, {"user": {}}, "ok"),
    ("siliconflow", "GET /v1/user/info", 200, {"code": 20000, "status": True}, "ok"),
    ("siliconflow", "GET /v1/user/info", 401, {"message": "Invalid token"}, "wrong_key"),
    ("nvidia", "POST /v1/chat/completions", 200, CHAT, "ok"),
    ("nvidia", "POST /v1/chat/completions", 401, {"detail": "Authentication failed"}, "wrong_key"),
    ("nvidia", "POST /v1/chat/completions", 402, {"detail": "no"}, "no_credit"),
    ("sambanova", "POST /v1/chat/completions", 429, openai_error("rate"), "rate_limited"),
    ("ai21", "POST /studio/v1/chat/completions", 401, {"detail": "Forbidden"}, "wrong_key"),
    ("ollama-cloud", "POST /v1/chat/completions", 200, CHAT, "ok"),
    ("snowflake-cortex", "POST /api/v2/cortex/v1/chat/completions", 401, {}, "wrong_key"),
    ("jina", "POST /v1/embeddings", 200, VECTOR, "ok"),
    ("jina", "POST /v1/embeddings", 402, {"detail": "Insufficient balance"}, "no_credit"),
    ("voyage", "POST /v1/embeddings", 200, VECTOR, "ok"),
    ("voyage", "POST /v1/embeddings", 401, {"detail": "Provided API key is invalid."}, "wrong_key"),
    ("azure-openai", "GET /openai/v1/models", 401, {"error": {"code": "401"}}, "wrong_key"),
    ("databricks", "GET /api/2.0/serving-endpoints", 200, {"endpoints": []}, "ok"),
    (
        "databricks",
        "GET /api/2.0/serving-endpoints",
        403,
        {"error_code": 403, "message": "Invalid access token."},
        "wrong_key",
    ),
    ("databricks", "GET /api/2.0/serving-endpoints", 403, {"message": "No"}, "restricted_key"),
    (
        "cloudflare-workers-ai",
        "GET /client/v4/accounts/me/ai/models/search?per_page=1",
        200,
        {"success": True, "result": []},
        "ok",
    ),
    (
        "cloudflare-workers-ai",
        "GET /client/v4/accounts/me/ai/models/search?per_page=1",
        400,
        {"success": False, "errors": [{"code": 6003, "error_chain": [{"code": 6111}]}]},
        "wrong_key",
    ),
]


@pytest.fixture
async def upstream() -> AsyncIterator[Upstream]:
    async with Upstream(LoopbackAllowed()) as opened:
        yield opened


def answering(asked: str, status: int, body: object):
    """A script that gives this answer at ``asked``, and an empty list everywhere else."""

    async def script(line) -> None:
        length = re.search(rb"content-length: (\d+)", line.head, re.IGNORECASE)
        await line.reader.readexactly(int(length[1]) if length else 0)
        here = line.head.startswith(f"{asked} HTTP".encode())
        data = json.encode(body if here else {"data": [], "models": []})
        head = f"HTTP/1.1 {status if here else 200} X\r\ncontent-length: {len(data)}\r\n\r\n"
        await line.send(head.encode() + data)

    return script


def moved(spec, url: str):
    """``spec`` with all its addresses at ``url``; what its variables stand for is "me"."""
    base = re.sub(r"\{\w+\}", "me", spec.base_url)
    path = spec.test.path
    if "://" in path:
        path = url + path.removeprefix(origin_of(path))
    return structs.replace(
        spec,
        base_url=url + parse_endpoint(base).path,
        test=structs.replace(spec.test, path=path),
        test_origins=(url,) if spec.test_origins else (),
    )


@pytest.mark.parametrize(
    ("provider", "asked", "status", "body", "result"),
    ANSWERS,
    ids=[f"{row[0]}-{row[2]}-{row[4]}" for row in ANSWERS],
)
async def test_answer_of_a_provider_means(upstream, provider, asked, status, body, result):
    with serve_raw(answering(asked, status, body)) as server:
        spec = moved(catalogue()[provider], server.url)
        connection = connect(spec.base_url, KEY, spec, model=spec.default_model, auth=spec.way(""))
        found = await probe.test(upstream, connection)
    assert found.result == result, found.message
    first = server.heads[0].decode().lower()
    assert first.startswith(f"{asked.lower()} http")
    way = connection.auth
    assert f"\r\n{way.name.lower()}: {way.prefix.lower()}{KEY.lower()}\r\n" in first


def test_the_table_knows_many_providers():
    assert len({row[0] for row in ANSWERS}) >= 25
