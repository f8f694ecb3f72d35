from providers.catalogue.spec import ModelSpec
from tests.providers.adapters.hosts import host


def test_quirk_of_the_model_wins_over_the_providers():
    at = host(model=ModelSpec(id="m", quirks={"a": 1}), a=2, b=3)
    assert (at.quirk("a"), at.quirk("b"), at.quirk("c"), at.quirk("c", 4)) == (1, 3, None, 4)


def test_path_is_the_providers_or_the_usual_one():
    at = host(paths={"chat": "/c", "embeddings": ""})
    assert at.path("chat", "/x") == "/c"
    assert at.path("embeddings", "/x") == ""
    assert at.path("models", "/x") == "/x"
