"""/api/providers."""

from providers.registry import catalogue

NAMES = {
    "id", "name", "description", "icon", "category", "authType", "auth", "fields", "baseUrl", "documentationUrl",
    "keyUrl", "supportedModels", "defaultModel", "features", "callable",
}  # fmt: skip


def test_every_provider_of_the_catalogue_is_there(alice_client):
    found = alice_client.get("/api/providers").json()
    assert [one["id"] for one in found] == [spec.id for spec in catalogue()]
    assert all(set(one) == NAMES for one in found)


def test_one_provider(alice_client):
    openai = alice_client.get("/api/providers/openai").json()
    assert (openai["name"], openai["authType"], openai["category"]) == ("OpenAI", "api_key", "llm")
    assert openai["defaultModel"] in openai["supportedModels"]


def test_unknown_provider_is_404(alice_client):
    response = alice_client.get("/api/providers/no-such")
    assert response.status_code == 404
    assert response.json()["error"]["code"] == "not_found"
