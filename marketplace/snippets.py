"""A first call, ready to paste: the same request as curl, Python and JavaScript."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass

from integrations.models import Integration

_CURL = """\
curl {base}/api/ai/chat \\
  -H "Authorization: Bearer {token}" \\
  -H "Content-Type: application/json" \\
  -d '{body}'"""

_PYTHON = """\
from openai import OpenAI  # pip install openai

client = OpenAI(base_url="{base}/v1", api_key="{token}")
answer = client.chat.completions.create(
    model={model},
    messages=[{{"role": "user", "content": "Hello!"}}],
)
print(answer.choices[0].message.content)"""

_JAVASCRIPT = """\
const response = await fetch("{base}/api/ai/chat", {{
  method: "POST",
  headers: {{
    Authorization: "Bearer {token}",
    "Content-Type": "application/json",
  }},
  body: JSON.stringify({{
    model: {model},
    messages: [{{ role: "user", content: "Hello!" }}],
  }}),
}});
console.log((await response.json()).content);"""


@dataclass(frozen=True, slots=True)
class Snippet:
    language: str
    label: str
    text: str


def of(base: str, token: str, model: str) -> list[Snippet]:
    """``base`` is this server's address without a slash at its end."""
    body = json.dumps({"model": model, "messages": [{"role": "user", "content": "Hello!"}]})
    values = {"base": base, "token": token, "model": json.dumps(model)}
    return [
        Snippet("curl", "curl", _CURL.format(**values, body=body.replace("'", r"\u0027"))),
        Snippet("python", "Python", _PYTHON.format(**values)),
        Snippet("javascript", "JavaScript", _JAVASCRIPT.format(**values)),
    ]


def model_of(integrations: Iterable[Integration]) -> str:
    """``provider/model`` that one of ``integrations`` answers, the sandbox's where it is among them."""
    usable = [one for one in integrations if one.status == "connected" and one.spec and _model(one)]
    usable.sort(key=lambda one: one.provider_id != "sandbox")
    return f"{usable[0].provider_id}/{_model(usable[0])}" if usable else "sandbox/sandbox"


def _model(integration: Integration) -> str:
    spec = integration.spec
    first = next((model.id for model in spec.models if model.kind == "chat"), "") if spec else ""
    return integration.model or (spec.default_model if spec else "") or first
