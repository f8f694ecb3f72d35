"""The first call, ready to paste."""

import ast
import json
import shlex

from integrations.models import Integration
from marketplace import snippets

BASE, TOKEN, MODEL = "http://127.0.0.1:8000", "aimp_test", "it's/a-model"


def text(language):
    return next(one.text for one in snippets.of(BASE, TOKEN, MODEL) if one.language == language)


def test_curl_is_one_shell_command():
    words = shlex.split(text("curl"))
    assert words[:2] == ["curl", f"{BASE}/api/ai/chat"]
    assert f"Authorization: Bearer {TOKEN}" in words
    assert json.loads(words[-1])["model"] == MODEL


def test_python_parses():
    ast.parse(text("python"))
    assert f'base_url="{BASE}/v1", api_key="{TOKEN}"' in text("python")


def test_javascript_calls_the_same():
    assert f'fetch("{BASE}/api/ai/chat"' in text("javascript")
    assert json.dumps(MODEL) in text("javascript")


def test_sandbox_is_preferred():
    openai = Integration(provider_id="openai", sealed_key="x")
    sandbox = Integration(provider_id="sandbox", auth_id="none")
    assert snippets.model_of([openai, sandbox]).startswith("sandbox/")


def test_own_default_model_is_named():
    openai = Integration(provider_id="openai", sealed_key="x", model="gpt-9")
    assert snippets.model_of([openai]) == "openai/gpt-9"


def test_unusable_integrations_are_passed_over():
    assert snippets.model_of([Integration(provider_id="openai")]) == "sandbox/sandbox"
