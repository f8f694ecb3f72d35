"""Files for the browser: logos and symbols that are named exist, and no template holds code of its own."""

import hashlib
import re

import pytest
from django.conf import settings

from marketplace.templatetags.ui import provider_logo
from providers.registry import catalogue

STATIC = settings.BASE_DIR / "static"
TEMPLATES = sorted((settings.BASE_DIR / "templates").rglob("*.html"))
VENDORED = [STATIC / "vendor" / name for name in ("lobehub-icons-1.95.1", "simple-icons-16.37.0")]


@pytest.mark.parametrize("spec", list(catalogue()), ids=lambda spec: spec.id)
def test_logo_that_the_catalogue_names_is_there(spec):
    assert not spec.icon or "<img" in provider_logo(spec)


def test_logos_drawn_in_one_colour_of_the_text_are_marked():
    for spec in catalogue():
        files = [folder / spec.icon for folder in VENDORED if spec.icon]
        for text in (file.read_text() for file in files if file.is_file()):
            assert spec.icon_mono is ("currentColor" in text or "fill=" not in text)


@pytest.mark.parametrize("folder", VENDORED, ids=lambda folder: folder.name)
def test_vendored_files_are_unmodified_and_used(folder):
    lines = (folder / "SHA256SUMS").read_text().splitlines()
    sums = {name: digest for digest, name in map(str.split, lines)}
    found = {
        file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in folder.glob("*.svg")
    }
    assert found == sums
    assert set(found) <= {spec.icon for spec in catalogue()}


def test_symbols_that_templates_name_are_in_the_sprite():
    sprite = set(re.findall(r'symbol id="([a-z]+)"', (STATIC / "img/icons.svg").read_text()))
    named = {
        name for file in TEMPLATES for name in re.findall(r'{% icon "([^"]+)"', file.read_text())
    }
    assert named <= sprite


@pytest.mark.parametrize("file", TEMPLATES, ids=lambda file: file.name)
def test_template_holds_no_inline_code(file):
    text = file.read_text()
    assert not re.search(r"\s(style|on[a-z]+|hx-on[:a-z-]*|hx-vals)=", text)
    assert not re.search(r"<style|<script(?![^>]*\ssrc=)", text)
