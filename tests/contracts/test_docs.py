"""What the README says exists, and what exists the README says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from starlette.routing import Route

from aiproxy.app import routes
from marketplace import settings
from providers.errors import CallError

README = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
PATHS = [r.path for r in routes.routes if isinstance(r, Route) and "{" not in r.path]
TABLE = README.partition("### Settings")[2].partition("\n##")[0]


def subclasses(base: type[CallError]) -> set[type[CallError]]:
    return {base}.union(*map(subclasses, base.__subclasses__()))


@pytest.mark.parametrize("name", sorted(settings.env.seen))
def test_every_setting_is_in_the_table(name):
    assert f"`{name}`" in TABLE


def test_the_table_names_no_setting_that_is_not_read():
    named = set(re.findall(r"`((?:AIM|DATABASE)_[A-Z_]+)`", TABLE)) - {"_FILE"}
    assert named <= set(settings.env.seen)


@pytest.mark.parametrize("path", sorted(PATHS))
def test_every_machine_address_is_in_the_readme(path):
    assert f"`{path}`" in README or f" {path}`" in README


@pytest.mark.parametrize("code", sorted({error.code for error in subclasses(CallError)}))
def test_every_error_code_is_explained(code):
    assert f"| `{code}` |" in README


@pytest.mark.parametrize("link", re.findall(r"\]\(((?!https?:)[^)#]+)\)", README))
def test_every_link_leads_somewhere(link):
    assert (Path(__file__).parents[2] / link).exists()
