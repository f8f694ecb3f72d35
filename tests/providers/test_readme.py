import json
import re
from pathlib import Path

import pytest

from providers.adapters import ADAPTERS, custom_mapping
from providers.catalogue.loader import load_text

README = (Path(__file__).parents[2] / "providers" / "README.md").read_text(encoding="utf-8")


def blocks(language):
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


@pytest.mark.parametrize("text", blocks("toml"))
def test_example_of_a_provider_loads(text):
    spec = load_text(text, "README.md")
    assert spec.adapter in ADAPTERS
    assert spec.model(spec.default_model)


@pytest.mark.parametrize("text", blocks("json"))
def test_example_of_a_mapping_is_good(text):
    assert custom_mapping.read(json.loads(text)).stream


@pytest.mark.parametrize("name", custom_mapping.PLACEHOLDERS)
def test_every_placeholder_is_explained(name):
    assert f"`{name}`" in README.partition("## Your own mapping")[2]


@pytest.mark.parametrize("text", blocks("python"))
def test_example_in_python_runs(text, capsys):
    exec(text, {})  # the README's own words
    assert "/chat/completions" in capsys.readouterr().out


@pytest.mark.parametrize("path", re.findall(r"`((?:[a-z_]+/)*[a-z_]+\.py)`", README))
def test_files_that_are_named_exist(path):
    root = Path(__file__).parents[2]
    places = (
        root / "providers",
        root / "providers" / "adapters",
        root / "providers" / "catalogue",
        root,
    )
    assert any((place / path).exists() for place in places)
