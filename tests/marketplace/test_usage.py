"""The list of calls, each call's page, and the usage tab."""

import html
import re
from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from aiproxy.usage import analytics
from tests.factories import make_call, make_integration


@pytest.fixture
def openai(alice):
    return make_integration(alice, name="Work")


def record(owner, integration=None, **data):
    facts = {
        "integration_name": integration.name if integration else "",
        "provider_id": "openai",
        "model": "gpt-5.1",
        "operation": "chat",
        "dialect": "native",
        "outcome": "ok",
        "http_status": 200,
        "input_tokens": 1200,
        "output_tokens": 34,
        "usage_source": "provider",
        "cost": Decimal("0.0123"),
        "latency_ms": 840,
        "attempts": 1,
        "request_id": "req_abc",
    }
    return make_call(owner, integration, **(facts | data))


def page(client, name, *args, **query):
    response = client.get(reverse(name, args=args), query)
    assert response.status_code == 200
    return response.content.decode()


def test_call_is_listed_with_what_it_cost(alice, alice_client):
    record(alice)
    shown = page(alice_client, "usage")
    for text in ("gpt-5.1", "1,234", "$0.01", "840 ms", "OK"):
        assert text in shown


def test_unknown_price_is_not_zero(alice, alice_client):
    record(alice, cost=None)
    shown = page(alice_client, "usage")
    assert "unpriced" in shown
    assert "$0.00" not in shown


def test_nobody_elses_calls_are_listed(alice_client, bob):
    record(bob, model="bobs-model")
    assert "bobs-model" not in page(alice_client, "usage")


def test_no_calls_says_what_to_do(alice_client):
    assert "No calls yet" in page(alice_client, "usage")


@pytest.fixture
def many(alice, openai):
    """Sixty calls, number 0 the newest; in each minute two began at the same moment."""
    now = timezone.now()
    for number in range(60):
        record(alice, openai, model=f"model-{number:02}", at=now - timedelta(minutes=number // 2))


def models(shown):
    return re.findall(r"<code>model-(\d\d)</code>", shown)


def follow(client, shown, direction):
    """The page behind "Older" or "Newer", by the link that stands there."""
    (link,) = re.findall(rf'href="([^"]+)"[^>]*>{direction}<', shown)
    return client.get(html.unescape(link)).content.decode()


def test_long_list_can_be_read_to_its_end_and_back(alice_client, many):
    pages = [page(alice_client, "usage")]
    while ">Older<" in pages[-1]:
        pages.append(follow(alice_client, pages[-1], "Older"))
    assert [len(models(shown)) for shown in pages] == [25, 25, 10]
    seen = [number for shown in pages for number in models(shown)]
    assert len(set(seen)) == 60
    minutes = [int(number) // 2 for number in seen]
    assert minutes == sorted(minutes)
    middle = follow(alice_client, pages[2], "Newer")
    assert models(middle) == models(pages[1])
    newest = follow(alice_client, middle, "Newer")
    assert models(newest) == models(pages[0])
    assert ">Newer<" not in newest


def test_calls_that_came_meanwhile_do_not_move_an_older_page(alice, alice_client, many):
    first = page(alice_client, "usage")
    second = models(follow(alice_client, first, "Older"))
    record(alice, model="model-99")
    assert models(follow(alice_client, first, "Older")) == second
    assert models(page(alice_client, "usage"))[0] == "99"


@pytest.mark.parametrize(
    "query",
    [
        {"before": "x"},
        {"before": f"1-{'0' * 32}"},
        {"after": f"{'9' * 17}-{'0' * 32}"},
        {"page": "2"},
    ],
)
def test_an_address_that_names_no_page_shows_the_first(alice_client, many, query):
    assert models(page(alice_client, "usage", **query)) == models(page(alice_client, "usage"))


def test_pages_of_the_usage_tab_stay_in_its_dialog(alice, alice_client, many, openai):
    for number in range(3):
        record(
            alice, model=f"model-9{number}"
        )  # through no integration, and newer than all of these
    first = page(alice_client, "integration-usage", openai.pk)
    second = follow(alice_client, first, "Older")
    assert [len(models(shown)) for shown in (first, second)] == [10, 10]
    assert not set(models(first)) & set(models(second))
    assert 'hx-target="#dialog-content"' in second


def test_usage_tab_holds_the_calls_of_its_integration(alice, alice_client, openai):
    record(alice, openai, model="mine")
    record(alice, model="others")
    shown = page(alice_client, "integration-usage", openai.pk)
    assert "mine" in shown
    assert "others" not in shown


def test_call_page_tells_everything_in_words(alice, alice_client, openai):
    call = record(
        alice,
        openai,
        outcome="rate_limit",
        message="OpenAI limits how often it may be called.",
        http_status=429,
        changes=["top_k was left out: OpenAI has no such parameter."],
    )
    shown = page(alice_client, "call", call.pk)
    for text in ("Rate limit", "OpenAI limits how often", "429", "req_abc", "top_k was left out"):
        assert text in shown


def test_call_page_of_somebody_else_is_not_found(carol_client, alice):
    call = record(alice)
    assert carol_client.get(reverse("call", args=[call.pk])).status_code == 404


def test_what_a_provider_said_is_text_and_not_markup(alice, alice_client):
    nasty = "<script>alert(1)</script>"
    call = record(alice, model=nasty, message=nasty, outcome="server_error", changes=[nasty])
    assert nasty not in page(alice_client, "call", call.pk)
    assert nasty not in page(alice_client, "usage")


def test_call_shows_what_was_changed(alice, alice_client):
    call = record(alice, changes=["dropped seed: this format has no such parameter"])
    shown = page(alice_client, "call", call.pk)
    assert "What was changed on the way" in shown
    assert "dropped seed: this format has no such parameter" in shown


def test_strict_call_shows_what_would_have_been_changed(alice, alice_client):
    call = record(alice, changes=["dropped seed: no"], outcome="invalid_request", attempts=0)
    assert "What would have been changed" in page(alice_client, "call", call.pk)


# --- Millions of calls ---


@pytest.fixture
def much(alice, openai):
    """Calls of three months, and their queries by page."""
    for days in range(90):
        record(alice, openai, at=timezone.now() - timedelta(days=days))
    return analytics.calls(alice)[45]


PAGES = {
    "home": lambda call: reverse("home"),
    "usage": lambda call: reverse("usage"),
    "older": lambda call: (
        f"{reverse('usage')}?before={call.at.timestamp() * 1e6:.0f}-{call.pk.hex}"
    ),
    "tab": lambda call: reverse("integration-usage", args=[call.integration_id]),
    "call": lambda call: reverse("call", args=[call.pk]),
    "summary": lambda call: "/api/usage/summary",
    "since": lambda call: f"/api/usage/summary?since={call.at:%Y-%m-%dT%H:%M:%SZ}",
    "calls": lambda call: f"/api/usage/calls?integrationId={call.integration_id}",
}


@pytest.mark.parametrize("name", PAGES)
def test_a_page_reads_a_few_calls_and_never_counts_them(alice_client, much, name):
    url = PAGES[name](much)
    alice_client.get(url)
    with CaptureQueriesContext(connection) as queries:
        assert alice_client.get(url).status_code == 200
    asked = [query["sql"] for query in queries]
    assert len(asked) <= 12
    for sql in asked:
        if '"aiproxy_usagerecord"' not in sql:
            continue
        assert not re.search(r"COUNT\(|SUM\(|OFFSET", sql)
        assert re.search(r'LIMIT \d+$|"aiproxy_usagerecord"."id" = ', sql)
        assert re.search(r'"aiproxy_usagerecord"."owner_id" = ', sql)


@pytest.mark.parametrize("name", PAGES)
@pytest.mark.skipif(connection.vendor != "sqlite", reason="reads SQLite's plan")
def test_a_page_finds_usage_by_an_index(alice_client, much, name):
    url = PAGES[name](much)
    with CaptureQueriesContext(connection) as queries:
        alice_client.get(url)
    asked = [query["sql"] for query in queries if "aiproxy_usage" in query["sql"]]
    assert asked
    for sql in asked:
        with connection.cursor() as cursor:
            cursor.execute(f"EXPLAIN QUERY PLAN {sql}")
            plan = [step[-1] for step in cursor.fetchall()]
        assert not [step for step in plan if step.startswith("SCAN")], plan
        assert "USE TEMP B-TREE FOR ORDER BY" not in plan
