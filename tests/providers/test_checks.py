from django.core.checks.registry import registry

from providers.checks import catalogue_is_usable, problems

GOOD = """
id = "{id}"
name = "X"
description = ""
category = "llm"
adapter = "{adapter}"
[[auth]]
id = "none"
type = "none"
label = "None"
place = "none"
"""


def test_catalogue_that_comes_with_the_project_is_usable():
    assert catalogue_is_usable(None) == []


def test_every_bad_file_is_named(tmp_path):
    (tmp_path / "broken.toml").write_text("id = ")
    (tmp_path / "renamed.toml").write_text(GOOD.format(id="x", adapter="openai"))
    (tmp_path / "strange.toml").write_text(GOOD.format(id="strange", adapter="telepathy"))
    (tmp_path / "listed.toml").write_text(GOOD.format(id="listed", adapter=""))
    model = '[[models]]\nid = "m"\nquirks = { adapter = "magic" }'
    (tmp_path / "torn.toml").write_text(GOOD.format(id="torn", adapter="openai") + model)
    found = problems(sorted(tmp_path.iterdir()))
    assert [error.id for error in found] == [
        "providers.E001",
        "providers.E001",
        "providers.E002",
        "providers.E002",
    ]
    assert [error.msg.partition(":")[0] for error in found] == [
        "broken.toml",
        "renamed.toml",
        "strange.toml",
        "torn.toml",
    ]


def test_check_is_registered():
    assert catalogue_is_usable in list[object](registry.registered_checks)
