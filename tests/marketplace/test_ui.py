"""Tags and filters for pages."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
import time_machine

from marketplace.templatetags.ui import (
    ago,
    duration,
    icon,
    money,
    percent,
    provider_logo,
    tokens,
    words,
)
from providers.catalogue.spec import Auth, ProviderSpec

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("amount", "text"),
    [
        (None, "unpriced"),
        (Decimal(0), "$0.00"),
        (Decimal("0E-10"), "$0.00"),
        (Decimal("0.01"), "$0.01"),
        (Decimal("1234.567"), "$1,234.57"),
        (Decimal("0.00012345"), "$0.00012"),
        (Decimal("0.0000000004"), "$0.00000000040"),
        (Decimal("-2.5"), "$-2.50"),
    ],
)
def test_money(amount, text):
    assert money(amount) == text


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (None, "–"),
        (0, "0"),
        (940, "940"),
        (9_999, "9,999"),
        (12_345, "12.3k"),
        (20_000, "20k"),
        (1_250_000, "1.2M"),
    ],
)
def test_tokens(count, text):
    assert tokens(count) == text


@pytest.mark.parametrize(
    ("age", "text"),
    [
        (timedelta(seconds=3), "just now"),
        (timedelta(seconds=-3), "just now"),
        (timedelta(minutes=5), "5 min ago"),
        (timedelta(hours=3), "3 h ago"),
        (timedelta(days=2), "2 d ago"),
        (timedelta(days=40), "11 Oct 2026"),
    ],
)
def test_ago(age, text):
    with time_machine.travel(NOW, tick=False):
        assert f">{text}</time>" in ago(NOW - age)


def test_ago_keeps_the_exact_time_behind_it():
    assert 'datetime="2026-11-20T12:00:00+00:00"' in ago(NOW)


def test_never():
    assert ago(None) == "never"


def test_icon_is_silent_unless_it_has_a_label():
    assert 'aria-hidden="true"' in icon("key")
    assert 'aria-label="Delete &amp; go"' in icon("trash", "Delete & go")


def provider(slug, name="<Acme>"):
    return ProviderSpec(
        id=slug, name=name, description="", category="llm",
        auth=(Auth(id="none", type="none", label="", place="none"),),
    )  # fmt: skip


def test_logo_is_the_providers_own():
    assert 'src="/static/img/providers/sandbox.svg"' in provider_logo(provider("sandbox"))


def test_provider_without_logo_shows_its_initial():
    logo = provider_logo(provider("acme"), "small")
    assert "img" not in logo
    assert ">&lt;</span>" in logo


@pytest.mark.parametrize(
    ("share", "text"),
    [(None, "–"), (0, "0 %"), (1, "100 %"), (0.8824, "88.2 %"), (0.9999, "99.9 %")],
)
def test_percent(share, text):
    assert percent(share) == text


@pytest.mark.parametrize(
    ("milliseconds", "text"),
    [(None, "–"), (0, "0 ms"), (999, "999 ms"), (3_240, "3.2 s"), (125_000, "2 min 5 s")],
)
def test_duration(milliseconds, text):
    assert duration(milliseconds) == text


def test_words():
    assert words("rate_limit") == "Rate limit"


def test_provider_that_is_gone_shows_its_initial():
    assert ">G</span>" in provider_logo("gone")
