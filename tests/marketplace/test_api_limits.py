"""/api/limits."""

import json
from decimal import Decimal

import pytest

from aiproxy.actions import LimitInput, set_limit
from aiproxy.gateway import limits
from aiproxy.models import Limit
from integrations.audit import SYSTEM
from tests.factories import make_call, make_integration, make_token

URL = "/api/limits"
MINE = {"kind": "user", "requestsPerMinute": 60, "moneyPerMonth": "20.50", "queueSeconds": 5}


def send(client, method, path=URL, body=None, **options):
    text = json.dumps(body or {})
    return getattr(client, method)(path, text, content_type="application/json", **options)


@pytest.fixture
def program(client, alice):
    """Alice's token with these scopes, as a function that sends with it."""

    def make(*scopes, **data):
        token, text = make_token(alice, scopes=scopes, **data)

        def call(method, path=URL, body=None):
            headers = {"Authorization": f"Bearer {text}"}
            if method == "get":
                return client.get(path, headers=headers)
            return send(client, method, path, body, headers=headers)

        return token, call

    return make


def test_limit_is_set_read_changed_and_removed(bob_client):
    made = send(bob_client, "post", body=MINE)
    assert made.status_code == 201
    limit = made.json()
    assert limit["account"] == "bob@example.com"
    assert (limit["requestsPerMinute"], limit["moneyPerMonth"]) == (60, "20.5")
    assert (limit["queueSeconds"], limit["byOperator"], limit["tokensPerDay"]) == (5, False, None)
    assert bob_client.get(URL).json() == [limit]
    url = f"{URL}/{limit['id']}"
    assert bob_client.get(url).json() == limit
    edited = send(bob_client, "put", url, {"requestsPerMinute": None, "concurrent": 3}).json()
    assert (edited["requestsPerMinute"], edited["concurrent"]) == (None, 3)
    assert (edited["moneyPerMonth"], edited["queueSeconds"]) == ("20.5", 5)
    assert bob_client.delete(url).status_code == 204
    assert bob_client.get(url).status_code == 404


def test_fills_tell_how_full_it_is(bob, bob_client):
    make_call(bob, input_tokens=900, output_tokens=100, cost=Decimal("1.50"))
    send(bob_client, "post", body={**MINE, "tokensPerDay": 5000})
    limits.reload()  # as after the commit, which a test's transaction does not come to
    (limit,) = bob_client.get(URL).json()
    fills = {fill["name"]: fill for fill in limit["fills"]}
    assert fills["requestsPerMinute"]["limit"] == 60
    assert (fills["tokensPerDay"]["used"], fills["tokensPerDay"]["limit"]) == (1000, 5000)
    assert (fills["moneyPerMonth"]["used"], fills["moneyPerMonth"]["limit"]) == ("1.5", "20.5")
    assert isinstance(fills["moneyPerMonth"]["freesInSeconds"], int)


def test_each_subject_is_named(bob, bob_client):
    integration, (token, _) = make_integration(bob), make_token(bob)
    for kind, name, value in (
        ("provider", "providerId", "groq"),
        ("integration", "integrationId", str(integration.pk)),
        ("token", "tokenId", str(token.pk)),
    ):
        made = send(bob_client, "post", body={"kind": kind, name: value, "concurrent": 1})
        assert made.status_code == 201
        assert made.json()[name] == value


def test_second_limit_for_the_same_is_a_conflict(bob_client):
    send(bob_client, "post", body=MINE)
    assert send(bob_client, "post", body=MINE).status_code == 409


@pytest.mark.parametrize(
    ("wrong", "param"),
    [
        ({"requestsPerMinute": 0}, "requestsPerMinute"),
        ({"moneyPerMonth": "much"}, "moneyPerMonth"),
        ({"moneyPerMonth": "-2"}, "moneyPerMonth"),
        ({"queueSeconds": 9999}, "queueSeconds"),
        ({"kind": "planet"}, "kind"),
        ({"kind": "provider"}, "providerId"),
        ({"kind": "token", "tokenId": "00000000-0000-4000-8000-000000000000"}, "tokenId"),
        ({"perMinute": 3}, "perMinute"),
    ],
)
def test_what_is_wrong_is_named_by_its_field(bob_client, wrong, param):
    response = send(bob_client, "post", body=MINE | wrong)
    assert response.status_code == 400
    assert response.json()["error"]["param"] == param


def test_stranger_gets_404(carol_client, bob_client):
    url = f"{URL}/{send(bob_client, 'post', body=MINE).json()['id']}"
    assert carol_client.get(url).status_code == 404
    assert send(carol_client, "put", url, {"concurrent": 1}).status_code == 404
    assert carol_client.delete(url).status_code == 404
    assert carol_client.get(URL).json() == []


# --- Administrators ---


def test_administrator_limits_another_account(alice_client, bob_client):
    made = send(alice_client, "post", body={**MINE, "account": "bob@example.com"})
    assert made.status_code == 201
    assert made.json()["byOperator"] is True
    assert alice_client.get(URL).json() == []
    assert alice_client.get(f"{URL}?others=true").json() == [made.json()]
    assert bob_client.get(URL).json() == [made.json()]
    url = f"{URL}/{made.json()['id']}"
    assert send(bob_client, "put", url, {"concurrent": 1}).status_code == 403
    assert bob_client.delete(url).status_code == 403
    edited = send(alice_client, "put", url, {"concurrent": 1}).json()
    assert (edited["concurrent"], edited["account"]) == (1, "bob@example.com")
    assert alice_client.delete(url).status_code == 204


def test_only_administrators_limit_or_see_others(bob_client, alice):
    body = {**MINE, "account": "alice@example.com"}
    assert send(bob_client, "post", body=body).status_code == 403
    assert bob_client.get(f"{URL}?others=true").status_code == 403
    assert not Limit.objects.exists()


def test_unknown_account_is_told(alice_client):
    body = {**MINE, "account": "nobody@example.com"}
    assert send(alice_client, "post", body=body).json()["error"]["param"] == "account"


# --- Programs ---


@pytest.mark.parametrize(
    ("kind", "scope"), [("provider", "integrations:write"), ("user", "tokens:write")]
)
def test_programs_need_the_scope_of_what_is_limited(program, kind, scope):
    about = {"kind": kind, "concurrent": 1}
    if kind == "provider":
        about["providerId"] = "groq"
    other = "tokens:write" if scope == "integrations:write" else "integrations:write"
    assert program("integrations:read", other)[1]("post", URL, about).status_code == 403
    assert program(scope)[1]("post", URL, about).status_code == 201


def test_programs_need_a_scope_to_read(program):
    assert program("integrations:read")[1]("get").status_code == 200
    assert program("chat")[1]("get").status_code == 403


def test_token_cannot_lift_its_own_limit(program, alice):
    token, call = program("integrations:read", "tokens:write")
    mine = set_limit(SYSTEM, alice, LimitInput("token", token_id=token.pk, concurrent=1))
    url = f"{URL}/{mine.pk}"
    assert call("put", url, {"concurrent": 100}).status_code == 403
    assert call("delete", url).status_code == 403
    mine.refresh_from_db()
    assert mine.concurrent == 1


def test_restricted_token_reaches_limits_of_its_integrations_only(program, alice):
    near, far = make_integration(alice, name="Near"), make_integration(alice, name="Far")
    mine = [
        set_limit(SYSTEM, alice, LimitInput("integration", integration_id=one.pk, concurrent=1))
        for one in (near, far)
    ]
    set_limit(SYSTEM, alice, LimitInput(concurrent=9))
    scopes = ("integrations:read", "integrations:write", "tokens:write")
    _, call = program(*scopes, integrations=[near])
    assert [one["id"] for one in call("get").json()] == [str(mine[0].pk)]
    assert call("put", f"{URL}/{mine[0].pk}", {"concurrent": 2}).status_code == 200
    assert call("put", f"{URL}/{mine[1].pk}", {"concurrent": 2}).status_code == 404
    body = {"kind": "provider", "providerId": "groq", "concurrent": 1}
    assert call("post", URL, body).status_code == 403
