"""Answers that htmx understands."""

import json

from django.http import HttpResponse

from marketplace.htmx import done, tell, toast


def test_done_swaps_nothing_closes_the_dialog_and_tells_the_page():
    response = done("integration:changed", {"provider": "openai"}, text="Saved.")
    assert response.status_code == 204
    assert json.loads(response["HX-Trigger"]) == {
        "integration:changed": {"provider": "openai"},
        "dialog:close": {},
        "toast": {"text": "Saved.", "level": "success"},
    }


def test_done_is_silent_without_text():
    assert "toast" not in json.loads(done("x")["HX-Trigger"])


def test_toast_and_event_go_with_any_answer():
    response = toast(tell(HttpResponse("fragment"), "x", {"a": 1}), "Oh no.", level="error")
    assert json.loads(response["HX-Trigger"]) == {
        "x": {"a": 1},
        "toast": {"text": "Oh no.", "level": "error"},
    }
    assert response.content == b"fragment"
