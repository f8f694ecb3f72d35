"""How a call went, on its page."""

import re
from decimal import Decimal

import pytest
from django.urls import reverse
from django.utils import timezone

from aiproxy.models import UsageRecord
from marketplace import journey
from providers.registry import catalogue
from providers.usage import Usage, cost
from tests.factories import make_integration, make_token

ROUTE = {"by": "alias", "strategy": "weighted", "targets": ["openai/gpt-5-mini", "groq/llama"]}
STEPS = [
    ["authenticated", 0.3],
    ["admitted", 120.0],
    ["sent", 121.0],
    ["first event", 560.0],
    ["answered", 812.0],
]
FAILED = {
    "integration": "Work",
    "provider": "openai",
    "model": "gpt-5-mini",
    "at": 121.0,
    "ms": 180.0,
    "outcome": "server_error",
    "message": "OpenAI failed.",
    "status": 503,
    "waited": 0.0,
}
ANSWERED = FAILED | {
    "at": 481.0, "ms": 331.0, "outcome": "ok", "message": "", "status": 200, "waited": 180.0,
}  # fmt: skip
JOURNEY = {"route": ROUTE, "steps": STEPS, "attempts": [FAILED, ANSWERED]}


@pytest.fixture
def record(alice):
    token, _ = make_token(alice, "Editor")

    def make(**facts):
        usual = {
            "token": token,
            "provider_id": "openai",
            "model": "gpt-5-mini",
            "requested_model": "fast",
            "operation": "chat",
            "dialect": "native",
            "outcome": "ok",
            "http_status": 200,
            "latency_ms": 812,
            "provider_ms": 500,
            "queued_ms": 119,
            "attempts": 2,
            "request_id": "req_x",
            "journey": JOURNEY,
        }
        return UsageRecord.objects.create(owner=alice, **(usual | facts))

    return make


@pytest.fixture
def show(alice_client):
    return lambda call: alice_client.get(reverse("call", args=[call.pk])).text


def price():
    model = catalogue()["openai"].model("gpt-5-mini")
    data = model and model.price_at(timezone.now())
    assert data
    return data


def stops(call):
    return {stop.title: stop for stop in followed(call).stops}


def followed(call):
    found = journey.of_call(call)
    assert found
    return found


def test_way_is_told_from_the_caller_to_the_last_attempt(record):
    found = stops(record())
    assert {title: stop.text for title, stop in found.items()} == {
        "Caller": "The access token Editor",
        "Limits": "Waited 119 ms until a limit let it through",
        "Cache": "Not answered from the cache",
        "Route": "By the alias fast, by weight",
        "Attempt 1": "Server error, status 503, 180 ms",
        "Attempt 2": "Answered, after a wait of 180 ms, status 200, 331 ms",
    }
    assert found["Route"].places == ROUTE["targets"]
    assert found["Attempt 1"].detail == "Work · gpt-5-mini · OpenAI failed."


def test_places_that_are_left_alone_are_told(record):
    call = record(journey={"route": {**ROUTE, "paused": 1}})
    assert stops(call)["Route"].detail == "The last 1 left alone for now, after failures"


def test_page_shows_the_way_and_where_the_time_went(record, show):
    page = show(record())
    assert "By the alias fast, by weight" in page
    assert (
        "119 ms waiting for a limit, 180 ms waiting between attempts, 680 ms at the provider"
        in page
    )
    assert "Wait before attempt 2" in page


def test_bars_lie_where_the_time_was_spent(record):
    found = {span.label: span for span in followed(record()).spans}
    first, second = found["Attempt 1"], found["Attempt 2"]
    assert first.x + first.width < second.x
    assert (second.x, second.width) == (round(481 / 812 * 1000), round(331 / 812 * 1000))
    assert all(span.x >= 0 and span.x + span.width <= 1000 for span in found.values())


def test_call_without_a_journey_shows_none(record, show):
    call = record(journey={})
    assert journey.of_call(call) is None
    assert "How it went" not in show(call)


@pytest.mark.parametrize(
    "part",
    [
        {"steps": STEPS[:1]},
        {"route": ROUTE},
        {"route": {"by": "new"}},
        {"attempts": [{}]},
        {"attempts": [FAILED]},
    ],
)
def test_any_part_may_be_missing(record, show, part):
    assert "How it went" in show(record(journey=part))


def test_refused_by_a_limit_says_so(record):
    call = record(
        outcome="rate_limit",
        message="60 requests a minute are used up.",
        journey={"steps": STEPS[:1]},
        queued_ms=0,
        attempts=0,
        provider_ms=None,
    )
    stop = stops(call)["Limits"]
    assert (stop.text, stop.detail) == ("Not let through", "60 requests a minute are used up.")


def test_refused_by_a_limit_of_the_integration_says_so(record):
    refused = FAILED | {"outcome": "quota_exceeded", "message": "The budget has no room."}
    call = record(
        outcome="quota_exceeded",
        message="The budget has no room.",
        journey={"steps": STEPS[:2], "passed": [refused]},
        queued_ms=0,
        attempts=0,
        provider_ms=None,
    )
    found = stops(call)
    assert found["Limits"].text == "Not let through"
    assert "Passed over" not in found


def test_waited_in_vain_says_so(record):
    call = record(outcome="rate_limit", journey={"steps": STEPS[:1]}, attempts=0, provider_ms=None)
    assert stops(call)["Limits"].text == "Waited 119 ms, and was not let through"


def test_place_that_a_limit_closed_is_told_before_the_one_that_answered(record):
    closed = FAILED | {"outcome": "quota_exceeded", "message": "The budget has no room."}
    call = record(journey=JOURNEY | {"attempts": [ANSWERED], "passed": [closed]}, queued_ms=0)
    titles = [stop.title for stop in followed(call).stops]
    assert titles[-2:] == ["Passed over", "Attempt 1"]
    assert stops(call)["Passed over"].detail == "Work · gpt-5-mini · The budget has no room."
    assert stops(call)["Limits"].text == "Let through by those of the account and the token"


def test_stream_that_broke_off_is_not_told_as_answered(record):
    call = record(outcome="network_error", journey=JOURNEY | {"attempts": [ANSWERED]})
    stop = stops(call)["Attempt 1"]
    assert stop.text.startswith("Began its answer and did not end it")
    assert {span.tone for span in followed(call).spans if span.label == "The answer"} == {"bad"}


def test_wait_for_a_limit_lies_where_it_was(record):
    steps = [["admitted", 5.0], ["waited", 125.0], ["sent", 126.0], ["answered", 800.0]]
    call = record(journey={"steps": steps, "attempts": [ANSWERED | {"at": 126.0}]})
    found = {span.label: (span.start, span.took) for span in followed(call).spans}
    assert found["Waiting for a limit"] == (6.0, 119.0)
    assert found["Before it was sent"] == (125.0, 1.0)


def test_cached_call_says_so(record, show):
    call = record(cached=True, journey={"steps": [["answered", 1.2]]}, attempts=0, provider_ms=None)
    assert stops(call)["Cache"].text.startswith("Answered from the cache")
    assert "nothing was sent, used or paid" in show(call)
    assert "Answered from the cache" in show(record(cached=True, journey={}))


def test_cost_is_shown_as_it_is_made_up(record, show):
    data = price()
    facts = {
        "input_tokens": 12_000,
        "output_tokens": 340,
        "usage_source": "provider",
        "price_source": f"{data.source}, checked {data.checked}",
    }
    paid = cost(Usage(12_000, 340), data.price())
    page = show(record(cost=paid, **facts))
    assert "12,000" in page
    assert f"${paid.normalize():f}, with prices from" in page
    assert "with prices from" not in show(record(cost=paid + Decimal("0.1"), **facts))


def test_names_are_text_and_not_markup(record, show):
    nasty = "<script>alert(1)</script>"
    attempt = FAILED | {"integration": nasty, "message": nasty, "outcome": nasty}
    call = record(journey={"route": {**ROUTE, "targets": [nasty]}, "attempts": [attempt]})
    assert nasty not in show(call)


def test_timeline_needs_no_inline_style(record, show):
    assert not re.search(r"\sstyle=", show(record()))


# --- API ---


def test_api_explains_a_call(alice_client, record):
    call = record(message="", changes=["dropped seed"])
    found = alice_client.get(f"/api/usage/calls/{call.pk}").json()
    assert found["journey"]["route"] == ROUTE | {"paused": 0}
    assert found["journey"]["steps"] == STEPS
    assert found["journey"]["attempts"] == [FAILED, ANSWERED]
    assert (found["queuedMs"], found["providerMs"], found["attempts"]) == (119, 500, 2)
    assert (found["cached"], found["changes"]) == (False, ["dropped seed"])
    assert found["tokenId"] == str(call.token_id)


def test_api_tells_what_makes_up_the_cost(alice_client, record):
    data = price()
    call = record(
        input_tokens=1000,
        cost=cost(Usage(1000), data.price()),
        price_source=f"{data.source}, checked {data.checked}",
    )
    (line,) = alice_client.get(f"/api/usage/calls/{call.pk}").json()["formula"]
    assert (line["what"], line["tokens"]) == ("input", 1000)
    assert Decimal(line["pricePerMillion"]) / 1000 == Decimal(line["cost"]) == call.cost


def test_api_has_no_journey_for_old_calls(alice_client, record):
    found = alice_client.get(f"/api/usage/calls/{record(journey={}).pk}").json()
    assert found["journey"] is None


def test_api_answers_404_for_others_calls(carol_client, record):
    assert carol_client.get(f"/api/usage/calls/{record().pk}").status_code == 404


def test_restricted_token_sees_calls_of_its_integrations_only(client, alice, record):
    mine, other = (make_integration(alice, name=name) for name in ("Mine", "Other"))
    _, text = make_token(alice, scopes=("usage:read",), integrations=[mine])
    headers = {"Authorization": f"Bearer {text}"}
    for integration, status in ((mine, 200), (other, 404), (None, 404)):
        call = record(integration=integration)
        answer = client.get(f"/api/usage/calls/{call.pk}", headers=headers)
        assert answer.status_code == status
