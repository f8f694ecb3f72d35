"""Plugins: what a good one brings, and that a broken one is named and takes nobody else along."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from importlib.metadata import EntryPoint
from pathlib import Path
from types import SimpleNamespace

import pytest

from providers import registry
from providers.adapters import ADAPTERS
from providers.catalogue.plugins import GROUP, load
from providers.chat import ChatRequest, Message, Text
from providers.registry import Origin, catalogue

ROOT = Path(__file__).parents[3]
TEXT = """
id = "{id}"
name = "X"
description = ""
category = "llm"
adapter = "{adapter}"
{more}
[[auth]]
id = "key"
type = "api_key"
label = "Key"
"""


def text(id="x", adapter="openai", more=""):
    return TEXT.format(id=id, adapter=adapter, more=more)


class Entry(EntryPoint):
    """An entry point whose object is at hand."""

    def load(self):
        return OBJECTS[self.value]


OBJECTS: dict[str, object] = {}


@pytest.fixture
def install():
    """``install("name", object)`` is one installed plugin's entry point."""
    OBJECTS.clear()

    def entry(name, found):
        OBJECTS[name] = found
        return Entry(name=name, value=name, group=GROUP)

    return entry


def plugin(*texts, **facts):
    return SimpleNamespace(providers=texts, **facts)


def broken():
    raise RuntimeError("half installed")


def test_module_brings_its_providers(install):
    found = load((), ADAPTERS, [install("a", plugin(text()))])
    (loaded,) = found.loaded
    assert (loaded.package, [spec.id for spec in loaded.providers]) == ("a", ["x"])


def test_callable_is_called(install):
    found = load((), ADAPTERS, [install("a", lambda: plugin(text()))])
    assert found.loaded[0].providers[0].id == "x"


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        (broken, "half installed"),
        (SimpleNamespace(), "providers"),
        (SimpleNamespace(providers=text()), "providers"),
        (plugin("id ="), "not TOML"),
        (plugin(text(more='colour = "red"')), "colour"),
        (plugin(text(adapter="telepathy")), "telepathy"),
        (plugin(text(id="taken")), "already a provider 'taken'"),
        (plugin(text(), text()), "already a provider 'x'"),
        (plugin(text(more='deployment = "builtin"')), "sandbox"),
        (plugin(adapters={"openai": ADAPTERS["openai"]}), "already an adapter"),
        (plugin(adapters={"new": object()}), "lacks build"),
    ],
)
def test_broken_plugin_is_named_and_skipped(install, bad, words, caplog):
    entries = [install("bad", bad), install("good", plugin(text(id="fine")))]
    found = load({"taken"}, ADAPTERS, entries)
    assert [loaded.package for loaded in found.loaded] == ["good"]
    assert list(found.problems) == ["bad"]
    assert words in found.problems["bad"]
    assert "the plugin bad is skipped" in caplog.text


def test_plugin_comes_whole_or_not_at_all(install):
    found = load((), ADAPTERS, [install("bad", plugin(text(), text(id="Bad Id")))])
    assert not found.loaded


def test_of_two_that_want_the_same_id_the_first_package_gets_it(install):
    entries = [install("b", plugin(text())), install("a", plugin(text()))]
    found = load((), ADAPTERS, entries)
    assert [loaded.package for loaded in found.loaded] == ["a"]
    assert list(found.problems) == ["b"]


@pytest.fixture
def echo(tmp_path, monkeypatch) -> Iterator[None]:
    """examples/plugin-echo as an installation leaves it: its module and its metadata on sys.path."""
    meta = tmp_path / "aim_echo-0.1.0.dist-info"
    meta.mkdir()
    (meta / "METADATA").write_text("Metadata-Version: 2.1\nName: aim-echo\nVersion: 0.1.0\n")
    (meta / "entry_points.txt").write_text(f"[{GROUP}]\necho = aim_echo\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.syspath_prepend(str(ROOT / "examples" / "plugin-echo"))
    registry.forget(plugins=True)
    yield
    for name in [name for name in sys.modules if name.startswith("aim_echo")]:
        del sys.modules[name]
    monkeypatch.undo()
    registry.forget(plugins=True)


def test_example_is_in_the_catalogue_and_builds_its_requests(echo):
    assert catalogue().origin("echo") == Origin("plugin", "aim-echo")
    assert catalogue()["echo"].callable
    request = ChatRequest("echo-1", (Message("user", (Text("Hello"),)),))
    wire = catalogue().adapter("echo").build(request, catalogue().host("echo", "echo-1"))
    assert wire.headers["x-echo-client"] == "aim"
    assert not catalogue().problems


def test_example_names_its_entry_point_in_its_project_file():
    project = (ROOT / "examples" / "plugin-echo" / "pyproject.toml").read_text(encoding="utf-8")
    assert f'[project.entry-points."{GROUP}"]\necho = "aim_echo"' in project
