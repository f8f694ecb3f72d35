import pytest

from providers.catalogue.loader import BadProvider, load_builtin, load_file, load_text

MINIMAL = """
id = "acme"
name = "Acme"
description = "Models."
category = "llm"

[[auth]]
id = "key"
type = "api_key"
label = "API key"
"""


def test_minimal_provider_loads():
    spec = load_text(MINIMAL, "acme.toml")
    assert (spec.id, spec.deployment, spec.callable) == ("acme", "hosted", False)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("id = ", "not TOML"),
        (MINIMAL + 'colour = "red"', "auth[0]: "),
        ('colour = "red"\n' + MINIMAL, "colour"),
        (MINIMAL.replace('"llm"', '"toy"'), "category: "),
        (MINIMAL.replace('name = "Acme"', "name = 5"), "name: "),
        (MINIMAL.replace('id = "acme"', 'id = "Acme AI"'), "id: "),
        (MINIMAL.replace('name = "Acme"', ""), "name"),
    ],
)
def test_error_names_file_and_key(text, words):
    with pytest.raises(BadProvider) as caught:
        load_text(text, "acme.toml")
    assert str(caught.value).startswith("acme.toml: ")
    assert words in str(caught.value)


def test_file_is_called_after_its_provider(tmp_path):
    path = tmp_path / "other.toml"
    path.write_text(MINIMAL)
    with pytest.raises(BadProvider, match=r"acme\.toml"):
        load_file(path)


def test_built_in_providers_load_in_the_order_of_their_files():
    found = [f"{spec.id}.toml" for spec in load_builtin()]
    assert found == sorted(found)
    assert "openai.toml" in found


ELSEWHERE = 'base_url = "https://a.example"\ntest_origins = ["https://b.example"]\n' + MINIMAL


def test_only_a_file_of_the_project_may_send_a_key_elsewhere_to_test_it(tmp_path):
    path = tmp_path / "acme.toml"
    path.write_text(ELSEWHERE)
    assert load_file(path).test_origins == ("https://b.example",)
    with pytest.raises(BadProvider, match="test_origins"):
        load_text(ELSEWHERE, "a user's row")
