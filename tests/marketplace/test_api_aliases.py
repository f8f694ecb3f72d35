"""/api/aliases."""

import json

from integrations.models import AuditEvent

FAST = {
    "name": "fast",
    "description": "Quick answers",
    "targets": [{"provider": "openai", "model": "gpt-x"}, {"provider": "groq", "model": "llama"}],
}


def send(client, method, path, body):
    return getattr(client, method)(path, json.dumps(body), content_type="application/json")


def test_alias_is_made_read_changed_and_deleted(alice_client, bob_client):
    made = send(alice_client, "post", "/api/aliases", FAST)
    assert made.status_code == 201
    targets = made.json()["targets"]
    assert [(target["provider"], target["model"]) for target in targets] == [
        ("openai", "gpt-x"),
        ("groq", "llama"),
    ]
    url = f"/api/aliases/{made.json()['id']}"
    assert bob_client.get(url).json() == made.json()
    assert bob_client.get("/api/aliases").json() == [made.json()]
    edited = send(alice_client, "put", url, {"description": "New"}).json()
    assert (edited["description"], edited["targets"]) == ("New", targets)
    assert alice_client.delete(url).status_code == 204
    assert alice_client.get(url).status_code == 404
    assert [e.action for e in AuditEvent.objects.filter(target_type="alias")] == [
        "alias.deleted",
        "alias.edited",
        "alias.created",
    ]


def test_what_was_read_can_be_sent_back(alice_client):
    made = send(alice_client, "post", "/api/aliases", FAST).json()
    body = {"targets": made["targets"][::-1]}
    edited = send(alice_client, "put", f"/api/aliases/{made['id']}", body).json()
    assert edited["targets"] == made["targets"][::-1]


def test_bad_target_is_named(alice_client):
    body = {"name": "fast", "targets": [{"model": "m"}]}
    error = send(alice_client, "post", "/api/aliases", body).json()["error"]
    assert error["param"] == "targets"


def test_strategy_and_weights_are_kept(alice_client):
    targets = [
        {"provider": "openai", "model": "gpt-x", "weight": 3},
        {"provider": "groq", "model": "llama"},
    ]
    body = {"name": "fast", "strategy": "weighted", "targets": targets}
    made = send(alice_client, "post", "/api/aliases", body).json()
    assert made["strategy"] == "weighted"
    assert [target["weight"] for target in made["targets"]] == [3, 1]
    url = f"/api/aliases/{made['id']}"
    assert send(alice_client, "put", url, {"strategy": "fastest"}).json()["strategy"] == "fastest"


def test_alias_goes_in_its_order_unless_it_says_otherwise(alice_client):
    assert send(alice_client, "post", "/api/aliases", FAST).json()["strategy"] == "priority"


def test_bad_weight_and_strategy_are_named(alice_client):
    heavy = {"provider": "openai", "model": "m", "weight": 100_000}
    for wrong, param in (({"targets": [heavy]}, "targets"), ({"strategy": "luck"}, "strategy")):
        answer = send(alice_client, "post", "/api/aliases", FAST | wrong)
        assert answer.status_code == 400
        assert answer.json()["error"]["param"] == param
